package setup

import (
	"bytes"
	"embed"
	"fmt"
	"text/template"
	"time"
)

//go:embed text/*.txt
var texts embed.FS

var pages = template.Must(template.New("").Option("missingkey=error").ParseFS(texts, "text/*.txt"))

// page is what the engineer's page may name. No secret is among it.
type page struct {
	Customer, Slug, TenantID, Account         string
	Microsoft                                 bool
	Region                                    string // empty where the host has none
	Base, Alerts, Events, Token, Resource     string
	ClientID, RedirectURI, InputName          string
	ParserFile, OAuthFile, TokenFile, Details string
	LookBack                                  string
	Interval                                  int // of the requests, in seconds
	Copies                                    int // of each alert, at this interval
	SourceType, Product                       string
	KeyIncluded                               bool
}

func (p *prepared) readme(name string) ([]byte, error) {
	d := page{
		Customer: p.customer(), Slug: p.Tenant.Slug, TenantID: p.Tenant.ID, Account: oneLine(p.Grant.Account),
		Microsoft: p.Microsoft(), Base: p.Via,
		Alerts: p.alerts, Events: p.events, Token: p.token, Resource: p.resource,
		ClientID: oneLine(p.App.ClientID), RedirectURI: redirectURI, InputName: p.InputName(),
		ParserFile: arcsightParser, OAuthFile: arcsightOAuth, TokenFile: arcsightToken, Details: splunkDetails,
		LookBack: lookBackText, SourceType: oneLine(p.Splunk.SourceType), Product: deviceProduct,
		KeyIncluded: p.Splunk.ActivationKey != "",
	}
	if p.Microsoft() && p.Cloud.SIEMURL("us") != p.Cloud.SIEMURL("eu") {
		d.Region = p.Region
		if d.Region == "" {
			d.Region = "eu"
		}
	}
	if p.PollInterval > 0 {
		d.Interval, d.Copies = int(p.PollInterval/time.Second), int(lookBack/p.PollInterval)
	}
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, d); err != nil {
		return nil, fmt.Errorf("%s: %w", p.op, err)
	}
	return b.Bytes(), nil
}
