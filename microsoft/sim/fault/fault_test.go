package fault_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tributary"
	"tributary/microsoft/sim/fault"
)

func box(t *testing.T, seed uint64, list ...fault.Fault) *fault.Box {
	t.Helper()
	b := fault.New(seed)
	if err := b.Set(list); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCountStrikesTheNextRequests(t *testing.T) {
	t.Parallel()
	b := box(t, 1, fault.Fault{Kind: fault.ServerError, Count: 2, Tenant: "contoso", Source: tributary.SourceGraph})
	var struck []bool
	for _, at := range []struct {
		tenant string
		source tributary.Source
	}{{"fabrikam", tributary.SourceGraph}, {"contoso", tributary.SourceSIEM}, {"contoso", tributary.SourceGraph}, {"contoso", tributary.SourceGraph}, {"contoso", tributary.SourceGraph}} {
		struck = append(struck, b.Draw("id-of-"+at.tenant, at.tenant, at.source).Fault != nil)
	}
	if want := []bool{false, false, true, true, false}; !equal(struck, want) {
		t.Errorf("struck %v, want %v", struck, want)
	}
}

func TestProbabilityHoldsAndIsRepeatable(t *testing.T) {
	t.Parallel()
	run := func(seed uint64, disturb bool) (n int, pattern string) {
		b := box(t, seed, fault.Fault{Kind: fault.CutBody, Probability: 0.25})
		for range 2000 {
			if disturb {
				b.Draw("other", "other", tributary.SourceGraph)
			}
			if b.Draw("id", "contoso", tributary.SourceGraph).Fault != nil {
				n++
				pattern += "x"
			} else {
				pattern += "."
			}
		}
		return n, pattern
	}
	n, first := run(7, false)
	if n < 430 || n > 570 {
		t.Errorf("%d of 2000 struck, want about 500", n)
	}
	if _, again := run(7, true); again != first {
		t.Error("the same seed struck other requests when another tenant was busy too")
	}
	if _, other := run(8, false); other == first {
		t.Error("another seed struck the same requests")
	}
}

func TestSlowComesOnTop(t *testing.T) {
	t.Parallel()
	b := box(t, 1,
		fault.Fault{Kind: fault.ServerError, Count: 1},
		fault.Fault{Kind: fault.Throttle, Count: 1},
		fault.Fault{Kind: fault.Slow, Count: 1, Delay: fault.Duration(3 * time.Second)})
	first, second := b.Draw("id", "contoso", tributary.SourceGraph), b.Draw("id", "contoso", tributary.SourceGraph)
	if first.Delay != 3*time.Second || first.Fault == nil || first.Fault.Kind != fault.ServerError {
		t.Errorf("first request: %+v", first)
	}
	if second.Delay != 0 || second.Fault == nil || second.Fault.Kind != fault.Throttle {
		t.Errorf("second request: a fault that had to stand back has to come later: %+v", second)
	}
}

func TestAllStrikesEachKindAndSparesTheLogin(t *testing.T) {
	t.Parallel()
	b := box(t, 1, fault.All()...)
	got := map[fault.Kind]int{}
	quiet := 0
	for range 1000 {
		s := b.Draw("id", "contoso", tributary.SourceGraph)
		if s.Fault != nil {
			got[s.Fault.Kind]++
		} else {
			quiet++
		}
		if login := b.Draw("id", "contoso", fault.Login); login.Fault != nil || login.Delay > 0 {
			t.Fatalf("the login was struck: %+v", login)
		}
	}
	for _, k := range []fault.Kind{fault.Throttle, fault.ServerError, fault.CutBody, fault.InvalidJSON, fault.ExpiredToken} {
		if got[k] < 10 {
			t.Errorf("%s struck %d of 1000 requests", k, got[k])
		}
	}
	if quiet < 650 {
		t.Errorf("only %d of 1000 requests were left alone", quiet)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	tests := []struct{ body, says string }{
		{`{"kind":"flood","count":1}`, "use one of"},
		{`{"kind":"slow"}`, "probability, a count"},
		{`{"kind":"slow","probability":1.5}`, "from 0 to 1"},
		{`{"kind":"slow","count":-1}`, "positive"},
		{`{"kind":"429","count":1,"form":"months"}`, "months"},
		{`{"kind":"429","count":1,"retry_after":"-1s"}`, "negative"},
		{`{"kind":"revoked-grant"}`, "name the tenant"},
		{`{"kind":"500","count":1,"source":"sentinel"}`, "unknown source"},
		{`{"kind":"cut-body","count":1,"source":"login"}`, "login"},
		{`{"kind":"429","count":1,"retry_after":"90s","form":"date","source":"siem","tenant":"contoso"}`, ""},
		{`{"kind":"clock-skew","skew":"-5m"}`, ""},
		{`{"kind":"revoked-grant","tenant":"contoso"}`, ""},
		{`{"kind":"slow","count":1,"source":"login","delay":"2s"}`, ""},
	}
	for _, tt := range tests {
		var f fault.Fault
		if err := json.Unmarshal([]byte(tt.body), &f); err != nil {
			t.Fatalf("%s: %v", tt.body, err)
		}
		err := fault.Check([]fault.Fault{f})
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: error %v, want one with %q", tt.body, err, tt.says)
		}
		var again fault.Fault
		if back, err := json.Marshal(f); err != nil || json.Unmarshal(back, &again) != nil || again != f {
			t.Errorf("%s does not survive JSON: %s, %v", tt.body, back, err)
		}
	}
}

func equal(a, b []bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
