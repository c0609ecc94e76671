package invite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary"
)

// Records keeps sealed invitations durably, with compare-and-set. The stream
// does.
type Records interface {
	SealedInvite(ctx context.Context, id string) (sealed []byte, revision uint64, err error)
	PutSealedInvite(ctx context.Context, id string, sealed []byte, revision uint64) (uint64, error)
	SealedInvites(ctx context.Context) (map[string][]byte, error)
	RemoveInvite(ctx context.Context, id string) error
}

// State is where an invitation stands.
type State string

// The states of an invitation, in their order.
const (
	Issued    State = "issued"    // nobody has gone on to Microsoft yet
	Opened    State = "opened"    // somebody has, and is not done
	Completed State = "completed" // the customer has let us in
	Revoked   State = "revoked"   // withdrawn by us
	Expired   State = "expired"   // not completed in time
)

// Invite is one invitation.
type Invite struct {
	ID        string               `json:"id"`
	Tenant    string               `json:"tenant"` // slug
	TenantID  string               `json:"tenant_id"`
	Way       tributary.AuthMethod `json:"auth"`
	V1        bool                 `json:"v1,omitempty"` // sign in at the v1 endpoints
	Language  string               `json:"language"`     // of the mail
	Issued    time.Time            `json:"issued"`
	Expires   time.Time            `json:"expires"`
	Opened    time.Time            `json:"opened,omitzero"` // first
	Completed time.Time            `json:"completed,omitzero"`
	Revoked   time.Time            `json:"revoked,omitzero"`
	Account   string               `json:"account,omitempty"` // who signed in; empty for app-only
}

// State is where the invitation stands at a time.
func (i Invite) State(now time.Time) State {
	switch {
	case !i.Completed.IsZero():
		return Completed
	case !i.Revoked.IsZero():
		return Revoked
	case !now.Before(i.Expires):
		return Expired
	case !i.Opened.IsZero():
		return Opened
	}
	return Issued
}

// record is an invitation as it lies inside the seal.
type record struct {
	Invite
	By       string    `json:"by,omitempty"` // the browser that completed it
	Attempts []attempt `json:"attempts,omitempty"`
}

// attempt is one way of a browser to Microsoft and back. Each tab has its own.
type attempt struct {
	Nonce    string    `json:"nonce"`
	Browser  string    `json:"browser"` // hash of its cookie
	Language string    `json:"language"`
	Begun    time.Time `json:"begun"`
	Verifier string    `json:"verifier,omitempty"` // gone once it has been used
	Redirect string    `json:"redirect"`
	Used     time.Time `json:"used,omitzero"`
	Failure  *failure  `json:"failure,omitempty"`
}

// failure is what the person is told of an attempt that failed.
type failure struct {
	Code     string          `json:"code"`
	Fix      tributary.Fixer `json:"fix"`
	Declined bool            `json:"declined,omitempty"`
	Text     string          `json:"text"`
	Customer string          `json:"customer,omitempty"`
}

// maxAttempts is kept of an invitation; the oldest goes first.
const maxAttempts = 8

// attemptLife is how long a person may be away at Microsoft.
const attemptLife = time.Hour

func (r *record) attempt(nonce string) *attempt {
	for i := range r.Attempts {
		if r.Attempts[i].Nonce == nonce {
			return &r.Attempts[i]
		}
	}
	return nil
}

// failed is the newest attempt of a browser that has come back, if it came to
// nothing.
func (r *record) failed(browser string) *attempt {
	for _, a := range slices.Backward(r.Attempts) {
		if browser != "" && a.Browser == browser && !a.Used.IsZero() {
			if a.Failure == nil {
				return nil
			}
			return &a
		}
	}
	return nil
}

func recordName(id string) string { return "invite/" + id }

func (s *Invites) load(ctx context.Context, id string) (record, uint64, error) {
	sealed, revision, err := s.c.Records.SealedInvite(ctx, id)
	if err != nil {
		return record{}, 0, err
	}
	r, err := s.unseal(id, sealed)
	return r, revision, err
}

func (s *Invites) unseal(id string, sealed []byte) (record, error) {
	var r record
	plain, err := s.c.Vault.Open(recordName(id), sealed)
	if err != nil {
		return r, fmt.Errorf("open the invitation %s: %w", id, err)
	}
	if err := json.Unmarshal(plain, &r); err != nil || r.ID != id {
		return r, fmt.Errorf("open the invitation %s: it is not an invitation", id)
	}
	return r, nil
}

func (s *Invites) store(ctx context.Context, r record, revision uint64) error {
	plain, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("seal the invitation %s: %w", r.ID, err)
	}
	sealed, err := s.c.Vault.Seal(recordName(r.ID), plain)
	if err != nil {
		return fmt.Errorf("seal the invitation %s: %w", r.ID, err)
	}
	_, err = s.c.Records.PutSealedInvite(ctx, r.ID, sealed, revision)
	return err
}

// errSettled ends a change that is no longer to be made.
var errSettled = errors.New("the invitation has been settled meanwhile")

// change reads an invitation, lets f change it and stores it, again if
// somebody else was faster. An error of f ends it without a change.
func (s *Invites) change(ctx context.Context, id string, f func(*record) error) (record, error) {
	for {
		r, revision, err := s.load(ctx, id)
		if err != nil {
			return r, err
		}
		if err := f(&r); err != nil {
			return r, err
		}
		err = s.store(ctx, r, revision)
		if !errors.Is(err, tributary.ErrConflict) {
			return r, err
		}
	}
}

// all lists what the store has, by tenant and age.
func (s *Invites) all(ctx context.Context) ([]record, error) {
	sealed, err := s.c.Records.SealedInvites(ctx)
	if err != nil {
		return nil, err
	}
	var list []record
	for id, text := range sealed {
		r, err := s.unseal(id, text)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b record) int {
		if c := strings.Compare(a.Tenant, b.Tenant); c != 0 {
			return c
		}
		return a.Issued.Compare(b.Issued)
	})
	return list, nil
}
