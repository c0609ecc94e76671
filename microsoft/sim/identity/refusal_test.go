package identity

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// seen are the numbers that Microsoft documents and that an MSSP's road to a
// customer may meet.
var seen = []int{
	16000, 50001, 50011, 50012, 700030, 50013, 500133, 50020, 50033, 50087, 90006, 90012, 90024, 90033, 90090, 50034, 50053, 50055, 50144,
	50056, 50064, 50126, 50057, 50058, 50059, 50128, 90019, 50072, 50074, 50076, 50078, 50079, 50089, 50132, 50133, 50173, 50097, 53000, 53001,
	53002, 50105, 50131, 53003, 530032, 530035, 50158, 50194, 50196, 500011, 500021, 500022, 500113, 900971, 500212, 500213, 53004, 53010, 53011,
	530034, 54005, 65001, 65004, 65005, 650056, 650057, 650052, 650054, 70000, 70001, 7000112, 700005, 700011, 700016, 70002, 7000215, 70003,
	70008, 700082, 70011, 28002, 28003, 700022, 700023, 70012, 70016, 70018, 90119, 70019, 70021, 700020, 700025, 700027, 70043, 700084,
	7000218, 7000222, 90002, 90038, 900382, 900432, 90055, 90072, 90094, 90095, 90099, 900144, 9002313, 900561, 901002, 9001023,
}

func (l *lab) refuse(r Refusal) {
	l.t.Helper()
	if err := l.Refuse(r); err != nil {
		l.t.Fatal(err)
	}
}

func TestEveryNumberCanBeProvoked(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Consent(contoso, multiApp)
	for _, code := range seen {
		if !slices.Contains(Codes(), code) {
			t.Errorf("%d is not in the catalogue", code)
			continue
		}
		want := AADSTS(code)
		l.refuse(Refusal{Tenant: "contoso.example", Code: code, Count: 1, At: AtToken})
		a := l.appOnly(contoso, "client_id", multiApp, "client_secret", secret)
		codes, _ := a.body["error_codes"].([]any)
		if a.status != want.Status || a.text("error") != want.Name || a.text("suberror") != want.Suberror || len(codes) != 1 || codes[0] != json.Number(strconv.Itoa(code)) {
			t.Errorf("%d at the token endpoint: HTTP %d %s", code, a.status, a.raw)
		}
		l.good(l.appOnly(contoso, "client_id", multiApp, "client_secret", secret))

		// Where a person signs in, either they or the application are told.
		l.refuse(Refusal{Tenant: contoso, Code: code, At: AtSignIn})
		final, err := l.browser(admin).Visit(t.Context(), l.address("/"+contoso+"/oauth2/v2.0/authorize",
			"client_id", multiApp, "response_type", "code", "redirect_uri", msspRedirect, "scope", "User.Read", "state", "s"))
		told := err
		if err == nil {
			told = errors.New(final.Query().Get("error_description"))
			if final.Query().Get("error") != want.Name || final.Query().Get("state") != "s" {
				t.Errorf("%d at the application: %v", code, final)
			}
		}
		if !strings.Contains(told.Error(), "AADSTS"+strconv.Itoa(code)+":") {
			t.Errorf("%d at the sign-in: %v", code, told)
		}
		l.Allow(contoso)
	}
}

func TestRefusalsAreNarrow(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Consent(contoso, multiApp)
	l.Consent(adatum, multiApp)
	refresh := func(tenant, token string) answer {
		return l.post("/"+tenant+"/oauth2/v2.0/token", "grant_type", "refresh_token", "client_id", multiApp, "client_secret", secret, "refresh_token", token)
	}
	rt := l.good(l.redeem(contoso, l.code(admin, contoso, "User.Read offline_access"))).text("refresh_token")

	// Conditional Access keeps people out, and no applications.
	l.refuse(Refusal{Tenant: contoso, Code: 53003, For: ForPerson})
	l.refused(refresh(contoso, rt), "53003", invalidGrant)
	l.refused(refresh("organizations", rt), "53003", invalidGrant)
	l.refusedVisit(l.browser(bob), l.address("/"+contoso+"/oauth2/v2.0/authorize",
		"client_id", multiApp, "response_type", "code", "redirect_uri", msspRedirect, "scope", "User.Read"), "AADSTS53003")
	l.good(l.appOnly(contoso, "client_id", multiApp, "client_secret", secret))
	l.Allow(contoso)
	l.good(refresh(contoso, rt))

	l.refuse(Refusal{Code: 90055, Count: 2, For: ForApplication})
	l.refuse(Refusal{Code: 50196, ClientID: pubApp})
	for range 2 {
		if a := l.appOnly(adatum, "client_id", multiApp, "client_secret", secret); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
			t.Errorf("throttled: %d %s", a.status, a.raw)
		}
	}
	l.good(l.appOnly(adatum, "client_id", multiApp, "client_secret", secret))
	if left := l.Refusals(); len(left) != 1 || left[0].Code != 50196 {
		t.Errorf("left: %+v", left)
	}
	l.Allow("")

	// Another factor is asked for in claims.
	l.refuse(Refusal{Tenant: contoso, Code: 50076, At: AtToken})
	a := refresh(contoso, rt)
	l.refused(a, "50076", interaction)
	var claims map[string]map[string]any
	if json.Unmarshal([]byte(a.text("claims")), &claims) != nil || claims["access_token"]["capolids"] == nil {
		t.Errorf("claims: %s", a.raw)
	}

	for _, r := range []Refusal{{}, {Code: -1}, {Code: 1, Count: -1}, {Code: 1, At: "door"}, {Code: 1, For: "cats"}, {Code: 1, Tenant: "nowhere"}} {
		if err := l.Refuse(r); err == nil {
			t.Errorf("%+v was taken", r)
		}
	}
}

// A device goes on waiting while its person is turned away.
func TestADeviceWaitsWhileItsPersonIsTurnedAway(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Consent(contoso, pubApp)
	d := l.post("/"+contoso+"/oauth2/v2.0/devicecode", "client_id", pubApp, "scope", "User.Read")
	poll := func() answer {
		return l.post("/"+contoso+"/oauth2/v2.0/token", "grant_type", "urn:ietf:params:oauth:grant-type:device_code", "client_id", pubApp, "device_code", d.text("device_code"))
	}
	l.refuse(Refusal{Tenant: contoso, Code: 53003, Count: 1})
	l.refused(poll(), "70016", "authorization_pending")
	page := d.text("verification_uri") + "?otc=" + d.text("user_code")
	l.refusedVisit(l.browser(admin), page, "AADSTS53003")
	l.refused(poll(), "70016", "authorization_pending")
	if _, err := l.browser(admin).Visit(t.Context(), page); err != nil {
		t.Fatal(err)
	}
	// The policy may also strike when the tokens are fetched.
	l.refuse(Refusal{Tenant: contoso, Code: 530032, Count: 1})
	l.refused(poll(), "530032", invalidGrant)
}

func TestDisabledAccounts(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Consent(contoso, multiApp)
	address := l.address("/"+contoso+"/oauth2/v2.0/authorize", "client_id", multiApp, "response_type", "code", "redirect_uri", msspRedirect, "scope", "User.Read")
	rt := l.good(l.redeem(contoso, l.code(anna, contoso, "User.Read offline_access"))).text("refresh_token")
	refresh := func() answer {
		return l.post("/"+contoso+"/oauth2/v2.0/token", "grant_type", "refresh_token", "client_id", multiApp, "client_secret", secret, "refresh_token", rt)
	}
	for _, where := range []string{contoso, mssp} { // as a guest, and at home
		if err := l.DisableUser(where, anna, true); err != nil {
			t.Fatal(err)
		}
		l.refused(refresh(), "50057", invalidGrant)
		l.refusedVisit(l.browser(anna), address, "AADSTS50057")
		if err := l.DisableUser(where, anna, false); err != nil {
			t.Fatal(err)
		}
		l.good(refresh())
	}
	l.RevokeGrants(mssp) // a guest's sessions are revoked at home
	l.refused(refresh(), "50173", invalidGrant)
	rt = l.good(l.redeem(contoso, l.code(anna, contoso, "User.Read offline_access"))).text("refresh_token")
	if err := l.DisableUser(contoso, "nobody@contoso.example", true); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}

	off := func(p *Principal) { p.Enabled = false }
	if err := l.UpdatePrincipal(contoso, multiApp, off); err != nil {
		t.Fatal(err)
	}
	l.refused(refresh(), "7000112", unauthorizedClient)
	l.refused(l.appOnly(contoso, "client_id", multiApp, "client_secret", secret), "7000112", unauthorizedClient)
	l.refusedVisit(l.browser(admin), address, "AADSTS7000112")
}

func TestSignInFrequency(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Consent(contoso, multiApp)
	l.Consent(adatum, multiApp)
	if err := l.RequireSignIn(contoso, 12*time.Hour); err != nil {
		t.Fatal(err)
	}
	b := l.browser(admin)
	b.Client = withJar(t, l.client)
	address := func(more ...string) string {
		return l.address("/"+contoso+"/oauth2/v2.0/authorize", append([]string{
			"client_id", multiApp, "response_type", "code", "redirect_uri", msspRedirect, "scope", "User.Read offline_access",
		}, more...)...)
	}
	rt := l.good(l.redeem(contoso, l.visit(b, address()).Get("code"))).text("refresh_token")
	refresh := func() answer {
		return l.post("/"+contoso+"/oauth2/v2.0/token", "grant_type", "refresh_token", "client_id", multiApp, "client_secret", secret, "refresh_token", rt)
	}
	// A new token doesn't make the sign-in younger.
	l.clock.Add(11 * time.Hour)
	rt = l.good(refresh()).text("refresh_token")
	l.clock.Add(time.Hour)
	l.refused(refresh(), "70043", invalidGrant)
	// Nor does the browser's session help.
	if q := l.visit(b, address("prompt", "none")); q.Get("error") != interaction || !strings.Contains(q.Get("error_description"), "AADSTS70043") {
		t.Errorf("silently: %v", q)
	}
	l.good(l.appOnly(contoso, "client_id", multiApp, "client_secret", secret))
	rt = l.good(l.redeem(contoso, l.code(admin, contoso, "User.Read offline_access"))).text("refresh_token")
	l.good(refresh())
	if err := l.RequireSignIn(contoso, 0); err != nil {
		t.Fatal(err)
	}
	l.clock.Add(48 * time.Hour)
	l.good(refresh())
}
