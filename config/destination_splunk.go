package config

import (
	"strings"

	"tributary"
)

// Splunk posts alerts to an HTTP Event Collector.
type Splunk struct {
	Common
	URL   string // https://host:port, without the collector's own path
	Token tributary.Secret
	// What the events carry. Empty leaves it to the token's settings.
	Index, Source, SourceType, Host string
	Transport                       Transport
}

type rawSplunk struct {
	rawCommon
	URL        text       `yaml:"url"`
	Token      secretText `yaml:"token"`
	Index      text       `yaml:"index"`
	Source     text       `yaml:"source"`
	SourceType text       `yaml:"sourcetype"`
	Host       text       `yaml:"host"`
	CAFile     text       `yaml:"ca_file"`
	Proxy      text       `yaml:"proxy"`
}

// collectorPath is what the sender itself puts behind the address.
const collectorPath = "/services/collector"

func (r *rawSplunk) build(p *parse, common Common) Destination {
	d := Splunk{
		Common: common, URL: p.url(&r.URL),
		Index: r.Index.value, Source: r.Source.value, SourceType: r.SourceType.value, Host: r.Host.value,
		Transport: p.transport(&r.CAFile, &r.Proxy),
	}
	if !r.URL.set {
		p.report(r.place, "url is missing", "write the collector's address, such as url: https://splunk.example.com:8088")
	} else if strings.Contains(d.URL, collectorPath) {
		p.report(r.URL.place, "the address holds the collector's own path", "remove "+collectorPath+" and what follows it")
	}
	if !r.Token.set {
		p.report(r.place, "token is missing", `write the HEC token, such as token: "${env:HEC_TOKEN}"`)
	} else if r.Token.ok() {
		d.Token = tributary.NewSecret(r.Token.value)
	}
	return d
}
