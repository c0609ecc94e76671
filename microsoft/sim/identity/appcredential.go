package identity

import (
	"crypto/sha1" //nolint:gosec // a certificate's thumbprint in the directory is SHA-1
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Password is a client secret. The directory keeps no more of its text than it
// needs to know it again.
type Password struct {
	KeyID       string // GUID; empty: derived from the text
	DisplayName string
	Hint        string    // the text's first three characters
	Start, End  time.Time // a zero End: never
	sum         [32]byte
	usable      time.Time // when it has spread
}

// NewPassword is a secret of the given text.
func NewPassword(text string) Password {
	hint := []rune(text)
	return Password{Hint: string(hint[:min(3, len(hint))]), sum: sha256.Sum256([]byte(text))}
}

// Key is a certificate by which the application proves itself.
type Key struct {
	KeyID       string // GUID; empty: derived from the certificate
	DisplayName string // empty: the certificate's subject
	Certificate *x509.Certificate
	// CustomKeyID names the key in the directory; empty: the certificate's
	// SHA-1 thumbprint.
	CustomKeyID []byte
	Start, End  time.Time // zero: the certificate's own
	usable      time.Time
}

// errCredential are what a credential can't be.
var (
	ErrEndDate   = errors.New("the credential's end lies after its certificate's, or before its start")
	ErrStartDate = errors.New("the credential's start lies before its certificate's")
)

// takeCredentials turns the short forms into passwords and keys, fills in what
// was left out, and lets new ones work from a moment on.
func (a *App) takeCredentials(old *App, now, usable time.Time) error {
	for _, text := range a.Secrets {
		a.Passwords = append(a.Passwords, NewPassword(text))
	}
	for _, cert := range a.Certificates {
		a.Keys = append(a.Keys, Key{Certificate: cert})
	}
	a.Secrets, a.Certificates = nil, nil
	if old == nil {
		usable = time.Time{} // what a registration begins with has long spread
	}
	for i := range a.Passwords {
		p := &a.Passwords[i]
		if p.KeyID == "" {
			p.KeyID = derivedID(fmt.Sprintf("%s password %x", a.ClientID, p.sum))
		}
		if p.Start.IsZero() {
			p.Start = now
			if old == nil {
				p.Start = a.Created
			}
		}
		if old == nil || !slices.ContainsFunc(old.Passwords, func(x Password) bool { return x.KeyID == p.KeyID }) {
			p.usable = usable
		}
	}
	for i := range a.Keys {
		if err := a.Keys[i].complete(a.ClientID); err != nil {
			return err
		}
		if old == nil || !slices.ContainsFunc(old.Keys, func(x Key) bool { return x.KeyID == a.Keys[i].KeyID }) {
			a.Keys[i].usable = usable
		}
	}
	return nil
}

func (k *Key) complete(client string) error {
	sum := sha1.Sum(k.Certificate.Raw)
	if k.KeyID == "" {
		k.KeyID = derivedID(fmt.Sprintf("%s key %x", client, sum))
	}
	if k.DisplayName == "" {
		k.DisplayName = k.Certificate.Subject.String()
	}
	if len(k.CustomKeyID) == 0 {
		k.CustomKeyID = sum[:]
	}
	if k.Start.IsZero() {
		k.Start = k.Certificate.NotBefore
	}
	if k.End.IsZero() {
		k.End = k.Certificate.NotAfter
	}
	switch {
	case k.End.After(k.Certificate.NotAfter), !k.End.After(k.Start):
		return ErrEndDate
	case k.Start.Before(k.Certificate.NotBefore.Truncate(time.Second)):
		return ErrStartDate
	}
	return nil
}

// hasCredential reports whether the registration is a confidential client's.
func (a *App) hasCredential() bool {
	return len(a.Passwords) > 0 || len(a.Keys) > 0 || len(a.Federated) > 0
}

// checkSecret finds the secret of a token request.
func (a *App) checkSecret(text string, now time.Time) *Error {
	sum := sha256.Sum256([]byte(text))
	for _, p := range a.Passwords {
		if subtle.ConstantTimeCompare(sum[:], p.sum[:]) != 1 {
			continue
		}
		switch {
		case !p.End.IsZero() && !now.Before(p.End):
			return AADSTS(7000222).say("The provided client secret keys for app '%s' are expired. Create new keys for the app, or consider using certificate credentials.", a.ClientID)
		case now.Before(p.Start), now.Before(p.usable):
			continue
		}
		return nil
	}
	return AADSTS(7000215).say("Invalid client secret provided for application '%s'. Send the secret's value, not its id.", a.ClientID)
}

// key finds the certificate that an assertion's header names, and what is the
// matter with it.
func (a *App) key(header map[string]any, now time.Time) (*x509.Certificate, string) {
	for _, k := range a.Keys {
		if !namesCertificate(header, k.Certificate) || now.Before(k.usable) {
			continue
		}
		switch {
		case !now.Before(k.End):
			return nil, "The key used is expired."
		case now.Before(k.Start.Add(-leeway)):
			return nil, "The key used is not valid yet."
		}
		return k.Certificate, ""
	}
	return nil, "The key was not found."
}
