package defender

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tributary"
)

// pageOf makes a Graph page of n alerts of about 5.7 kB, the mean of real ones.
func pageOf(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#security/alerts_v2","value":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"da%018d_-%d","providerAlertId":"da%018d_-%d","incidentId":"%d","status":"new","severity":"medium","classification":null,"determination":null,"serviceSource":"microsoftDefenderForEndpoint","detectionSource":"microsoftDefenderForEndpoint","detectorId":"e0da400f-affd-43ef-b1d5-afc2eb6f2756","tenantId":"%s","title":"Suspicious process injection observed","description":"%s","recommendedActions":"%s","category":"DefenseEvasion","assignedTo":null,"alertWebUrl":"https://security.microsoft.com/alerts/da%018d_-%d?tid=%s","actorDisplayName":null,"mitreTechniques":["T1055","T1055.001"],"createdDateTime":"2026-11-23T10:00:00.1234567Z","lastUpdateDateTime":"2026-11-23T11:%02d:%02d.3266667Z","resolvedDateTime":null,"comments":[],"evidence":[`,
			i, i, i, i, i, tenantID, strings.Repeat("A process injected code into another one. ", 6), strings.Repeat(`1. Look at the process tree.\n`, 30), i, i, tenantID, i/60%60, i%60)
		for j := range 4 {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"@odata.type":"#microsoft.graph.security.processEvidence","createdDateTime":"2026-11-23T10:00:00.12Z","verdict":"suspicious","remediationStatus":"none","remediationStatusDetails":null,"roles":[],"detailedRoles":[],"tags":[],"processId":%d,"parentProcessId":668,"processCommandLine":"\"C:\\Windows\\System32\\rundll32.exe\" c:\\temp\\a.dll,Start","processCreationDateTime":"2026-11-23T09:59:58.0772577Z","detectionStatus":"detected","mdeDeviceId":"73e7e2de709dff64ef64b1d0c30e67fab63279db","imageFile":{"sha1":"5f1e8acedc065031aad553b710838eb366cfee9a","sha256":"8963a19fb992ad9a76576c5638fd68292cffb9aaac29eb8285f9abf6196a7dec","fileName":"rundll32.exe","filePath":"C:\\Windows\\System32","fileSize":61440,"filePublisher":"Microsoft Corporation","signer":null,"issuer":null},"userAccount":{"accountName":"SYSTEM","domainName":"NT AUTHORITY","userSid":"S-1-5-18","azureAdUserId":null,"userPrincipalName":null}}`, 4000+j)
		}
		b.WriteString(`],"systemTags":[]}`)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// benchClient needs no server: it only reads envelopes.
func benchClient() *client {
	return &client{
		source: tributary.SourceGraph, tenant: tributary.Tenant{Slug: "contoso"}, tenantID: tenantID,
		cloud: tributary.Clouds()["global"], layout: graph.layout,
		now: func() time.Time { return noon }, log: slog.New(slog.DiscardHandler),
	}
}

// splitAll does what fetch does with an answer.
func splitAll(tb testing.TB, s *splitter, c *client, body []byte) (n int) {
	s.reset(bytes.NewReader(body), DefaultMaxAlert)
	_, err := s.split(func(raw []byte) error {
		if a, timed := c.alert(raw, noon); !timed || a.ID == "" || a.Severity != tributary.SeverityMedium {
			tb.Errorf("%+v", a)
		}
		n++
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// BenchmarkAlert splits a page and reads the envelopes: per alert.
func BenchmarkAlert(b *testing.B) {
	const n = 500
	body := pageOf(n)
	s, c := newSplitter(nil, 0), benchClient()
	b.SetBytes(int64(len(body) / n))
	b.ReportAllocs()
	for left := b.N; left > 0; left -= n {
		splitAll(b, s, c, body)
	}
}

func TestAlertCost(t *testing.T) {
	const n = 200
	body := pageOf(n)
	if size := len(body) / n; size < 5_000 || size > 6_500 {
		t.Fatalf("alerts of %d bytes", size)
	}
	s, c := newSplitter(nil, 0), benchClient()
	per := testing.AllocsPerRun(5, func() { splitAll(t, s, c, body) }) / n
	if per > 5 {
		t.Errorf("%.1f allocations for each alert", per)
	}
}

// A page of any size costs the memory of one alert.
func TestMemoryIsBounded(t *testing.T) {
	one := pageOf(1)
	element := one[bytes.IndexByte(one, '[')+1 : len(one)-2]
	const n = 4_000 // more than 20 MB
	r := &repeated{head: []byte(`{"value":[`), part: append(element[:len(element):len(element)], ','), times: n, tail: append(element[:len(element):len(element)], "]}"...)}
	s := newSplitter(r, DefaultMaxAlert)
	count := 0
	if _, err := s.split(func([]byte) error { count++; return nil }); err != nil || count != n+1 {
		t.Fatal(count, err)
	}
	if held := cap(s.buf) + cap(s.gathered); held > 2*bufferSize {
		t.Errorf("the splitter holds %d bytes", held)
	}
}

// repeated is a long answer that exists nowhere whole.
type repeated struct {
	head, part, tail, now []byte
	times                 int
}

func (r *repeated) Read(p []byte) (int, error) {
	if len(r.now) == 0 {
		switch {
		case r.head != nil:
			r.now, r.head = r.head, nil
		case r.times > 0:
			r.now = r.part
			r.times--
		default:
			r.now, r.tail = r.tail, nil
		}
	}
	n := copy(p, r.now)
	r.now = r.now[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
