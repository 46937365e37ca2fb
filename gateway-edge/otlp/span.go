package otlp

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"

	"github.com/tollgate/tollgate/services/contract"
)

// Scope is what made the telemetry.
const Scope = "tollgate"

// MethodJob is the method of a record that is no request but a job of the control
// plane's, named by its route.
const MethodJob = "JOB"

// Spans are the spans of a traced request: its own (kind server, named by method and
// route, after OpenTelemetry's conventions for HTTP) and one for each of its parts.
// A record that names no trace has none. gateway is the gateway's name, "" where it
// is not known.
func Spans(r *contract.LogRecord, gateway string) []*trace.Span {
	id, root := unhex(r.TraceID, 16), unhex(r.SpanID, 8)
	if id == nil || root == nil {
		return nil
	}
	began := uint64(r.Time) * 1e6
	own := &trace.Span{
		TraceId: id, SpanId: root, ParentSpanId: unhex(r.ParentID, 8), Name: name(r), Kind: trace.Span_SPAN_KIND_SERVER,
		StartTimeUnixNano: began, EndTimeUnixNano: began + uint64(took(r)), Attributes: attributes(r, gateway), Status: statusOf(r),
	}
	if r.Method == MethodJob {
		own.Kind, own.Name, own.Attributes = trace.Span_SPAN_KIND_INTERNAL, "job "+r.Route, []*common.KeyValue{text("tollgate.job", r.Route)}
	}
	out := append(make([]*trace.Span, 0, 1+len(r.Spans)), own)
	tries := 0
	for i := range r.Spans {
		p := &r.Spans[i]
		s := &trace.Span{
			TraceId: id, SpanId: unhex(p.ID, 8), ParentSpanId: root, Kind: trace.Span_SPAN_KIND_INTERNAL, Name: "policy " + p.Name,
			StartTimeUnixNano: began + uint64(max(p.At, 0))*1000, EndTimeUnixNano: began + uint64(max(p.At+p.Took, 0))*1000,
		}
		if s.SpanId == nil {
			s.SpanId = binary.BigEndian.AppendUint64(nil, contract.ChildSpan(binary.BigEndian.Uint64(root), contract.FirstPartSpan+i))
		}
		switch p.Kind {
		case contract.SpanTry:
			s.Kind, s.Name = trace.Span_SPAN_KIND_CLIENT, r.Method
			s.Attributes = []*common.KeyValue{text("http.request.method", r.Method), text("tollgate.target", p.Name), number("http.request.resend_count", int64(tries))}
			tries++
		case contract.SpanResponse:
			s.Name = "policy " + p.Name + " response"
		}
		if p.Failed {
			s.Status = &trace.Status{Code: trace.Status_STATUS_CODE_ERROR}
			if p.Code != "" {
				s.Attributes = append(s.Attributes, text("error.type", p.Code))
			}
		}
		out = append(out, s)
	}
	return out
}

// ResourceSpans puts spans under a resource.
func ResourceSpans(of map[string]string, spans []*trace.Span) *trace.TracesData {
	return &trace.TracesData{ResourceSpans: []*trace.ResourceSpans{{
		Resource: Resource(of), ScopeSpans: []*trace.ScopeSpans{{Scope: &common.InstrumentationScope{Name: Scope}, Spans: spans}},
	}}}
}

// Resource is what telemetry is of.
func Resource(of map[string]string) *resource.Resource {
	r := &resource.Resource{}
	for _, k := range sorted(of) {
		r.Attributes = append(r.Attributes, text(k, of[k]))
	}
	return r
}

// name is a span's name: of low cardinality, so not the path.
func name(r *contract.LogRecord) string {
	if r.Route == "" {
		return r.Method
	}
	return r.Method + " " + r.Route
}

// took is a request's whole time in nanoseconds.
func took(r *contract.LogRecord) int64 {
	if r.TookUS > 0 {
		return r.TookUS * 1000
	}
	return int64(max(r.EdgeMS+r.UpstreamMS, r.DurationMS, 0) * 1e6)
}

// statusOf is an error where the caller was not to blame: a server's span of a 4xx
// is none (OpenTelemetry's conventions for HTTP spans, "Status").
func statusOf(r *contract.LogRecord) *trace.Status {
	if r.Status < 500 && (r.Aborted == "" || r.Aborted == "client") {
		return nil
	}
	return &trace.Status{Code: trace.Status_STATUS_CODE_ERROR}
}

// attributes describe a request.
func attributes(r *contract.LogRecord, gateway string) []*common.KeyValue {
	out := []*common.KeyValue{
		text("http.request.method", r.Method), text("url.path", r.Path), text("server.address", r.Host), text("client.address", r.Client),
		number("http.response.status_code", int64(r.Status)), text("tollgate.request_id", r.RequestID), text("tollgate.edge", r.Edge),
		number("tollgate.version", int64(r.Version)),
	}
	if n, v, ok := strings.Cut(r.Protocol, "/"); ok {
		out = append(out, text("network.protocol.name", strings.ToLower(n)), text("network.protocol.version", v))
	}
	for _, a := range [...]struct{ key, value string }{
		{"tollgate.gateway", gateway},
		{"tollgate.route", r.Route},
		{"url.query", r.Query},
		{"user_agent.original", r.UserAgent},
		{"tollgate.consumer", r.Consumer},
		{"tollgate.key", r.Key},
		{"tollgate.target", r.Target},
		{"tollgate.aborted", r.Aborted},
		{"error.type", r.Code},
	} {
		if a.value != "" {
			out = append(out, text(a.key, a.value))
		}
	}
	return append(out, number("http.request.size", r.BytesIn), number("http.response.size", r.BytesOut),
		double("tollgate.edge_ms", r.EdgeMS), double("tollgate.upstream_ms", r.UpstreamMS))
}

func text(k, v string) *common.KeyValue {
	return &common.KeyValue{Key: k, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: strings.ToValidUTF8(v, "\ufffd")}}}
}

func number(k string, v int64) *common.KeyValue {
	return &common.KeyValue{Key: k, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: v}}}
}

func double(k string, v float64) *common.KeyValue {
	return &common.KeyValue{Key: k, Value: &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: v}}}
}

// unhex reads an id of n bytes; nil for anything else.
func unhex(s string, n int) []byte {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != n {
		return nil
	}
	return b
}

// describe is a record in one line, for people.
func describe(r *contract.LogRecord) string {
	line := r.Method + " " + r.Host + r.Path + " " + strconv.Itoa(r.Status)
	if r.Code != "" {
		line += " " + r.Code
	}
	return line
}
