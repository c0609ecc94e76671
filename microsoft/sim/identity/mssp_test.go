package identity

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestMSSPProcedure replays Microsoft's MSSP procedure (fetch-alerts-mssp) as
// its script does it: the v1 endpoints, no state, no PKCE, a redirect URI
// where nobody listens and whose host the browser writes in lower case.
func TestMSSPProcedure(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	// The address bar of the person's browser, filled by hand: no use of Browser.
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	person := &http.Client{Transport: l.client.Transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	open := l.url + "/" + contoso + "/oauth2/authorize?prompt=select_account&response_type=code&client_id=" + multiApp +
		"&redirect_uri=https://siemmsspconnector&resource=https://graph.windows.net"
	signIn := l.page(person.Get(open))
	consent := l.page(person.PostForm(l.url+signIn.form.action, url.Values{
		"flow_token": {signIn.hidden("flow_token")}, "loginfmt": {admin}, "passwd": {password},
	}))
	resp, err := person.PostForm(l.url+consent.form.action, url.Values{"flow_token": {consent.hidden("flow_token")}, "action": {"accept"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	landing := resp.Header.Get("Location")
	// The script watches for this beginning, and cuts the code at the next "&".
	rest, ok := strings.CutPrefix(landing, "https://siemmsspconnector/?code=")
	if resp.StatusCode != http.StatusFound || !ok {
		t.Fatalf("HTTP %d to %s", resp.StatusCode, landing)
	}
	code, _, more := strings.Cut(rest, "&")
	if !more || !strings.Contains(rest, "&session_state=") {
		t.Errorf("no session_state in %s", landing)
	}

	a := l.good(l.post("/"+contoso+"/oauth2/token?",
		"grant_type", "authorization_code", "client_id", multiApp, "code", code,
		"redirect_uri", msspRedirect, "resource", siemResource, "client_secret", secret))
	for _, name := range []string{"expires_in", "ext_expires_in", "expires_on", "not_before", "refresh_token", "id_token"} {
		if a.text(name) == "" {
			t.Errorf("%s is not a string: %v", name, a.body[name])
		}
	}
	if a.text("resource") != siemResource || a.text("scope") != "User.Read" || a.text("token_type") != "Bearer" {
		t.Errorf("answer %v", a.body)
	}
	if c := l.claims(a); c.Audience != siemResource || c.User != admin || c.TenantID != contoso || c.ClientID != multiApp {
		t.Errorf("claims %+v", c)
	}
	p := payload(t, a.text("access_token"))
	if p["ver"] != "1.0" || p["appid"] != multiApp || p["upn"] != admin || p["iss"] != l.url+"/"+contoso+"/" || p["appidacr"] != "1" {
		t.Errorf("token %v", p)
	}

	// What the SIEM connector then does with the refresh token, for years.
	b := l.good(l.post("/"+contoso+"/oauth2/token", "grant_type", "refresh_token", "client_id", multiApp,
		"client_secret", secret, "refresh_token", a.text("refresh_token"), "resource", siemResource))
	if b.text("refresh_token") == a.text("refresh_token") || b.text("expires_in") == "" || b.text("id_token") == "" {
		t.Errorf("refresh %v", b.body)
	}
}

// page reads a page of the simulator.
func (l *lab) page(resp *http.Response, err error) page {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	p, err := readPage(body)
	if err != nil || p.form == nil {
		l.t.Fatalf("HTTP %d, no form: %v\n%s", resp.StatusCode, err, body)
	}
	if strings.Contains(string(body), "<script") {
		l.t.Error("the page has a script")
	}
	return p
}

func (p page) hidden(name string) string {
	i := slices.IndexFunc(p.form.fields, func(f field) bool { return f.name == name })
	if i < 0 {
		return ""
	}
	return p.form.fields[i].value
}

// The procedure registers "this organizational directory only": right where
// the application lives in the customer's own directory, wrong elsewhere.
func TestMSSPProcedureSingleTenant(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	open := func(tenant string) string {
		return l.address("/"+tenant+"/oauth2/authorize", "prompt", "select_account", "response_type", "code",
			"client_id", ownApp, "redirect_uri", msspRedirect, "resource", siemResource)
	}
	if q := l.visit(l.browser(anna), open(contoso)); q.Get("code") == "" {
		t.Errorf("in its own directory: %v", q)
	}
	l.refusedVisit(l.browser("admin@adatum.example"), open(adatum), "AADSTS700016")
	l.refusedVisit(l.browser(admin), open("common"), "AADSTS50194")
}
