// Package telemetry sends what an organization's gateways do to where it wants it:
// access logs, traces and metrics, by OTLP or as JSON over HTTP.
//
// A Destination says where, what and how; its header fields' values are sealed at
// rest and never shown. The Shipper, in the worker, follows the stored access log
// with a position of each destination's own: what was not taken is sent again from
// there, so that records arrive at least once, in whatever process and after
// whatever break, and the stored log is the queue. It is bounded: of a destination
// that is away for long the oldest records are skipped and counted. Edges know
// nothing of destinations, and no request waits for one.
//
// Metrics are totals of the present day (UTC), read from the ledger and sent each
// minute: a push that is lost or sent twice changes nothing.
package telemetry
