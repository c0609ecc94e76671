package directory

import (
	"errors"
	"net/http"
	"regexp"
	"slices"

	"github.com/google/uuid"

	"tributary/microsoft/sim/identity"
)

var federatedKind = kind{set: "federatedIdentityCredentials", name: "federatedIdentityCredential"}

// federatedRoutes are the other identity providers whose tokens a registration
// takes for a credential (Graph: federatedidentitycredential).
func federatedRoutes() []route {
	const path = "applications/{}/federatedIdentityCredentials"
	return []route{
		{http.MethodGet, path, [][]string{readApplications}, listFederated},
		{http.MethodPost, path, [][]string{ownApplications}, createFederated},
		{http.MethodGet, path + "/{}", [][]string{readApplications}, getFederated},
		{http.MethodDelete, path + "/{}", [][]string{ownApplications}, deleteFederated},
	}
}

const (
	maxFederated     = 20  // on one application
	maxFederatedText = 600 // characters of issuer, subject and audience
)

// federatedName is a name that can stand in an address.
var federatedName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$`)

func createFederated(c *call) {
	a, ok := c.application()
	if !ok {
		return
	}
	f, ok := c.read("name", "issuer", "subject", "audiences", "description")
	if !ok {
		return
	}
	made, err := f.federated()
	if err != nil {
		c.badBody(err)
		return
	}
	_, err = c.Identity.UpdateApp(a.ClientID, func(a *identity.App) error {
		for _, have := range a.Federated {
			if have.Name == made.Name {
				return errors.New("federatedIdentityCredential with name " + made.Name + " already exists")
			}
			if have.Issuer == made.Issuer && have.Subject == made.Subject {
				return errors.New("federatedIdentityCredential with the same issuer and subject already exists")
			}
		}
		if len(a.Federated) >= maxFederated {
			return errors.New("the maximum number of federated identity credentials is 20")
		}
		a.Federated = append(a.Federated, made)
		return nil
	})
	if err != nil {
		c.refuseChange(err)
		return
	}
	c.one(http.StatusCreated, federatedKind.of(a.ObjectID), federatedObject(made))
}

// of names the set of one application in @odata.context.
func (k kind) of(id string) kind {
	k.set = "applications('" + id + "')/" + k.set
	return k
}

func (f fields) federated() (identity.FederatedCredential, error) {
	made := identity.FederatedCredential{ID: uuid.NewString()}
	if err := f.required("FederatedIdentityCredential", "name", "issuer", "subject", "audiences"); err != nil {
		return made, err
	}
	for name, to := range map[string]*string{"name": &made.Name, "issuer": &made.Issuer, "subject": &made.Subject} {
		if err := f.to(name, to); err != nil || *to == "" || len(*to) > maxFederatedText {
			return made, invalid(name)
		}
	}
	if !federatedName.MatchString(made.Name) {
		return made, invalid("name")
	}
	if err := f.to("audiences", &made.Audiences); err != nil || len(made.Audiences) != 1 || len(made.Audiences[0]) > maxFederatedText {
		return made, invalid("audiences")
	}
	var text *string
	if err := f.to("description", &text); err != nil {
		return made, err
	}
	if text != nil {
		made.Description = *text
	}
	if len(made.Description) > maxFederatedText {
		return made, invalid("description")
	}
	return made, nil
}

func listFederated(c *call) {
	if a, ok := c.application(); ok {
		list := []object{}
		for _, f := range a.Federated {
			list = append(list, federatedObject(f))
		}
		c.list(federatedKind.of(a.ObjectID), "applications/"+a.ObjectID+"/federatedIdentityCredentials", list)
	}
}

// credential finds the one that the path names, by id or by name.
func (c *call) credential(a identity.App) (identity.FederatedCredential, bool) {
	i := slices.IndexFunc(a.Federated, func(f identity.FederatedCredential) bool {
		name, byName := named(c.keys[1], "name")
		return f.ID == lower(c.keys[1]) || f.Name == c.keys[1] || byName && f.Name == name
	})
	if i < 0 {
		c.missing(c.keys[1])
		return identity.FederatedCredential{}, false
	}
	return a.Federated[i], true
}

func getFederated(c *call) {
	a, ok := c.application()
	if !ok {
		return
	}
	if f, ok := c.credential(a); ok {
		c.one(http.StatusOK, federatedKind.of(a.ObjectID), federatedObject(f))
	}
}

func deleteFederated(c *call) {
	a, ok := c.application()
	if !ok {
		return
	}
	f, ok := c.credential(a)
	if !ok {
		return
	}
	if _, err := c.Identity.UpdateApp(a.ClientID, func(a *identity.App) error {
		a.Federated = slices.DeleteFunc(a.Federated, func(x identity.FederatedCredential) bool { return x.ID == f.ID })
		return nil
	}); err != nil {
		c.refuseChange(err)
		return
	}
	c.done()
}

func federatedObject(f identity.FederatedCredential) object {
	return object{
		{"id", f.ID}, {"name", f.Name}, {"issuer", f.Issuer}, {"subject", f.Subject}, {"description", orNull(f.Description)},
		{"audiences", orNone(f.Audiences)},
	}
}
