package entra

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tributary"
)

// Each failure of the network is told in one sentence that names the host, for
// both ways in.
func TestNetworkFailures(t *testing.T) {
	t.Parallel()
	closed := func(t *testing.T) string { // an address where nobody listens
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	hijack := func(t *testing.T, do func(http.ResponseWriter)) *httptest.Server {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { do(w) }))
		srv.Config.ErrorLog = log.New(io.Discard, "", 0) // the failed handshakes are what is tested
		srv.StartTLS()
		t.Cleanup(srv.Close)
		return srv
	}
	tests := []struct {
		name  string
		setup func(*testing.T) (login string, client *http.Client)
		code  string
		fix   tributary.Fixer
		says  string
	}{
		{"nobody listens", func(t *testing.T) (string, *http.Client) {
			return "https://" + closed(t), &http.Client{}
		}, tributary.CodeUnreachable, tributary.FixRetry, "can't reach"},
		{"no such host", func(*testing.T) (string, *http.Client) {
			dial := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no DNS here") }}}
			return "https://login.contoso.example", &http.Client{Transport: &http.Transport{DialContext: dial.DialContext, DisableKeepAlives: true}}
		}, tributary.CodeUnreachable, tributary.FixRetry, "can't find the address of login.contoso.example"},
		{"unknown authority", func(t *testing.T) (string, *http.Client) {
			return hijack(t, func(http.ResponseWriter) {}).URL, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		}, tributary.CodeUnreachable, tributary.FixMSSP, "doesn't trust"},
		{"another host's certificate", func(t *testing.T) (string, *http.Client) {
			srv := hijack(t, func(http.ResponseWriter) {})
			to := &net.Dialer{}
			tr := srv.Client().Transport.(*http.Transport).Clone()
			tr.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return to.DialContext(ctx, network, srv.Listener.Addr().String())
			}
			return "https://login.contoso.test", &http.Client{Transport: tr}
		}, tributary.CodeUnreachable, tributary.FixMSSP, "another host's certificate"},
		{"no TLS", func(t *testing.T) (string, *http.Client) {
			srv := httptest.NewServer(http.NotFoundHandler())
			t.Cleanup(srv.Close)
			return strings.Replace(srv.URL, "http:", "https:", 1), &http.Client{}
		}, tributary.CodeUnreachable, tributary.FixMSSP, "doesn't speak TLS"},
		{"too slow", func(t *testing.T) (string, *http.Client) {
			end := make(chan struct{})
			srv := hijack(t, func(http.ResponseWriter) { <-end })
			t.Cleanup(func() { close(end) })
			client := *srv.Client()
			client.Timeout = 50 * time.Millisecond
			return srv.URL, &client
		}, tributary.CodeUnreachable, tributary.FixRetry, "didn't answer in time"},
		{"cut", func(t *testing.T) (string, *http.Client) {
			srv := hijack(t, func(w http.ResponseWriter) {
				w.Header().Set("Content-Length", "500")
				_, _ = w.Write([]byte(`{"access_token":"ey`))
			})
			return srv.URL, srv.Client()
		}, tributary.CodeUnavailable, tributary.FixRetry, "broke off"},
		{"proxy is down", func(t *testing.T) (string, *http.Client) {
			proxy := &url.URL{Scheme: "http", Host: closed(t), User: url.UserPassword("mssp", "hunter2")}
			return "https://login.contoso.example", &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
		}, tributary.CodeUnreachable, tributary.FixRetry, "the proxy before login.contoso.example"},
		{"endless", func(t *testing.T) (string, *http.Client) {
			srv := hijack(t, func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, maxBody+2)) })
			return srv.URL, srv.Client()
		}, tributary.CodeUnavailable, tributary.FixRetry, "too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			login, client := tt.setup(t)
			for _, auth := range []tributary.AuthMethod{tributary.AuthAppOnly, tributary.AuthDelegated} {
				b := newBench(t, auth, nil)
				b.grants.set("contoso", grant("refresh-1", ""))
				b.cfg.Cloud = func(tributary.Tenant) (tributary.Cloud, *http.Client, error) {
					return tributary.Cloud{Login: login}, client, nil
				}
				e := b.refused(t, graph)
				if e.Code != tt.code || e.Fix != tt.fix || !strings.Contains(e.Error(), tt.says) {
					t.Errorf("%s: got %s, %s: %v", auth, e.Code, e.Fix, e)
				}
				host := strings.TrimPrefix(login, "https://")
				if !strings.Contains(e.Error(), host) {
					t.Errorf("%s: the sentence doesn't name %s: %v", auth, host, e)
				}
				if strings.Contains(e.Error(), "hunter2") || strings.ContainsAny(e.Error(), "\n") {
					t.Errorf("%s: not fit to print: %v", auth, e)
				}
			}
		})
	}
}

// A failure of the network isn't remembered: the next caller tries again.
func TestNetworkFailureIsNotRemembered(t *testing.T) {
	t.Parallel()
	b := newBench(t, tributary.AuthAppOnly, numbered(3599))
	good := b.cfg.Cloud
	b.cfg.Cloud = func(t tributary.Tenant) (tributary.Cloud, *http.Client, error) {
		cloud, _, err := good(t)
		return cloud, &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no route")}
		})}, err
	}
	if e := b.refused(t, graph); e.Code != tributary.CodeUnreachable || !strings.Contains(e.Error(), "no route") {
		t.Errorf("got %v", e)
	}
	b.cfg.Cloud = good
	b.get(t, graph)
}

func TestRedactUserInfo(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://mssp:hunter2@proxy:8080/x":        "https://[redacted]@proxy:8080/x",
		`parse "http://a:b@c": bad`:                `parse "http://[redacted]@c": bad`,
		"https://login.microsoftonline.com/a@b":    "https://login.microsoftonline.com/a@b",
		"dial tcp 127.0.0.1:1: connection refused": "dial tcp 127.0.0.1:1: connection refused",
	} {
		if got := redactUserInfo(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}
