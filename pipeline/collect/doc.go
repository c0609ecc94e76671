// Package collect polls feeds: it reads each tenant's sources window by
// window, drops the versions that were committed before, and commits the rest
// together with the feed's cursor. The schedule in the stream says which feed
// is due, and keeps two workers from one feed.
package collect
