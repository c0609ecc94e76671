package directory

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tributary"
)

// CredentialKind is what an application proves itself with.
type CredentialKind string

const (
	CertificateCredential CredentialKind = "certificate"
	SecretCredential      CredentialKind = "secret"
	OtherCredential       CredentialKind = "other" // a key of another type or use
)

// Credential is one certificate or client secret of an application. It holds
// nothing that proves anything.
type Credential struct {
	KeyID      string // GUID, by which Entra tells them apart
	Kind       CredentialKind
	Name       string
	Thumbprint string // of a certificate: SHA-1 in hex; empty where Entra doesn't say
	Hint       string // of a secret: its first characters, as Entra keeps them
	Start      time.Time
	Expires    time.Time
}

// Valid reports whether the credential can be used at a moment.
func (c Credential) Valid(at time.Time) bool { return !at.Before(c.Start) && at.Before(c.Expires) }

// Lifetimes of client secrets. Entra allows 24 months at most, and advises
// less than twelve.
const (
	defaultLifetime = 180 * 24 * time.Hour
	maxLifetime     = 2 * 365 * 24 * time.Hour
)

type passwordCredential struct {
	KeyID   string    `json:"keyId"`
	Name    string    `json:"displayName"`
	Hint    string    `json:"hint"`
	Start   time.Time `json:"startDateTime"`
	Expires time.Time `json:"endDateTime"`
}

type keyCredential struct {
	KeyID      string    `json:"keyId"`
	Name       string    `json:"displayName"`
	Identifier string    `json:"customKeyIdentifier"`
	Type       string    `json:"type"`
	Usage      string    `json:"usage"`
	Start      time.Time `json:"startDateTime"`
	Expires    time.Time `json:"endDateTime"`
}

// credentials lists an application's certificates and secrets.
func (a *application) credentials() []Credential {
	var all []Credential
	for _, raw := range a.Keys {
		var k keyCredential
		if json.Unmarshal(raw, &k) != nil {
			continue // handed back as it is, but nothing can be said of it
		}
		one := Credential{KeyID: k.KeyID, Kind: OtherCredential, Name: k.Name, Start: k.Start, Expires: k.Expires}
		if k.Type == "AsymmetricX509Cert" && k.Usage == "Verify" {
			one.Kind, one.Thumbprint = CertificateCredential, thumbprintOf(k.Identifier)
		}
		all = append(all, one)
	}
	for _, p := range a.Passwords {
		all = append(all, Credential{KeyID: p.KeyID, Kind: SecretCredential, Name: p.Name, Hint: p.Hint, Start: p.Start, Expires: p.Expires})
	}
	return all
}

// thumbprintOf reads a customKeyIdentifier: the certificate's SHA-1 in base64,
// or, from some tools, as hex, plain or in base64 once more. It is empty where
// it is something else.
func thumbprintOf(identifier string) string {
	isHex := func(text string) bool { _, err := hex.DecodeString(text); return err == nil && len(text) == 40 }
	if isHex(identifier) {
		return strings.ToUpper(identifier)
	}
	decoded, err := base64.StdEncoding.DecodeString(identifier)
	switch {
	case err != nil:
	case len(decoded) == 20:
		return strings.ToUpper(hex.EncodeToString(decoded))
	case isHex(string(decoded)):
		return strings.ToUpper(string(decoded))
	}
	return ""
}

// credentialName names what a registration makes, so that an attempt that was
// cut finds it again.
func credentialName(mark string) string { return strings.TrimSpace("Tributary " + mark) }

func (a *application) credential(fits func(Credential) bool) (Credential, bool) {
	all := a.credentials()
	if at := slices.IndexFunc(all, fits); at >= 0 {
		return all[at], true
	}
	return Credential{}, false
}

func (a *application) certificate(thumbprint string) (Credential, bool) {
	return a.credential(func(c Credential) bool { return c.Thumbprint != "" && c.Thumbprint == thumbprint })
}

func (a *application) key(keyID string) (Credential, bool) {
	return a.credential(func(c Credential) bool { return keyID != "" && strings.EqualFold(c.KeyID, keyID) })
}

// addCertificate registers the public part of a certificate, if it isn't yet.
func (c *Client) addCertificate(ctx context.Context, id string, cert *x509.Certificate, name string) (Credential, error) {
	const op = "add the certificate to the application"
	thumbprint := Thumbprint(cert)
	sum, _ := hex.DecodeString(thumbprint) // hex of ours
	var found Credential
	added := false
	err := c.settle(ctx, func() error {
		app, err := c.application(ctx, op, id)
		if err != nil {
			return err
		}
		var have bool
		if found, have = app.certificate(thumbprint); have {
			return nil
		}
		if added {
			return c.failure(op, tributary.CodeUnavailable, tributary.FixRetry, errNotSpread, "start it again")
		}
		keys, err := handedBack(app.Keys, "")
		if err != nil {
			return c.failure(op, CodeRequestRefused, tributary.FixMSSP, err, "add the certificate in the Entra admin center")
		}
		own, err := json.Marshal(map[string]any{
			"type": "AsymmetricX509Cert", "usage": "Verify", "displayName": name,
			"key": base64.StdEncoding.EncodeToString(cert.Raw), "customKeyIdentifier": base64.StdEncoding.EncodeToString(sum),
			"startDateTime": cert.NotBefore.UTC().Format(time.RFC3339), "endDateTime": cert.NotAfter.UTC().Format(time.RFC3339),
		})
		if err != nil {
			return c.failure(op, CodeRequestRefused, tributary.FixMSSP, err, "report it")
		}
		if err := c.change(ctx, op, id, map[string]any{"keyCredentials": append(keys, own)}); err != nil {
			return err
		}
		added = true
		return c.failure(op, tributary.CodeUnavailable, tributary.FixRetry, errNotSpread, "start it again")
	})
	return found, err
}

// handedBack are the keys of an application as a change must repeat them: all
// members as they came, the key's bytes left out, which means "the same"
// (Graph takes a known keyId with bytes for an attempt to change it). The one
// with the id is left out: so it is removed.
func handedBack(keys []json.RawMessage, without string) ([]json.RawMessage, error) {
	list := []json.RawMessage{} // never null
	for _, raw := range keys {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil {
			return nil, errors.New("the application has a key that can't be read")
		}
		if without != "" && strings.EqualFold(word(members["keyId"]), without) {
			continue
		}
		members["key"] = json.RawMessage("null")
		one, err := json.Marshal(members)
		if err != nil {
			return nil, errors.New("the application has a key that can't be repeated")
		}
		list = append(list, one)
	}
	return list, nil
}

// newSecret is what addPassword answers: the secret's text, once.
type newSecret struct {
	passwordCredential
	text tributary.Secret
}

func (s *newSecret) UnmarshalJSON(b []byte) error {
	var text struct {
		Secret string `json:"secretText"`
	}
	if err := json.Unmarshal(b, &s.passwordCredential); err != nil {
		return err
	}
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	s.text = tributary.NewSecret(text.Secret)
	return nil
}

// addSecret lets Entra make a client secret.
func (c *Client) addSecret(ctx context.Context, id, name string, lifetime time.Duration) (Credential, tributary.Secret, error) {
	const op = "add a client secret to the application"
	var made newSecret
	err := c.settle(ctx, func() error {
		return c.do(ctx, call{
			op: op, need: manageApps, method: http.MethodPost, path: "/applications/" + url.PathEscape(id) + "/addPassword",
			body: map[string]any{"passwordCredential": map[string]any{
				"displayName": name, "endDateTime": c.cfg.Now().Add(lifetime).UTC().Format(time.RFC3339),
			}},
			into: &made, once: true,
		})
	})
	if err != nil {
		return Credential{}, tributary.Secret{}, err
	}
	if made.text.IsZero() || made.KeyID == "" {
		return Credential{}, tributary.Secret{}, c.failure(op, tributary.CodeUnavailable, tributary.FixRetry,
			errors.New("the answer holds no secret"), "start it again")
	}
	p := made.passwordCredential
	return Credential{KeyID: p.KeyID, Kind: SecretCredential, Name: p.Name, Hint: p.Hint, Start: p.Start, Expires: p.Expires}, made.text, nil
}

// remove takes a credential from an application whose other credential, keep,
// must stay; one that is gone already is fine.
func (c *Client) remove(ctx context.Context, id string, old, keep Credential) error {
	op := fmt.Sprintf("remove the %s %s from the application", old.Kind, old.KeyID)
	return c.settle(ctx, func() error {
		app, err := c.application(ctx, op, id)
		if err != nil {
			return err
		}
		// A copy of the directory that doesn't know the new credential yet must
		// not be the one from which the old is taken.
		if _, have := app.key(keep.KeyID); !have {
			return c.failure(op, tributary.CodeUnavailable, tributary.FixRetry, errNotSpread, "start it again")
		}
		if _, have := app.key(old.KeyID); !have {
			return nil
		}
		if old.Kind == SecretCredential {
			return c.removeSecret(ctx, op, id, old.KeyID)
		}
		keys, err := handedBack(app.Keys, old.KeyID)
		if err != nil {
			return c.failure(op, CodeRequestRefused, tributary.FixMSSP, err, "remove it in the Entra admin center")
		}
		return c.change(ctx, op, id, map[string]any{"keyCredentials": keys})
	})
}

// removeSecret takes a client secret from an application.
func (c *Client) removeSecret(ctx context.Context, op, id, keyID string) error {
	err := c.do(ctx, call{
		op: op, need: manageApps, method: http.MethodPost, path: "/applications/" + url.PathEscape(id) + "/removePassword",
		body: map[string]string{"keyId": keyID},
	})
	if e := refusal(err); e != nil && e.status == http.StatusBadRequest && e.fault.says("no password credential found") {
		return nil
	}
	return err
}
