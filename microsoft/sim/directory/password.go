package directory

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"tributary/microsoft/sim/identity"
)

// passwordRoutes are the client secrets of a registration (Graph:
// application-addpassword, application-removepassword).
func passwordRoutes() []route {
	return []route{
		{http.MethodPost, "applications/{}/addPassword", [][]string{ownApplications}, addPassword},
		{http.MethodPost, "applications/{}/removePassword", [][]string{ownApplications}, removePassword},
	}
}

// secretYears is how long a secret lives if nobody says.
const secretYears = 2

func addPassword(c *call) {
	a, ok := c.application()
	if !ok {
		return
	}
	f, ok := c.read("passwordCredential")
	if !ok {
		return
	}
	in, err := f.object("passwordCredential", "displayName", "startDateTime", "endDateTime")
	if err != nil {
		c.badBody(err)
		return
	}
	text := newSecret()
	p := identity.NewPassword(text)
	p.KeyID = uuid.NewString()
	if err := in.to("displayName", &p.DisplayName); err != nil {
		c.badBody(err)
		return
	}
	if p.Start, err = in.moment("startDateTime"); err == nil {
		p.End, err = in.moment("endDateTime")
	}
	if p.Start.IsZero() {
		p.Start = c.Now().UTC()
	}
	if p.End.IsZero() {
		p.End = p.Start.AddDate(secretYears, 0, 0)
	}
	switch {
	case err != nil:
		c.badBody(err)
		return
	case !p.End.After(p.Start):
		c.refuse(http.StatusBadRequest, "CredentialInvalidEndDate", "Credential end date is invalid.")
		return
	}
	if _, err := c.Identity.UpdateApp(a.ClientID, func(a *identity.App) error {
		a.Passwords = append(a.Passwords, p)
		return nil
	}); err != nil {
		c.refuseChange(err)
		return
	}
	made := passwordObject(p)
	for i := range made {
		if made[i].name == "secretText" {
			made[i].value = text
		}
	}
	c.answer(http.StatusOK, append(object{{"@odata.context", c.base + "/$metadata#microsoft.graph.passwordCredential"}}, made...))
}

// newSecret makes one as Entra's are: 40 characters, a tilde among them.
func newSecret() string {
	b := make([]byte, 30)
	// Read never fails (crypto/rand).
	_, _ = rand.Read(b)
	text := strings.ReplaceAll(base64.RawURLEncoding.EncodeToString(b), "-", ".")
	return text[:3] + "8Q~" + text[6:]
}

func removePassword(c *call) {
	a, ok := c.application()
	if !ok {
		return
	}
	f, ok := c.read("keyId")
	if !ok {
		return
	}
	id, err := f.guid("keyId")
	if err != nil {
		c.badBody(err)
		return
	}
	if !slices.ContainsFunc(a.Passwords, func(p identity.Password) bool { return p.KeyID == id }) {
		c.bad("No password credential found with keyId.")
		return
	}
	if _, err := c.Identity.UpdateApp(a.ClientID, func(a *identity.App) error {
		a.Passwords = slices.DeleteFunc(a.Passwords, func(p identity.Password) bool { return p.KeyID == id })
		return nil
	}); err != nil {
		c.refuseChange(err)
		return
	}
	c.done()
}

func passwordObjects(list []identity.Password) []object {
	out := []object{}
	for _, p := range list {
		out = append(out, passwordObject(p))
	}
	return out
}

func passwordObject(p identity.Password) object {
	return object{
		{"customKeyIdentifier", nil}, {"displayName", orNull(p.DisplayName)}, {"endDateTime", moment(p.End)}, {"hint", p.Hint},
		{"keyId", p.KeyID}, {"secretText", nil}, {"startDateTime", moment(p.Start)},
	}
}
