package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// Browser is a person at a browser, scripted: it fills in the simulator's real
// forms and follows the redirects. Each [Browser.Visit] is a window of its own
// unless the Client has a cookie jar.
type Browser struct {
	// Client reaches the simulator, so it trusts its CA; nil is
	// http.DefaultClient.
	Client         *http.Client
	User, Password string
	Decline        bool   // say no on the consent page
	Code           string // user code, for a device page whose address has no ?otc=
}

// pageLimit is far more pages and redirects than any sign-in has.
const pageLimit = 30

// Visit opens an authorize, admin consent or device address and does what is
// asked until the simulator sends the browser elsewhere. It then opens that
// final address, if it is an http loopback listener, and returns it; an https
// address, or one where nobody listens, is only returned, because all that
// matters is in it. A form_post answer is posted; for an address that is not
// opened its values are returned as the query. A visit that ends on a page of
// the simulator returns that page's address; if the page is an error, the
// error is what it says.
func (b Browser) Visit(ctx context.Context, rawURL string) (final *url.URL, err error) {
	at, err := url.Parse(rawURL)
	if err != nil || at.Host == "" {
		return nil, errors.New("open a page: not an absolute address")
	}
	client, err := b.window()
	if err != nil {
		return nil, err
	}
	home := at.Host
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, err
	}
	signedIn := false
	for range pageLimit {
		resp, err := client.Do(req)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", bare(req.URL), err)
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		resp.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", bare(req.URL), err)
		}
		if to, err := resp.Location(); err == nil && resp.StatusCode >= 300 && resp.StatusCode < 400 {
			if to.Host != home {
				return b.leave(ctx, client, to, nil)
			}
			if req, err = http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil); err != nil {
				return nil, err
			}
			continue
		}
		page, err := readPage(body)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", bare(req.URL), err)
		}
		if page.form == nil {
			if page.alert != "" {
				return nil, errors.New(page.alert)
			}
			if resp.StatusCode >= 400 {
				return nil, fmt.Errorf("open %s: HTTP %s", bare(req.URL), resp.Status)
			}
			return req.URL, nil
		}
		asksPassword := page.form.has("password")
		if page.alert != "" && (asksPassword && signedIn || page.form.id == "device") {
			return nil, errors.New(page.alert) // our answer was refused: the same again would be too
		}
		signedIn = signedIn || asksPassword
		values := page.form.fill(b)
		to, err := req.URL.Parse(page.form.action)
		if err != nil {
			return nil, fmt.Errorf("read %s: the form's address: %w", bare(req.URL), err)
		}
		if to.Host != home {
			return b.leave(ctx, client, to, values)
		}
		if req, err = http.NewRequestWithContext(ctx, http.MethodPost, to.String(), strings.NewReader(values.Encode())); err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return nil, fmt.Errorf("open %s: no end after %d pages", bare(at), pageLimit)
}

// window is the client with cookies, and with redirects left to us.
func (b Browser) window() (*http.Client, error) {
	client := http.Client{}
	if b.Client != nil {
		client = *b.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if client.Jar == nil {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return nil, err
		}
		client.Jar = jar
	}
	return &client, nil
}

// leave opens the address that the simulator sent us to.
func (b Browser) leave(ctx context.Context, client *http.Client, to *url.URL, post url.Values) (*url.URL, error) {
	carrying := *to
	if post != nil {
		carrying.RawQuery = post.Encode()
	}
	if to.Scheme != "http" || !isLoopback(to.Hostname()) {
		return &carrying, nil
	}
	method, body := http.MethodGet, io.Reader(nil)
	if post != nil {
		method, body = http.MethodPost, strings.NewReader(post.Encode())
	}
	asked := *to
	asked.Fragment, asked.RawFragment = "", "" // a browser keeps it to itself
	req, err := http.NewRequestWithContext(ctx, method, asked.String(), body)
	if err != nil {
		return nil, err
	}
	if post != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("open %s: %w", bare(to), ctx.Err())
		}
		return &carrying, nil // nobody listens: the address bar still has it
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return nil, fmt.Errorf("read %s: %w", bare(to), err)
	}
	if post != nil {
		return to, nil
	}
	return &carrying, nil
}

// bare is an address without its query, which may hold a code.
func bare(u *url.URL) string {
	c := *u
	c.RawQuery, c.Fragment, c.RawFragment, c.User = "", "", "", nil
	return c.String()
}
