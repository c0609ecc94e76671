package defender

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tributary"
)

// exporter is a strict stand-in for the SIEM API. It holds detections by the
// time of last processing.
type exporter struct {
	t     *testing.T
	times []time.Time
	spans []string // what was asked
}

var siemLiteral = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$`)

func (x *exporter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || r.URL.Path != "/siem/api/alerts" {
		x.t.Errorf("%s: %v", r.URL, err)
	}
	var bound [2]time.Time
	for name, values := range q {
		i := slices.Index([]string{"sinceTimeUtc", "untilTimeUtc"}, name)
		if i < 0 || len(values) != 1 || !siemLiteral.MatchString(values[0]) {
			x.t.Errorf("%s=%q", name, values)
			continue
		}
		bound[i], _ = time.Parse(siemTime, values[0])
	}
	x.spans = append(x.spans, q.Get("sinceTimeUtc")+" "+q.Get("untilTimeUtc"))
	var list []string
	for i, at := range x.times {
		// The upper bound is left out: that isn't documented either way.
		if !at.Before(bound[0]) && (bound[1].IsZero() || at.Before(bound[1])) {
			list = append(list, fmt.Sprintf(`{"AlertId":"d%d","AlertPart":0,"FullId":"d%d:x","LastProcessedTimeUtc":%q}`, i, i, at.Format("2006-01-02T15:04:05.9999999Z")))
		}
	}
	if len(list) == 0 {
		return // an empty body
	}
	fmt.Fprint(w, "["+strings.Join(list, ",")+"]")
}

func TestSIEMReadsAWindowInPieces(t *testing.T) {
	t.Parallel()
	x := &exporter{t: t}
	s := serve(t, x.ServeHTTP)
	from := noon.Add(-80 * time.Hour)
	for at := from; at.Before(noon.Add(5 * time.Minute)); at = at.Add(7*time.Minute + 33*time.Millisecond + 100) {
		x.times = append(x.times, at)
	}
	x.times = append(x.times, from.Add(siemWindow), from.Add(2*siemWindow)) // where pieces meet
	for name, tc := range map[string]struct {
		window tributary.Window
		spans  []string
	}{
		"closed": {tributary.Window{From: from, To: noon.Add(time.Hour)}, []string{
			"2026-11-20T04:00:00.000 2026-11-21T04:00:00.000", "2026-11-21T04:00:00.000 2026-11-22T04:00:00.000",
			"2026-11-22T04:00:00.000 2026-11-23T04:00:00.000", "2026-11-23T04:00:00.000 2026-11-23T13:00:00.000"}},
		"open": {tributary.Window{From: from}, []string{
			"2026-11-20T04:00:00.000 2026-11-21T04:00:00.000", "2026-11-21T04:00:00.000 2026-11-22T04:00:00.000",
			"2026-11-22T04:00:00.000 2026-11-23T04:00:00.000", "2026-11-23T04:00:00.000 "}},
	} {
		x.spans = nil
		got, pages := window(t, s.reader(t, tributary.SourceSIEM), tributary.Request{Window: tc.window, Limit: 100})
		if !slices.Equal(x.spans, tc.spans) {
			t.Errorf("%s: asked for %q", name, x.spans)
		}
		if n := len(versions(got)); n != len(x.times) {
			t.Errorf("%s: %d detections of %d", name, n, len(x.times))
		}
		for i, p := range pages {
			want := from.Add(time.Duration(i+1) * siemWindow)
			if i == len(pages)-1 {
				want = tc.window.To
			}
			if !p.Through.Equal(want) || !p.Served.Equal(noon) {
				t.Errorf("%s: page %d reaches through %v, served %v", name, i+1, p.Through, p.Served)
			}
		}
	}
}

// A request for one alert is a look at the clock: a second of the window.
func TestSIEMGlance(t *testing.T) {
	t.Parallel()
	x := &exporter{t: t}
	s := serve(t, x.ServeHTTP)
	r := s.reader(t, tributary.SourceSIEM)
	_, p, err := page(t, r, tributary.Request{Window: tributary.Window{From: hour.From.Add(1234567)}, Limit: 1})
	if err != nil || !p.Served.Equal(noon) || p.Next == "" {
		t.Fatal(p, err)
	}
	if want := "2026-11-23T11:00:00.001 2026-11-23T11:00:01.002"; x.spans[0] != want {
		t.Errorf("asked for %q, want %q", x.spans[0], want)
	}
	if _, p, err = page(t, r, tributary.Request{Window: hour, Page: p.Next}); err != nil || p.Next != "" {
		t.Errorf("going on gave %+v, %v", p, err)
	}
	if want := "2026-11-23T11:00:01.001 2026-11-23T12:00:00.000"; x.spans[1] != want {
		t.Errorf("asked for %q, want %q", x.spans[1], want)
	}
}

func TestSIEMNeedsABeginning(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	_, _, err := page(t, s.reader(t, tributary.SourceSIEM), tributary.Request{})
	failed(t, err, CodeBadRequest, tributary.FixMSSP)
	if len(s.requests()) != 0 {
		t.Error("it asked all the same")
	}
}

func TestSIEMEmptyAnswers(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"nothing": "", "blank": "\r\n", "null": "null", "array": "[]", "object": `{"value":[]}`, "no content": "204"} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if body == "204" {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			fmt.Fprint(w, body)
		})
		got, p, err := page(t, s.reader(t, tributary.SourceSIEM), tributary.Request{Window: hour})
		if err != nil || len(got) != 0 || !p.Through.Equal(hour.To) {
			t.Errorf("%s: %d alerts, %+v, %v", name, len(got), p, err)
		}
	}
}

func TestSIEMAddressFollowsTheRegion(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	for region, want := range map[string]string{"": "eu", "uk": "uk", "us": "us"} {
		cfg := s.config(tributary.SourceSIEM)
		cfg.Cloud, cfg.Tenant.Region = tributary.Clouds()["global"], region
		c := clientOf(newReader(t, cfg))
		if got := c.base.String(); got != "https://wdatp-alertexporter-"+want+".securitycenter.windows.com/api/alerts" {
			t.Errorf("region %q: %s", region, got)
		}
	}
}

// Whole bodies through a whole reader: every alert comes byte for byte.
func TestBodies(t *testing.T) {
	t.Parallel()
	for source, want := range map[tributary.Source][]string{
		tributary.SourceGraph: {
			"da638991200000000001_-1204477310 2026-11-20T09:30:12.3266667Z high https://security.microsoft.com/alerts/da638991200000000001_-1204477310?tid=" + tenantID,
			"ad638991200000000002_17 2026-11-20T08:00:00Z unknown https://security.microsoft.com/alerts/ad638991200000000002_17?tid=" + tenantID,
		},
		tributary.SourceEndpoint: {"da638991300000000003_880 2026-11-21T10:05:00.19Z unknown https://security.microsoft.com/alerts/da638991300000000003_880?tid=" + tenantID},
		tributary.SourceSIEM: {
			"da638991400000000004_-5:q7mVYtE0pQ==#1 2026-11-21T10:02:24.0779765Z medium https://security.microsoft.com/alerts/da638991400000000004_-5?tid=" + tenantID,
			"636207535742330999_-77:9DE735BA#0 2017-02-01T11:33:45.0760449Z low https://security.microsoft.com/alerts/636207535742330999_-77?tid=" + tenantID,
		},
	} {
		body, err := os.ReadFile("testdata/" + string(source) + ".json")
		if err != nil {
			t.Fatal(err)
		}
		s := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write(body) })
		got, _, err := page(t, s.reader(t, source), tributary.Request{Window: hour})
		if err != nil {
			t.Fatal(err)
		}
		raws, _, _ := oracle(body)
		var lines []string
		for i, a := range got {
			lines = append(lines, fmt.Sprintf("%s %s %s %s", a.ID, a.Updated.Format(time.RFC3339Nano), a.Severity, a.PortalURL))
			if string(a.Raw) != raws[i] {
				t.Errorf("%s: alert %d came as %s", source, i, a.Raw)
			}
			if a.TenantID != tenantID { // another one stands in endpoint's body
				t.Errorf("%s: tenant %s", source, a.TenantID)
			}
		}
		if !slices.Equal(lines, want) {
			t.Errorf("%s:\n%s\nwant\n%s", source, strings.Join(lines, "\n"), strings.Join(want, "\n"))
		}
	}
}
