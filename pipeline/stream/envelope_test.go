package stream_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/pipeline/stream"
)

// A feed with an alert whose envelope is larger than a message's headers may be
// must not stand still for ever.
func TestAlertWithAnEndlessIDIsBuried(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	long := alert(feedA, strings.Repeat("å", 50_000), epoch)
	done := commit(t, s, feedA, alert(feedA, "before", epoch), long, alert(feedA, "after", epoch))
	if done.TooLarge != 1 {
		t.Errorf("%d alerts buried, want 1", done.TooLarge)
	}
	deadLetters(t, s, stream.CollectDestination, 1)
	if got := versions(t, s, feedA); len(got) != 3 || got[long.EventID()] != 1 {
		t.Errorf("the stream knows %d versions, want 3 and the long one among them", len(got))
	}
	if held, err := s.Holds(t.Context(), &long); err != nil || !held {
		t.Errorf("the long one is held: %t (%v)", held, err)
	}
	if ids, _ := take(t, openLane(t, s, "soc", tributary.Filter{}), 2); !slices.Equal(ids, []string{"before", "after"}) {
		t.Errorf("the lane delivers %v", ids)
	}
}

func TestHoldsKnowsTheVersion(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	a := alert(feedA, "a.b *", epoch)
	commit(t, s, feedA, a)
	worse := a
	worse.Severity = tributary.SeverityLow // the same version, told otherwise
	later := a
	later.Updated = epoch.Add(time.Second)
	other := alert(feedB, "a.b *", epoch)
	for name, test := range map[string]struct {
		a    tributary.Alert
		want bool
	}{"itself": {a, true}, "another severity": {worse, true}, "a later version": {later, false}, "of another feed": {other, false}} {
		if got, err := s.Holds(t.Context(), &test.a); err != nil || got != test.want {
			t.Errorf("%s: %t (%v), want %t", name, got, err, test.want)
		}
	}
}

func TestFilterMayNameATenantTwice(t *testing.T) {
	t.Parallel()
	s := open(t, stream.Options{})
	commit(t, s, feedA, alert(feedA, "one", epoch))
	lane := openLane(t, s, "soc", tributary.Filter{
		Tenants: []string{"contoso", "fabrikam", "contoso"}, Sources: []tributary.Source{"graph", "graph"},
	})
	take(t, lane, 1)
}
