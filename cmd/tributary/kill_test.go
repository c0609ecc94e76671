package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tributary"
	"tributary/config"
	"tributary/microsoft/sim"
	"tributary/pipeline/deliver"
	"tributary/pipeline/stream"
	"tributary/siem/splunk/receiver"
	"tributary/vault"
)

const hecToken = "00000000-0000-0000-0000-00000000beef"

// soc is a Splunk that counts how often each version came.
type soc struct {
	server *httptest.Server
	mu     sync.Mutex
	times  map[string]int
}

func newSOC(t *testing.T) *soc {
	s := &soc{times: map[string]int{}}
	s.server = httptest.NewServer(receiver.New(receiver.Options{
		Token: tributary.NewSecret(hecToken), Ack: true, AckAfter: 20 * time.Millisecond,
		OnEvent: func(e receiver.Event) {
			var id string
			_ = json.Unmarshal(e.Fields["tributary_event_id"], &id)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.times[id]++
		},
	}))
	t.Cleanup(s.server.Close)
	return s
}

func (s *soc) has(truth map[string]bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range truth {
		if s.times[id] == 0 {
			return false
		}
	}
	return true
}

// Killed at ten random moments, it loses nothing, holds nothing twice, and a
// destination sees at most the batch under way twice.
func TestKilledAtRandomMomentsNothingIsLost(t *testing.T) {
	t.Parallel()
	const kills = 10
	o := sim.Defaults()
	o.Tenants, o.Alerts, o.Seed, o.Still = 4, 6000, 7, true
	l := newLaboratory(t, o)
	splunk := newSOC(t)
	l.configure("graph", `
collect: { interval: 1s, backfill: 25h }
listen: 127.0.0.1:0
store: { dir: ./data, max_bytes: 1GiB }
destinations:
  - { name: archive, type: file, dir: ./out, format: raw }
  - { name: soc, type: splunk, url: "`+splunk.server.URL+`", token: "`+hecToken+`", format: raw }
`)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	moments := rand.New(rand.NewPCG(seed, 1))
	for range kills {
		cmd := program(l.dir, "run")
		var log bytes.Buffer
		cmd.Stderr = &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.NewTimer(time.Duration(100+moments.IntN(900)) * time.Millisecond).C
		if err := cmd.Process.Kill(); err != nil {
			t.Fatalf("%v: it had ended by itself:\n%s", err, log.String())
		}
		_ = cmd.Wait()
		// Something new for the next one to find.
		l.microsoft.Arrive(20)
	}
	cmd := program(l.dir, "run")
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	truth := map[string]bool{}
	for v := range l.microsoft.Truth(sim.Scope{Sources: []tributary.Source{tributary.SourceGraph}}) {
		truth[v.EventID().String()] = true
	}
	l.await("everything to arrive", func() bool {
		return splunk.has(truth) && len(l.archived()) >= len(truth)
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after an interrupt it ended with %v:\n%s", err, log.String())
	}

	for id, n := range l.held() {
		if n != 1 || !truth[id] {
			t.Errorf("version %s lies %d times in the stream (in the truth: %t)", id, n, truth[id])
		}
	}
	for name, times := range map[string]map[string]int{"archive": l.archived(), "soc": splunk.times} {
		repeated := 0
		for id := range truth {
			if times[id] == 0 {
				t.Errorf("%s never got version %s", name, id)
			}
			repeated += times[id] - 1
		}
		if most := kills * deliver.DefaultCount; repeated > most {
			t.Errorf("%s got %d records again, at most the batch under way of each of %d kills may come twice", name, repeated, kills)
		}
		t.Logf("%s: %d versions, %d again", name, len(truth), repeated)
	}
}

// archived counts the versions in the delivered files. Every line is whole,
// but for a last one that is being written.
func (l *laboratory) archived() map[string]int {
	l.Helper()
	names, err := filepath.Glob(filepath.Join(l.dir, "out", "*.ndjson"))
	if err != nil {
		l.Fatal(err)
	}
	times := map[string]int{}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			l.Fatal(err)
		}
		lines := bufio.NewReader(f)
		for {
			text, err := lines.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				break
			}
			var record struct {
				Tributary struct {
					EventID string `json:"event_id"`
				} `json:"tributary"`
			}
			if err := json.Unmarshal(text, &record); err != nil {
				l.Fatalf("%s: %v in %q", name, err, text)
			}
			times[record.Tributary.EventID]++
		}
		f.Close()
	}
	return times
}

// held counts the versions in the stream of an instance that has ended.
func (l *laboratory) held() map[string]int {
	l.Helper()
	v, err := vault.OpenKey(filepath.Join(l.dir, "data", config.DefaultKeyFile))
	if err != nil {
		l.Fatal(err)
	}
	_, atRest, err := vault.OpenAtRest(filepath.Join(l.dir, "data", vault.AtRestFile), v)
	if err != nil {
		l.Fatal(err)
	}
	store, err := stream.Open(l.Context(), stream.Options{Dir: filepath.Join(l.dir, "data"), AtRest: []byte(atRest.Reveal()), MaxBytes: 1 << 30})
	if err != nil {
		l.Fatal(err)
	}
	defer store.Close()
	tenants, err := store.Tenants(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	times := map[string]int{}
	for _, t := range tenants {
		for _, feed := range t.Feeds() {
			err := store.Versions(l.Context(), feed, 1, func(v stream.StoredVersion) { times[v.EventID.String()]++ })
			if err != nil {
				l.Fatal(err)
			}
		}
	}
	return times
}

// An instance answers on its address while it runs.
func TestRunTellsItsHealth(t *testing.T) {
	t.Parallel()
	o := sim.Defaults()
	o.Tenants, o.Alerts, o.Still = 2, 50, true
	l := newLaboratory(t, o)
	l.configure("graph", `
collect: { interval: 1s }
listen: 127.0.0.1:0
destinations: [{ name: archive, type: file, dir: ./out }]
`)
	cmd := program(l.dir, "run", "--log-format", "json")
	logs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()
	address := ""
	for lines := bufio.NewScanner(logs); address == "" && lines.Scan(); {
		var line struct{ Msg, Listen string }
		if err := json.Unmarshal(lines.Bytes(), &line); err == nil && line.Msg == "running" {
			address = line.Listen
		}
	}
	go func() { _, _ = io.Copy(io.Discard, logs) }()
	for _, path := range []string{"/healthz", "/readyz"} {
		resp, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s: %s", path, resp.Status, text)
		}
	}
	// A command talks to it rather than to the store.
	stdout, stderr, code := l.tributary("status", "--output", "json")
	var status overview
	if err := json.Unmarshal([]byte(stdout), &status); err != nil || code != exitOK || !status.Running || status.Tenants != 2 {
		t.Errorf("status while it runs: exit %d, %+v, %v\n%s", code, status, err, stderr)
	}
	_, stderr, code = l.tributary("run")
	if code != exitFailed || !bytes.Contains([]byte(stderr), []byte("another instance")) {
		t.Errorf("a second instance: exit %d\n%s", code, stderr)
	}
}
