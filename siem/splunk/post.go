package splunk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"tributary"
)

// waiter waits, or returns the context's cause.
type waiter func(ctx context.Context, d time.Duration) error

func waitTimer(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// exchange posts a body and reads the answer. The error says that there is
// none: the events may be in all the same.
func (s *Sender) exchange(ctx context.Context, path string, body []byte, zip bool) (answer, error) {
	outer := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("no answer within %v", s.timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", authorizationScheme+s.token.Reveal())
	req.Header.Set("Content-Type", contentTypeOfRequests)
	req.Header.Set("Accept", contentTypeOfAnswers)
	req.Header.Set(channelHeader, s.channel)
	req.Header.Set("User-Agent", "tributary")
	if zip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := s.client.Do(req)
	if err == nil {
		defer resp.Body.Close()
		var text []byte
		if text, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err == nil {
			return readAnswer(resp, []byte(s.redact(string(text))), s.now()), nil
		}
		err = fmt.Errorf("the answer was cut off: %w", err)
	}
	if outer.Err() != nil {
		return answer{}, context.Cause(outer)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return answer{}, context.Cause(ctx)
	}
	return answer{}, err
}

// postEvents posts the objects as one body, one to a line.
func (s *Sender) postEvents(ctx context.Context, objects [][]byte) (answer, error) {
	if s.pace > 0 {
		if err := s.wait(ctx, s.pace); err != nil {
			return answer{}, err
		}
	}
	var body bytes.Buffer
	s.zip.Reset(&body)
	for _, object := range objects {
		if _, err := s.zip.Write(object); err != nil {
			return answer{}, fmt.Errorf("compress: %w", err)
		}
		if _, err := s.zip.Write([]byte{'\n'}); err != nil {
			return answer{}, fmt.Errorf("compress: %w", err)
		}
	}
	if err := s.zip.Close(); err != nil {
		return answer{}, fmt.Errorf("compress: %w", err)
	}
	a, err := s.exchange(ctx, eventPath, body.Bytes(), true)
	if err == nil {
		s.setPace(a)
	}
	return a, err
}

// setPace slows down while the server says that its queues are nearly full.
// It took the events; the next answer could be that it takes none.
func (s *Sender) setPace(a answer) {
	if a.code == codeQueueNearlyFull || a.code == codeAcksNearlyFull {
		s.pace = min(max(2*s.pace, time.Second/2), maxPace)
		return
	}
	s.pace = 0
}

// Check tries the collector without sending an event: an empty request with a
// good token is answered "No data".
func (s *Sender) Check(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.sendError(tributary.SendRetry, "", "%w", errClosed)
	}
	const what = "try the collector"
	a, err := s.exchange(ctx, eventPath, nil, false)
	if err != nil {
		return s.noAnswer(ctx, what, err)
	}
	if a.code != codeNoData {
		if v := a.verdict(0); v != accepted {
			return s.refusedRequest(what, a, v)
		}
	}
	return s.proveAck(ctx)
}

// noAnswer is the error of an exchange that had none.
func (s *Sender) noAnswer(ctx context.Context, what string, err error) *tributary.SendError {
	if ctx.Err() != nil {
		return s.cancelled(ctx)
	}
	return s.unreachable(what, err)
}
