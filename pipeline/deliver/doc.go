// Package deliver runs the lanes: each destination's own reader of the
// stream, with its own place, retries and dead letters. A destination that is
// down, slow or refusing delays no other.
package deliver
