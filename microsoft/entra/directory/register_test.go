package directory

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tributary"
)

// Certificates are made once: keys take their time.
var (
	testCertificate    = sync.OnceValue(func() Certificate { return mustCertificate("Tributary test") })
	otherCertificate   = sync.OnceValue(func() Certificate { return mustCertificate("Tributary test, the next") })
	foreignCertificate = sync.OnceValue(func() Certificate { return mustCertificate("somebody else") })
)

func mustCertificate(name string) Certificate {
	c, err := makeCertificate(name, 90*24*time.Hour, 2048, noon)
	if err != nil {
		panic(err)
	}
	return c
}

// holder is who registers, and what they have stored.
type holder struct {
	keyID  string
	secret tributary.Secret
	kept   int
}

func (h *holder) keep(_ context.Context, r Registered) error {
	h.keyID, h.secret = r.Credential.KeyID, r.Secret
	h.kept++
	return nil
}

func (h *holder) registration() Registration {
	return Registration{
		Mark: mark, DisplayName: "Fabrikam alerts", MultiTenant: true, RedirectURIs: []string{fabrikamURI, "http://localhost"},
		Sources: []tributary.Source{tributary.SourceGraph, tributary.SourceEndpoint, tributary.SourceSIEM}, Auth: tributary.AuthAppOnly,
		Secret: true, SecretLifetime: 90 * 24 * time.Hour, Keep: h.keep, KeyID: h.keyID, Grant: true,
	}
}

// outcome is the state of a directory in words, without its ids.
func (f *fake) outcome() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	nameOf := func(id any) string {
		for _, p := range f.principals {
			if p["id"] == id {
				return fmt.Sprint(p["displayName"])
			}
			for _, list := range []string{"appRoles", "oauth2PermissionScopes"} {
				for _, one := range p[list].([]any) {
					if r := one.(map[string]any); r["id"] == id {
						return fmt.Sprint(r["value"])
					}
				}
			}
		}
		return fmt.Sprintf("unknown %v", id)
	}
	for _, a := range f.apps {
		lines = append(lines, fmt.Sprintf("application %v %v tags %v web %v public %v", a["displayName"], a["signInAudience"], a["tags"], a["web"], a["isFallbackPublicClient"]))
		for _, r := range a["requiredResourceAccess"].([]any) {
			for _, e := range r.(map[string]any)["resourceAccess"].([]any) {
				lines = append(lines, fmt.Sprintf("asks for %v %v", e.(map[string]any)["type"], nameOf(e.(map[string]any)["id"])))
			}
		}
		for _, k := range a["keyCredentials"].([]any) {
			lines = append(lines, fmt.Sprintf("certificate %v %v", k.(map[string]any)["displayName"], k.(map[string]any)["customKeyIdentifier"]))
		}
		for _, p := range a["passwordCredentials"].([]any) {
			lines = append(lines, fmt.Sprintf("secret %v until %v", p.(map[string]any)["displayName"], p.(map[string]any)["endDateTime"]))
		}
	}
	for _, p := range f.principals {
		lines = append(lines, fmt.Sprintf("principal %v", p["displayName"]))
	}
	for _, a := range f.assignments {
		lines = append(lines, fmt.Sprintf("%s has role %s of %s", nameOf(a["principalId"]), nameOf(a["appRoleId"]), nameOf(a["resourceId"])))
	}
	for _, g := range f.grants {
		lines = append(lines, fmt.Sprintf("%s has scope %v of %s for %v", nameOf(g["clientId"]), g["scope"], nameOf(g["resourceId"]), g["consentType"]))
	}
	return lines
}

func TestRegister(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var h holder
	var steps []string
	r := h.registration()
	r.Progress = func(s string) { steps = append(steps, s) }
	done, err := f.client(t).Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"application Fabrikam alerts AzureADMultipleOrgs tags [tributary:k7Fq2] web map[redirectUris:[" + fabrikamURI + " http://localhost]] public false",
		"asks for Role SecurityAlert.Read.All",
		"asks for Scope User.Read",
		"asks for Role Alert.Read.All",
		"secret Tributary k7Fq2 until 2027-02-21T12:00:00Z",
		"principal Microsoft Graph",
		"principal Windows Azure Active Directory",
		"principal WindowsDefenderATP", // let in, because it wasn't there
		"principal Fabrikam alerts",
		"Fabrikam alerts has role SecurityAlert.Read.All of Microsoft Graph",
		"Fabrikam alerts has role Alert.Read.All of WindowsDefenderATP",
		"Fabrikam alerts has scope User.Read of Windows Azure Active Directory for AllPrincipals",
	}
	if diff := cmp.Diff(want, f.outcome()); diff != "" {
		t.Errorf("the directory afterwards (-want +got):\n%s", diff)
	}
	if !done.Created || done.DirectoryID != ownTenant || done.Directory != "Fabrikam" || done.AppID == "" || done.ObjectID == "" ||
		done.ServicePrincipalID == "" || !done.Granted || len(done.Permissions) != 3 {
		t.Errorf("registered: %+v", done)
	}
	if h.kept != 1 || h.secret.Reveal() != f.issued[0] || done.Secret != h.secret || done.Credential.KeyID != h.keyID {
		t.Error("the secret was not handed over for keeping")
	}
	if len(steps) != 5 {
		t.Errorf("the steps are %q", steps)
	}
	f.leaks(t, "the log, the result or the steps", fmt.Sprintf("%s %v %+v %#v %q", f.logs, done, done, done, steps))

	// Once more: nothing changes, and no other secret is made.
	before := f.outcome()
	again, err := f.client(t).Register(t.Context(), h.registration())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, f.outcome()); diff != "" {
		t.Errorf("a repetition changed (-before +after):\n%s", diff)
	}
	if again.Created || again.AppID != done.AppID || !again.Secret.IsZero() || again.Credential.KeyID != done.Credential.KeyID || h.kept != 1 {
		t.Errorf("a repetition gave %+v", again)
	}
}

func TestRegisterChanges(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var h holder
	if _, err := f.client(t).Register(t.Context(), h.registration()); err != nil {
		t.Fatal(err)
	}
	r := h.registration()
	r.Sources, r.Auth, r.PublicClient = []tributary.Source{tributary.SourceGraphIncidents}, tributary.AuthDelegated, true
	r.RedirectURIs, r.DisplayName, r.Grant = []string{"http://localhost"}, "Fabrikam incidents", false
	if _, err := f.client(t).Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"application Fabrikam incidents AzureADMultipleOrgs tags [tributary:k7Fq2] web map[redirectUris:[http://localhost]] public true",
		"asks for Scope SecurityIncident.Read.All",
		"asks for Scope offline_access",
		"asks for Scope openid",
		"asks for Scope profile",
		"secret Tributary k7Fq2 until 2027-02-21T12:00:00Z",
	}
	if diff := cmp.Diff(want, f.outcome()[:len(want)]); diff != "" {
		t.Errorf("the application afterwards (-want +got):\n%s", diff)
	}
}

// TestRegisterCutAnywhere ends the first attempt at every request there is, once
// before it is carried out and once after, and makes it again.
func TestRegisterCutAnywhere(t *testing.T) {
	t.Parallel()
	for _, how := range []struct {
		name        string
		lose        bool
		certificate bool
		hidden      int
	}{
		{"secret, before", false, false, 0},
		{"secret, answer lost", true, false, 0},
		{"secret, answer lost, spreading slowly", true, false, 3},
		{"certificate, before", false, true, 0},
		{"certificate, answer lost", true, true, 0},
		{"certificate, answer lost, spreading slowly", true, true, 3},
		{"secret, answer lost, spreading so slowly that a second is made", true, false, 6},
		{"certificate, answer lost, spreading so slowly that a second is made", true, true, 6},
	} {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			registration := func(h *holder) Registration {
				r := h.registration()
				if how.certificate {
					r.Secret, r.Keep, r.Certificate = false, nil, testCertificate().X509
				}
				return r
			}
			clean := newFake(t)
			if _, err := clean.client(t).Register(t.Context(), registration(&holder{})); err != nil {
				t.Fatal(err)
			}
			want := clean.outcome()
			for n := 1; ; n++ {
				if n > maxRequests {
					t.Fatalf("registering takes more than %d requests", maxRequests)
				}
				f := newFake(t)
				f.hidden = how.hidden
				var h holder
				f.serving(n, how.lose)
				_, err := f.client(t).Register(t.Context(), registration(&h))
				if err != nil {
					e := tributary.AsError(err)
					if e == nil || e.Code != tributary.CodeUnavailable || e.Fix != tributary.FixRetry {
						t.Errorf("cut at request %d: %v", n, err)
					}
					f.leaks(t, "an error", err.Error())
				}
				reached := f.count() >= n
				f.serving(0, false)
				done, err := f.client(t).Register(t.Context(), registration(&h))
				if err != nil {
					t.Fatalf("after a cut at request %d: %v", n, err)
				}
				// The order of what was made may differ.
				if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(f.outcome()))); diff != "" {
					t.Errorf("after a cut at request %d (-want +got):\n%s", n, diff)
				}
				if !how.certificate {
					// The one secret of the application is the one that is held.
					if len(f.secrets) != 1 || f.secrets[h.keyID] != h.secret.Reveal() || h.secret.IsZero() || done.Credential.KeyID != h.keyID {
						t.Errorf("after a cut at request %d the application has %d secrets, and ours is %v", n, len(f.secrets), h.keyID)
					}
				}
				if !reached {
					return
				}
			}
		})
	}
}

func TestRegisterKeepFails(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var h holder
	r := h.registration()
	r.Keep = func(context.Context, Registered) error { return errors.New("the disk is full") }
	done, err := f.client(t).Register(t.Context(), r)
	e := f.failed(t, err, CodeCutShort, tributary.FixMSSP)
	if !strings.Contains(e.Error(), "the disk is full") {
		t.Errorf("the error is %v", e)
	}
	if len(f.secrets) != 0 || len(f.issued) != 1 || !done.Secret.IsZero() || done.AppID == "" {
		t.Errorf("a secret that nobody holds stayed: %+v", done)
	}
}

func TestRegisterSingleDirectory(t *testing.T) {
	t.Parallel()
	t.Run("the customer's own", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		var h holder
		r := h.registration()
		r.MultiTenant, r.DisplayName, r.Customer = false, "", strings.ToUpper(ownTenant)
		done, err := f.client(t).Register(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if done.Name != "Fabrikam SIEM MSSP Connector" || !strings.HasPrefix(f.outcome()[0], "application Fabrikam SIEM MSSP Connector AzureADMyOrg ") || len(done.Notes) != 0 {
			t.Errorf("registered %+v: %s", done, f.outcome()[0])
		}
	})
	t.Run("no customer named", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		var h holder
		r := h.registration()
		r.MultiTenant = false
		done, err := f.client(t).Register(t.Context(), r)
		if err != nil || len(done.Notes) != 1 || !strings.Contains(done.Notes[0], "can't sign in to any other directory") {
			t.Errorf("notes %q, %v", done.Notes, err)
		}
	})
	t.Run("nothing but the SIEM API", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		var h holder
		r := h.registration()
		r.Sources = []tributary.Source{tributary.SourceSIEM}
		done, err := f.client(t).Register(t.Context(), r)
		if err != nil || len(done.Notes) != 1 || !strings.Contains(done.Notes[0], "is being retired") {
			t.Errorf("notes %q, %v", done.Notes, err)
		}
	})
	t.Run("another directory", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		var h holder
		r := h.registration()
		r.MultiTenant, r.Customer = false, customerTenant
		_, err := f.client(t).Register(t.Context(), r)
		e := f.failed(t, err, CodeSingleDirectory, tributary.FixMSSP)
		if !strings.Contains(e.Error(), customerTenant) || !strings.Contains(e.Error(), ownTenant) || len(f.apps) != 0 {
			t.Errorf("%v, and %d applications", e, len(f.apps))
		}
	})
}

// TestRegisterLostAnswers: what would be made twice is not asked for twice,
// though the connection broke and the service is there again at once.
func TestRegisterLostAnswers(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/applications", "/addPassword"} {
		f := newFake(t)
		lost := false
		f.answer = func(_ http.ResponseWriter, r *http.Request) bool {
			if lost || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, path) {
				return false
			}
			lost = true
			f.route(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		var h holder
		_, err := f.client(t).Register(t.Context(), h.registration())
		f.failed(t, err, tributary.CodeUnavailable, tributary.FixRetry)
		if len(f.apps) != 1 || len(f.issued) > 1 {
			t.Errorf("%s: %d applications and %d secrets were made", path, len(f.apps), len(f.issued))
		}
		if _, err := f.client(t).Register(t.Context(), h.registration()); err != nil || len(f.apps) != 1 || len(f.secrets) != 1 || f.secrets[h.keyID] == "" {
			t.Errorf("%s: %d applications, %d secrets, %v", path, len(f.apps), len(f.secrets), err)
		}
	}
}

// TestRegisterKeepsWhatIsHeld: of two applications with our mark, the one whose
// secret the caller holds stays, though it is the younger.
func TestRegisterKeepsWhatIsHeld(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var h holder
	done, err := f.client(t).Register(t.Context(), h.registration())
	if err != nil {
		t.Fatal(err)
	}
	older := byHand(f)
	f.apps[1]["tags"] = []any{"tributary:" + mark}
	again, err := f.client(t).Register(t.Context(), h.registration())
	if err != nil || again.AppID != done.AppID || again.Created || len(f.apps) != 1 || h.kept != 1 || !f.works(tributary.App{ClientID: done.AppID, ClientSecret: h.secret}) {
		t.Errorf("%+v beside %s, %v", again, older, err)
	}
}
