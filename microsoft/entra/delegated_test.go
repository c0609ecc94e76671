package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tributary"
)

// rotating answers refreshes as Entra does: a new refresh token each time, the
// old ones good for ever, but for those in dead. Tokens count on: refresh-1
// gives refresh-2 and access token 1.
type rotating struct {
	mu   sync.Mutex
	log  *journal
	n    int
	dead map[string]reply
	v1   bool
	also func() // called before each answer
}

func (r *rotating) answer(path string, form url.Values) reply {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.also != nil {
		r.also()
	}
	with := form.Get("refresh_token")
	if refusal, ok := r.dead[with]; ok {
		r.log.add("refused %s", with)
		return refusal
	}
	r.n++
	r.log.add("%s gives refresh-%d", with, r.n+1)
	body := map[string]any{"token_type": "Bearer", "access_token": access(r.n), "refresh_token": fmt.Sprintf("refresh-%d", r.n+1)}
	if r.v1 {
		body["expires_in"], body["ext_expires_in"], body["expires_on"], body["not_before"], body["resource"] = "3599", "0", "1999999999", "1", form.Get("resource")
	} else {
		body["expires_in"], body["scope"] = 3599, form.Get("scope")
	}
	return reply{body: body}
}

func deadToken() reply {
	return errorReply(400, "invalid_grant", "bad_token", "AADSTS700082: The refresh token has expired due to inactivity.", 700082)
}

func grant(refresh, previous string) tributary.Grant {
	return tributary.Grant{
		RefreshToken: tributary.NewSecret(refresh), Previous: tributary.NewSecret(previous),
		ClientID: clientID, Account: "anna@contoso.com", Obtained: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

// newRotating is a bench for a delegated tenant that holds refresh-1.
func newRotating(t *testing.T) (*bench, *rotating) {
	t.Helper()
	r := &rotating{dead: map[string]reply{}}
	b := newBench(t, tributary.AuthDelegated, r.answer)
	r.log = b.fake.log
	b.grants.set("contoso", grant("refresh-1", ""))
	return b, r
}

// story is the journal without the requests' own lines.
func (b *bench) story() []string {
	return slices.DeleteFunc(b.fake.log.all(), func(s string) bool { return strings.HasPrefix(s, "POST") })
}

func (b *bench) tells(t *testing.T, want ...string) {
	t.Helper()
	if got := b.story(); !slices.Equal(got, want) {
		t.Errorf("what happened:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// The store has the new refresh token before anybody has the access token.
func TestRotationIsStoredFirst(t *testing.T) {
	t.Parallel()
	b, _ := newRotating(t)
	tok := b.get(t, graph)
	b.fake.log.add("handed out")
	if tok.Value.Reveal() != access(1) {
		t.Error("another token")
	}
	b.clock.add(time.Hour)
	b.get(t, graph)
	b.tells(t,
		"refresh-1 gives refresh-2",
		"stored refresh-2, before it refresh-1", // refresh-1 has just worked: it stays until refresh-2 has
		"handed out",
		"refresh-2 gives refresh-3",
		"stored refresh-3, before it refresh-2",
	)
	g, _, err := b.grants.Grant(t.Context(), "contoso")
	if err != nil {
		t.Fatal(err)
	}
	want := grant("", "")
	if !g.Rotated.Equal(b.clock.now()) || !g.Obtained.Equal(want.Obtained) || g.Account != want.Account || g.ClientID != want.ClientID {
		t.Errorf("stored %+v", g)
	}
}

func TestRefreshForms(t *testing.T) {
	t.Parallel()
	for _, v1 := range []bool{false, true} {
		t.Run(fmt.Sprintf("v1=%v", v1), func(t *testing.T) {
			t.Parallel()
			var path string
			var form url.Values
			b, r := newRotating(t)
			r.v1 = v1
			b.fake.script = func(p string, f url.Values) reply {
				path, form = p, f
				return r.answer(p, f)
			}
			g := grant("refresh-1", "")
			g.V1 = v1
			b.grants.set("contoso", g)
			tok := b.get(t, siem)
			if got := tok.Expires.Sub(b.clock.now()); got != 3599*time.Second {
				t.Errorf("expires after %v", got) // by expires_in, whatever expires_on says
			}
			wantPath, key, value := v2token, "scope", siem+"/.default offline_access"
			if v1 {
				wantPath, key, value = "/"+tenantID+"/oauth2/token", "resource", siem
			}
			if path != wantPath || form.Get(key) != value || form.Get("client_secret") != testSecret {
				t.Errorf("asked %s with %s=%q", path, key, form.Get(key))
			}
		})
	}
}

// One refresh at a time for a tenant, also for different APIs: each gets the
// refresh token that the one before it has stored.
func TestRefreshesFollowEachOther(t *testing.T) {
	t.Parallel()
	b, _ := newRotating(t)
	var wg sync.WaitGroup
	for _, api := range []string{graph, mde, siem, graph, mde, siem} {
		wg.Go(func() {
			if _, err := b.Token(t.Context(), b.tenant, api); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b.tells(t,
		"refresh-1 gives refresh-2", "stored refresh-2, before it refresh-1",
		"refresh-2 gives refresh-3", "stored refresh-3, before it refresh-2",
		"refresh-3 gives refresh-4", "stored refresh-4, before it refresh-3",
	)
}

// The machine stops between Entra's answer and the store: the old refresh
// token is still the stored one, and still works.
func TestStopBetweenAnswerAndStore(t *testing.T) {
	t.Parallel()
	b, _ := newRotating(t)
	full := &tributary.Error{Code: tributary.CodeDiskFull, Op: "write", Err: errors.New("no space"), Fix: tributary.FixMSSP, Next: "free some space"}
	b.grants.before = func(put int) error {
		if put == 1 {
			return full
		}
		return nil
	}
	e := b.refused(t, graph)
	if e.Code != tributary.CodeDiskFull || e.Next != full.Next || !errors.Is(e, full) || !strings.Contains(e.Op, "store") {
		t.Errorf("got %s: %v; next: %s", e.Code, e, e.Next)
	}
	b.refused(t, graph) // not rotated again at once for nothing
	b.tells(t, "refresh-1 gives refresh-2")
	b.clock.add(waits[0])
	b.get(t, graph)
	b.tells(t, "refresh-1 gives refresh-2", "refresh-1 gives refresh-3", "stored refresh-3, before it refresh-1")
}

func TestStoreThatFailsIsNotAskedForEver(t *testing.T) {
	t.Parallel()
	b, _ := newRotating(t)
	b.grants.before = func(int) error { return errors.New("the stream doesn't answer") }
	for range 3 {
		if e := b.refused(t, graph); e.Fix != tributary.FixRetry || !strings.Contains(e.Error(), "the stream doesn't answer") {
			t.Errorf("got %s: %v", e.Fix, e)
		}
	}
	b.tells(t, "refresh-1 gives refresh-2")
}

// The caller has gone, but the refresh token that arrives is stored.
func TestStoredThoughCallerIsGone(t *testing.T) {
	t.Parallel()
	b, r := newRotating(t)
	ctx, cancel := context.WithCancel(t.Context())
	r.also = cancel
	if _, err := b.Token(ctx, b.tenant, graph); !errors.Is(err, context.Canceled) && err != nil {
		t.Errorf("got %v", err)
	}
	b.get(t, graph) // waits for the flight, or takes what it has brought
	b.tells(t, "refresh-1 gives refresh-2", "stored refresh-2, before it refresh-1")
}

// The answer took nearly all of a request's time, and the store is slow: the
// refresh token is stored all the same.
func TestStoredThoughAnswerIsLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{t: t, log: &journal{}}
		r := &rotating{log: f.log, also: func() { <-time.After(flightTime - time.Second) }}
		f.script = r.answer
		b := benchOn(f, tributary.AuthDelegated)
		b.grants.set("contoso", grant("refresh-1", ""))
		b.grants.before = func(int) error {
			<-time.After(storeTime - time.Second)
			return nil
		}
		b.get(t, graph)
		b.tells(t, "refresh-1 gives refresh-2", "stored refresh-2, before it refresh-1")
	})
}

// Another instance rotates at the same time and is first: its refresh token is
// the stored one, so it is the one to go on with.
func TestConflict(t *testing.T) {
	t.Parallel()
	b, _ := newRotating(t)
	b.grants.before = func(put int) error {
		if put == 1 {
			b.grants.set("contoso", grant("theirs", "refresh-1"))
		}
		return nil
	}
	b.get(t, graph)
	b.tells(t, "refresh-1 gives refresh-2", "conflict", "theirs gives refresh-3", "stored refresh-3, before it theirs")
}

func TestConflictWithoutEnd(t *testing.T) {
	t.Parallel()
	b, _ := newRotating(t)
	b.grants.before = func(put int) error {
		b.grants.set("contoso", grant(fmt.Sprint("theirs-", put), ""))
		return nil
	}
	e := b.refused(t, graph)
	if e.Fix != tributary.FixRetry || !errors.Is(e, tributary.ErrConflict) {
		t.Errorf("got %s: %v", e.Fix, e)
	}
	if n := b.fake.log.count("conflict"); n != rounds {
		t.Errorf("%d rounds, want %d", n, rounds)
	}
}

// The new refresh token never worked (it was lost on its way, say): the one
// before it does.
func TestPreviousRefreshToken(t *testing.T) {
	t.Parallel()
	b, r := newRotating(t)
	b.grants.set("contoso", grant("lost", "refresh-1"))
	r.dead["lost"] = deadToken()
	b.get(t, graph)
	b.tells(t, "refused lost", "refresh-1 gives refresh-2", "stored refresh-2, before it refresh-1")
}

func TestPreviousIsTriedOnce(t *testing.T) {
	t.Parallel()
	b, r := newRotating(t)
	b.grants.set("contoso", grant("new", "old"))
	r.dead["new"], r.dead["old"] = deadToken(), deadToken()
	e := b.refused(t, graph)
	if e.Code != tributary.CodeSignInAgain || e.Fix != tributary.FixMSSP || !strings.Contains(e.Next, "tributary tenant connect contoso") {
		t.Errorf("got %s, %s: %s", e.Code, e.Fix, e.Next)
	}
	b.refused(t, graph)
	b.tells(t, "refused new", "refused old")

	// Somebody signs in again: no need to wait for that. Refused too, it isn't
	// waited for as long as the old one had come to be.
	b.clock.add(waits[0])
	b.refused(t, graph)
	r.dead["stillborn"] = deadToken()
	b.grants.set("contoso", grant("stillborn", ""))
	b.refused(t, graph)
	b.clock.add(waits[0])
	b.refused(t, graph)
	b.tells(t, "refused new", "refused old", "refused new", "refused old", "refused stillborn", "refused stillborn")
	b.grants.set("contoso", grant("fresh", ""))
	b.get(t, graph)
	if got := b.story(); !slices.Equal(got[6:], []string{"fresh gives refresh-2", "stored refresh-2, before it fresh"}) {
		t.Errorf("after the new sign-in: %v", got)
	}
}

// The refused refresh token is an old one: another instance stored a newer one
// since it was read.
func TestNewerGrantIsReadBeforePrevious(t *testing.T) {
	t.Parallel()
	b, r := newRotating(t)
	b.grants.set("contoso", grant("stale", "older"))
	r.dead["stale"] = deadToken()
	r.also = func() {
		r.also = nil
		b.grants.set("contoso", grant("theirs", "stale"))
	}
	b.get(t, graph)
	b.tells(t, "refused stale", "theirs gives refresh-2", "stored refresh-2, before it theirs")
}

// Only a refused refresh token is a reason to try the one before it.
func TestPreviousIsNotForOtherErrors(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]reply{
		"secret":  errorReply(401, "invalid_client", "", "AADSTS7000215: wrong", 7000215),
		"policy":  errorReply(400, "invalid_grant", "message_only", "AADSTS53003: blocked", 53003),
		"consent": errorReply(400, "invalid_grant", "consent_required", "AADSTS65001: no consent", 65001),
		"fault":   {status: 503, body: "busy"},
	} {
		b, r := newRotating(t)
		b.grants.set("contoso", grant("new", "old"))
		r.dead["new"] = refusal
		b.refused(t, graph)
		if got := b.story(); !slices.Equal(got, []string{"refused new"}) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Entra may keep the refresh token as it is. Once it has worked, the one before
// it isn't needed any more.
func TestNoRotation(t *testing.T) {
	t.Parallel()
	b, _ := newRotating(t)
	b.fake.script = numbered(3599)
	b.grants.set("contoso", grant("same", "older"))
	b.get(t, graph)
	b.clock.add(time.Hour)
	b.get(t, graph)
	b.tells(t, "stored same, before it ")
}

func TestPublicGrantSendsNoCredential(t *testing.T) {
	t.Parallel()
	b, r := newRotating(t)
	var sent url.Values
	b.fake.script = func(path string, form url.Values) reply {
		sent = form
		return r.answer(path, form)
	}
	g := grant("refresh-1", "")
	g.Public = true
	b.grants.set("contoso", g)
	b.get(t, graph)
	if sent.Has("client_secret") || sent.Has("client_assertion") {
		t.Errorf("sent %v", sent)
	}
	if after, _, _ := b.grants.Grant(t.Context(), "contoso"); !after.Public {
		t.Error("the rotated grant has forgotten it")
	}
}

func TestGrantsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	other := grant("refresh-1", "")
	other.ClientID = otherID
	for name, tt := range map[string]struct {
		g    *tributary.Grant
		says string
	}{
		"none":                {nil, "nobody has signed in"},
		"empty":               {&tributary.Grant{ClientID: clientID}, "no refresh token"},
		"another application": {&other, otherID},
	} {
		b, _ := newRotating(t)
		if delete(b.grants.grants, "contoso"); tt.g != nil {
			b.grants.set("contoso", *tt.g)
		}
		e := b.refused(t, graph)
		if e.Code != tributary.CodeSignInAgain || e.Fix != tributary.FixMSSP || !strings.Contains(e.Error(), tt.says) {
			t.Errorf("%s: got %s: %v", name, e.Code, e)
		}
		if n := len(b.fake.log.all()); n != 0 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
	b, _ := newRotating(t)
	b.cfg.Grants = nil
	b.refused(t, graph)
}

func TestStoreThatCannotBeRead(t *testing.T) {
	t.Parallel()
	b, _ := newRotating(t)
	b.cfg.Grants = brokenGrants{b.grants}
	if e := b.refused(t, graph); e.Fix != tributary.FixRetry || !strings.Contains(e.Error(), "no answer from the store") {
		t.Errorf("got %s: %v", e.Fix, e)
	}
}

type brokenGrants struct{ *memory }

func (brokenGrants) Grant(context.Context, string) (tributary.Grant, uint64, error) {
	return tributary.Grant{}, 0, errors.New("no answer from the store")
}

// Answers of 200 that are none.
func TestAnswersWithoutToken(t *testing.T) {
	t.Parallel()
	for _, auth := range []tributary.AuthMethod{tributary.AuthAppOnly, tributary.AuthDelegated} {
		for name, body := range map[string]string{
			"page": "<html>Please accept our terms</html>", "empty": "", "no token": `{"token_type":"Bearer","expires_in":3599}`,
			"cut": `{"token_type":"Bearer","access_token":"eyJhbGciOiJub25lIn0.secretpayload`,
		} {
			b := newBench(t, auth, func(string, url.Values) reply {
				return reply{header: http.Header{"Content-Type": {"application/json"}}, body: body}
			})
			b.grants.set("contoso", grant("refresh-1", ""))
			e := b.refused(t, graph)
			if e.Code != tributary.CodeUnavailable || e.Fix != tributary.FixRetry {
				t.Errorf("%s, %s: got %s, %s: %v", auth, name, e.Code, e.Fix, e)
			}
			if strings.Contains(e.Error(), "secretpayload") {
				t.Errorf("%s, %s: the error quotes the token: %v", auth, name, e)
			}
		}
	}
}
