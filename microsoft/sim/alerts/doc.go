// Package alerts holds the alerts of the simulated tenants: which exist, how
// they change, when an API begins to show each version, and what each API
// shows of them.
//
// A [Set] is planned from a seed. It keeps some hundred bytes for each alert:
// times and the kind of alert. The body is rendered when it is asked for, from
// the seed and the alert's number, so that a version has the same bytes every
// time. Two clocks matter. Visibility follows the true clock. The times inside
// the alerts follow the service's own clock, which differs by the skew.
package alerts
