package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// AuditRecord is one line of who did what.
type AuditRecord struct {
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"` // "command", "system"
	User   string    `json:"user,omitempty"`
	Tenant string    `json:"tenant,omitempty"`
	Action string    `json:"action"` // such as "tenant paused", "token revealed"
	Detail string    `json:"detail,omitempty"`
}

// Audit keeps a record for good. It never holds a secret.
func (s *Store) Audit(ctx context.Context, r AuditRecord) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("keep the audit record %q: %w", r.Action, err)
	}
	tenant := token(r.Tenant)
	if tenant == "" {
		tenant = "=" // of no tenant; the token of a name is never this
	}
	msg := nats.NewMsg("audit." + token(r.Actor) + "." + tenant)
	msg.Data = text
	if _, err := s.js.PublishMsg(ctx, msg); err != nil {
		return s.fault("keep the audit record "+r.Action, r.Tenant, err)
	}
	return nil
}
