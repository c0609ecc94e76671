package entra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"tributary"
)

// maxBody bounds an answer of the identity service. Tokens are a few kB.
const maxBody = 1 << 20

// wire carries the one request of a library that fetches a token, and keeps
// the answer: what the libraries tell about a failure is a text without its
// cause, and it may quote a token. It follows no redirect, because the request
// holds secrets that are for one host only.
type wire struct {
	ctx    context.Context
	client *http.Client
	// configuration is the answer to a library's question for the tenant's
	// endpoints: they are known, and a laboratory or a proxy may not have it.
	configuration []byte
	now           func() time.Time

	sent []tributary.Secret // what the last request had that must not be seen in an error
	resp *http.Response     // the last answer, its body read to the end
	body []byte
	host string
	err  error // why there was none
}

func newWire(ctx context.Context, client *http.Client, now func() time.Time) *wire {
	if client == nil {
		client = &http.Client{}
	}
	own := *client
	own.CheckRedirect = stay
	return &wire{ctx: ctx, client: &own, now: now}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Do makes the wire a policy.Transporter of azcore.
func (w *wire) Do(req *http.Request) (*http.Response, error) { return w.RoundTrip(req) }

// RoundTrip makes it an http.RoundTripper.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if w.configuration != nil && req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/.well-known/openid-configuration") {
		return &http.Response{
			Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header:        http.Header{"Content-Type": {"application/json"}},
			Body:          io.NopCloser(bytes.NewReader(w.configuration)),
			ContentLength: int64(len(w.configuration)),
			Request:       req,
		}, nil
	}
	ctx := req.Context()
	if ctx.Done() == nil {
		ctx = w.ctx // x/oauth2 asks for a device code without one
	}
	w.resp, w.body, w.err, w.host = nil, nil, nil, req.URL.Host
	req, err := w.note(req.Clone(ctx))
	if err != nil {
		return nil, err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		w.err = err
		return nil, err
	}
	defer resp.Body.Close()
	body, err := readAll(resp.Body, maxBody)
	if err != nil {
		w.err = err
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	w.resp, w.body = resp, body
	return resp, nil
}

// secretFields are the parameters of a token request that open something.
var secretFields = []string{"client_secret", "client_assertion", "refresh_token", "code", "code_verifier", "device_code"}

// note reads a request's secrets off its form, and gives the form back to it.
func (w *wire) note(req *http.Request) (*http.Request, error) {
	w.sent = nil
	if req.Body == nil {
		return req, nil
	}
	body, err := readAll(req.Body, maxBody)
	if err := errors.Join(err, req.Body.Close()); err != nil {
		return nil, err
	}
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("the token request is not a form")
	}
	for _, field := range secretFields {
		w.sent = append(w.sent, tributary.NewSecret(form.Get(field)))
	}
	return req, nil
}

// oauth2 is the context that x/oauth2 finds its HTTP client in.
func (w *wire) oauth2() context.Context {
	return context.WithValue(w.ctx, oauth2.HTTPClient, &http.Client{Transport: w, CheckRedirect: stay})
}

// failure says why the library that used the wire gave no token. err is what
// it returned; its text is used only where the request was never sent.
func (w *wire) failure(op string, tenant tributary.Tenant, err error) *tributary.Error {
	var e *tributary.Error
	switch {
	case w.err != nil:
		e = fromNetwork(w.host, w.err)
	case w.resp == nil && w.ctx.Err() != nil:
		e = fromNetwork(w.host, w.ctx.Err())
	case w.resp == nil:
		e = &tributary.Error{
			Code: CodeSettings, Fix: tributary.FixMSSP,
			Err:  err,
			Next: "check the tenant's and the application's settings",
		}
	case w.resp.StatusCode < 300 && parseAnswer(w.resp.StatusCode, w.body, nil).Code == "":
		e = unusable(w.host)
	default:
		e = fromResponse(w.resp, w.body, name(tenant), w.sent, w.now())
	}
	e.Op, e.Tenant = op, name(tenant)
	return e
}

// defaultLife is taken for a token whose answer names no lifetime: the
// shortest that Entra lets an administrator set.
const defaultLife = 10 * time.Minute

// expires is when the token of the last answer ends, by our clock: now plus
// expires_in, which is a number or, from v1, often a string. The server's own
// expires_on is not used: its clock is not ours.
func (w *wire) expires() time.Time {
	var b struct {
		ExpiresIn json.RawMessage `json:"expires_in"`
	}
	life := defaultLife
	if json.Unmarshal(w.body, &b) == nil {
		if s, err := seconds(b.ExpiresIn); err == nil {
			life = s
		}
	}
	return w.now().Add(life)
}

// maxLife is beyond the longest lifetime that Entra gives (28 hours).
const maxLife = 48 * time.Hour

// seconds reads a duration from a JSON number or a string that holds one.
func seconds(raw json.RawMessage) (time.Duration, error) {
	text := strings.Trim(string(raw), `"`)
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || s != s || s <= 0 {
		return 0, fmt.Errorf("%.40q is not a number of seconds", text)
	}
	return time.Duration(min(s, maxLife.Seconds()) * float64(time.Second)), nil
}
