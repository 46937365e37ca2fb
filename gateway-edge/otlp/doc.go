// Package otlp sends traces, metrics and logs to collectors by the OpenTelemetry
// protocol over HTTP (OTLP 1.x, binary protobuf), for every process of Tollgate.
//
// Facts come in, telemetry goes out: an access log record (contract.LogRecord)
// becomes spans or a log record, a Prometheus registry becomes metrics. Nothing here
// runs on a request's way. An Exporter's queue is bounded: what finds no room is
// counted and dropped, and no caller ever waits for a collector.
//
// Client sends one message and tells what came of it, so that callers can have
// queues of their own: the worker has one for each organization's destination. The
// HTTP client it sends by is the caller's: one that goes where tenants say must be
// guarded.
package otlp
