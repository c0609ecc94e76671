package sim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"tributary"
	"tributary/microsoft/sim/alerts"
	"tributary/microsoft/sim/directory"
	"tributary/microsoft/sim/fault"
	"tributary/microsoft/sim/identity"
	"tributary/microsoft/sim/partner"
	"tributary/microsoft/sim/recorded"
)

// Server is the simulated Microsoft. Its methods are safe for concurrent use.
type Server struct {
	*population
	opts      Options
	log       *slog.Logger
	identity  *identity.Server
	alerts    *alerts.Set
	faults    *fault.Box
	quotas    *meter
	allowed   allowList
	authority *authority
	directory *directory.Server
	partner   *partner.Server
	cloud     tributary.Cloud
	handler   http.Handler
	// defenderPage is how many alerts Defender for Endpoint sends without $top.
	defenderPage int

	certificate sync.Mutex // guards app.Certificate

	plans      sync.RWMutex
	unlicensed map[string]bool // tenants without a Defender plan

	mu       sync.Mutex
	listener net.Listener
	server   *http.Server
	served   chan struct{} // closed when the listener's loop has ended
	client   *http.Client
}

// New plans tenants and alerts. Nothing listens until [Server.Start].
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Cloud == "" {
		o.Cloud = "global"
	}
	cloud, ok := tributary.Clouds()[o.Cloud]
	if !ok {
		return nil, fmt.Errorf("simulated Microsoft: no cloud is called %q", o.Cloud)
	}
	now := o.Now()
	if o.Start.IsZero() {
		o.Start = now
	}
	if o.Start.After(now) {
		return nil, fmt.Errorf("simulated Microsoft: the start %s lies in the future", o.Start.Format(time.RFC3339))
	}
	s := &Server{
		population: populate(o), opts: o, log: o.Log, faults: fault.New(o.Seed), quotas: newMeter(o.Quotas), defenderPage: maxDefenderTop,
		cloud: cloud,
	}
	if err := s.checkFaults(o.Faults); err != nil {
		return nil, err
	}
	s.alerts = alerts.NewSet(alerts.Options{
		Seed: o.Seed, Companies: s.companies(), Alerts: o.Alerts, Start: o.Start, Past: o.Past, Live: o.Live,
		Changing: o.Changing, Tied: o.Tied, Late: o.Late, TieSize: o.TieSize, Still: o.Still, Skew: skewOf(o.Faults),
	})
	if len(o.Replay.Files) > 0 {
		if err := s.replay(o.Replay); err != nil {
			return nil, err
		}
	}
	tenants, users := s.directories()
	var err error
	s.identity, err = identity.New(identity.Options{
		Tenants: tenants, Users: users, Apps: []identity.App{s.registration(cloud, o.RedirectURIs)},
		Cloud: o.Cloud, CredentialDelay: o.CredentialDelay, Now: s.clock, TokenLifetime: o.TokenLifetime, Seed: o.Seed, Fail: s.failLogin,
	})
	if err != nil {
		return nil, fmt.Errorf("simulated Entra ID: %w", err)
	}
	s.directory, s.partner = s.newDirectory(), s.newPartner()
	if o.GDAP {
		if err := s.relateAll(); err != nil {
			return nil, err
		}
	}
	if s.authority, err = newAuthority(now); err != nil {
		return nil, err
	}
	if err := s.SetFaults(o.Faults); err != nil {
		return nil, err
	}
	for _, r := range o.Refusals {
		if err := s.Refuse(r); err != nil {
			return nil, err
		}
	}
	for _, st := range o.States {
		if err := s.Set(st); err != nil {
			return nil, err
		}
	}
	s.handler = s.routes()
	return s, nil
}

// replay puts recorded alerts on a tenant's shelf.
func (s *Server) replay(r Replay) error {
	tenant := 0
	if r.Tenant != "" {
		var ok bool
		if tenant, ok = s.find(r.Tenant); !ok {
			return fmt.Errorf("replay: no simulated tenant %q", r.Tenant)
		}
	}
	rec, err := recorded.Read(r.Files...)
	if err != nil {
		return err
	}
	for _, note := range rec.Notes {
		s.log.Warn("replay", "note", note)
	}
	list := rec.Alerts
	if r.Move {
		past := s.opts.Past
		if past <= 0 {
			past = 24 * time.Hour
		}
		clock := s.alerts.Clock(s.opts.Start)
		list = recorded.Move(list, clock.Add(-past), clock)
	}
	s.alerts.Record(tenant, s.opts.Start, list)
	return nil
}

// clock is the service's clock: the true one plus the skew.
func (s *Server) clock() time.Time { return s.alerts.Clock(s.opts.Now()) }

// Start listens on addr, such as 127.0.0.1:8443 or 127.0.0.1:0 for a free port,
// and serves until [Server.Close].
func (s *Server) Start(addr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		return errors.New("start the simulated Microsoft: it is running already")
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("start the simulated Microsoft: %w", err)
	}
	s.listener = l
	if err := s.identity.SetBaseURL(s.url()); err != nil {
		l.Close()
		return fmt.Errorf("start the simulated Microsoft: %w", err)
	}
	s.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.authority.pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16,
	}}
	s.server = &http.Server{
		Handler:           s.handler,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{s.authority.leaf}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.served = make(chan struct{})
	go func(server *http.Server, done chan struct{}) {
		defer close(done)
		// It always ends with an error: ErrServerClosed after Close.
		if err := server.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the simulated Microsoft stopped", "err", err)
		}
	}(s.server, s.served)
	return nil
}

// Close stops listening and ends all connections. It can't be started again.
func (s *Server) Close() error {
	s.mu.Lock()
	server, served, client := s.server, s.served, s.client
	s.mu.Unlock()
	if server == nil {
		return nil
	}
	client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-served
	return err
}

// CA is the certificate authority to trust, PEM.
func (s *Server) CA() []byte { return s.authority.pem }

// URL is where the started server answers, such as https://127.0.0.1:8443.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url()
}

func (s *Server) url() string {
	if s.listener == nil {
		return ""
	}
	host, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return ""
	}
	// A server on all addresses is reached by the one that its certificate has.
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "https://" + net.JoinHostPort(host, port)
}

// Cloud is where the started server's services answer. Audiences are those of
// the cloud that [Options] name.
func (s *Server) Cloud() tributary.Cloud {
	url := s.URL()
	return tributary.Cloud{
		Name: "sim", Login: url, Graph: url + "/graph", Endpoint: url + "/mde", XDR: url + "/xdr", SIEM: url + "/siem",
		Portal: url + "/portal", Resources: s.cloud.Resources,
	}
}

// Client trusts the started server's certificate.
func (s *Server) Client() *http.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client
}

// Identity is the simulated Entra ID, for what only a test does: more users,
// other applications, consent withdrawn.
func (s *Server) Identity() *identity.Server { return s.identity }

// Tenants are the customers.
func (s *Server) Tenants() []Tenant { return slices.Clone(s.tenants) }

// Provider is the MSSP.
func (s *Server) Provider() Provider { return s.provider }

// App is the provider's multi-tenant application with its secret. The same
// seed gives the same one.
func (s *Server) App() tributary.App {
	return tributary.App{ClientID: s.app.ClientID, ClientSecret: s.app.ClientSecret}
}

// AppWithCertificate is the application with a certificate and no secret. The
// certificate is made and registered at the first call.
func (s *Server) AppWithCertificate() (tributary.App, error) {
	s.certificate.Lock()
	defer s.certificate.Unlock()
	if s.app.Certificate.IsZero() {
		cert, secret, err := newAppCertificate(s.opts.Now())
		if err != nil {
			return tributary.App{}, err
		}
		if _, err := s.identity.UpdateApp(s.app.ClientID, func(a *identity.App) error {
			a.Certificates = append(a.Certificates, cert)
			return nil
		}); err != nil {
			return tributary.App{}, err
		}
		s.app.Certificate = secret
	}
	return tributary.App{ClientID: s.app.ClientID, Certificate: s.app.Certificate}, nil
}
