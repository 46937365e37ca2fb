// Command test-otel holds Tollgate's telemetry to programs of others, for the tests
// end to end. It is a module of its own, outside the workspace: what it needs decides
// no version of what is shipped.
//
// "test-otel collector" is the receiver of the OpenTelemetry Collector: it takes OTLP
// over HTTP and writes what came as JSON, one line a message. "test-otel promql"
// reads expressions, one line each, and parses them as Prometheus does.
package main
