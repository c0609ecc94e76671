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
	// What the events carry. Empty: the token's own index, and for the others
	// what fits the format (docs/destinations.md).
	Index, Source, SourceType, Host string
	Ack                             string // one of AckModes
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
	Ack        text       `yaml:"ack"`
	CAFile     text       `yaml:"ca_file"`
	Proxy      text       `yaml:"proxy"`
}

// AckModes lists what may confirm an event at a Splunk destination.
func AckModes() []string { return []string{"auto", "off", "required"} }

// collectorPath is what the sender itself puts behind the address.
const collectorPath = "/services/collector"

func (r *rawSplunk) build(p *parse, common Common) Destination {
	d := Splunk{
		Common: common, URL: p.url(&r.URL),
		Index: r.Index.value, Source: r.Source.value, SourceType: r.SourceType.value, Host: r.Host.value,
		Ack:       DefaultAck,
		Transport: p.transport(&r.CAFile, &r.Proxy),
	}
	if r.Ack.set {
		d.Ack = p.oneOf(&r.Ack, "a way to confirm", AckModes()...)
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
