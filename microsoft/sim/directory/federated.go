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
		{http.MethodPatch, path + "/{}", [][]string{ownApplications}, updateFederated},
		{http.MethodDelete, path + "/{}", [][]string{ownApplications}, deleteFederated},
	}
}

const (
	maxFederated     = 20  // on one application
	maxFederatedText = 600 // characters of issuer, subject and audience
)

// federatedName is a name that can stand in an address.
var federatedName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$`)

var federatedFields = []string{"name", "issuer", "subject", "audiences", "description"}

func createFederated(c *call) {
	a, ok := c.application()
	if !ok {
		return
	}
	f, ok := c.read(federatedFields...)
	if !ok {
		return
	}
	if err := f.required("FederatedIdentityCredential", "name", "issuer", "subject", "audiences"); err != nil {
		c.badBody(err)
		return
	}
	made := identity.FederatedCredential{ID: uuid.NewString()}
	if err := f.changeFederated(&made); err != nil {
		c.badBody(err)
		return
	}
	_, err := c.Identity.UpdateApp(a.ClientID, func(a *identity.App) error {
		if len(a.Federated) >= maxFederated {
			return errors.New("the maximum number of federated identity credentials is 20")
		}
		a.Federated = append(a.Federated, made)
		return alone(a.Federated, made)
	})
	if err != nil {
		c.refuseFederated(err, made)
		return
	}
	c.one(http.StatusCreated, federatedKind.of(a.ObjectID), federatedObject(made))
}

func updateFederated(c *call) {
	a, ok := c.application()
	if !ok {
		return
	}
	made, ok := c.credential(a)
	if !ok {
		return
	}
	f, ok := c.read(federatedFields...)
	if !ok {
		return
	}
	name := made.Name
	if err := f.changeFederated(&made); err != nil {
		c.badBody(err)
		return
	}
	if made.Name != name {
		c.bad("Name is immutable and cannot be changed after creation.")
		return
	}
	if _, err := c.Identity.UpdateApp(a.ClientID, func(a *identity.App) error {
		i := slices.IndexFunc(a.Federated, func(x identity.FederatedCredential) bool { return x.ID == made.ID })
		if i < 0 {
			return identity.ErrNotFound
		}
		a.Federated[i] = made
		return alone(a.Federated, made)
	}); err != nil {
		c.refuseFederated(err, made)
		return
	}
	c.done()
}

var (
	errName    = errors.New("the name is used already")
	errSubject = errors.New("the issuer and subject are used already")
)

// alone checks that no other has its name, or both its issuer and its subject.
func alone(list []identity.FederatedCredential, made identity.FederatedCredential) error {
	for _, have := range list {
		switch {
		case have.ID == made.ID:
		case have.Name == made.Name:
			return errName
		case have.Issuer == made.Issuer && have.Subject == made.Subject:
			return errSubject
		}
	}
	return nil
}

func (c *call) refuseFederated(err error, made identity.FederatedCredential) {
	switch {
	case errors.Is(err, errName):
		c.refuse(http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", "FederatedIdentityCredential with name "+made.Name+" already exists.")
	case errors.Is(err, errSubject):
		c.refuse(http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", "FederatedIdentityCredential with the same issuer and subject already exists.")
	default:
		c.refuseChange(err)
	}
}

// of names the set of one application in @odata.context.
func (k kind) of(id string) kind {
	k.set = "applications('" + id + "')/" + k.set
	return k
}

// changeFederated writes the body's properties, and leaves the others alone.
func (f fields) changeFederated(to *identity.FederatedCredential) error {
	for name, text := range map[string]*string{"name": &to.Name, "issuer": &to.Issuer, "subject": &to.Subject} {
		if err := f.to(name, text); err != nil || *text == "" || len(*text) > maxFederatedText {
			return invalid(name)
		}
	}
	if !federatedName.MatchString(to.Name) {
		return invalid("name")
	}
	if f.has("audiences") {
		to.Audiences = nil
	}
	if err := f.to("audiences", &to.Audiences); err != nil || len(to.Audiences) != 1 || len(to.Audiences[0]) > maxFederatedText {
		return invalid("audiences")
	}
	if f.has("description") {
		to.Description = "" // null is none
	}
	if err := f.to("description", &to.Description); err != nil || len(to.Description) > maxFederatedText {
		return invalid("description")
	}
	return nil
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
