package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tributary/microsoft/sim"
)

// TestInvitedByRunningInstance lets a customer's administrator complete an
// invitation at the running instance, which then begins to read the alerts by
// itself.
func TestInvitedByRunningInstance(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	microsoft, err := sim.New(sim.Options{Tenants: 1, Alerts: 20, Seed: 3, Still: true, RedirectURIs: []string{"http://" + address + "/callback"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := microsoft.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer microsoft.Close()
	tenant, cloud, app := microsoft.Tenants()[0], microsoft.Cloud(), microsoft.App()
	dir := t.TempDir()
	path := filepath.Join(dir, "tributary.yaml")
	for name, text := range map[string]string{
		"ca.pem": string(microsoft.CA()), "secret": app.ClientSecret.Reveal(),
		"tributary.yaml": fmt.Sprintf(`
cloud: { login: %q, graph: %q, ca_file: ca.pem }
app: { client_id: %q, client_secret: "${file:secret}" }
tenants: [{ slug: %s, tenant_id: %s, name: Contoso, auth: app-only, sources: [graph] }]
listen: 127.0.0.1:0
collect: { interval: 1h }
public: { name: Fabrikam Security, url: "http://%s", listen: %q }
`, cloud.Login, cloud.Graph, app.ClientID, tenant.Slug, tenant.ID, address, address),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- execute(ctx, io.Discard, path, "run") }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run ended with %v", err)
		}
	}()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	soon, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	becomes(soon, t, "the pages answer", func() bool {
		resp, err := browser.Get("http://" + address + "/")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusNotFound
	})

	var out bytes.Buffer
	if err := execute(t.Context(), &out, path, "tenant", "connect", tenant.Slug, "--invite", "-o", "json"); err != nil {
		t.Fatal(err)
	}
	var printed struct{ Link string }
	if err := json.Unmarshal(out.Bytes(), &printed); err != nil {
		t.Fatal(err)
	}
	resp, err := browser.Post(printed.Link, "application/x-www-form-urlencoded", strings.NewReader("lang=en"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	// It is the person's own browser that comes back: with the cookie.
	admin := microsoft.Admin(tenant.ID)
	shared := *admin.Client
	shared.Jar = jar
	admin.Client = &shared
	if _, err := admin.Visit(t.Context(), resp.Header.Get("Location")); err != nil {
		t.Fatal(err)
	}
	resp, err = browser.Get(printed.Link)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !strings.Contains(string(page), "Thank you, this has worked") {
		t.Fatalf("%v\n%s", err, page)
	}
	// The feed was to be asked again in an hour, and has been woken.
	becomes(soon, t, "alerts are fetched", func() bool {
		var out bytes.Buffer
		if err := execute(t.Context(), &out, path, "tenant", "list", "-o", "json"); err != nil {
			t.Fatal(err)
		}
		var rows []struct{ Fetched uint64 }
		return json.Unmarshal(out.Bytes(), &rows) == nil && len(rows) == 1 && rows[0].Fetched > 0
	})
}

// execute is the command line, in this process.
func execute(ctx context.Context, stdout io.Writer, config string, args ...string) error {
	c := &cli{stdin: strings.NewReader(""), stdout: stdout, stderr: io.Discard}
	cmd := c.command()
	cmd.SetArgs(append([]string{"--config", config}, args...))
	return cmd.ExecuteContext(ctx)
}

// becomes waits for something that another goroutine brings about.
func becomes(ctx context.Context, t *testing.T, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-ticker.C:
		}
	}
}
