package defender

import (
	"context"
	"errors"
	"net/http"
	"time"

	"tributary"
)

// odata reads the two sources that have filters and pages: graph and endpoint.
type odata struct {
	*client
	dialect *dialect
	// unordered: the service refused $orderby. It then answers in its own
	// order, which the walk reads off the page.
	unordered bool
}

func newOData(cfg Config, service string, d *dialect) (tributary.Reader, error) {
	c, err := newClient(cfg, service, d.path, d.layout)
	if err != nil {
		return nil, err
	}
	return &odata{client: c, dialect: d, unordered: d.orderBy == ""}, nil
}

// MaxWindow is zero: a window of any length can be paged.
func (o *odata) MaxWindow() time.Duration { return 0 }

// Read fetches one page. Next leads on by time, not by position, so that an
// alert that changes between two pages takes no other with it.
func (o *odata) Read(ctx context.Context, req tributary.Request, yield func(tributary.Alert) error) (tributary.Page, error) {
	w, err := begin(req, o.source)
	if err != nil {
		return tributary.Page{}, o.mistake(err)
	}
	w.Unsorted = w.Unsorted || o.unordered
	limit := o.dialect.limit(req.Limit)
	ask := func() (answer, error) {
		q := w.Link
		if q == "" {
			q = o.dialect.query(w.stretch(req.Window), limit, w.Skip, !o.unordered)
		}
		return o.fetch(ctx, q, o.dialect.header, func(a tributary.Alert, timed bool) error {
			if err := yield(a); err != nil {
				return err
			}
			w.see(&a, timed)
			return nil
		})
	}
	ans, err := ask()
	if status := (*statusError)(nil); errors.As(err, &status) && status.code == http.StatusBadRequest && !o.unordered && w.Link == "" {
		// $orderby is documented for neither source. Perhaps that is what was refused.
		o.unordered = true
		again, second := ask()
		if second == nil {
			o.log.Info("the service refuses $orderby; its own order is used", "refusal", err)
			w.Unsorted = true
			ans, err = again, nil
		} else if again.elements > 0 {
			ans, err = again, second
		} else {
			o.unordered = false
		}
	}
	page := tributary.Page{Served: ans.served, Count: ans.count}
	if err != nil {
		return page, err
	}
	link := ""
	if ans.NextLink != "" && o.dialect.follow {
		if link, err = ownLink(o.base, ans.NextLink); err != nil {
			return page, o.foreign(err)
		}
	}
	more := ans.elements >= limit || link != "" || ans.NextLink != "" && ans.elements > 0
	done, err := w.step(req.Window, ans.elements, more, link)
	if err != nil {
		return page, o.stuck(err)
	}
	page.Through = w.Lo
	if done {
		page.Through = req.Window.To
		return page, nil
	}
	page.Next = token{o.source, w}.String()
	return page, nil
}
