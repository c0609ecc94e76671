package config_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
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
	"tributary/config"
)

func newServer(t *testing.T, change func(*tls.Config), handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	a := newAuthority()
	pair, err := tls.X509KeyPair(a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(handler)
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	if change != nil {
		change(s.TLS)
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what these tests make
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func newClient(t *testing.T, transport config.Transport) *http.Client {
	t.Helper()
	c, err := transport.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestClientTrusts(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) })
	res, err := newClient(t, config.Transport{CA: testCA(t)}).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); string(body) != "HTTP/2.0" {
		t.Errorf("protocol %s", body)
	}
	if res, err := newClient(t, config.Transport{}).Get(s.URL); err == nil {
		res.Body.Close()
		t.Error("a server that nobody vouches for is trusted")
	}
	// The CA joins the system's roots, it doesn't replace them. Without roots
	// on this machine there is nothing to see.
	pool := newClient(t, config.Transport{CA: testCA(t)}).Transport.(*http.Transport).TLSClientConfig.RootCAs
	if pool == nil {
		t.Error("no roots")
	}
}

func TestClientRefusesOldTLS(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
		func(http.ResponseWriter, *http.Request) {})
	if res, err := newClient(t, config.Transport{CA: testCA(t)}).Get(s.URL); err == nil {
		res.Body.Close()
		t.Error("TLS 1.1 is accepted")
	}
}

func TestClientFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Errorf("followed to %s", r.URL)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	res, err := newClient(t, config.Transport{CA: testCA(t)}).Post(s.URL+"/", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("status %d", res.StatusCode)
	}
}

// TestClientThroughProxy speaks TLS with a server through a proxy that wants
// a password.
func TestClientThroughProxy(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "through") })
	proxy := newProxy(t)
	c, err := config.Parse("tributary.yaml", []byte("cloud: { proxy: \"http://us%20er:p%40ss@"+proxy.addr+"/\" }"), noEnv, noFiles)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 1 || strings.Contains(c.Warnings[0].String(), "ss@") {
		t.Errorf("warnings %v", c.Warnings)
	}
	cloud, err := c.Cloud("")
	if err != nil {
		t.Fatal(err)
	}
	cloud.Transport.CA = testCA(t)
	res, err := newClient(t, cloud.Transport).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); string(body) != "through" {
		t.Errorf("body %q", body)
	}
	want := "CONNECT " + strings.TrimPrefix(s.URL, "https://") + " Basic " + base64.StdEncoding.EncodeToString([]byte("us er:p@ss"))
	if got := <-proxy.requests; got != want {
		t.Errorf("the proxy saw %q, want %q", got, want)
	}
}

type proxy struct {
	addr     string
	requests chan string
}

// newProxy starts a proxy that takes one CONNECT.
func newProxy(t *testing.T) proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := proxy{l.Addr().String(), make(chan string, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		reader := bufio.NewReader(conn)
		req, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		p.requests <- req.Method + " " + req.Host + " " + req.Header.Get("Proxy-Authorization")
		upstream, err := net.Dial("tcp", req.Host)
		if err != nil {
			return
		}
		defer upstream.Close()
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			io.Copy(upstream, reader)
			upstream.Close()
		}()
		io.Copy(conn, upstream)
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return p
}

// TestClientWaits has a body that takes longer than any part of the way may:
// only the answer's beginning has a limit.
func TestClientWaits(t *testing.T) {
	t.Parallel()
	c := newClient(t, config.Transport{})
	if c.Timeout != 0 {
		t.Errorf("the client ends an answer after %v", c.Timeout)
	}
	transport := c.Transport.(*http.Transport)
	if transport.ResponseHeaderTimeout != time.Minute || transport.TLSHandshakeTimeout == 0 {
		t.Errorf("header %v, handshake %v", transport.ResponseHeaderTimeout, transport.TLSHandshakeTimeout)
	}
}

func TestClientRefusesBadParts(t *testing.T) {
	t.Parallel()
	if _, err := (config.Transport{CA: []byte("no certificate")}).Client(); err == nil {
		t.Error("a CA without certificates is accepted")
	}
	at := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	_, err := config.Transport{Proxy: at, ProxyUser: tributary.NewSecret("user:hunter2%zz")}.Client()
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("user of a proxy: %v", err)
	}
}
