package sim

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"tributary/microsoft/sim/alerts"
	"tributary/microsoft/sim/fault"
)

// gzipWriters are kept, because each holds some hundred kilobytes.
var gzipWriters = sync.Pool{New: func() any {
	// The level is valid, so there is no error.
	z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	return z
}}

// suffer lets the request's fault strike as far as it comes before the body.
// Where it returns false it has answered.
func (c *call) suffer() bool {
	c.strike = c.faults.Draw(c.claims.TenantID, c.slug(), c.api.source)
	if c.strike.Delay > 0 {
		t := time.NewTimer(c.strike.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-c.r.Context().Done():
			return false
		}
	}
	if c.strike.Fault == nil {
		return true
	}
	switch f := c.strike.Fault; f.Kind {
	case fault.Throttle:
		c.sayWhen(f)
		c.api.refuse(c, http.StatusTooManyRequests, "TooManyRequests", "Too many requests.")
	case fault.ServerError:
		c.api.refuse(c, http.StatusInternalServerError, "InternalServerError", "An internal server error occurred. The operation could be retried.")
	case fault.ExpiredToken:
		c.api.refuse(c, http.StatusUnauthorized, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
	default:
		return true // strikes the body
	}
	return false
}

// sayWhen tells a throttled client when to come back, in the fault's form.
func (c *call) sayWhen(f *fault.Fault) {
	wait := throttleWait(f)
	switch f.Form {
	case fault.AsDate:
		// A date has whole seconds, so it is rounded up.
		c.w.Header().Set("Retry-After", c.clock().Add(wait+time.Second-1).UTC().Format(http.TimeFormat))
	case fault.NotSaid:
	default:
		c.w.Header().Set("Retry-After", seconds(wait))
	}
}

func throttleWait(f *fault.Fault) time.Duration {
	if f.RetryAfter > 0 {
		return time.Duration(f.RetryAfter)
	}
	return time.Second
}

// seconds is a duration as Retry-After has it, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// send answers 200 with what write produces, compressed if the client takes
// that, and broken if a fault says so.
func (c *call) send(contentType string, write func(w io.Writer) error) {
	h := c.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Vary", "Accept-Encoding")
	compress := strings.Contains(c.r.Header.Get("Accept-Encoding"), "gzip")
	if compress {
		h.Set("Content-Encoding", "gzip")
	}
	f := c.strike.Fault
	if f == nil {
		if err := encode(c.w, compress, write); err != nil {
			panic(http.ErrAbortHandler) // the client went away, or must not take half for whole
		}
		return
	}
	var body bytes.Buffer
	if f.Kind == fault.InvalidJSON {
		var plain bytes.Buffer
		if write(&plain) != nil {
			panic(http.ErrAbortHandler)
		}
		text := spoil(plain.Bytes(), c.strike.Draw)
		if text[0] == '<' {
			h.Set("Content-Type", "text/html")
		}
		write = func(w io.Writer) error { _, err := w.Write(text); return err }
	}
	if encode(&body, compress, write) != nil {
		panic(http.ErrAbortHandler)
	}
	wire := body.Bytes()
	if f.Kind != fault.CutBody {
		// An error means that the client is gone; nobody is left to tell.
		_, _ = c.w.Write(wire)
		return
	}
	if c.strike.Draw < 0.5 {
		h.Set("Content-Length", strconv.Itoa(len(wire)))
	}
	// The cut lies anywhere in the body; the headers always come through.
	_, _ = c.w.Write(wire[:int(c.strike.Draw*float64(len(wire)))])
	_ = http.NewResponseController(c.w).Flush()
	panic(http.ErrAbortHandler)
}

func encode(w io.Writer, compress bool, write func(io.Writer) error) error {
	if !compress {
		b := bufio.NewWriterSize(w, 32<<10)
		if err := write(b); err != nil {
			return err
		}
		return b.Flush()
	}
	z := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(z)
	z.Reset(w)
	if err := write(z); err != nil {
		return err
	}
	return z.Close()
}

// spoil makes a body that is no JSON: one that stops halfway, a gateway's web
// page, or one with a byte in it that JSON can't have.
func spoil(body []byte, draw float64) []byte {
	third := draw * 3
	at := int((third - float64(int(third))) * float64(len(body)))
	switch int(third) {
	case 0:
		return body[:max(at, 1)]
	case 1:
		return []byte("<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>")
	}
	return append(append(append([]byte{}, body[:at]...), 0), body[at:]...)
}

// list sends elements as one JSON array between head and tail.
func (c *call) list(contentType, head, tail string, n int, render func(dst []byte, i int) []byte) {
	c.send(contentType, func(w io.Writer) error {
		if _, err := io.WriteString(w, head+"["); err != nil {
			return err
		}
		var b []byte
		for i := range n {
			b = b[:0]
			if i > 0 {
				b = append(b, ',')
			}
			b = render(b, i)
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
		_, err := io.WriteString(w, "]"+tail)
		return err
	})
}

// one sends a single alert, with the address of its metadata as its first
// member if there is one.
func (c *call) one(contentType string, ref alerts.Ref, shape alerts.Shape, context string) {
	body := c.alerts.Render(nil, ref, shape)
	if context != "" && len(body) > 2 {
		body = append([]byte(`{"@odata.context":`+quote(context)+`,`), body[1:]...)
	}
	c.send(contentType, func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	})
}

// respond writes a small body whole.
func respond(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// An error means that the client is gone; nobody is left to tell.
	_, _ = fmt.Fprint(w, body)
}
