package directory

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"tributary/microsoft/sim/identity"
)

// keyRoutes let an application roll its own certificates (Graph:
// application-addkey, application-removekey). It needs no permission to do so,
// but the proof that it has a key already.
func keyRoutes() []route {
	return []route{
		{http.MethodPost, "applications/{}/addKey", nil, addKey},
		{http.MethodPost, "applications/{}/removeKey", nil, removeKey},
	}
}

// changeKeys replaces the certificates by the body's list. One that stays is
// named by its keyId; its key may be left out, because it was never shown.
func (f fields) changeKeys(a *identity.App) error {
	if !f.has("keyCredentials") {
		return nil
	}
	var list []fields
	if err := f.to("keyCredentials", &list); err != nil {
		return err
	}
	old := a.Keys
	a.Keys = nil
	for _, one := range list {
		k, err := one.key(old)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(a.Keys, func(x identity.Key) bool { return x.KeyID == k.KeyID }) {
			return fmt.Errorf("the keyId '%s' is used twice", k.KeyID)
		}
		a.Keys = append(a.Keys, k)
	}
	return nil
}

// key reads a keyCredential.
func (f fields) key(old []identity.Key) (identity.Key, error) {
	if err := f.check("customKeyIdentifier", "displayName", "endDateTime", "key", "keyId", "startDateTime", "type", "usage"); err != nil {
		return identity.Key{}, err
	}
	k := identity.Key{KeyID: uuid.NewString()}
	if raw, ok := f["keyId"]; ok && string(raw) != "null" {
		var err error
		if k.KeyID, err = f.guid("keyId"); err != nil {
			return k, err
		}
	}
	der, err := f.binary("key")
	if err != nil {
		return k, err
	}
	if i := slices.IndexFunc(old, func(x identity.Key) bool { return x.KeyID == k.KeyID }); i >= 0 {
		if len(der) > 0 && string(der) != string(old[i].Certificate.Raw) {
			return k, fmt.Errorf("update to existing credential with KeyId '%s' is not allowed", k.KeyID)
		}
		return old[i], nil
	}
	var typ, usage string
	if f.to("type", &typ) != nil || typ != "AsymmetricX509Cert" {
		return k, invalid("type")
	}
	if f.to("usage", &usage) != nil || usage != "Verify" {
		return k, invalid("usage")
	}
	if k.Certificate, err = x509.ParseCertificate(der); err != nil {
		return k, invalid("key")
	}
	if k.CustomKeyID, err = f.binary("customKeyIdentifier"); err != nil {
		return k, err
	}
	var name *string
	if err := f.to("displayName", &name); err != nil {
		return k, err
	}
	if name != nil {
		k.DisplayName = *name
	}
	if k.Start, err = f.moment("startDateTime"); err != nil {
		return k, err
	}
	k.End, err = f.moment("endDateTime")
	return k, err
}

// binary reads base64, or the 40 hex digits of a thumbprint, which Microsoft's
// own examples send as a customKeyIdentifier.
func (f fields) binary(name string) ([]byte, error) {
	var text *string
	if err := f.to(name, &text); err != nil || text == nil {
		return nil, err
	}
	if b, err := hex.DecodeString(*text); err == nil && len(b) == 20 {
		return b, nil
	}
	b, err := base64.StdEncoding.DecodeString(*text)
	if err != nil {
		return nil, invalid(name)
	}
	return b, nil
}

// roller is the application that the path names, if the caller may roll its
// keys: itself, or who may change any application.
func (c *call) roller() (identity.App, bool) {
	a, ok := c.find(c.keys[0])
	switch {
	case ok && (c.itself(a) || c.may(writeApplications...)):
		return a, true
	case !ok && c.may(readApplications...):
		c.missing(c.keys[0])
	default:
		c.deny()
	}
	return a, false
}

func addKey(c *call) {
	a, ok := c.roller()
	if !ok {
		return
	}
	f, ok := c.read("keyCredential", "passwordCredential", "proof")
	if !ok || !c.proved(a, f) {
		return
	}
	var in fields
	if raw := f["passwordCredential"]; len(raw) > 0 && string(raw) != "null" {
		c.badBody(invalid("passwordCredential"))
		return
	}
	if err := json.Unmarshal(f["keyCredential"], &in); err != nil {
		c.badBody(invalid("keyCredential"))
		return
	}
	k, err := in.key(nil)
	if err != nil {
		c.badBody(err)
		return
	}
	changed, err := c.Identity.UpdateApp(a.ClientID, func(a *identity.App) error {
		if slices.ContainsFunc(a.Keys, func(x identity.Key) bool { return x.KeyID == k.KeyID }) {
			return errors.New("a key with that keyId exists already")
		}
		a.Keys = append(a.Keys, k)
		return nil
	})
	if err != nil {
		c.refuseChange(err)
		return
	}
	made := keyObjects(changed.Keys[len(changed.Keys)-1:], false)[0]
	c.answer(http.StatusOK, append(object{{"@odata.context", c.base + "/$metadata#microsoft.graph.keyCredential"}}, made...))
}

func removeKey(c *call) {
	a, ok := c.roller()
	if !ok {
		return
	}
	f, ok := c.read("keyId", "proof")
	if !ok || !c.proved(a, f) {
		return
	}
	id, err := f.guid("keyId")
	if err != nil {
		c.badBody(err)
		return
	}
	if !slices.ContainsFunc(a.Keys, func(k identity.Key) bool { return k.KeyID == id }) {
		c.bad("No credentials found to be removed.")
		return
	}
	if _, err := c.Identity.UpdateApp(a.ClientID, func(a *identity.App) error {
		a.Keys = slices.DeleteFunc(a.Keys, func(k identity.Key) bool { return k.KeyID == id })
		return nil
	}); err != nil {
		c.refuseChange(err)
		return
	}
	c.done()
}

func keyObjects(list []identity.Key, whole bool) []object {
	out := []object{}
	for _, k := range list {
		var der any
		if whole {
			der = base64.StdEncoding.EncodeToString(k.Certificate.Raw)
		}
		out = append(out, object{
			{"customKeyIdentifier", base64.StdEncoding.EncodeToString(k.CustomKeyID)}, {"displayName", orNull(k.DisplayName)},
			{"endDateTime", moment(k.End)}, {"key", der}, {"keyId", k.KeyID}, {"startDateTime", moment(k.Start)},
			{"type", "AsymmetricX509Cert"}, {"usage", "Verify"},
		})
	}
	return out
}
