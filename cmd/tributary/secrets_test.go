package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tributary/config"
	"tributary/microsoft/sim"
	"tributary/vault"
)

// wiretap stands before Microsoft, passes everything on, and learns every
// secret that goes either way: tokens, codes, the application's secret, what a
// person types.
type wiretap struct {
	*httptest.Server
	microsoft string
	mu        sync.Mutex
	secrets   map[string]string // by what it is
}

func newWiretap(t *testing.T, microsoft *sim.Server) *wiretap {
	t.Helper()
	to, err := url.Parse(microsoft.URL())
	if err != nil {
		t.Fatal(err)
	}
	w := &wiretap{microsoft: microsoft.URL(), secrets: map[string]string{}}
	proxy := &httputil.ReverseProxy{
		Transport: microsoft.Client().Transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Del("Accept-Encoding")
		},
		ModifyResponse: w.answer,
	}
	w.Server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if err := w.question(r); err != nil {
			http.Error(rw, "unreadable", http.StatusBadRequest)
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.Close)
	return w
}

// question learns what is sent to Microsoft.
func (w *wiretap) question(r *http.Request) error {
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		w.learn("bearer", bearer)
	}
	if r.Method != http.MethodPost {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if form, formErr := url.ParseQuery(string(body)); formErr == nil {
		w.learnForm(form)
	}
	return err
}

// answer learns what Microsoft gives out, and makes its own address ours.
func (w *wiretap) answer(r *http.Response) error {
	if at, err := r.Location(); err == nil {
		w.learnForm(at.Query())
		r.Header.Set("Location", strings.ReplaceAll(r.Header.Get("Location"), w.microsoft, w.URL))
	}
	body, err := io.ReadAll(r.Body)
	var tokens map[string]any
	if json.Unmarshal(body, &tokens) == nil {
		for _, name := range []string{"access_token", "refresh_token", "id_token", "device_code"} {
			if text, ok := tokens[name].(string); ok {
				w.learn(name, text)
			}
		}
	}
	body = bytes.ReplaceAll(body, []byte(w.microsoft), []byte(w.URL))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return err
}

// authority is the certificate to trust.
func (w *wiretap) authority() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Certificate().Raw}))
}

func (w *wiretap) learn(what, text string) {
	if len(text) < 8 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets[text] = what
}

func (w *wiretap) learnForm(form url.Values) {
	for _, name := range []string{"code", "refresh_token", "client_secret", "client_assertion", "code_verifier", "passwd", "password", "device_code"} {
		for _, text := range form[name] {
			w.learn(name, text)
		}
	}
}

// A whole life with both ways in and every kind of log: no secret is told, and
// none lies in the store in the clear.
func TestNoSecretIsToldOrStored(t *testing.T) {
	t.Parallel()
	o := sim.Defaults()
	o.Tenants, o.Alerts, o.Still = 2, 40, true
	l := newLaboratory(t, o)
	splunk := newSOC(t)
	tap := newWiretap(t, l.microsoft)
	tap.learn("HEC token", hecToken)
	secret := l.microsoft.App().ClientSecret.Reveal()
	tap.learn("client_secret", secret)
	l.write("secret.txt", secret)
	l.write("ca.pem", string(l.microsoft.CA())+tap.authority())
	home := tap.URL
	l.write("tributary.yaml", `
cloud: { login: "`+home+`", graph: "`+home+`/graph", endpoint: "`+home+`/mde", xdr: "`+home+`/xdr", siem: "`+home+`/siem", portal: "`+home+`/portal", ca_file: ca.pem }
app: { client_id: `+l.microsoft.App().ClientID+`, client_secret: "${file:secret.txt}" }
listen: 127.0.0.1:0
collect: { interval: 1s }
destinations:
  - { name: archive, type: file, dir: ./out }
  - { name: soc, type: splunk, url: "`+splunk.server.URL+`", token: "`+hecToken+`" }
`)
	var told bytes.Buffer
	do := func(want int, args ...string) string {
		t.Helper()
		cmd := program(l.dir, append(args, "--log-level", "debug")...)
		admin := l.microsoft.Admin("contoso")
		cmd.Env = append(cmd.Env, "BROWSER="+os.Args[0]+" "+asVisit+" %s", "MICROSOFT_CA="+filepath.Join(l.dir, "ca.pem"),
			"PERSON="+admin.User, "PERSON_PASSWORD="+admin.Password)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &told
		_ = cmd.Run()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
			t.Fatalf("%q ended with %v, not %d:\n%s%s", args, cmd.ProcessState, want, out.String(), told.String())
		}
		if args[0] != "token" {
			told.Write(out.Bytes())
		}
		return out.String()
	}
	do(exitOK, "tenant", "add", "contoso.com", "--auth", "delegated", "--sources", "graph,endpoint")
	do(exitOK, "tenant", "connect", "contoso", "--wait", "30s")
	do(exitOK, "tenant", "add", "fabrikam.com")
	l.microsoft.Consent(l.microsoft.Tenants()[1].ID, l.microsoft.App().ClientID)
	do(exitOK, "tenant", "check")
	do(exitOK, "destination", "test", "soc")
	do(exitOK, "fetch", "contoso", "--source", "graph")

	running := program(l.dir, "run", "--log-level", "debug", "--log-format", "json")
	running.Stderr = &told
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	truth := map[string]bool{}
	for v := range l.microsoft.Truth(sim.Scope{}) {
		if v.Source == "graph" || v.Source == "endpoint" && v.Tenant == "contoso" {
			truth[v.EventID().String()] = true
		}
	}
	l.await("everything to arrive", func() bool { return splunk.has(truth) && len(l.archived()) >= len(truth) })
	if err := running.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := running.Wait(); err != nil {
		t.Fatal(err)
	}
	do(exitOK, "status")
	do(exitOK, "config", "check")

	// The keys are changed; neither the old nor the new ones are told, and the
	// new ones lie in their file alone.
	learnKeys(t, tap, l.dir, "old vault key")
	do(exitOK, "vault", "rotate")
	learnKeys(t, tap, l.dir, "new vault key")
	do(exitOK, "tenant", "check", "contoso")

	// What token prints is a secret on purpose; that it is known here proves
	// that the wiretap hears.
	printed := do(exitOK, "token", "contoso", "--output", "json")
	var revealed struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal([]byte(printed), &revealed); err != nil || tap.secrets[revealed.Access] == "" || tap.secrets[revealed.Refresh] != "refresh_token" {
		t.Errorf("token printed what Microsoft never issued: %v\n%s", err, printed)
	}
	for _, what := range []string{"access_token", "refresh_token", "client_secret", "id_token", "code", "code_verifier", "bearer", "HEC token", "passwd", "old vault key", "new vault key", "at-rest key"} {
		if !tap.heard(what) {
			t.Errorf("the wiretap heard no %s", what)
		}
	}
	tap.search(t, "what was told", told.Bytes())
	for _, folder := range []string{"data", "out"} {
		tap.searchFolder(t, filepath.Join(l.dir, folder))
	}
}

// learnKeys learns the vault key and the at-rest key of a store, and hides the
// file of the key from the search: it is where the key belongs.
func learnKeys(t *testing.T, w *wiretap, dir, name string) {
	t.Helper()
	path := filepath.Join(dir, "data", config.DefaultKeyFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	key, err := vault.ParseKey(string(text))
	if err != nil {
		t.Fatal(err)
	}
	v, atRest, err := vault.OpenAtRest(filepath.Join(dir, "data", vault.AtRestFile), key)
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	bare, err := base64.StdEncoding.DecodeString(line)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{line, string(bare), hex.EncodeToString(bare), base64.RawURLEncoding.EncodeToString(bare)} {
		w.learn(name, form)
	}
	w.learn("at-rest key", atRest.Reveal())
	w.search(t, "the printed forms", fmt.Appendf(nil, "%v %+v %#v %v %+v %#v", v, v, v, vault.KeyFile{Path: path}, atRest, atRest))
}

func (w *wiretap) heard(what string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range w.secrets {
		if name == what {
			return true
		}
	}
	return false
}

// search looks for every secret, as it is and as it stands in an address.
func (w *wiretap) search(t *testing.T, where string, text []byte) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for secret, what := range w.secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), strings.ReplaceAll(secret, "/", `\/`)} {
			if i := bytes.Index(text, []byte(form)); i >= 0 {
				t.Errorf("%s holds a %s: …%s[%s]", where, what, text[max(0, i-80):i], what)
				break
			}
		}
	}
}

func (w *wiretap) searchFolder(t *testing.T, folder string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if filepath.Base(path) == config.DefaultKeyFile {
			return err // the one place where the vault key belongs
		}
		w.search(t, path, text)
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%s: %d files, %v", folder, files, err)
	}
}
