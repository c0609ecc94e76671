package tributary

import "time"

// Cursor is where a Feed stands. It is committed together with the alerts that
// it speaks of, or not at all.
type Cursor struct {
	// Watermark: everything with an update time before it has been read and
	// committed. By Microsoft's clock.
	Watermark time.Time
	// Begun is the first watermark that the feed had. Nothing before it was
	// asked for, so a second look at the past ends there.
	Begun time.Time
	// SeenFrom is the Stream sequence from which the set of versions already
	// committed can be rebuilt, as far back as the next window may reach.
	SeenFrom uint64
	// Revision is the Stream sequence of the cursor itself, 0 for a feed that
	// has none yet. A commit names the revision it builds on and is refused if
	// another worker has moved the cursor since.
	Revision uint64
}
