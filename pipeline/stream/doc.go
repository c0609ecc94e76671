// Package stream is the durable middle: NATS JetStream, embedded in this
// process. It is buffer, cursor, schedule, lease and status at once; there is
// no second store. A [Store] is opened by the instance that runs ([Open]) and
// by commands that talk to it ([Connect]): the same type, the same code.
//
// What must never be lost lies in the ALERTS stream. One commit is one atomic
// batch: the new versions, then the feed's cursor. The place of a lane is the
// last of its receipts, so there is nothing that a crash could leave between
// the two.
package stream
