package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"

	"tributary/pipeline/stream"
	"tributary/vault"
)

// awaitCommand waits until the files of a pattern have so many lines, with a
// text in them, together.
func awaitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: await lines pattern [text]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	text := strings.Join(args[2:], "")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		have := 0
		names, err := filepath.Glob(ts.MkAbs(args[1]))
		ts.Check(err)
		for _, name := range names {
			for line := range strings.Lines(ts.ReadFile(name)) {
				if strings.HasSuffix(line, "\n") && strings.Contains(line, text) {
					have++
				}
			}
		}
		if have >= want {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("waited a minute for %d lines in %s; there are %d", want, args[1], have)
		}
	}
}

// keepCommand remembers a file or a folder.
func keepCommand(ts *testscript.TestScript, _ bool, args []string) {
	s := storyOf(ts)
	if s.folders == nil {
		s.folders = map[string]map[string]string{}
	}
	s.folders[args[0]] = contents(ts, args[0])
}

// keptCommand compares a folder with what was remembered, byte by byte.
func keptCommand(ts *testscript.TestScript, _ bool, args []string) {
	before, now := storyOf(ts).folders[args[0]], contents(ts, args[0])
	if len(before) == 0 {
		ts.Fatalf("%s was not remembered", args[0])
	}
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range now {
		names[name] = true
	}
	var changed []string
	for name := range names {
		was, there := before[name]
		is, stays := now[name]
		if there != stays || was != is {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	if len(changed) > 0 {
		ts.Fatalf("changed: %s", strings.Join(changed, ", "))
	}
}

func contents(ts *testscript.TestScript, folder string) map[string]string {
	files := map[string]string{}
	root := ts.MkAbs(folder)
	ts.Check(filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, root)] = string(text)
		return err
	}))
	return files
}

// inside opens a store that nobody has open, and its JetStream as a command
// gets there: by the address and the key in the store's folder.
func inside(ts *testscript.TestScript, look func(js jetstream.JetStream)) {
	v, err := vault.OpenKey(ts.MkAbs("data/key"))
	ts.Check(err)
	_, atRest, err := vault.OpenAtRest(ts.MkAbs("data/"+vault.AtRestFile), v)
	ts.Check(err)
	store, err := stream.Open(context.Background(), stream.Options{Dir: ts.MkAbs("data"), AtRest: []byte(atRest.Reveal())})
	ts.Check(err)
	defer store.Close()
	var instance struct{ URL string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("data/running.json")), &instance))
	login, err := nats.NkeyOptionFromSeed(ts.MkAbs("data/command.nkey"))
	ts.Check(err)
	conn, err := nats.Connect(instance.URL, login)
	ts.Check(err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	ts.Check(err)
	look(js)
}

// auditCommand counts records of the audit trail; = is no tenant.
func auditCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: audit count tenant action")
	}
	have := 0
	inside(ts, func(js jetstream.JetStream) {
		trail, err := js.OrderedConsumer(context.Background(), "AUDIT", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"audit.*." + args[1]}})
		ts.Check(err)
		for range trail.CachedInfo().NumPending {
			msg, err := trail.Next(jetstream.FetchMaxWait(10 * time.Second))
			ts.Check(err)
			var r stream.AuditRecord
			ts.Check(json.Unmarshal(msg.Data(), &r))
			if r.Action == args[2] && r.Tenant == strings.TrimPrefix(args[1], "=") && !r.At.IsZero() && r.Actor == "command" {
				have++
			}
		}
	})
	if strconv.Itoa(have) != args[0] {
		ts.Fatalf("%d records of %q for %s", have, args[2], args[1])
	}
}

// holdsCommand tells whether the store holds anything of a tenant: alerts,
// cursors, dead letters.
func holdsCommand(ts *testscript.TestScript, neg bool, args []string) {
	inside(ts, func(js jetstream.JetStream) {
		for name, subject := range map[string]string{
			"alerts": "alert." + args[0] + ".>", "cursors": "cursor." + args[0] + ".>", "dead letters": "dead.*." + args[0] + ".>",
		} {
			from, err := js.StreamNameBySubject(context.Background(), subject)
			ts.Check(err)
			st, err := js.Stream(context.Background(), from)
			ts.Check(err)
			info, err := st.Info(context.Background(), jetstream.WithSubjectFilter(subject))
			ts.Check(err)
			if (len(info.State.Subjects) == 0) != neg {
				ts.Fatalf("%s of %s: %v", name, args[0], info.State.Subjects)
			}
		}
	})
}

// untilCommand repeats a command until it prints what is waited for.
func untilCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until pattern command…")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("waited a minute for %s", args[0])
		}
	}
}
