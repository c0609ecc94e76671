package entra

import (
	"html/template"
	"net/http"

	"tributary"
)

// outcome is how a sign-in ended, for the person at the browser.
type outcome struct {
	tenant  string
	account string
	consent bool // an administrator's consent rather than a sign-in
	err     error
}

var page = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 40em; margin: 4em auto; padding: 0 1em }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
{{- range .Lines}}
<p>{{.}}</p>
{{- end}}
</body>
</html>
`))

// show writes the page. It has no script, loads nothing, and leaves no trace of
// the code in caches or referrers.
func (o outcome) show(w http.ResponseWriter) {
	p := struct {
		Title string
		Lines []string
	}{Title: "Signed in"}
	failure := "Not signed in"
	if o.consent {
		p.Title, failure = "Consent given", "Consent not given"
	}
	status := http.StatusOK
	if o.err != nil {
		p.Title, status = failure, http.StatusBadRequest
		p.Lines = append(p.Lines, o.err.Error())
		if e := tributary.AsError(o.err); e != nil && e.Next != "" {
			p.Lines = append(p.Lines, "Next: "+e.Next)
		}
	} else {
		line := "Tributary may now read the alerts of " + o.tenant
		if o.account != "" {
			line += ", signed in as " + o.account
		}
		p.Lines = append(p.Lines, line+".")
	}
	p.Lines = append(p.Lines, "You can close this window.")
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Connection", "close")
	w.WriteHeader(status)
	_ = page.Execute(w, p) // the person has closed the browser: there is nobody to tell
}
