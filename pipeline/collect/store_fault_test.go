package collect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tributary"
	"tributary/pipeline/collect"
	"tributary/pipeline/stream"
)

// wire stands between a command and the instance that it talks to. It garbles
// answers to commits: what was committed is stored, and nobody knows of it.
type wire struct {
	net.Listener
	server  string
	garble  atomic.Int32 // answers to garble
	garbled atomic.Int32
}

func (w *wire) run() {
	for {
		client, err := w.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		go func() {
			_, _ = io.Copy(server, client)
			_ = server.Close()
		}()
		go func() {
			defer client.Close()
			defer server.Close()
			buf := make([]byte, 64<<10)
			for {
				n, err := server.Read(buf)
				if err != nil {
					return
				}
				const id = `"batch":"` // of the commit that is answered
				if i := bytes.Index(buf[:n], []byte(id)); i >= 0 && i+len(id) < n && w.garble.Add(-1) >= 0 {
					buf[i+len(id)] ^= 1
					w.garbled.Add(1)
				}
				if _, err := client.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
	}
}

// through joins the bench's instance over a wire.
func (b *bench) through() (*stream.Store, *wire) {
	b.Helper()
	running := filepath.Join(b.dir, "running.json")
	text, err := os.ReadFile(running)
	if err != nil {
		b.Fatal(err)
	}
	var instance map[string]any
	if err := json.Unmarshal(text, &instance); err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	w := &wire{Listener: listener, server: strings.TrimPrefix(instance["url"].(string), "nats://")}
	var done sync.WaitGroup
	done.Go(w.run)
	b.Cleanup(func() { _ = listener.Close(); done.Wait() })
	instance["url"] = "nats://" + listener.Addr().String()
	if text, err = json.Marshal(instance); err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	key, err := os.ReadFile(filepath.Join(b.dir, "command.nkey"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "command.nkey"), key, 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "running.json"), text, 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
	store, err := stream.Connect(b.Context(), dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	return store, w
}

// A commit whose answer got lost has happened. What it stored is not stored
// again, and the feed is not said to have a conflict with somebody.
func TestCommitWhoseAnswerGotLost(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	store, w := b.through()
	own := b.store
	var codes sync.Map
	b.shelf.page = 100
	all := spread(500, 20*time.Hour)
	b.shelf.put(all...)
	w.garble.Store(3)
	b.store = store
	b.collecting(func() {
		b.store = own // to look at what lies in the stream
		b.await("all alerts", func() bool {
			if st, ok := b.status(); ok && st.Problem != nil {
				codes.Store(st.Problem.Text, true)
			}
			return len(b.held()) == len(all)
		})
		b.quiet(3)
	})
	b.expect(all)
	if n := w.garbled.Load(); n != 3 {
		t.Errorf("%d answers were lost, want 3: the test shows nothing", n)
	}
	codes.Range(func(text, _ any) bool {
		if strings.Contains(text.(string), tributary.ErrConflict.Error()) {
			t.Errorf("the status said: %s", text)
		}
		return true
	})
}

// Somebody else moved the cursor of a feed to which nothing new comes.
func TestQuietFeedGetsOverAConflict(t *testing.T) {
	t.Parallel()
	clock := &ahead{}
	b := setup(t, func(c *collect.Config) { c.Now = clock.now })
	b.collecting(func() {
		b.quiet(3)
		var cursor tributary.Cursor
		b.await("the first cursor", func() bool {
			var err error
			cursor, err = b.store.Cursor(t.Context(), name)
			return err == nil && cursor.Revision > 0
		})
		if _, err := b.store.Commit(t.Context(), name, nil, cursor); err != nil {
			t.Fatal(err)
		}
		clock.forward(16 * time.Minute)
		b.quiet(5)
		clock.forward(16 * time.Minute)
		b.await("the cursor to be written again", func() bool {
			now, err := b.store.Cursor(t.Context(), name)
			return err == nil && now.Watermark.After(cursor.Watermark)
		})
		b.await("the end of the problem", func() bool {
			st, ok := b.status()
			return ok && st.Problem == nil
		})
	})
}

// A feed whose message somebody took out of the schedule is put back.
func TestScheduleHealsItself(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.collecting(func() {
		b.quiet(2)
		command, err := stream.Connect(t.Context(), b.dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer command.Close()
		turns, err := command.Turns(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		turn, err := turns.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := turn.Drop(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.quiet(2)
	})
}

func TestPausedTenantHasNoStatus(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.shelf.fail = func(tributary.Request) error { return problem("x", tributary.FixRetry, time.Nanosecond) }
	b.collecting(func() {
		b.await("a problem", func() bool {
			st, ok := b.status()
			return ok && st.Problem != nil
		})
		tenant, revision, err := b.store.Tenant(t.Context(), slug)
		if err != nil {
			t.Fatal(err)
		}
		tenant.Paused = true
		if _, err := b.store.PutTenant(t.Context(), tenant, revision); err != nil {
			t.Fatal(err)
		}
		b.await("the status to be taken back", func() bool {
			_, ok := b.status()
			return !ok
		})
	})
}

// A sweep that fails is tried again soon, and the tip doesn't wait for it.
func TestSweepThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	clock := &ahead{}
	b := setup(t, func(c *collect.Config) { c.Now = clock.now })
	all := spread(30, 20*time.Hour)
	b.shelf.put(all...)
	b.collecting(func() {
		b.delivered(len(all))
		b.quiet(2)
		late := alert("late", time.Now().Add(-6*time.Hour))
		refused := make(chan struct{})
		var once sync.Once
		b.shelf.mu.Lock()
		b.shelf.fail = func(req tributary.Request) error {
			if !req.Window.Open() {
				once.Do(func() { close(refused) })
				return problem("x", tributary.FixMSSP, time.Nanosecond)
			}
			return nil
		}
		b.shelf.mu.Unlock()
		b.shelf.put(late)
		clock.forward(61 * time.Minute)
		<-refused
		tip := alert("tip", time.Now())
		b.shelf.put(tip)
		all = append(all, tip)
		b.holds(len(all))
		b.shelf.mu.Lock()
		b.shelf.fail = nil
		b.shelf.mu.Unlock()
		clock.forward(16 * time.Minute)
		all = append(all, late)
		b.holds(len(all))
	})
	b.expect(all)
}

// A program that is restarted every day still looks back for a week.
func TestSweepOfAWeekComesSoonAfterAStart(t *testing.T) {
	t.Parallel()
	clock := &ahead{}
	b := setup(t, func(c *collect.Config) {
		c.Now = clock.now
		c.Backfill = 6 * 24 * time.Hour
	})
	all := spread(30, 5*24*time.Hour)
	b.shelf.put(all...)
	b.collecting(func() {
		b.delivered(len(all))
		b.quiet(2)
		late := alert("late", time.Now().Add(-3*24*time.Hour))
		b.shelf.put(late)
		all = append(all, late)
		clock.forward(2 * time.Hour)
		b.holds(len(all))
	})
	b.expect(all)
}

// A change of the tenant gives its feed a new reader. The place in a window
// belonged to the old one.
func TestChangedTenantBeginsItsWindowAnew(t *testing.T) {
	t.Parallel()
	var old *shelf
	readers, foreign := 0, 0
	b := setup(t, func(c *collect.Config) { c.Pages = 1 })
	all := spread(90, 20*time.Hour)
	fresh := &shelf{source: name.Source}
	old = b.shelf
	old.page, old.newest = 10, true
	old.put(all...)
	fresh.put(all...)
	fresh.fail = func(req tributary.Request) error {
		if req.Page != "" {
			foreign++
		}
		return nil
	}
	changed := make(chan struct{})
	old.fail = func(req tributary.Request) error {
		if req.Page == "30" {
			tenant, revision, err := b.store.Tenant(context.WithoutCancel(t.Context()), slug)
			if err == nil {
				tenant.Labels = map[string]string{"tier": "gold"}
				_, err = b.store.PutTenant(context.WithoutCancel(t.Context()), tenant, revision)
			}
			if err != nil {
				t.Error(err)
			}
			close(changed)
		}
		return nil
	}
	b.cfg.Reader = func(tributary.Tenant, tributary.Source) (tributary.Reader, error) {
		if readers++; readers == 1 {
			return old, nil
		}
		return fresh, nil
	}
	b.collecting(func() {
		<-changed
		b.holds(len(all))
	})
	b.expect(all)
	fresh.mu.Lock()
	defer fresh.mu.Unlock()
	if foreign > 0 || fresh.calls == 0 {
		t.Errorf("the new reader was asked %d times, %d of them for a place of the old one", fresh.calls, foreign)
	}
}
