package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"tributary"
)

// Config is what a [Client] works with.
type Config struct {
	// Cloud tells where Graph answers, and the audience of its tokens.
	Cloud tributary.Cloud
	// Token gives an access token of the directory for an API, named by its
	// resource: Graph's, or that of Partner Center.
	Token func(ctx context.Context, resource string) (tributary.AccessToken, error)
	// Reject reports a token that the API answered with 401; the call is then
	// made once more with the next. Nil: it isn't.
	Reject func(resource string, token tributary.AccessToken)
	// Client reaches Graph (TLS roots, proxy); nil is the standard one.
	Client *http.Client
	// Tenant names the directory in errors: a slug, a domain or a tenant id.
	Tenant string
	// Fix is who mends a missing permission or role in this directory. Empty
	// is the provider; set it to the customer in a customer's directory.
	Fix tributary.Fixer
	// PartnerCenter is the address of Partner Center; empty is Microsoft's.
	PartnerCenter string
	UserAgent     string
	Now           func() time.Time // nil: time.Now
	Log           *slog.Logger     // nil: slog.Default

	patience patience // zero: usual
}

// Partner Center has one address and one audience, in every cloud that has it.
const (
	partnerCenter         = "https://api.partnercenter.microsoft.com"
	PartnerCenterResource = "https://api.partnercenter.microsoft.com" // what Token is asked for
)

// Client works in one directory. It is safe for concurrent use.
type Client struct {
	cfg            Config
	graph, partner api
}

// api is a service that the client calls.
type api struct {
	base     *url.URL
	resource string
	pipeline runtime.Pipeline
	err      error // why it can't be called
}

// New returns a client. A configuration that can't work is an error of the
// first call.
func New(cfg Config) *Client {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Fix == "" {
		cfg.Fix = tributary.FixMSSP
	}
	if cfg.PartnerCenter == "" {
		cfg.PartnerCenter = partnerCenter
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "tributary"
	}
	if cfg.patience == (patience{}) {
		cfg.patience = usual
	}
	return &Client{
		cfg:     cfg,
		graph:   newAPI(cfg, cfg.Cloud.Graph, "/v1.0", cfg.Cloud.Resource(tributary.SourceGraph)),
		partner: newAPI(cfg, cfg.PartnerCenter, "/v1", PartnerCenterResource),
	}
}

func newAPI(cfg Config, base, version, resource string) api {
	a := api{resource: resource}
	if a.resource == "" {
		a.resource = base // where Graph's tokens are for, in every cloud
	}
	a.base, a.err = url.Parse(base)
	switch {
	case a.err != nil || a.base.Scheme != "https" || a.base.Host == "" || a.base.User != nil || a.base.RawQuery != "":
		a.err = fmt.Errorf("the address %q is not one of an API: it has to be https://host", cleanURL(base))
	case cfg.Token == nil:
		a.err = errors.New("nothing gives tokens")
	default:
		a.base.Path, a.base.RawPath = strings.TrimRight(a.base.Path, "/")+version, ""
		a.pipeline = newPipeline(cfg, a.resource)
	}
	return a
}

// cleanURL is a configured address without what may be a password.
func cleanURL(text string) string {
	before, after, found := strings.Cut(text, "@")
	if !found {
		return clean(text, 200)
	}
	scheme, _, _ := strings.Cut(before, "://")
	return clean(scheme+"://[redacted]@"+after, 200)
}

// call is one request to an API.
type call struct {
	op     string // what it is for, as the words of an error
	need   need   // what 403 means
	method string
	path   string // below the version
	query  url.Values
	body   any // nil: none
	into   any // nil: the answer is not read
	// once: it must not be repeated when an answer is lost, because it would
	// make a second thing.
	once   bool
	header http.Header
}

// do makes a call to Graph. The error is a *[tributary.Error].
func (c *Client) do(ctx context.Context, what call) error {
	return c.send(ctx, c.graph, what, address(c.graph, what))
}

// address is the URL of a call.
func address(a api, what call) string {
	if a.base == nil {
		return ""
	}
	u := *a.base
	u.Path += what.path
	u.RawPath = ""
	// Graph reads a plus sign in a query as a plus sign.
	u.RawQuery = strings.ReplaceAll(what.query.Encode(), "+", "%20")
	return u.String()
}

// send makes a call at an address of the API.
func (c *Client) send(ctx context.Context, a api, what call, address string) error {
	if a.err != nil {
		return c.failure(what.op, CodeSettings, tributary.FixMSSP, a.err, "check the cloud's settings")
	}
	ctx = retrying(ctx, c.cfg.patience, what.once)
	req, err := runtime.NewRequest(ctx, what.method, address)
	if err == nil && what.body != nil {
		err = runtime.MarshalAsJSON(req, what.body)
	}
	if err != nil {
		return c.failure(what.op, CodeSettings, tributary.FixMSSP, errors.New("the request can't be made"), "report it")
	}
	runtime.SkipBodyDownload(req) // azcore would take in any length
	req.Raw().Header.Set("Accept", "application/json")
	for name, values := range what.header {
		req.Raw().Header[name] = values
	}
	resp, err := a.pipeline.Do(req)
	if err != nil {
		return c.unanswered(what.op, a.base.Host, err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing is lost with it
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return c.refused(ctx, a, what, resp)
	}
	if what.into == nil {
		return nil
	}
	return c.read(what.op, resp, what.into)
}

// list reads a collection to its end, page by page.
func list[T any](ctx context.Context, c *Client, what call) ([]T, error) {
	var all []T
	next := address(c.graph, what)
	for range maxPages {
		var page struct {
			Value []T    `json:"value"`
			Next  string `json:"@odata.nextLink"`
		}
		what.into = &page
		if err := c.send(ctx, c.graph, what, next); err != nil {
			return nil, err
		}
		all = append(all, page.Value...)
		if page.Next == "" {
			return all, nil
		}
		link, err := url.Parse(page.Next)
		if err != nil || link.Scheme != c.graph.base.Scheme || link.Host != c.graph.base.Host || link.User != nil ||
			!strings.HasPrefix(link.Path, c.graph.base.Path+"/") {
			// A token goes along: it is for this one host.
			return nil, c.failure(what.op, CodeForeignLink, tributary.FixMSSP,
				errors.New("the next page lies at another address than the first"),
				"check the cloud's graph address; a proxy in between has to rewrite @odata.nextLink")
		}
		next = page.Next
	}
	return nil, c.failure(what.op, tributary.CodeTooLarge, tributary.FixMSSP, fmt.Errorf("the list has more than %d pages", maxPages), "report it")
}

const maxPages = 500

// quoted is a text inside an OData filter.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
