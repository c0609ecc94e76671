package invite

import (
	"time"

	"tributary"
)

// Mail is the message that carries an invitation, for the MSSP to send.
type Mail struct {
	Link    string `json:"link"`
	Subject string `json:"subject"`
	Body    string `json:"body"` // plain text
}

func (s *Invites) mail(i Invite, t tributary.Tenant, link string) Mail {
	l := s.texts.byCode[i.Language]
	names := s.names(t, l)
	names["link"], names["expires"] = link, day(i.Expires)
	w := l.with(names)
	return Mail{Link: link, Subject: w.T("mail.subject"), Body: w.T("mail.body."+string(i.Way)) + "\n"}
}

// names are what texts speak of.
func (s *Invites) names(t tributary.Tenant, l *language) map[string]string {
	customer := t.Name
	if customer == "" {
		customer = l.texts["customer"] // the slug is ours, and not for the customer's eyes
	}
	client := ""
	if app, err := s.c.Connector.App(t); err == nil {
		client = app.ClientID
	}
	return map[string]string{"mssp": s.c.Name, "customer": customer, "tenant_id": t.ID, "client_id": client}
}

// day is a date that reads the same everywhere.
func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
