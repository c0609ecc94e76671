package invite

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tributary"
)

var bothWays = []tributary.AuthMethod{tributary.AuthAppOnly, tributary.AuthDelegated}

// TestInvited is the whole road: the mail's link, Microsoft, and back.
func TestInvited(t *testing.T) {
	t.Parallel()
	for _, auth := range bothWays {
		t.Run(string(auth), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, auth)
			i, link := l.issue(t)
			v := l.visitor(t)

			// Looking changes nothing: mail scanners look at every link.
			v.get(t, link).want(t, http.StatusOK, "Fabrikam Security asks to read", l.tenant.Name, "SecurityAlert.Read.All", "Enterprise", l.microsoft.App().ClientID)
			if got := l.state(t, i.ID); got != Issued {
				t.Errorf("%s after a look", got)
			}
			address := v.goOn(t, link)
			if got := l.state(t, i.ID); got != Opened {
				t.Errorf("%s after the button", got)
			}
			if !strings.Contains(address, l.tenant.ID) {
				t.Errorf("Microsoft is asked for any tenant: %s", address)
			}
			back := v.atMicrosoft(t, address, false)
			// The button was pressed on the Swedish page.
			v.comeBack(t, back).want(t, http.StatusOK, "Tack, det lyckades", `lang="sv"`)
			v.get(t, link+"?lang=en").want(t, http.StatusOK, "Thank you")
			if got := l.state(t, i.ID); got != Completed {
				t.Errorf("%s after coming back", got)
			}
			want := l.tenant.Slug + " consent by invitation " + i.ID
			if auth == tributary.AuthDelegated {
				admin := l.microsoft.Admin(l.tenant.ID).User
				want = l.tenant.Slug + " signed in as " + admin + " by invitation " + i.ID
				grant, _, err := l.c.Connector.Grants.Grant(t.Context(), l.tenant.Slug)
				if err != nil || grant.Account != admin {
					t.Errorf("grant of %q, %v", grant.Account, err)
				}
			}
			if len(l.connected) != 1 || l.connected[0] != want {
				t.Errorf("connected %q, want %q", l.connected, want)
			}
			// The tenant lets us in.
			if _, err := l.c.Connector.Tokens.Token(t.Context(), l.tenant, l.microsoft.Cloud().Resource(tributary.SourceGraph)); err != nil {
				t.Error(err)
			}
			l.replay(t, v, link, back)
			l.wantNoSecrets(t, link, back)
		})
	}
}

// replay tries the link and the answer again, in the same browser and another.
func (l *lab) replay(t *testing.T, v *visitor, link, back string) {
	t.Helper()
	v.comeBack(t, back).want(t, http.StatusOK, "Tack")
	v.do(t, http.MethodPost, link, nil).want(t, http.StatusOK, "Thank you")
	other := l.visitor(t)
	other.get(t, link).want(t, http.StatusGone, "has been used")
	other.do(t, http.MethodPost, link, nil).want(t, http.StatusGone, "has been used")
	other.comeBack(t, back).want(t, http.StatusBadRequest, "another browser")
	if len(l.connected) != 1 {
		t.Errorf("connected %q", l.connected)
	}
}

// wantNoSecrets looks for what opens something in the log, and for what the
// records hold in the clear.
func (l *lab) wantNoSecrets(t *testing.T, link, back string) {
	t.Helper()
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for _, secret := range []string{strings.TrimPrefix(link, l.c.URL+invitePath), q.Get("code"), q.Get("state")} {
		if secret != "" && strings.Contains(l.log.String(), secret) {
			t.Errorf("the log holds a secret:\n%s", l.log.String())
		}
	}
	for key, sealed := range l.memory.sealed {
		if strings.Contains(string(sealed), "verifier") || strings.Contains(string(sealed), l.tenant.ID) {
			t.Errorf("%s lies in the clear", key)
		}
	}
}

func TestDeclined(t *testing.T) {
	t.Parallel()
	for _, auth := range bothWays {
		t.Run(string(auth), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, auth)
			i, link := l.issue(t)
			v := l.visitor(t)
			back := v.atMicrosoft(t, v.goOn(t, link), true)
			v.comeBack(t, back)
			v.get(t, link+"?lang=en").want(t, http.StatusOK, "You have not given consent", "Try again", "declined to consent")
			v.get(t, link+"?lang=sv").want(t, http.StatusOK, "Du har inte gett medgivande", "Försök igen")
			// Another person who has the link is not told of it.
			l.visitor(t).get(t, link).want(t, http.StatusOK, "Go on to Microsoft")
			if l.state(t, i.ID) != Opened || len(l.connected) != 0 || len(l.failures) != 1 || !strings.Contains(l.failures[0], i.ID+": consent-missing") {
				t.Errorf("%s, connected %q, failures %q", l.state(t, i.ID), l.connected, l.failures)
			}
			// A change of mind.
			v.comeBack(t, v.atMicrosoft(t, v.goOn(t, link), false)).want(t, http.StatusOK, "Tack")
			if len(l.connected) != 1 {
				t.Errorf("connected %q", l.connected)
			}
		})
	}
}

// Somebody who says that consent was given has not given it.
func TestConsentNotProven(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthAppOnly)
	i, link := l.issue(t)
	v := l.visitor(t)
	u, err := url.Parse(v.goOn(t, link))
	if err != nil {
		t.Fatal(err)
	}
	forged := l.c.URL + "/callback?" + url.Values{"admin_consent": {"True"}, "tenant": {l.tenant.ID}, "state": {u.Query().Get("state")}}.Encode()
	v.comeBack(t, forged)
	v.get(t, link).want(t, http.StatusOK, "This has not worked", "Consent has not been given")
	if l.state(t, i.ID) != Opened || len(l.connected) != 0 {
		t.Errorf("%s, connected %q", l.state(t, i.ID), l.connected)
	}
}

func TestTwoTabs(t *testing.T) {
	t.Parallel()
	for _, auth := range bothWays {
		t.Run(string(auth), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, auth)
			_, link := l.issue(t)
			v := l.visitor(t)
			first, second := v.goOn(t, link), v.goOn(t, link)
			a, b := v.atMicrosoft(t, first, false), v.atMicrosoft(t, second, false)
			if a == b {
				t.Fatal("two tabs have one answer")
			}
			// The tab that was opened first comes back last: both say that it worked.
			v.comeBack(t, b).want(t, http.StatusOK, "Tack")
			v.comeBack(t, a).want(t, http.StatusOK, "Tack")
			if len(l.connected) != 1 {
				t.Errorf("connected %q", l.connected)
			}
		})
	}
}

func TestRestarted(t *testing.T) {
	t.Parallel()
	for _, auth := range bothWays {
		t.Run(string(auth), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, auth)
			i, link := l.issue(t)
			v := l.visitor(t)
			back := v.atMicrosoft(t, v.goOn(t, link), false)
			l.start(t, l.c.URL)
			v.comeBack(t, back).want(t, http.StatusOK, "Tack")
			if l.state(t, i.ID) != Completed || len(l.connected) != 1 {
				t.Errorf("%s, connected %q", l.state(t, i.ID), l.connected)
			}
		})
	}
}

func TestExpired(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthDelegated)
	i, link := l.issue(t)
	v := l.visitor(t)
	address := v.goOn(t, link)
	l.later(DefaultLife - time.Minute)
	atTheEnd := v.goOn(t, link)
	l.later(time.Minute)
	v.get(t, link).want(t, http.StatusGone, "This invitation has ended")
	v.do(t, http.MethodPost, link, nil).want(t, http.StatusGone, "This invitation has ended")
	if got := l.state(t, i.ID); got != Expired {
		t.Errorf("%s after its end", got)
	}
	// Who was away for a week comes back in vain.
	v.comeBack(t, v.atMicrosoft(t, address, false)).want(t, http.StatusGone, "This took too long")
	if len(l.connected) != 0 {
		t.Errorf("connected %q", l.connected)
	}
	// Who went on in time may finish.
	v.comeBack(t, v.atMicrosoft(t, atTheEnd, false)).want(t, http.StatusOK, "Tack")
	if len(l.connected) != 1 {
		t.Errorf("connected %q", l.connected)
	}
}

func TestRevoked(t *testing.T) {
	t.Parallel()
	l := newLab(t, tributary.AuthDelegated)
	i, link := l.issue(t)
	v := l.visitor(t)
	back := v.atMicrosoft(t, v.goOn(t, link), false)
	if got, err := l.Revoke(t.Context(), i.ID); err != nil || got.State(l.clock()) != Revoked {
		t.Fatalf("%+v, %v", got, err)
	}
	v.comeBack(t, back).want(t, http.StatusGone, "withdrawn")
	v.get(t, link).want(t, http.StatusGone, "withdrawn")
	v.do(t, http.MethodPost, link, nil).want(t, http.StatusGone, "withdrawn")
	if _, _, err := l.c.Connector.Grants.Grant(t.Context(), l.tenant.Slug); !errors.Is(err, tributary.ErrNotFound) || len(l.connected) != 0 {
		t.Errorf("grant %v, connected %q", err, l.connected)
	}
	for _, id := range []string{"", "nonsense", newID()} {
		if _, err := l.Revoke(t.Context(), id); tributary.AsError(err) == nil {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// A tenant that is no longer what was invited lets nobody in.
func TestTenantChanged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*lab){
		"removed": func(l *lab) { delete(l.tenants, l.tenant.Slug) },
		"another way": func(l *lab) {
			c := l.tenant
			c.Auth = tributary.AuthAppOnly
			l.tenants[c.Slug] = c
		},
		"another directory": func(l *lab) {
			c := l.tenant
			c.ID = l.microsoft.Tenants()[1].ID
			l.tenants[c.Slug] = c
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, tributary.AuthDelegated)
			_, link := l.issue(t)
			v := l.visitor(t)
			back := v.atMicrosoft(t, v.goOn(t, link), false)
			l.mu.Lock()
			change(l)
			l.mu.Unlock()
			v.comeBack(t, back).want(t, http.StatusGone, "withdrawn")
			v.get(t, link).want(t, http.StatusGone, "withdrawn")
			if len(l.connected) != 0 {
				t.Errorf("connected %q", l.connected)
			}
		})
	}
}
