package invite

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tributary"
	"tributary/microsoft/entra"
)

var pagesDir = flag.String("pages", "", "write every page to this folder, to look at them in a browser")

// kinds are all pages.
var kinds = []string{"ask", "failed", "declined", "done", "used", "expired", "withdrawn", "unknown", "stray", "elsewhere", "late", "busy", "broken"}

func (l *lab) page(t *testing.T, kind, lang string) string {
	t.Helper()
	p := page{Kind: kind}
	if slices.Contains([]string{"ask", "failed", "declined", "done"}, kind) {
		p.opened = &opened{token: "TOKEN", tenant: l.tenant, record: record{Invite: Invite{Expires: epoch.Add(DefaultLife)}}}
	}
	if kind == "failed" || kind == "declined" {
		p.Failure = &failure{
			Code: tributary.CodePolicy, Fix: tributary.FixPolicy, Declined: kind == "declined",
			Text:     "sign in: a Conditional Access policy blocks the sign-in (access_denied, AADSTS53003, trace id 0a1b2c3d-1111-2222-3333-444455556666)",
			Customer: "Your tenant's Conditional Access blocks our sign-in.",
		}
	}
	w := httptest.NewRecorder()
	l.show(w, httptest.NewRequest(http.MethodGet, "/invite/TOKEN?lang="+lang, nil), http.StatusOK, p)
	if got := w.Header().Get("Content-Language"); got != lang {
		t.Errorf("%s in %s is in %q", kind, lang, got)
	}
	return w.Body.String()
}

// TestPages renders each page in each language: no text is missing, no name is
// left unfilled, nothing is loaded and nothing runs.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, auth := range bothWays {
		l := newLab(t, auth)
		for _, lang := range l.Languages() {
			for _, kind := range kinds {
				body := l.page(t, kind, lang)
				if *pagesDir != "" {
					name := filepath.Join(*pagesDir, strings.Join([]string{string(auth), kind, lang}, "-")+".html")
					if err := os.WriteFile(name, []byte(body), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				_, text, _ := strings.Cut(body, "</style>")
				if found := regexp.MustCompile(`\{[a-z_]+\}|<h1></h1>|<h2></h2>|<li></li>|<p></p>|<dd></dd>|<script|style=|src=|ZgotmplZ|no value`).FindString(text); found != "" {
					t.Errorf("%s %s in %s holds %q:\n%s", auth, kind, lang, found, text)
				}
				if strings.Contains(text, "<button>") != slices.Contains([]string{"ask", "failed", "declined"}, kind) {
					t.Errorf("%s %s in %s: the button is there or not there wrongly", auth, kind, lang)
				}
				if style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(body); style == nil || hashOf(style[1]) != styleHash {
					t.Errorf("%s: the style is not the one that the policy lets in", kind)
				}
			}
		}
	}
}

// Names from the configuration and from Microsoft are text, never markup.
func TestPagesEscape(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthAppOnly)
	l.c.Name, l.tenant.Name = "<b>Fabrikam</b>", `"><script>alert(1)</script>`
	for _, kind := range kinds {
		if body := l.page(t, kind, "en"); strings.Contains(body, "<b>") || strings.Contains(body, "<script") || !strings.Contains(body, "&lt;b&gt;Fabrikam") {
			t.Errorf("%s:\n%s", kind, body)
		}
	}
}

// TestLanguages wants every text in every language, with the same names in it.
func TestLanguages(t *testing.T) {
	t.Parallel()
	c, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	if len(c.codes) < 2 || c.codes[0] != defaultLanguage {
		t.Fatalf("languages %q", c.codes)
	}
	name := regexp.MustCompile(`\{[a-z_]+\}`)
	names := func(text string) []string {
		found := name.FindAllString(text, -1)
		slices.Sort(found)
		return slices.Compact(found)
	}
	first := c.byCode[defaultLanguage]
	for _, code := range c.codes {
		l := c.byCode[code]
		for key, text := range l.texts {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: %s is empty", code, key)
			}
			if first.texts[key] == "" {
				t.Errorf("%s: %s is in no other language", code, key)
			}
		}
		for key, text := range first.texts {
			switch other := l.texts[key]; {
			case other == "":
				t.Errorf("%s lacks %s", code, key)
			case !slices.Equal(names(text), names(other)):
				t.Errorf("%s: %s speaks of %q, not of %q", code, key, names(other), names(text))
			}
		}
		for _, source := range []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint, tributary.SourceSIEM, tributary.SourceXDR, tributary.SourceGraphIncidents} {
			if l.texts["permission."+string(source)] == "" {
				t.Errorf("%s has no words for what %s needs", code, source)
			}
		}
		for _, kind := range kinds {
			if l.texts[kind+".title"] == "" || l.texts[kind+".text"] == "" {
				t.Errorf("%s has no page %s", code, kind)
			}
		}
	}
}

func TestChooseLanguage(t *testing.T) {
	t.Parallel()
	c, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ chosen, accept, want string }{
		{"", "", "en"},
		{"", "sv", "sv"},
		{"", "sv-FI,fi;q=0.9,en;q=0.8", "sv"},
		{"", "de,en;q=0.5,sv;q=0.7", "sv"},
		{"", "EN-gb, sv;q=0.9", "en"},
		{"", "sv;q=0", "en"},
		{"", "sv;q=x,", "en"},
		{"", "sv;q=NaN", "en"},
		{"", "*", "en"},
		{"", strings.Repeat("sv,", 1000), "en"},
		{"en", "sv", "en"},
		{"sv", "en", "sv"},
		{"../../etc", "sv", "sv"},
	} {
		if got := c.choose(tt.chosen, tt.accept).code; got != tt.want {
			t.Errorf("%q, %.40q: %s, want %s", tt.chosen, tt.accept, got, tt.want)
		}
	}
}

// Each failure has words that say who acts.
func TestReasons(t *testing.T) {
	t.Parallel()
	c, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		code string
		fix  tributary.Fixer
		want string
	}{
		{tributary.CodeConsentMissing, tributary.FixCustomer, "reason.consent-missing"},
		{tributary.CodePolicy, tributary.FixPolicy, "reason.blocked-by-policy"},
		{entra.CodeWrongTenant, tributary.FixMSSP, "reason.wrong-tenant"},
		{entra.CodeResource, tributary.FixCustomer, "reason.api-not-in-tenant"},
		{tributary.CodeCredential, tributary.FixMSSP, "reason.mssp"},
		{tributary.CodeUnreachable, tributary.FixRetry, "reason.retry"},
		{"another", tributary.FixCustomer, "reason.customer"},
		{"another", tributary.FixPolicy, "reason.customer-policy"},
		{"another", "", "reason.mssp"},
	} {
		p := page{Failure: &failure{Code: tt.code, Fix: tt.fix}, words: c.byCode["en"].with(nil)}
		if got := p.Reason(); got != tt.want {
			t.Errorf("%s, %s: %s, want %s", tt.code, tt.fix, got, tt.want)
		}
	}
}

// TestMail wants a mail that says what a customer needs before the link.
func TestMail(t *testing.T) {
	t.Parallel()
	for _, auth := range bothWays {
		l := newLab(t, auth)
		for _, lang := range l.Languages() {
			i, mail, err := l.Issue(t.Context(), Order{Tenant: l.tenant, Language: lang})
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"\n" + mail.Link + "\n", "Fabrikam Security", l.tenant.ID, l.tenant.Name, l.microsoft.App().ClientID, day(i.Expires)} {
				if !strings.Contains(mail.Body, text) {
					t.Errorf("%s in %s does not say %q:\n%s", auth, lang, text, mail.Body)
				}
			}
			if strings.ContainsAny(mail.Subject, "\n{}") || strings.Contains(mail.Body, "{") || !strings.Contains(mail.Subject, "Fabrikam Security") {
				t.Errorf("%q\n%s", mail.Subject, mail.Body)
			}
		}
	}
}
