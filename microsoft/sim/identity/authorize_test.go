package identity

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// What must never reach a redirect URI is shown to the person.
func TestAuthorizePageErrors(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	good := func(change ...string) []string {
		kv := []string{"client_id", multiApp, "response_type", "code", "redirect_uri", msspRedirect, "scope", "User.Read"}
		for i := 0; i < len(change); i += 2 {
			for j := 0; j < len(kv); j += 2 {
				if kv[j] == change[i] {
					kv[j+1] = change[i+1]
				}
			}
		}
		return kv
	}
	for name, tc := range map[string]struct {
		tenant, code string
		params       []string
	}{
		"unknown tenant":      {"nowhere.example", "AADSTS90002", good()},
		"unknown application": {contoso, "AADSTS700016", good("client_id", "cccccccc-0000-4000-8000-000000000009")},
		"no application":      {contoso, "AADSTS900144", good("client_id", "")},
		"no redirect URI":     {contoso, "AADSTS900144", good("redirect_uri", "")},
		"other path":          {contoso, "AADSTS50011", good("redirect_uri", msspRedirect+"/x")},
		"other host":          {contoso, "AADSTS50011", good("redirect_uri", "https://evil.example")},
		"other query":         {contoso, "AADSTS50011", good("redirect_uri", "https://app.example/cb?tenant=2")},
		"https port":          {contoso, "AADSTS50011", good("redirect_uri", msspRedirect+":8443")},
		"fragment":            {contoso, "AADSTS50011", good("redirect_uri", msspRedirect+"#x")},
		"none registered":     {contoso, "AADSTS500113", good("client_id", bareApp)},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := (&http.Client{Transport: l.client.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).
				Get(l.address("/"+tc.tenant+"/oauth2/v2.0/authorize", tc.params...))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Location") != "" {
				t.Errorf("HTTP %d to %q", resp.StatusCode, resp.Header.Get("Location"))
			}
			l.refusedVisit(l.browser(admin), l.address("/"+tc.tenant+"/oauth2/v2.0/authorize", tc.params...), tc.code)
		})
	}
}

// What the application can mend goes to its redirect URI, with its state.
func TestAuthorizeRedirectErrors(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for name, tc := range map[string]struct {
		version     version
		params      []string
		error, code string
	}{
		"no response type":    {v2, []string{"scope", "User.Read"}, "invalid_request", "900144"},
		"token response":      {v2, []string{"scope", "User.Read", "response_type", "token"}, "unsupported_response_type", "70005"},
		"hybrid not enabled":  {v2, []string{"scope", "openid", "response_type", "code id_token"}, "unsupported_response_type", "700054"},
		"no scope":            {v2, []string{"response_type", "code"}, "invalid_request", "900144"},
		"resource at v2":      {v2, []string{"response_type", "code", "resource", graph}, "invalid_request", "901002"},
		"mixed scopes":        {v2, []string{"response_type", "code", "scope", graph + "/.default User.Read"}, "invalid_scope", "70011"},
		"mixed the other way": {v2, []string{"response_type", "code", "scope", "User.Read " + graph + "/.default"}, "invalid_scope", "70011"},
		"unknown scope":       {v2, []string{"response_type", "code", "scope", "SecurityAlerts.Read"}, "invalid_client", "650053"},
		"unknown resource v2": {v2, []string{"response_type", "code", "scope", "https://nowhere.example/x"}, "invalid_resource", "500011"},
		"unknown resource v1": {v1, []string{"response_type", "code", "resource", "https://nowhere.example"}, "invalid_resource", "500011"},
		"unlisted v1":         {v1, []string{"response_type", "code", "resource", "https://api.security.microsoft.com"}, "invalid_resource", "650057"},
		"unlisted default":    {v2, []string{"response_type", "code", "scope", "https://api.security.microsoft.com/.default"}, "invalid_resource", "650057"},
		"admin prompt at v2":  {v2, []string{"response_type", "code", "scope", "User.Read", "prompt", "admin_consent"}, "invalid_request", "90023"},
		"bad response mode":   {v2, []string{"response_type", "code", "scope", "User.Read", "response_mode", "web_message"}, "invalid_request", "90023"},
		"short challenge":     {v2, []string{"response_type", "code", "scope", "User.Read", "code_challenge", "abc"}, "invalid_request", "9002313"},
		"bad method":          {v2, []string{"response_type", "code", "scope", "User.Read", "code_challenge", strings.Repeat("a", 43), "code_challenge_method", "S512"}, "invalid_request", "9002313"},
		"silent, nobody":      {v2, []string{"response_type", "code", "scope", "User.Read", "prompt", "none"}, "login_required", "50058"},
	} {
		t.Run(name, func(t *testing.T) {
			q := l.visit(l.browser(admin), l.address("/"+contoso+tc.version.path("authorize"),
				append([]string{"client_id", multiApp, "redirect_uri", msspRedirect, "state", "é &=x"}, tc.params...)...))
			if q.Get("error") != tc.error || !strings.HasPrefix(q.Get("error_description"), "AADSTS"+tc.code+": ") || q.Get("code") != "" {
				t.Errorf("got %v, want %s AADSTS%s", q, tc.error, tc.code)
			}
			if q.Get("state") != "é &=x" || !strings.HasSuffix(q.Get("error_uri"), "/error?code="+tc.code) {
				t.Errorf("state %q, error_uri %q", q.Get("state"), q.Get("error_uri"))
			}
		})
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	open := l.address("/"+contoso+"/oauth2/v2.0/authorize", "client_id", multiApp, "response_type", "code",
		"redirect_uri", msspRedirect, "scope", "openid User.Read", "state", "s")

	wrong := l.browser(admin)
	wrong.Password = "guess"
	l.refusedVisit(wrong, open, "AADSTS50126")
	l.refusedVisit(l.browser("nobody@contoso.example"), open, "AADSTS50034")
	// A good account of another directory that nobody invited.
	l.refusedVisit(l.browser("admin@adatum.example"), open, "AADSTS50020")

	declined := l.browser(bob)
	declined.Decline = true
	q := l.visit(declined, open)
	if q.Get("error") != "access_denied" || !strings.Contains(q.Get("error_description"), "AADSTS65004") || q.Get("error_subcode") != "cancel" || q.Get("state") != "s" {
		t.Errorf("declined: %v", q)
	}
	if q := l.visit(l.browser(bob), open); q.Get("code") == "" || q.Get("state") != "s" || q.Get("session_state") == "" {
		t.Errorf("accepted: %v", q)
	}

	// A wrong password leaves the form on the page, with the name in it.
	jar := withJar(t, l.client)
	p := l.page(jar.Get(open))
	p = l.page(jar.PostForm(l.url+p.form.action, url.Values{"flow_token": {p.hidden("flow_token")}, "loginfmt": {bob}, "passwd": {"guess"}}))
	if p.hidden("loginfmt") != bob || !strings.Contains(p.alert, "AADSTS50126") || !p.form.has("password") {
		t.Errorf("%+v", p)
	}
}

// At common and organizations the person's own tenant decides.
func TestSignInHome(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, path := range []string{"common", "organizations"} {
		q := l.visit(l.browser(anna), l.address("/"+path+"/oauth2/v2.0/authorize", "client_id", multiApp, "response_type", "code",
			"redirect_uri", msspRedirect, "scope", "User.Read offline_access"))
		a := l.redeem(path, q.Get("code"))
		if c := l.claims(a); c.TenantID != mssp || c.User != anna {
			t.Errorf("%s: %+v", path, c)
		}
		// The same person as a guest: another object, and the tenant they came from.
		guest := payload(t, l.good(l.redeem(contoso, l.code(anna, contoso, "User.Read"))).text("access_token"))
		home := payload(t, a.text("access_token"))
		if guest["oid"] == home["oid"] || guest["idp"] == nil || home["idp"] != nil {
			t.Errorf("guest %v, home %v", guest, home)
		}
	}
}

func TestConsentPage(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	jar := withJar(t, l.client)
	open := func(kv ...string) string {
		return l.address("/"+contoso+"/oauth2/v2.0/authorize", append([]string{"client_id", pubApp, "response_type", "code", "redirect_uri", "http://localhost:1"}, kv...)...)
	}
	signIn := func(p page, user string) page {
		t.Helper()
		return l.page(jar.PostForm(l.url+p.form.action, url.Values{"flow_token": {p.hidden("flow_token")}, "loginfmt": {user}, "passwd": {password}}))
	}
	// Somebody who is no administrator can't grant what concerns everybody.
	p := signIn(l.page(jar.Get(open("scope", "SecurityAlert.Read.All"))), bob)
	if p.form.id != "approval" || !strings.Contains(p.alert, "AADSTS90094") {
		t.Fatalf("%+v", p)
	}
	q := l.visit(l.browser(bob), open("scope", "SecurityAlert.Read.All"))
	if q.Get("error") != "access_denied" || !strings.Contains(q.Get("error_description"), "AADSTS90094") {
		t.Errorf("%v", q)
	}
	// Nor by forging the form.
	p = l.page(jar.Get(open("scope", "SecurityAlert.Read.All", "prompt", "login")))
	p = signIn(p, bob)
	p = l.page(jar.PostForm(l.url+p.form.action, url.Values{"flow_token": {p.hidden("flow_token")}, "action": {"accept"}, "organization": {"on"}}))
	if p.form.id != "approval" {
		t.Fatalf("forged: %+v", p)
	}

	// An administrator consents for themself, unless they tick the box.
	if q := l.visit(l.browser(admin), open("scope", "SecurityAlert.Read.All")); q.Get("code") == "" {
		t.Fatalf("administrator: %v", q)
	}
	if q := l.visit(l.browser(bob), open("scope", "SecurityAlert.Read.All")); q.Get("error") == "" {
		t.Fatal("the administrator's own consent covers somebody else")
	}
	// prompt=consent offers the whole organization, ticked.
	if q := l.visit(l.browser(admin), open("scope", "SecurityAlert.Read.All", "prompt", "consent")); q.Get("code") == "" {
		t.Fatalf("administrator: %v", q)
	}
	if q := l.visit(l.browser(bob), open("scope", "SecurityAlert.Read.All")); q.Get("code") == "" {
		t.Fatalf("after the organization's consent: %v", q)
	}
}

// The hidden field is good for one page of one flow.
func TestFlowToken(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	client := withJar(t, l.client)
	open := l.address("/"+contoso+"/oauth2/v2.0/authorize", "client_id", multiApp, "response_type", "code", "redirect_uri", msspRedirect, "scope", "User.Read")
	post := func(path string, v url.Values) string {
		t.Helper()
		c := *client
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		resp, err := c.PostForm(l.url+path, v)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.Header.Get("Location")
	}
	signIn := l.page(client.Get(open))
	// Consent before anybody has signed in.
	if to := post("/"+contoso+"/consent", url.Values{"flow_token": {signIn.hidden("flow_token")}, "action": {"accept"}}); to != "" {
		t.Errorf("consent without sign-in went to %s", to)
	}
	signIn = l.page(client.Get(open))
	consent := l.page(client.PostForm(l.url+signIn.form.action, url.Values{"flow_token": {signIn.hidden("flow_token")}, "loginfmt": {bob}, "passwd": {password}}))
	if to := post(consent.form.action, url.Values{"flow_token": {signIn.hidden("flow_token")}, "action": {"accept"}}); to != "" {
		t.Errorf("the used field went to %s", to)
	}
	if to := post(consent.form.action, url.Values{"action": {"accept"}}); to != "" {
		t.Errorf("no field went to %s", to)
	}
	l.clock.Add(flowLife)
	if to := post(consent.form.action, url.Values{"flow_token": {consent.hidden("flow_token")}, "action": {"accept"}}); to != "" {
		t.Errorf("a stale page went to %s", to)
	}
}

func TestSingleSignOn(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	b := l.browser(anna)
	b.Client = withJar(t, l.client)
	open := func(tenant string, kv ...string) string {
		return l.address("/"+tenant+"/oauth2/v2.0/authorize", append([]string{"client_id", multiApp, "response_type", "code", "redirect_uri", msspRedirect, "scope", "User.Read"}, kv...)...)
	}
	first := l.visit(b, open(contoso))
	// Signed in and consented: no page is needed.
	nobody := b
	nobody.User, nobody.Password = "", ""
	silent := l.visit(nobody, open(contoso, "prompt", "none"))
	if silent.Get("code") == "" || silent.Get("session_state") != first.Get("session_state") {
		t.Errorf("silent: %v", silent)
	}
	more := l.address("/"+contoso+"/oauth2/v2.0/authorize", "client_id", multiApp, "response_type", "code", "redirect_uri", msspRedirect, "scope", defender+"/Alert.Read", "prompt", "none")
	if q := l.visit(nobody, more); q.Get("error") != "interaction_required" || !strings.Contains(q.Get("error_description"), "AADSTS65001") {
		t.Errorf("silent without consent: %v", q)
	}
	if q := l.visit(nobody, open(adatum, "prompt", "none")); q.Get("error") != "interaction_required" || !strings.Contains(q.Get("error_description"), "AADSTS16000") {
		t.Errorf("silent elsewhere: %v", q)
	}
	if q := l.visit(b, open(contoso, "prompt", "select_account")); q.Get("code") == "" {
		t.Errorf("picked account: %v", q)
	}
	// Another account, chosen on the picker, signs in with its password.
	other := l.browser(bob)
	other.Client = b.Client
	a := l.claims(l.redeem(contoso, l.visit(other, open(contoso, "prompt", "select_account")).Get("code")))
	if a.User != bob {
		t.Errorf("picked another: %+v", a)
	}
	l.refusedVisit(nobody, open(contoso, "prompt", "login"), "AADSTS50034")
	// Signed in as somebody whom the tenant doesn't know: another may sign in.
	q := l.page(b.Client.Get(open(adatum)))
	if q.form.id != "signin" || !strings.Contains(q.alert, "AADSTS16000") {
		t.Errorf("%+v", q)
	}
	// Signing out goes back only to an address that some application registered.
	out := l.url + "/common/oauth2/v2.0/logout?state=s&post_logout_redirect_uri="
	if final, err := b.Visit(t.Context(), out+url.QueryEscape("https://evil.example/")); err != nil || final.Host == "evil.example" {
		t.Errorf("%v %v", final, err)
	}
	if final, err := b.Visit(t.Context(), out+url.QueryEscape(msspRedirect)); err != nil || final.String() != msspRedirect+"/?state=s" {
		t.Errorf("%v %v", final, err)
	}
	if q := l.visit(nobody, open(contoso, "prompt", "none")); q.Get("error") != "login_required" {
		t.Errorf("after signing out: %v", q)
	}
}

// The authorize request may be posted, and none may be too long to keep.
func TestAuthorizeForm(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	at := l.url + "/" + contoso + "/oauth2/v2.0/authorize"
	form := values("client_id", multiApp, "response_type", "code", "redirect_uri", msspRedirect, "scope", "User.Read")
	if p := l.page(l.client.PostForm(at, form)); p.form.id != "signin" {
		t.Errorf("%+v", p)
	}
	form.Set("state", strings.Repeat("x", remembered))
	l.refusedVisit(l.browser(bob), at+"?"+form.Encode(), "AADSTS9002313")
	l.refusedVisit(l.browser(admin), l.address("/"+contoso+"/adminconsent", "client_id", multiApp, "state", form.Get("state")), "AADSTS9002313")
	l.refused(l.post("/"+contoso+"/oauth2/v2.0/devicecode", "client_id", pubApp, "scope", form.Get("state")), "9002313", "invalid_request")
	l.refused(l.post("/"+contoso+"/oauth2/v2.0/token", "x", strings.Repeat("x", bodyLimit)), "9002313", "invalid_request")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a := l.do(req); a.status != http.StatusBadRequest || !strings.Contains(a.raw, "AADSTS900561") {
		t.Errorf("HTTP %d %s", a.status, a.raw)
	}
}
