package stream_test

import (
	"fmt"
	"testing"
	"time"

	"tributary"
	"tributary/pipeline/stream"
)

// A list that was cut short must not pass for the whole: a trim would take
// away what the feeds that are missing in it still need.
func TestListCutShortIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, stream.Options{Dir: dir})
	kv, err := s.JetStream().KeyValue(t.Context(), "STATUS")
	if err != nil {
		t.Fatal(err)
	}
	const lanes = 500
	for i := range lanes {
		if _, err := kv.Put(t.Context(), fmt.Sprint("lane.", i), []byte(`{"destination":"soc"}`)); err != nil {
			t.Fatal(err)
		}
	}
	short := 0
	for i := range 40 {
		command, err := stream.Connect(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		cut := time.AfterFunc(time.Duration(i)*100*time.Microsecond, command.JetStream().Conn().Close)
		all, err := command.LaneStatuses(t.Context())
		if err == nil && len(all) != lanes {
			t.Fatalf("%d lanes without an error, want %d", len(all), lanes)
		}
		if err != nil {
			short++
		}
		cut.Stop()
		_ = command.Close()
	}
	if short == 0 {
		t.Error("no list was cut short: the test shows nothing")
	}
}

func TestForgottenFeedHasNoStatus(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	for _, feed := range []tributary.Feed{feedA, feedB} {
		if err := s.PutFeedStatus(t.Context(), stream.FeedStatus{Tenant: feed.Tenant, Source: feed.Source, Problem: &stream.Problem{Code: "x"}}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // a second time changes nothing
		if err := s.ForgetFeedStatus(t.Context(), feedA); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.FeedStatuses(t.Context())
	if err != nil || len(all) != 1 || all[0].Tenant != feedB.Tenant {
		t.Errorf("statuses %+v (%v), want that of %s alone", all, err, feedB)
	}
}
