package hec

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/ackextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/splunkhecreceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// collector is OpenTelemetry's Splunk HEC receiver, running in this process
// with real sockets and TLS.
type collector struct {
	url    string
	client *http.Client // trusts its certificate
	logs   *consumertest.LogsSink
}

// host is what the receiver finds its acknowledgement extension in.
type host struct {
	component.Host
	extensions map[component.ID]component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// start runs a collector, with indexer acknowledgement or without.
func start(t *testing.T, ack bool) *collector {
	t.Helper()
	certificate, key, client := identity(t)
	c := &collector{client: client, logs: new(consumertest.LogsSink)}
	h := host{componenttest.NewNopHost(), map[component.ID]component.Component{}}
	factory := splunkhecreceiver.NewFactory()
	config := factory.CreateDefaultConfig().(*splunkhecreceiver.Config)
	config.TLS = configoptional.Some(configtls.ServerConfig{Config: configtls.Config{CertPem: certificate, KeyPem: key}})
	if ack {
		acks := ackextension.NewFactory()
		id := component.NewID(acks.Type())
		extension, err := acks.Create(t.Context(), extensiontest.NewNopSettings(acks.Type()), acks.CreateDefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		run(t, h, extension)
		h.extensions[id] = extension
		config.Extension = &id
	}
	// The receiver doesn't tell which port it was given, so it is told one
	// that was free a moment ago.
	for attempt := 1; ; attempt++ {
		config.Endpoint = freeAddress(t)
		r, err := factory.CreateLogs(t.Context(), receivertest.NewNopSettings(factory.Type()), config, c.logs)
		if err != nil {
			t.Fatal(err)
		}
		if err = r.Start(t.Context(), h); err == nil {
			t.Cleanup(func() { stop(t, r) })
			break
		}
		if attempt == 10 {
			t.Fatal(err)
		}
	}
	c.url = "https://" + config.Endpoint
	return c
}

func run(t *testing.T, h component.Host, c component.Component) {
	t.Helper()
	if err := c.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, c) })
}

func stop(t *testing.T, c component.Component) {
	t.Helper()
	if err := c.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// identity is a certificate for 127.0.0.1, its key, and a client that trusts
// it: those of the standard library's test server.
func identity(t *testing.T) (certificate, key configopaque.String, client *http.Client) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	pair := s.TLS.Certificates[0]
	private, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) configopaque.String {
		return configopaque.String(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return block("CERTIFICATE", pair.Certificate[0]), block("PRIVATE KEY", private), s.Client()
}
