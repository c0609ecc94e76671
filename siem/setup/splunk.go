package setup

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Names of Splunk's files.
const (
	splunkInput   = "inputs.conf"
	splunkDetails = "Splunk-authentication-properties.txt"
)

// noAccessToken stands where there is no access token yet: with none at all
// the add-on fails before it renews one.
const noAccessToken = "renewed-at-first-use"

// Splunk makes the files of one customer's REST input: the stanza for
// inputs.conf, the same values under the labels of Splunk Web's form, and a
// page for the engineer. An error is a *[tributary.Error].
func Splunk(in Input) ([]File, error) {
	p, err := in.prepare("write the Splunk files")
	if err != nil {
		return nil, err
	}
	if err := p.splunkDefaults(); err != nil {
		return nil, err
	}
	input, err := p.inputsConf()
	if err != nil {
		return nil, p.fail(CodeValue, err, "make a new secret or token without that, or let the SIEM pull from Tributary (--via tributary)")
	}
	readme, err := p.readme("splunk.txt")
	if err != nil {
		return nil, err
	}
	return []File{
		{Name: splunkInput, Body: input, Secret: true},
		{Name: splunkDetails, Body: p.detailsFile(), Secret: true},
		{Name: "README.txt", Body: readme},
	}, nil
}

func (p *prepared) splunkDefaults() error {
	if p.PollInterval == 0 {
		p.PollInterval = DefaultPollInterval
	}
	switch {
	case p.PollInterval < time.Second || p.PollInterval%time.Second != 0:
		return p.fail(CodeValue, fmt.Errorf("the poll interval %s is not a number of whole seconds", p.PollInterval), "")
	case p.PollInterval >= lookBack:
		return p.fail(CodeValue, fmt.Errorf("a poll interval of %s loses alerts: the input keeps no place, and each request reaches back %s", p.PollInterval, lookBackText),
			"choose less, such as 5m")
	case strings.Contains(p.alerts, "$"):
		return p.fail(CodeValue, errors.New("the API's address holds a $, which the add-on takes for a variable"), "correct the cloud in the configuration")
	}
	if p.Splunk.SourceType == "" {
		p.Splunk.SourceType = "_json"
	}
	return nil
}

// InputName is the name of the input in Splunk, and after rest:// the source
// of its events.
func (p *prepared) InputName() string { return stanzaName("defender-alerts-" + p.Tenant.Slug) }

// access is the access token, or a word in its place.
func (p *prepared) access() string {
	if p.AccessToken.IsZero() {
		return noAccessToken
	}
	return p.AccessToken.Reveal()
}

// inputsConf has every key of the add-on that the procedure uses
// (rest_ta/README/inputs.conf.spec).
func (p *prepared) inputsConf() ([]byte, error) {
	var c conf
	c.comment("Alerts of "+p.customer()+" for Splunk's add-on REST API Modular Input (rest_ta).",
		"Holds the client secret and tokens in clear: only Splunk's account should read it.")
	c.stanza("rest", "defender-alerts-"+p.Tenant.Slug)
	if p.Splunk.ActivationKey == "" {
		c.comment("The add-on's maker gives out a key, without which releases from 1.5 on don't start:",
			"activation_key =")
	} else {
		c.set("activation_key", p.Splunk.ActivationKey)
	}
	c.set("endpoint", p.alerts)
	c.set("http_method", "GET")
	c.set("auth_type", "oauth2")
	c.set("oauth2_token_type", "Bearer")
	c.set("oauth2_access_token", p.access())
	c.set("oauth2_refresh_token", p.Grant.RefreshToken.Reveal())
	c.set("oauth2_refresh_url", p.token)
	c.set("oauth2_refresh_props", "resource="+p.resource)
	c.set("oauth2_client_id", p.App.ClientID)
	c.set("oauth2_client_secret", p.App.ClientSecret.Reveal())
	c.comment("In the body a secret of any characters arrives as it is; in the header, which releases",
		"from 2.0.7 on prefer, it doesn't.")
	c.set("oauth2_refresh_client_placement", "BODY")
	c.comment("Seconds after which the access token above is renewed for the first time.")
	c.set("oauth2_expires_in", "5")
	c.comment("Without this the add-on believes any certificate.")
	c.set("verify", "1")
	c.set("response_type", "json")
	c.comment("One event for each alert, not one for all.")
	c.set("response_handler", "JSONArrayHandler")
	c.set("polling_interval", fmt.Sprint(int64(p.PollInterval/time.Second)))
	c.set("delimiter", ",")
	c.comment("How far back each request reaches.")
	c.set("url_args", lookBackArgs)
	c.set("http_header_propertys", "Accept=application/json")
	c.set("streaming_request", "0")
	c.set("index_error_response_codes", "0")
	c.set("sourcetype", p.Splunk.SourceType)
	if p.Splunk.Index != "" {
		c.set("index", p.Splunk.Index)
	}
	c.set("disabled", "0")
	return []byte(c.String()), c.err
}

// detailsFile has what Splunk Web's form asks for, label by label, to be
// copied: nothing is escaped. checkConfValue has made sure that each value is
// one line.
func (p *prepared) detailsFile() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Splunk authentication properties for %s\n", p.customer())
	b.WriteString("Settings > Data inputs > REST > New. Holds secrets in clear.\n\n")
	for _, field := range [][2]string{
		{"REST input name", p.InputName()},
		{"Endpoint URL", p.alerts},
		{"HTTP Method", "GET"},
		{"Authentication Type", "oauth2"},
		{"OAuth 2 Access token", p.access()},
		{"OAuth 2 Refresh Token", p.Grant.RefreshToken.Reveal()},
		{"OAuth 2 Token Refresh URL", p.token},
		{"OAuth 2 Token Refresh Propertys", "resource=" + p.resource},
		{"OAuth 2 Client ID", p.App.ClientID},
		{"OAuth 2 Client Secret", p.App.ClientSecret.Reveal()},
		{"OAuth 2 Token Client Credentials Placement", "BODY"},
		{"URL Arguments", lookBackArgs},
		{"Response type", "json"},
		{"Response Handler", "JSONArrayHandler"},
		{"Polling Interval", fmt.Sprint(int64(p.PollInterval / time.Second))},
		{"Set sourcetype", "Manual"},
		{"Source type", p.Splunk.SourceType},
	} {
		fmt.Fprintf(&b, "%s: %s\n", field[0], field[1])
	}
	return []byte(b.String())
}
