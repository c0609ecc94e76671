package setup

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tributary"
)

// DefaultPollInterval is how often Splunk asks, where [Input] doesn't say.
const DefaultPollInterval = 5 * time.Minute

// lookBack is how far back each request of Splunk's input reaches: what the
// SIEM API answers with when it is asked without a time.
const (
	lookBack     = 2 * time.Hour
	lookBackText = "2 hours"
	lookBackArgs = "ago=PT2H"
)

// Codes of the errors, each a *[tributary.Error].
const (
	CodeNoSIEMAPI      = "siem-api-missing"      // the cloud or the region has none
	CodeNoRefreshToken = "refresh-token-missing" // the connectors take nothing else
	CodeNoSecret       = "client-secret-missing" // and they know no certificate
	CodeGrantUnfit     = "grant-unfit"           // a refresh token that a connector can't use
	CodeValue          = "siem-setup-value"      // a value that can't be written or used
	CodeExists         = "siem-setup-exists"     // a file is there already
)

// Input is what the files of one customer are made from.
type Input struct {
	Tenant tributary.Tenant
	// App is the application that the refresh token was given to; with Via,
	// the pull client's id and secret.
	App tributary.App
	// Grant holds the refresh token; with Via, the pull client's.
	Grant tributary.Grant
	// AccessToken may be empty: it only spares Splunk its first renewal.
	AccessToken tributary.Secret
	Cloud       tributary.Cloud // where the tenant lives; not needed with Via
	// Region is where the SIEM API keeps the customer's data; empty: the
	// tenant's, or else eu.
	Region string
	// Via is the base URL of the Tributary that answers in Microsoft's place,
	// such as https://tributary.fabrikam.com:8480. Empty: Microsoft itself.
	Via string
	// Resource is the audience of the tokens; empty: the cloud's for the SIEM
	// API. Only the earliest customers have another one.
	Resource     string
	PollInterval time.Duration // of Splunk, in whole seconds; zero: DefaultPollInterval
	Splunk       SplunkOptions
}

// SplunkOptions are what a Splunk of one's own may want otherwise.
type SplunkOptions struct {
	SourceType    string // empty: _json, as Microsoft's procedure has it
	Index         string // empty: Splunk's default index
	ActivationKey string // of the add-on; empty: the engineer types it
}

// addresses is where a connector calls.
type addresses struct {
	alerts    string // the SIEM API, without parameters
	events    string // the same as ArcSight asks it
	authorise string // where somebody signs in, with the resource
	token     string // where tokens are renewed
	resource  string
}

// prepared is an Input that has been looked at, with what follows from it.
type prepared struct {
	Input
	addresses
	op string
}

// prepare checks what both SIEMs need alike.
func (in Input) prepare(op string) (*prepared, error) {
	p := &prepared{Input: in, op: op}
	if err := tributary.CheckSlug(in.Tenant.Slug); err != nil {
		return nil, p.fail(CodeValue, err, "")
	}
	if err := tributary.CheckTenantID(in.Tenant.ID); err != nil {
		return nil, p.fail(CodeValue, err, "")
	}
	p.Tenant.ID = strings.ToLower(in.Tenant.ID)
	if p.Region == "" {
		p.Region = in.Tenant.Region
	}
	for _, check := range []func() error{p.locate, p.checkCredential, p.checkValues} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Microsoft reports whether the files point at Microsoft itself.
func (p *prepared) Microsoft() bool { return p.Via == "" }

// locate finds the addresses.
func (p *prepared) locate() error {
	p.resource = p.Resource
	if p.resource == "" {
		p.resource = p.Cloud.Resource(tributary.SourceSIEM)
	}
	if p.resource == "" && !p.Microsoft() {
		// Tributary's endpoint doesn't look at it, but the connectors send one.
		p.resource = tributary.Clouds()["global"].Resource(tributary.SourceSIEM)
	}
	if err := checkResource(p.resource); err != nil {
		return p.fail(CodeValue, err, "")
	}
	login := strings.TrimRight(p.Cloud.Login, "/")
	slash := "/" // as Microsoft's page for ArcSight writes its URL
	if p.Microsoft() {
		if err := p.checkSIEMAPI(); err != nil {
			return err
		}
		p.alerts = strings.TrimRight(p.Cloud.SIEMURL(p.Region), "/") + "/api/alerts"
	} else {
		base, err := checkBase(p.Via)
		if err != nil {
			return p.fail(CodeValue, err, "give the address at which the SIEM reaches Tributary, such as https://tributary.fabrikam.com:8480")
		}
		login, slash, p.Via = base, "", base
		p.alerts = base + "/" + p.Tenant.Slug + "/api/alerts"
	}
	p.events = p.alerts + slash + "?sinceTimeUtc=$START_AT_TIME"
	p.authorise = login + "/" + p.Tenant.ID + "/oauth2/authorize?resource=" + url.QueryEscape(p.resource)
	p.token = login + "/" + p.Tenant.ID + "/oauth2/token"
	return nil
}

// checkSIEMAPI refuses a cloud that has no SIEM REST API, and a region where
// it doesn't answer.
func (p *prepared) checkSIEMAPI() error {
	if p.Cloud.SIEM == "" {
		return p.fail(CodeNoSIEMAPI, fmt.Errorf("the cloud %s has no SIEM REST API that a connector could ask", oneLine(p.Cloud.Name)),
			"let the SIEM pull from Tributary (--via tributary), or let Tributary push to it")
	}
	if strings.Contains(p.Cloud.SIEM, "{region}") {
		switch p.Region {
		case "", "us", "eu", "uk":
		default:
			return p.fail(CodeNoSIEMAPI, fmt.Errorf("the SIEM REST API answers in us, eu and uk, not in %q", p.Region),
				"set the tenant's region to where its Defender data is stored")
		}
	}
	for _, address := range []string{p.Cloud.SIEMURL(p.Region), p.Cloud.Login} {
		if u, err := url.Parse(address); err != nil || u.Host == "" {
			return p.fail(CodeValue, fmt.Errorf("the cloud %s has an address that is none: %q", oneLine(p.Cloud.Name), address), "correct the cloud in the configuration")
		}
	}
	return nil
}

// checkCredential refuses what the connectors can't sign in with.
func (p *prepared) checkCredential() error {
	switch {
	case p.Grant.RefreshToken.IsZero() && p.Microsoft() && p.Tenant.Auth == tributary.AuthAppOnly:
		return p.fail(CodeNoRefreshToken, errors.New("the tenant is app-only, so there is no refresh token; client credentials work with the generic API only, and the connectors of ArcSight and Splunk don't use them"),
			"let the SIEM pull from Tributary (--via tributary), let Tributary push to it, or connect the tenant with auth delegated")
	case p.Grant.RefreshToken.IsZero() && p.Microsoft():
		return p.fail(CodeNoRefreshToken, errors.New("nobody has signed in yet, so there is no refresh token"),
			"tributary tenant connect "+p.Tenant.Slug)
	case p.Grant.RefreshToken.IsZero():
		return p.fail(CodeNoRefreshToken, errors.New("the pull client's refresh token is missing, and the connectors start from one"),
			"give the refresh token of a pull client of Tributary's endpoint")
	case p.App.ClientID == "":
		return p.fail(CodeNoSecret, errors.New("the application's id is missing"), p.whence("client_id"))
	case p.App.ClientSecret.IsZero() && !p.App.Certificate.IsZero():
		return p.fail(CodeNoSecret, errors.New("the application signs in with a certificate, and the connectors of ArcSight and Splunk know client secrets only"),
			"add a client secret to the application for the connectors, or let the SIEM pull from Tributary (--via tributary)")
	case p.App.ClientSecret.IsZero():
		return p.fail(CodeNoSecret, errors.New("the client secret is missing, which the connectors sign in with"), p.whence("client_secret"))
	case p.Grant.ClientID != "" && !strings.EqualFold(p.Grant.ClientID, p.App.ClientID):
		return p.fail(CodeGrantUnfit, fmt.Errorf("the refresh token was given to the application %s, not to %s", oneLine(p.Grant.ClientID), oneLine(p.App.ClientID)),
			"sign in again with the present application: tributary tenant connect "+p.Tenant.Slug)
	case p.Grant.Public:
		return p.fail(CodeGrantUnfit, errors.New("the refresh token was obtained without the application's secret (device code), and the connectors always send it"),
			"sign in again in a browser: tributary tenant connect "+p.Tenant.Slug)
	}
	return nil
}

// whence is where a part of the application's credential comes from.
func (p *prepared) whence(key string) string {
	if p.Microsoft() {
		return "add " + key + " to the application in the configuration"
	}
	return "give the " + key + " of a pull client of Tributary's endpoint"
}

// checkValues refuses text that is none: what isn't UTF-8 has no way into
// either kind of file.
func (p *prepared) checkValues() error {
	for _, v := range []struct{ name, text string }{
		{"client id", p.App.ClientID}, {"client secret", p.App.ClientSecret.Reveal()},
		{"refresh token", p.Grant.RefreshToken.Reveal()}, {"access token", p.AccessToken.Reveal()},
	} {
		if !utf8.ValidString(v.text) {
			return p.fail(CodeValue, fmt.Errorf("the %s is not text in UTF-8", v.name), "")
		}
	}
	return nil
}

// fail is an error that somebody at the MSSP can mend.
func (p *prepared) fail(code string, err error, next string) error {
	return &tributary.Error{Code: code, Op: p.op, Tenant: p.Tenant.Slug, Err: err, Fix: tributary.FixMSSP, Next: next}
}

// checkResource wants an App ID URI. Splunk's input splits its list of
// properties at commas, and knows no way to write one.
func checkResource(resource string) error {
	u, err := url.Parse(resource)
	if err != nil || u.Scheme == "" || strings.ContainsFunc(resource, func(r rune) bool { return r == ',' || unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return fmt.Errorf("the resource %q is not an App ID URI such as https://graph.windows.net", resource)
	}
	return nil
}

// checkBase returns a base URL without a slash at its end. It must be https:
// tokens go there, and the OAuth client in Splunk's input refuses anything else.
func checkBase(via string) (string, error) {
	u, err := url.Parse(via)
	switch {
	case err != nil:
		return "", errors.New("the base URL can't be read") // the parser's words would repeat it
	case u.Scheme != "https" || u.Host == "":
		return "", errors.New("the base URL must begin with https://")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.ContainsRune(via, '#'):
		return "", errors.New("the base URL must hold a host and perhaps a path, nothing else")
	case strings.ContainsRune(via, '$'):
		return "", errors.New("the base URL holds a $, which both connectors take for a variable")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// oneLine makes a text harmless in a comment: whatever breaks a line, or hides
// or reorders text, becomes a space.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// customer names the tenant for people.
func (p *prepared) customer() string {
	if name := oneLine(p.Tenant.Name); name != "" {
		return name + " (" + p.Tenant.Slug + ")"
	}
	return p.Tenant.Slug
}
