package directory

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// errNotSpread is a change that not every copy of the directory shows yet.
var errNotSpread = errors.New("the directory hasn't spread the change yet")

// settleSteps are the waits, in units of patience.settle, for a change to be
// known in every copy of a directory: mostly seconds, seldom half a minute.
var settleSteps = []int{1, 2, 4, 8, 15, 15, 15}

// settle repeats a step while the directory doesn't know yet what was made a
// moment ago.
func (c *Client) settle(ctx context.Context, step func() error) error {
	for _, units := range settleSteps {
		err := step()
		if err == nil || !spreading(err) {
			return err
		}
		if !wait(ctx, time.Duration(units)*c.cfg.patience.settle) {
			return err
		}
	}
	return step()
}

// wait reports whether it waited to the end.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// spreading reports whether a failure is how a directory answers while a
// change spreads. The forms are those that users of Graph report: 404; 400
// NoBackingApplicationObject for a new application's service principal; 400
// "Not a valid reference update" for a new principal's role; 403 "must be in
// the local tenant"; two changes at once.
func spreading(err error) bool {
	if errors.Is(err, errNotSpread) {
		return true
	}
	e := refusal(err)
	if e == nil {
		return false
	}
	switch e.status {
	case http.StatusNotFound:
		return true
	case http.StatusBadRequest:
		return e.fault.is("NoBackingApplicationObject") || e.fault.says("does not reference a valid application", "not a valid reference update")
	case http.StatusForbidden:
		return e.fault.says("must be in the local tenant")
	case http.StatusConflict:
		return e.fault.is("Directory_ConcurrencyViolation", "ConcurrencyViolation")
	}
	return false
}

// conflict reports whether a failure says that the thing is there already.
// Graph has 409, and 400 with these words.
func conflict(err error) bool {
	e := refusal(err)
	switch {
	case e == nil || spreading(err):
		return false
	case e.status == http.StatusConflict:
		return true
	}
	return e.status == http.StatusBadRequest &&
		(e.fault.is("Request_MultipleObjectsWithSameKeyValue", "ObjectConflict", "MultipleObjectsWithSameKeyValue") ||
			e.fault.says("already exists", "already in use", "already present"))
}
