package deliver

import (
	"context"
	"time"

	"tributary"
	"tributary/pipeline/stream"
)

// Status is how the lane does.
func (l *Lane) Status(ctx context.Context) stream.LaneStatus {
	l.mu.Lock()
	status, reader := l.status, l.reader
	status.Problem = l.problem
	l.mu.Unlock()
	if reader != nil {
		if pending, err := reader.Pending(ctx); err == nil {
			status.Pending = pending
		}
	}
	return status
}

// delivered notes a settled batch, and that the destination is well.
func (l *Lane) delivered(ctx context.Context, batch []stream.Delivery, refused int) {
	now := l.now().UTC()
	l.mu.Lock()
	l.status.Delivered += uint64(len(batch) - refused)
	l.status.Refused += uint64(refused)
	l.status.LastReceipt = now
	l.status.Lag = now.Sub(batch[len(batch)-1].Alert.Fetched).Round(time.Millisecond).String()
	was := l.problem
	l.problem = nil
	l.mu.Unlock()
	if was != nil {
		l.log.Info("the destination is well again", "was", was.Code, "since", was.Since)
	}
	if refused > 0 {
		l.log.Warn("the destination refused records: they are dead letters", "records", refused)
	}
	l.tell(ctx)
}

// trouble notes a failed attempt. It is logged when it begins and when it
// changes, not each time.
func (l *Lane) trouble(ctx context.Context, err *tributary.SendError) {
	p := &stream.Problem{
		Code: "destination-" + string(err.Kind), Text: err.Error(), Fix: tributary.FixRetry, Next: err.Next, Since: l.now().UTC(),
	}
	if err.Kind == tributary.SendMisconfigured {
		p.Fix = tributary.FixMSSP
	}
	l.mu.Lock()
	was := l.problem
	if was != nil && was.Code == p.Code {
		p.Since = was.Since
	}
	l.problem = p
	l.mu.Unlock()
	if was == nil || was.Code != p.Code || was.Text != p.Text {
		l.log.Warn("the destination does not take alerts", "code", p.Code, "err", err, "next", p.Next)
	}
	l.tell(ctx)
}

// tell puts the lane's state where the commands and the console see it.
func (l *Lane) tell(ctx context.Context) {
	if err := l.store.PutLaneStatus(ctx, l.Status(ctx)); err != nil && ctx.Err() == nil {
		l.log.Debug("tell the lane's status", "err", err)
	}
}
