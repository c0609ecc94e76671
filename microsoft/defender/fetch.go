package defender

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"tributary"
)

// client asks one API for one tenant.
type client struct {
	source   tributary.Source
	tenant   tributary.Tenant
	tenantID string // lower case
	cloud    tributary.Cloud
	base     *url.URL
	layout   layout
	pipeline runtime.Pipeline
	now      func() time.Time
	log      *slog.Logger
	maxAlert int
	// lenient: an empty answer means that there are no alerts. Elsewhere it
	// means that something went wrong.
	lenient bool
	env     envelope // of the alert at hand; kept here so that it costs no memory of its own
}

func newClient(cfg Config, service, path string, l layout) (*client, error) {
	base, err := address(cfg, service, path)
	if err != nil {
		return nil, err
	}
	resource := cfg.Cloud.Resource(cfg.Source)
	if resource == "" {
		return nil, fmt.Errorf("cloud %s: no token audience is known for source %s", cfg.Cloud.Name, cfg.Source)
	}
	return &client{
		source:   cfg.Source,
		tenant:   cfg.Tenant,
		tenantID: strings.ToLower(cfg.Tenant.ID),
		cloud:    cfg.Cloud,
		base:     base,
		layout:   l,
		pipeline: newPipeline(cfg, resource, cfg.patience),
		now:      cfg.Now,
		log:      cfg.Log.With("tenant", cfg.Tenant.Slug, "source", string(cfg.Source)),
		maxAlert: cfg.MaxAlert,
	}, nil
}

// Source is the API that the reader reads.
func (c *client) Source() tributary.Source { return c.source }

// answer is what came of one request.
type answer struct {
	tail
	served   time.Time
	count    int // alerts that were yielded
	elements int // elements of the list; more than count where some are no objects
}

// yieldError is an error of the receiver of alerts, on its way back to it.
type yieldError struct{ error }

var splitters = sync.Pool{New: func() any { return newSplitter(nil, 0) }}

// fetch asks one question and hands over the alerts of the answer. Timed tells
// whether the alert's own update time is known, and not filled in.
func (c *client) fetch(ctx context.Context, rawQuery string, header http.Header, yield func(a tributary.Alert, timed bool) error) (answer, error) {
	u := *c.base
	u.RawQuery = rawQuery
	req, err := runtime.NewRequest(ctx, http.MethodGet, u.String())
	if err != nil {
		return answer{served: c.now()}, c.mistake(err)
	}
	runtime.SkipBodyDownload(req)
	req.Raw().Header.Set("Accept", "application/json")
	for name, values := range header {
		req.Raw().Header[name] = values
	}
	resp, err := c.pipeline.Do(req)
	if err != nil {
		return answer{served: c.now()}, c.unanswered(err)
	}
	defer resp.Body.Close()
	ans := answer{served: c.now()}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		ans.served = date.UTC()
	}
	switch {
	case resp.StatusCode == http.StatusNoContent && c.lenient:
		return ans, nil
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent:
		return ans, c.refused(resp, ans.served)
	}

	s := splitters.Get().(*splitter)
	s.reset(resp.Body, c.maxAlert)
	ans.tail, err = s.split(func(raw []byte) error {
		ans.elements++
		if raw[0] != '{' {
			c.log.Warn("an element of the answer is not an alert and is left out", "bytes", len(raw))
			return nil
		}
		a, timed := c.alert(raw, ans.served)
		if err := yield(a, timed); err != nil {
			return yieldError{err}
		}
		ans.count++
		return nil
	})
	s.reset(nil, 0)
	splitters.Put(s)

	var own yieldError
	switch {
	case errors.As(err, &own):
		return ans, own.error
	case c.lenient && errors.Is(err, errEmpty):
	case err != nil:
		return ans, c.broken(resp, err)
	case ans.Fault != nil:
		return ans, c.broken(resp, fmt.Errorf("the service gave up in the middle: %s", c.text(resp, readFault(ans.Fault).sentence())))
	case !ans.Listed:
		return ans, c.broken(resp, errors.New("the answer has no list of alerts"))
	}
	if resp.StatusCode == http.StatusPartialContent {
		return ans, c.broken(resp, fmt.Errorf("only a part of the alerts came (206): %s", c.text(resp, resp.Header.Get("Warning"))))
	}
	return ans, nil
}

// alert makes an alert of its bytes.
func (c *client) alert(raw []byte, served time.Time) (a tributary.Alert, timed bool) {
	e := &c.env
	c.layout.read(e, raw)
	a = tributary.Alert{
		Version:  tributary.Version{TenantID: c.tenantID, Source: c.source, Updated: e.updated},
		Tenant:   c.tenant.Slug,
		Severity: severityOf(e.severity),
		Created:  e.created,
		Fetched:  c.now(),
		Raw:      raw,
	}
	shown := "" // the id that the portal knows
	if c.layout.identify != nil {
		a.ID, shown = c.layout.identify(e), plainText(e.id)
	} else {
		a.ID = plainText(e.id)
		shown = a.ID
	}
	a.PortalURL = portalURL(c.cloud, c.tenantID, e.link, shown)
	if a.ID == "" {
		a.ID = hashID(raw)
		c.log.Warn("an alert has no id; it is named after its bytes", "id", a.ID, "bytes", len(raw))
	}
	timed = !a.Updated.IsZero()
	if !timed {
		a.Updated = e.created
	}
	if a.Updated.IsZero() {
		a.Updated = served
		c.log.Warn("an alert has no time; it is given the time of the answer", "id", a.ID)
	}
	return a, timed
}

// nameOf is the id of an alert of which only the beginning was read; empty if
// the id doesn't stand there.
func (c *client) nameOf(beginning []byte) string {
	c.layout.read(&c.env, beginning)
	if c.layout.identify != nil {
		return clean(c.layout.identify(&c.env), 200)
	}
	return clean(plainText(c.env.id), 200)
}

// readSome reads what there is of an error's body.
func readSome(r io.Reader) []byte {
	b, _ := io.ReadAll(io.LimitReader(r, maxErrorBody)) // a cut explanation is better than none
	return b
}
