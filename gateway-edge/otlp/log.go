package otlp

import (
	"maps"
	"slices"

	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"

	"github.com/tollgate/tollgate/services/contract"
)

// Log is an access log record as OpenTelemetry has it: its facts as attributes, with
// the trace that it belongs to. What was refused is a warning, what failed an error.
func Log(r *contract.LogRecord, gateway string) *logs.LogRecord {
	at := uint64(r.Time) * 1e6
	out := &logs.LogRecord{
		TimeUnixNano: at, ObservedTimeUnixNano: at, SeverityNumber: logs.SeverityNumber_SEVERITY_NUMBER_INFO, SeverityText: "INFO",
		Body:       &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: text("", describe(r)).GetValue().GetStringValue()}},
		Attributes: attributes(r, gateway), TraceId: unhex(r.TraceID, 16), SpanId: unhex(r.SpanID, 8),
	}
	switch {
	case r.Status >= 500 || r.Aborted != "" && r.Aborted != "client":
		out.SeverityNumber, out.SeverityText = logs.SeverityNumber_SEVERITY_NUMBER_ERROR, "ERROR"
	case r.Code != "" || r.Aborted != "":
		out.SeverityNumber, out.SeverityText = logs.SeverityNumber_SEVERITY_NUMBER_WARN, "WARN"
	}
	return out
}

// ResourceLogs puts log records under a resource.
func ResourceLogs(of map[string]string, records []*logs.LogRecord) *logs.LogsData {
	return &logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{
		Resource: Resource(of), ScopeLogs: []*logs.ScopeLogs{{Scope: &common.InstrumentationScope{Name: Scope}, LogRecords: records}},
	}}}
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
