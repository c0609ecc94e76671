package invite

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tributary"
	"tributary/microsoft/entra"
)

// opened is an invitation as its link opened it.
type opened struct {
	token  string
	record record
	tenant tributary.Tenant
	state  State
}

// open reads a link. Where it leads to nothing, it returns the kind of page that
// says so.
func (s *Invites) open(r *http.Request) (o opened, refused string, err error) {
	o.token = r.PathValue("token")
	t, err := s.signer.readLink(o.token)
	if err != nil {
		return o, "unknown", nil
	}
	o.record, _, err = s.load(r.Context(), t.id)
	if errors.Is(err, tributary.ErrNotFound) {
		return o, "unknown", nil
	}
	if err != nil {
		return o, "", err
	}
	if o.record.TenantID != t.tenantID || o.record.Way != t.way || !o.record.Expires.Equal(t.expires) {
		return o, "unknown", nil
	}
	o.tenant, refused, err = s.tenantOf(r.Context(), o.record)
	o.state = o.record.State(s.c.Now())
	return o, refused, err
}

// tenantOf finds the tenant that an invitation is for. Where it is no longer
// what it was, the invitation is for nobody.
func (s *Invites) tenantOf(ctx context.Context, r record) (tributary.Tenant, string, error) {
	t, err := s.c.Tenant(ctx, r.Tenant)
	if errors.Is(err, tributary.ErrNotFound) {
		return t, "withdrawn", nil
	}
	if err == nil && (!strings.EqualFold(t.ID, r.TenantID) || t.Auth != r.Way) {
		return t, "withdrawn", nil
	}
	return t, "", err
}

// showInvite shows where an invitation stands. It changes nothing: mail
// scanners open every link.
func (s *Invites) showInvite(w http.ResponseWriter, r *http.Request) {
	o, refused, err := s.open(r)
	if err != nil {
		s.broken(w, r, err)
		return
	}
	if refused != "" {
		s.refuse(w, r, refused)
		return
	}
	browser := s.browser(r)
	switch o.state {
	case Completed:
		if browser == "" || browser != o.record.By {
			s.refuse(w, r, "used")
			return
		}
		s.show(w, r, http.StatusOK, page{Kind: "done", opened: &o})
	case Revoked:
		s.refuse(w, r, "withdrawn")
	case Expired:
		s.refuse(w, r, "expired")
	default:
		p := page{Kind: "ask", opened: &o}
		if a := o.record.failed(browser); a != nil {
			p.Kind, p.Failure = "failed", a.Failure
			if a.Failure.Declined {
				p.Kind = "declined"
			}
		}
		s.show(w, r, http.StatusOK, p)
	}
}

// refuse shows why a link leads nowhere.
func (s *Invites) refuse(w http.ResponseWriter, r *http.Request, kind string) {
	status := http.StatusGone
	switch kind {
	case "unknown":
		status = http.StatusNotFound
	case "stray", "elsewhere":
		status = http.StatusBadRequest
	}
	s.show(w, r, status, page{Kind: kind})
}

// broken is for a failure of ours. The person is told no more than that.
func (s *Invites) broken(w http.ResponseWriter, r *http.Request, err error) {
	s.c.Log.Error("serve an invitation", "err", err)
	s.show(w, r, http.StatusInternalServerError, page{Kind: "broken"})
}

// begin sends the person to Microsoft.
func (s *Invites) begin(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.refuse(w, r, "stray")
		return
	}
	o, refused, err := s.open(r)
	switch {
	case err != nil:
		s.broken(w, r, err)
		return
	case refused != "":
		s.refuse(w, r, refused)
		return
	case o.state != Issued && o.state != Opened:
		s.showInvite(w, r)
		return
	}
	state, nonce, err := s.signer.newState(o.record.ID)
	if err != nil {
		s.broken(w, r, err)
		return
	}
	address, pending, err := s.c.Connector.Away(o.tenant, s.RedirectURI(), state, o.record.V1)
	if err != nil {
		s.broken(w, r, err)
		return
	}
	a := attempt{
		Nonce: nonce, Browser: s.markBrowser(w, r), Language: s.language(r).code, Begun: s.c.Now().UTC(),
		Verifier: pending.Verifier.Reveal(), // sealed with the record
		Redirect: pending.RedirectURI,
	}
	_, err = s.change(r.Context(), o.record.ID, func(rec *record) error {
		if st := rec.State(s.c.Now()); st != Issued && st != Opened {
			return errSettled
		}
		if rec.Opened.IsZero() {
			rec.Opened = a.Begun.Truncate(time.Second)
		}
		rec.Attempts = append(rec.Attempts, a)
		if over := len(rec.Attempts) - maxAttempts; over > 0 {
			rec.Attempts = rec.Attempts[over:]
		}
		return nil
	})
	if errors.Is(err, errSettled) {
		s.showInvite(w, r)
		return
	}
	if err != nil {
		s.broken(w, r, err)
		return
	}
	s.c.Log.Info("a customer goes to Microsoft", "invitation", o.record.ID, "tenant", o.record.Tenant)
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// callback takes the answer that Microsoft sends the browser back with, once,
// and leads on to the invitation's page: the address with the code stays
// neither in the address bar nor in the history.
func (s *Invites) callback(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // the pattern lets HEAD in too
		w.Header().Set("Allow", http.MethodGet)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	answer := r.URL.Query()
	id, nonce, err := s.signer.readState(answer.Get("state"))
	if err != nil {
		s.refuse(w, r, "stray")
		return
	}
	// What has been begun is finished even if the person closes the window: a
	// code is good once.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), workTime)
	defer cancel()
	rec, a, refused, err := s.claim(ctx, id, nonce, s.browser(r))
	if err != nil {
		s.broken(w, r, err)
		return
	}
	if refused != "" {
		s.refuse(w, r, refused)
		return
	}
	if a != nil {
		if refused, err = s.finish(ctx, rec, *a, answer); err != nil {
			s.broken(w, r, err)
			return
		}
		if refused != "" {
			s.refuse(w, r, refused)
			return
		}
	}
	link, err := s.link(rec.Invite)
	if err != nil {
		s.broken(w, r, err)
		return
	}
	if a := rec.attempt(nonce); a != nil && s.texts.byCode[a.Language] != nil {
		link += "?lang=" + url.QueryEscape(a.Language)
	}
	http.Redirect(w, r, link, http.StatusSeeOther)
}

// claim takes an attempt, which is then used up. It returns none where there
// is nothing left to do, because the attempt or the invitation is done with.
func (s *Invites) claim(ctx context.Context, id, nonce, browser string) (record, *attempt, string, error) {
	var taken *attempt
	refused := ""
	now := s.c.Now()
	rec, err := s.change(ctx, id, func(r *record) error {
		taken, refused = nil, ""
		a := r.attempt(nonce)
		switch {
		case a == nil:
			refused = "stray" // pushed out by later ones, or of an invitation that was made anew
		case browser == "" || a.Browser != browser:
			refused = "elsewhere"
		case !r.Revoked.IsZero():
			refused = "withdrawn"
		case !r.Completed.IsZero() || !a.Used.IsZero():
		case now.Sub(a.Begun) > attemptLife:
			refused = "late"
		default:
			kept := *a
			taken = &kept
			a.Used, a.Verifier = now.UTC(), ""
			return nil
		}
		return errSettled
	})
	switch {
	case errors.Is(err, tributary.ErrNotFound):
		return rec, nil, "stray", nil
	case errors.Is(err, errSettled):
		return rec, nil, refused, nil
	}
	return rec, taken, "", err
}

// finish lets Microsoft prove what the browser brought, keeps it and notes how
// it ended.
func (s *Invites) finish(ctx context.Context, rec record, a attempt, answer url.Values) (refused string, err error) {
	t, refused, err := s.tenantOf(ctx, rec)
	if err != nil || refused != "" {
		return refused, err
	}
	pending := entra.Pending{State: answer.Get("state"), Verifier: tributary.NewSecret(a.Verifier), RedirectURI: a.Redirect}
	grant, err := s.c.Connector.Back(ctx, t, pending, rec.V1, answer, s.c.Patience)
	if err != nil {
		return "", s.failed(ctx, rec, a.Nonce, t, err)
	}
	// It may have been withdrawn, or completed in another tab, meanwhile.
	now, _, err := s.load(ctx, rec.ID)
	switch {
	case err != nil:
		return "", err
	case !now.Revoked.IsZero():
		return "withdrawn", nil
	case !now.Completed.IsZero():
		return "", nil
	}
	detail := "consent by invitation " + rec.ID
	if t.Auth == tributary.AuthDelegated {
		if err := s.c.Connector.Keep(ctx, t, grant); err != nil {
			return "", s.failed(ctx, rec, a.Nonce, t, err)
		}
		detail = "signed in as " + grant.Account + " by invitation " + rec.ID
	}
	_, err = s.change(ctx, rec.ID, func(r *record) error {
		if r.Completed.IsZero() {
			r.Completed, r.By, r.Account = s.c.Now().UTC().Truncate(time.Second), a.Browser, grant.Account
		}
		for i := range r.Attempts {
			r.Attempts[i].Verifier = "" // nobody needs the others any more
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	s.c.Log.Info("a customer has let us in", "invitation", rec.ID, "tenant", t.Slug, "account", grant.Account)
	return "", s.c.Connected(ctx, t, detail)
}

// failed notes for the person why an attempt came to nothing.
func (s *Invites) failed(ctx context.Context, rec record, nonce string, t tributary.Tenant, err error) error {
	e := tributary.AsError(err)
	if e == nil {
		return err // a failure of ours, not of the person's
	}
	s.c.Log.Warn("an invitation's attempt failed", "invitation", rec.ID, "tenant", t.Slug, "code", e.Code, "err", e, "next", e.Next)
	f := &failure{Code: e.Code, Fix: e.Fix, Text: strings.TrimPrefix(e.Error(), e.Tenant+": ")}
	if answer, ok := errors.AsType[*entra.Answer](err); ok {
		f.Customer = answer.Customer
		// The consent page says permission_denied, the sign-in access_denied.
		f.Declined = answer.Code == "access_denied" || answer.Code == "permission_denied"
		for _, n := range answer.Numbers {
			f.Declined = f.Declined || n == 65004
		}
	}
	_, changed := s.change(ctx, rec.ID, func(r *record) error {
		if a := r.attempt(nonce); a != nil {
			a.Failure = f
		}
		return nil
	})
	if s.c.Failed != nil {
		s.c.Failed(ctx, t, "invitation "+rec.ID+": "+e.Code)
	}
	return changed
}
