package directory

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary"
)

// keeper is who renews: what is in use, and what was stored of a renewal.
type keeper struct {
	f       *fake
	inUse   tributary.App
	keyID   string
	pending *Pending
	adopted int
	proofs  int
	refuse  int // proofs that fail, because the credential hasn't spread
}

func (k *keeper) keep(_ context.Context, p Pending) error { k.pending = &p; return nil }

func (k *keeper) adopt(_ context.Context, p Pending) error {
	k.inUse, k.keyID = p.App, p.Credential.KeyID
	k.adopted++
	return nil
}

// prove works where the application has the credential.
func (k *keeper) prove(_ context.Context, app tributary.App) error {
	k.proofs++
	if k.proofs <= k.refuse {
		return errors.New("AADSTS7000215: not yet")
	}
	if !k.f.works(app) {
		return errors.New("AADSTS7000215: invalid")
	}
	return nil
}

// works reports whether one signs in with what the application has.
func (f *fake) works(app tributary.App) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.apps {
		if a["appId"] != app.ClientID {
			continue
		}
		for _, p := range a["passwordCredentials"].([]any) {
			if text := f.secrets[p.(map[string]any)["keyId"].(string)]; text != "" && text == app.ClientSecret.Reveal() {
				return true
			}
		}
		cert, err := leaf(app)
		for _, key := range a["keyCredentials"].([]any) {
			if err == nil && thumbprintOf(fmt.Sprint(key.(map[string]any)["customKeyIdentifier"])) == Thumbprint(cert) {
				return true
			}
		}
	}
	return false
}

// registered is a directory with an application that has a credential in use,
// and a certificate and a secret of somebody else's.
func registered(t *testing.T, certificate bool) (*fake, *keeper) {
	t.Helper()
	f := newFake(t)
	c := f.client(t)
	var h holder
	r := h.registration()
	if certificate {
		r.Secret, r.Keep, r.Certificate = false, nil, testCertificate().X509
	}
	done, err := c.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{f: f, inUse: tributary.App{Name: "main", ClientID: done.AppID, ClientSecret: h.secret, RedirectURI: fabrikamURI}}
	if certificate {
		k.inUse.Certificate = testCertificate().PEM
	}
	if _, err := c.addCertificate(t.Context(), done.ObjectID, foreignCertificate().X509, "somebody else's"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.addSecret(t.Context(), done.ObjectID, "somebody else's", time.Hour); err != nil {
		t.Fatal(err)
	}
	f.serving(0, false)
	return f, k
}

func (k *keeper) rotation(old tributary.App, certificate bool) Rotation {
	r := Rotation{
		AppID: old.ClientID, Mark: mark, Current: old, Pending: k.pending, Keep: k.keep, Prove: k.prove, Adopt: k.adopt,
		Patience: 20 * time.Millisecond,
	}
	if certificate {
		next := otherCertificate()
		r.Certificate = &next
	}
	return r
}

func TestRotate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		from, to  bool // with a certificate
		wantNames string
	}{
		{"secret to secret", false, false, "somebody else's, somebody else's, Tributary k7Fq2"},
		{"secret to certificate", false, true, "Tributary k7Fq2, somebody else's, somebody else's"},
		{"certificate to certificate", true, true, "Tributary k7Fq2, somebody else's, somebody else's"},
		{"certificate to secret", true, false, "Tributary k7Fq2, somebody else's, somebody else's"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, k := registered(t, c.from)
			k.refuse = 3
			old := k.inUse
			var steps []string
			r := k.rotation(old, c.to)
			r.Progress = func(s string) { steps = append(steps, s) }
			done, err := f.client(t).Rotate(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if k.proofs != 4 || k.adopted != 1 || len(steps) != 4 {
				t.Errorf("%d proofs, adopted %d times, steps %q", k.proofs, k.adopted, steps)
			}
			if f.works(old) {
				t.Error("the old credential still works")
			}
			if !f.works(k.inUse) || k.inUse.Name != "main" || k.inUse.RedirectURI != fabrikamURI {
				t.Errorf("what is in use now doesn't work: %+v", k.inUse)
			}
			if len(done.Removed) != 1 || len(done.Left) != 2 || done.Left[0].Name != "somebody else's" || done.Left[1].Name != "somebody else's" {
				t.Errorf("removed %+v, left %+v", done.Removed, done.Left)
			}
			shown, err := f.client(t).Show(t.Context(), old.ClientID)
			if err != nil || len(shown.Credentials) != 3 {
				t.Errorf("the application has %+v, %v", shown.Credentials, err)
			}
			f.leaks(t, "the log, the result or the steps", fmt.Sprintf("%s %+v %#v %q", f.logs, done, done, steps))
		})
	}
}

// TestRotateCutAnywhere ends a renewal at every request there is, and resumes
// it. At no moment is the application without the credential that is in use.
func TestRotateCutAnywhere(t *testing.T) {
	t.Parallel()
	for _, how := range []struct {
		name     string
		lose     bool
		from, to bool
		hidden   int
	}{
		{"secrets, before", false, false, false, 0},
		{"secrets, answer lost", true, false, false, 0},
		{"certificates, before", false, true, true, 0},
		{"certificates, answer lost", true, true, true, 0},
		{"secret to certificate, answer lost", true, false, true, 0},
		{"certificate to secret, answer lost", true, true, false, 0},
	} {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				if n > maxRequests {
					t.Fatalf("a renewal takes more than %d requests", maxRequests)
				}
				f, k := registered(t, how.from)
				old := k.inUse
				f.serving(n, how.lose)
				_, err := f.client(t).Rotate(t.Context(), k.rotation(old, how.to))
				if err != nil {
					f.failed(t, err, tributary.CodeUnavailable, tributary.FixRetry)
				}
				if !f.works(k.inUse) {
					t.Fatalf("after a cut at request %d nothing that is in use works", n)
				}
				reached := f.count() >= n
				f.serving(0, false)
				// Whoever resumes knows the old credential, and what was kept.
				done, err := f.client(t).Rotate(t.Context(), k.rotation(old, how.to))
				if err != nil {
					t.Fatalf("resumed after a cut at request %d: %v", n, err)
				}
				if !f.works(k.inUse) || f.works(old) || k.keyID != done.Credential.KeyID {
					t.Errorf("after a cut at request %d: new works %t, old works %t", n, f.works(k.inUse), f.works(old))
				}
				shown, err := f.client(t).Show(t.Context(), old.ClientID)
				if err != nil || len(shown.Credentials) != 3 {
					t.Errorf("after a cut at request %d the application has %+v, %v", n, shown.Credentials, err)
				}
				if !reached {
					return
				}
			}
		})
	}
}

// TestRotateCutAtHooks ends a renewal where the caller's own steps fail.
func TestRotateCutAtHooks(t *testing.T) {
	t.Parallel()
	broken := errors.New("the store is gone")
	for _, certificate := range []bool{false, true} {
		for name, spoil := range map[string]func(*Rotation){
			"keep":  func(r *Rotation) { r.Keep = func(context.Context, Pending) error { return broken } },
			"adopt": func(r *Rotation) { r.Adopt = func(context.Context, Pending) error { return broken } },
			"prove": func(r *Rotation) { r.Prove = func(context.Context, tributary.App) error { return broken } },
		} {
			t.Run(fmt.Sprintf("%s, certificate %t", name, certificate), func(t *testing.T) {
				t.Parallel()
				f, k := registered(t, certificate)
				old := k.inUse
				r := k.rotation(old, certificate)
				spoil(&r)
				_, err := f.client(t).Rotate(t.Context(), r)
				code := CodeCutShort
				if name == "prove" {
					code = CodeUnproven
				}
				e := f.failed(t, err, code, tributary.FixMSSP)
				if !errors.Is(e, broken) || !f.works(old) {
					t.Errorf("%v; the old credential works: %t", e, f.works(old))
				}
				if name == "keep" && !certificate && len(f.secrets) != 2 {
					t.Error("a secret that nobody holds stayed")
				}
				made := len(f.issued)
				done, err := f.client(t).Rotate(t.Context(), k.rotation(old, certificate))
				if err != nil {
					t.Fatal(err)
				}
				if name != "keep" && len(f.issued) != made {
					t.Error("another secret was made, although the pending one was kept")
				}
				if !f.works(k.inUse) || f.works(old) || len(done.Left) != 2 {
					t.Errorf("resumed: new works %t, old works %t, left %+v", f.works(k.inUse), f.works(old), done.Left)
				}
			})
		}
	}
}

// TestRotateSlowDirectory: a copy of the directory that doesn't show the new
// certificate yet must not be the one from which the old is removed.
func TestRotateSlowDirectory(t *testing.T) {
	t.Parallel()
	f, k := registered(t, true)
	old := k.inUse
	stale, reads := map[string]any{}, 0
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, "/v1.0/applications/") || strings.Count(r.URL.Path, "/") != 3 {
			return false
		}
		if reads++; reads == 1 {
			stale = public(f.apps[0])
		}
		if reads < 4 || reads > 6 { // the new one was seen already; another copy answers now
			return false
		}
		reply(w, http.StatusOK, stale)
		return true
	}
	if _, err := f.client(t).Rotate(t.Context(), k.rotation(old, true)); err != nil {
		t.Fatal(err)
	}
	if reads <= 6 || !f.works(k.inUse) || f.works(old) {
		t.Errorf("%d reads, new works %t, old works %t", reads, f.works(k.inUse), f.works(old))
	}
}

func TestRotateWhichSecret(t *testing.T) {
	t.Parallel()
	f, k := registered(t, false)
	app := f.apps[0]["passwordCredentials"].([]any)
	app[1].(map[string]any)["hint"] = app[0].(map[string]any)["hint"]
	_, err := f.client(t).Rotate(t.Context(), k.rotation(k.inUse, false))
	e := f.failed(t, err, CodeSettings, tributary.FixMSSP)
	if !strings.Contains(e.Error(), app[0].(map[string]any)["keyId"].(string)) || !strings.Contains(e.Error(), app[1].(map[string]any)["keyId"].(string)) || len(f.issued) != 2 {
		t.Errorf("%v; %d secrets were made", e, len(f.issued))
	}
	old := k.inUse
	r := k.rotation(old, false)
	r.CurrentKeyID = strings.ToUpper(app[0].(map[string]any)["keyId"].(string))
	if _, err := f.client(t).Rotate(t.Context(), r); err != nil || f.works(old) || !f.works(k.inUse) {
		t.Errorf("with the id: %v", err)
	}
}

func TestRotateSettings(t *testing.T) {
	t.Parallel()
	f, k := registered(t, true)
	for name, spoil := range map[string]func(*Rotation){
		"mark":     func(r *Rotation) { r.Mark = "" },
		"keep":     func(r *Rotation) { r.Keep = nil },
		"prove":    func(r *Rotation) { r.Prove = nil },
		"lifetime": func(r *Rotation) { r.SecretLifetime = -time.Hour },
		"key":      func(r *Rotation) { r.Certificate = &Certificate{otherCertificate().X509, testCertificate().PEM} },
	} {
		r := k.rotation(k.inUse, true)
		spoil(&r)
		_, err := f.client(t).Rotate(t.Context(), r)
		f.failed(t, err, CodeSettings, tributary.FixMSSP)
		if f.count() != 0 {
			t.Errorf("%s: %d requests were made", name, f.count())
		}
	}
	r := k.rotation(k.inUse, true)
	r.AppID = newID()
	_, err := f.client(t).Rotate(t.Context(), r)
	if f.failed(t, err, CodeNotThere, tributary.FixMSSP); !errors.Is(err, tributary.ErrNotFound) {
		t.Errorf("another application: %v", err)
	}
}

// TestRotateStopped: whoever waits for the proof may stop.
func TestRotateStopped(t *testing.T) {
	t.Parallel()
	f, k := registered(t, true)
	ctx, cancel := context.WithCancel(t.Context())
	r := k.rotation(k.inUse, true)
	r.Patience = time.Hour
	r.Prove = func(context.Context, tributary.App) error { cancel(); return errors.New("not yet") }
	old := k.inUse
	_, err := f.client(t).Rotate(ctx, r)
	f.failed(t, err, CodeUnproven, tributary.FixMSSP)
	if !f.works(old) || !slices.ContainsFunc(f.outcome(), func(s string) bool { return strings.Contains(s, "certificate Tributary") }) {
		t.Error("the old credential is gone")
	}
}
