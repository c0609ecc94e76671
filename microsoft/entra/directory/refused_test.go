package directory

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"tributary"
)

// TestRegisterForbidden says which permission or role is missing.
func TestRegisterForbidden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, path, scopes, next string
	}{
		{"no role to create", http.MethodPost, "/v1.0/applications", "Application.ReadWrite.All", "have anna@fabrikam.com given the directory role Application Developer or Cloud Application Administrator, or sign in as somebody who has it"},
		{"no permission to create", http.MethodPost, "/v1.0/applications", "User.Read", "sign in again and consent to the permission Application.ReadWrite.All or Application.ReadWrite.OwnedBy: the sign-in of anna@fabrikam.com didn't include it"},
		{"no permission, app-only", http.MethodPost, "/v1.0/applications", "", "let an administrator grant the application the permission Application.ReadWrite.All or Application.ReadWrite.OwnedBy"},
		{"no role to grant", http.MethodPost, "appRoleAssignedTo", "AppRoleAssignment.ReadWrite.All", "have anna@fabrikam.com given the directory role Privileged Role Administrator, or sign in as somebody who has it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.scopes = c.scopes
			f.answer = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != c.method || !strings.HasSuffix(r.URL.Path, c.path) {
					return false
				}
				refuse(w, http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
				return true
			}
			var h holder
			_, err := f.client(t).Register(t.Context(), h.registration())
			e := f.failed(t, err, tributary.CodeForbidden, tributary.FixMSSP)
			if e.Next != c.next {
				t.Errorf("next is %q, want %q", e.Next, c.next)
			}
			if !strings.Contains(e.Error(), "Insufficient privileges") || !strings.Contains(e.Error(), "request-id 0f3f0d2c") {
				t.Errorf("the error is %v", e)
			}
		})
	}
}

func TestRegisterPolicyForbidsSecrets(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/addPassword") {
			return false
		}
		refuse(w, http.StatusForbidden, "CredentialTypeNotAllowedAsPerAppPolicy", "Credential type not allowed as per assigned policy.")
		return true
	}
	var h holder
	_, err := f.client(t).Register(t.Context(), h.registration())
	if e := f.failed(t, err, CodePolicyOfApps, tributary.FixMSSP); !strings.Contains(e.Next, "certificate") {
		t.Errorf("next is %q", e.Next)
	}
}

func TestRegisterWithoutTheAPI(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.available = nil
	var h holder
	_, err := f.client(t).Register(t.Context(), h.registration())
	e := f.failed(t, err, CodeAPIMissing, tributary.FixMSSP)
	if !strings.Contains(e.Error(), "WindowsDefenderATP") || !strings.Contains(e.Next, "Defender portal") || len(f.apps) != 0 {
		t.Errorf("%v; next: %s; %d applications", e, e.Next, len(f.apps))
	}
}

// TestRegisterByID: an application may be named, if it is ours.
func TestRegisterByID(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var h holder
	done, err := f.client(t).Register(t.Context(), h.registration())
	if err != nil {
		t.Fatal(err)
	}
	r := h.registration()
	r.AppID, r.DisplayName = done.AppID, "Another name"
	again, err := f.client(t).Register(t.Context(), r)
	if err != nil || again.AppID != done.AppID || again.Created || !strings.HasPrefix(f.outcome()[0], "application Another name ") {
		t.Errorf("%+v, %v", again, err)
	}
	r.AppID = newID()
	_, err = f.client(t).Register(t.Context(), r)
	f.failed(t, err, CodeNotThere, tributary.FixMSSP)
	r.AppID = byHand(f)
	_, err = f.client(t).Register(t.Context(), r)
	if e := f.failed(t, err, CodeNotOurs, tributary.FixMSSP); !strings.Contains(e.Error(), "Contoso SIEM MSSP Connector") {
		t.Errorf("the error is %v", e)
	}
	if len(f.apps) != 2 || len(f.secrets) != 1 {
		t.Errorf("%d applications, %d secrets", len(f.apps), len(f.secrets))
	}
}

// TestRegisterWithoutTags: where Graph filters by no tags, the name finds the
// application, and the tag still tells whose it is.
func TestRegisterWithoutTags(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Query().Get("$filter"), "tags/any") {
			return false
		}
		refuse(w, http.StatusBadRequest, "BadRequest", "Invalid filter clause.")
		return true
	}
	foreign := byHand(f)
	f.apps[0]["displayName"] = "Fabrikam alerts"
	var h holder
	for range 2 {
		done, err := f.client(t).Register(t.Context(), h.registration())
		if err != nil || done.AppID == foreign {
			t.Fatalf("%+v, %v", done, err)
		}
	}
	if len(f.apps) != 2 || len(f.secrets) != 1 {
		t.Errorf("%d applications, %d secrets", len(f.apps), len(f.secrets))
	}
}

// TestRegisterForbiddenAPI: lacking a permission is not lacking the API.
func TestRegisterForbiddenAPI(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || r.URL.Path != "/v1.0/servicePrincipals" {
			return false
		}
		refuse(w, http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
		return true
	}
	var h holder
	_, err := f.client(t).Register(t.Context(), h.registration())
	if e := f.failed(t, err, tributary.CodeForbidden, tributary.FixMSSP); !strings.Contains(e.Next, "Cloud Application Administrator") {
		t.Errorf("next is %q", e.Next)
	}
}

func TestRegistrationIsChecked(t *testing.T) {
	t.Parallel()
	soon, err := makeCertificate("short", time.Hour, 2048, noon.Add(-2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Registration){
		"mark":            func(r *Registration) { r.Mark = "" },
		"mark's form":     func(r *Registration) { r.Mark = "a'b" },
		"no source":       func(r *Registration) { r.Sources = nil },
		"unknown source":  func(r *Registration) { r.Sources = []tributary.Source{"mail"} },
		"auth":            func(r *Registration) { r.Auth = "" },
		"two credentials": func(r *Registration) { r.Certificate = testCertificate().X509 },
		"nobody keeps":    func(r *Registration) { r.Keep = nil },
		"lifetime":        func(r *Registration) { r.SecretLifetime = 3 * 365 * 24 * time.Hour },
		"customer":        func(r *Registration) { r.Customer = customerTenant },
		"customer's form": func(r *Registration) { r.MultiTenant, r.Customer = false, "contoso" },
		"expired":         func(r *Registration) { r.Secret, r.Certificate = false, soon.X509 },
		"no redirect":     func(r *Registration) { r.Auth, r.RedirectURIs = tributary.AuthDelegated, nil },
		"http":            func(r *Registration) { r.RedirectURIs = []string{"http://siem.fabrikam.com/"} },
		"wildcard":        func(r *Registration) { r.RedirectURIs = []string{"https://*.fabrikam.com/"} },
		"fragment":        func(r *Registration) { r.RedirectURIs = []string{"https://siem.fabrikam.com/#x"} },
		"no host":         func(r *Registration) { r.RedirectURIs = []string{"https:callback"} },
		"password in it":  func(r *Registration) { r.RedirectURIs = []string{"https://anna:" + secretPart + "@siem.fabrikam.com/"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			var h holder
			r := h.registration()
			spoil(&r)
			_, err := f.client(t).Register(t.Context(), r)
			f.failed(t, err, CodeSettings, tributary.FixMSSP)
			if f.count() != 0 {
				t.Errorf("%d requests were made", f.count())
			}
		})
	}
}
