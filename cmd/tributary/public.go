package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"tributary"
	"tributary/connect/invite"
	"tributary/pipeline/stream"
)

// invites makes the invitations of this store.
func (i *instance) invites() (*invite.Invites, error) {
	public := i.cfg.Public
	return invite.New(invite.Config{
		Connector: i.connect, Records: i.store, Vault: i.vault, Log: i.log,
		URL: public.URL, Name: public.Name, Proxied: public.Proxied(),
		Tenant: func(ctx context.Context, slug string) (tributary.Tenant, error) {
			t, _, err := i.store.Tenant(ctx, slug)
			return t, err
		},
		Connected: func(ctx context.Context, t tributary.Tenant, detail string) error {
			i.auditCustomer(ctx, t.Slug, "tenant connected", detail)
			return i.connected(ctx, t)
		},
		Failed: func(ctx context.Context, t tributary.Tenant, detail string) {
			i.auditCustomer(ctx, t.Slug, "invitation failed", detail)
		},
	})
}

// auditCustomer keeps what somebody at the customer's did.
func (i *instance) auditCustomer(ctx context.Context, tenant, action, detail string) {
	err := i.store.Audit(ctx, stream.AuditRecord{At: time.Now().UTC(), Actor: "customer", Tenant: tenant, Action: action, Detail: detail})
	if err != nil {
		i.log.Error("keep the audit record", "action", action, "tenant", tenant, "err", err)
	}
}

// servePublic serves the pages of invitations to customers until ctx ends.
func (i *instance) servePublic(ctx context.Context) error {
	public := i.cfg.Public
	invites, err := i.invites()
	if err != nil {
		return err
	}
	fail := func(err error, next string) error {
		return &tributary.Error{Code: "listen", Op: "listen for customers on " + public.Listen, Err: err, Fix: tributary.FixMSSP, Next: next}
	}
	server := invites.Server()
	server.ErrorLog = slog.NewLogLogger(i.log.Handler(), slog.LevelDebug)
	if public.CertFile != "" {
		files := &certificateFiles{cert: public.CertFile, key: public.KeyFile, log: i.log}
		if _, err := files.get(nil); err != nil {
			return fail(err, "check public.tls in "+i.cfg.Path)
		}
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: files.get}
	}
	listener, err := net.Listen("tcp", public.Listen)
	if err != nil {
		return fail(reason(err), "stop the program that uses the port, or change public.listen in "+i.cfg.Path)
	}
	i.log.Info("customers reach their invitations", "url", public.URL, "listen", listener.Addr().String(), "tls", server.TLSConfig != nil)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		_ = server.Shutdown(last) // what doesn't end in time is cut off by the process's end
	}()
	if server.TLSConfig != nil {
		err = server.ServeTLS(listener, "", "")
	} else {
		err = server.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		<-stopped
		return nil
	}
	return err
}

// certificateFiles is a certificate that is renewed on the disk while the
// program runs.
type certificateFiles struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	changed [2]time.Time // of the files, when they were read
	pair    *tls.Certificate
}

// lookEvery is how long a renewed certificate may wait.
const lookEvery = 30 * time.Second

// get reads the files again when they have changed. A new pair that can't be
// used leaves the old one: half of it may have been written only.
func (f *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pair != nil && time.Since(f.looked) < lookEvery {
		return f.pair, nil
	}
	f.looked = time.Now()
	var changed [2]time.Time
	for n, name := range []string{f.cert, f.key} {
		if info, err := os.Stat(name); err == nil {
			changed[n] = info.ModTime()
		}
	}
	if f.pair != nil && changed == f.changed {
		return f.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		err = fmt.Errorf("read the certificate for customers: %w", err)
		if f.pair != nil {
			f.log.Warn("the certificate for customers has changed and can't be used: the old one stays", "err", err)
			return f.pair, nil
		}
		return nil, err
	}
	if f.pair != nil {
		f.log.Info("the certificate for customers has been renewed", "file", f.cert)
	}
	f.pair, f.changed = &pair, changed
	return f.pair, nil
}
