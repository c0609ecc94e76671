package config

import (
	"crypto/rsa"
	"crypto/tls"
	"encoding/pem"
	"regexp"
	"strings"

	"tributary"
)

type rawApp struct {
	spot
	ClientID        text       `yaml:"client_id"`
	ClientSecret    secretText `yaml:"client_secret"`
	CertificateFile text       `yaml:"certificate_file"`
	RedirectURI     text       `yaml:"redirect_uri"`
}

// apps reads the default application and the named ones.
func (p *parse) apps(c *Config, raw *rawConfig) {
	if raw.App.line > 0 {
		c.Apps[""] = p.app(&raw.App, "")
	}
	for _, e := range raw.Apps {
		if p.checkName(e.Name, e.At) {
			if e.Value.line == 0 {
				e.Value.place = e.At // nothing stands there: say so at its name
			}
			c.Apps[e.Name] = p.app(&e.Value, e.Name)
		}
	}
}

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (p *parse) app(raw *rawApp, name string) App {
	const copyID = "copy Application (client) ID from the registration's overview in the Entra admin center"
	app := App{Name: name, ClientID: raw.ClientID.value}
	if raw.bad {
		return app
	}
	switch {
	case !raw.ClientID.set:
		p.report(raw.place, "client_id is missing", copyID)
	case raw.ClientID.ok() && raw.ClientID.value == "":
		p.report(raw.ClientID.place, "is empty", copyID)
	case raw.ClientID.ok() && !guid.MatchString(raw.ClientID.value):
		// A laboratory's identity server may have ids of its own.
		p.warn(raw.ClientID.place, "is not a GUID, as the ids of Entra's applications are", copyID)
	}
	if raw.ClientSecret.set && raw.CertificateFile.set {
		p.report(raw.CertificateFile.place, "stands beside client_secret", "keep one of them; Microsoft recommends the certificate")
	}
	if raw.ClientSecret.ok() {
		app.ClientSecret = tributary.NewSecret(raw.ClientSecret.value)
	}
	if raw.CertificateFile.ok() && p.secrets {
		app.Certificate = p.keyPair(&raw.CertificateFile)
	}
	if p.url(&raw.RedirectURI) != "" {
		app.RedirectURI = raw.RedirectURI.value // to the letter: Entra compares it
	}
	return app
}

// keyPair reads a certificate and its private key from one PEM file.
func (p *parse) keyPair(file *text) tributary.Secret {
	data, ok := p.readNamed(file)
	if !ok {
		return tributary.Secret{}
	}
	const next = "put the certificate and its unencrypted RSA key into one PEM file"
	if encryptedKey(data) {
		p.report(file.place, "the key is encrypted", "write it without a password, with: openssl pkey -in FILE -out FILE, and let this user alone read it")
		return tributary.Secret{}
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		// The reason speaks of blocks and formats, never of their content.
		p.report(file.place, "the file does not hold a certificate and its key: "+strings.TrimPrefix(err.Error(), "tls: "), next)
		return tributary.Secret{}
	}
	if _, isRSA := pair.PrivateKey.(*rsa.PrivateKey); !isRSA {
		p.report(file.place, "the key is not an RSA key, which Entra ID wants", next)
		return tributary.Secret{}
	}
	return tributary.NewSecret(string(data))
}

// encryptedKey reports whether a PEM file holds a key behind a password
// (PKCS #8, or OpenSSL's older form).
func encryptedKey(data []byte) bool {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return false
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
}

// lacksCredential reports whether the application named so was read and has
// neither a secret nor a certificate, nor one that has been reported.
func (r *rawConfig) lacksCredential(name string) bool {
	raw := &r.App
	for i := range r.Apps {
		if name != "" && r.Apps[i].Name == name {
			raw = &r.Apps[i].Value
		}
	}
	return !raw.bad && !raw.ClientSecret.set && !raw.CertificateFile.set
}
