package otlp

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Operator is where the operator has telemetry sent, as OpenTelemetry's environment
// variables say it.
type Operator struct {
	Client   *Client
	Resource map[string]string // OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME
	Every    time.Duration     // between two metrics pushes
	Tracing  contract.Tracing  // Slow is not the environment's
}

// Defaults.
const (
	defaultTimeout = 10 * time.Second
	defaultEvery   = time.Minute
	defaultSample  = 0.01
)

// FromEnv reads OTEL_EXPORTER_OTLP_ENDPOINT and what goes with it; without it, or
// with OTEL_SDK_DISABLED=true, the answer is nil. Every mistake is in the error.
//
// Known are OTEL_EXPORTER_OTLP_HEADERS, _TIMEOUT (ms), _PROTOCOL (http/protobuf),
// _COMPRESSION (gzip, none), OTEL_METRIC_EXPORT_INTERVAL (ms), OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and _ARG: traceidratio with 0.01 by
// default, since a sampler that takes everything would cost more than serving.
func FromEnv(env func(string) string, service string) (*Operator, error) {
	base := strings.TrimRight(env("OTEL_EXPORTER_OTLP_ENDPOINT"), "/")
	if base == "" || strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	var errs []error
	if u, err := url.Parse(base); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		errs = append(errs, errors.New("OTEL_EXPORTER_OTLP_ENDPOINT must be an http:// or https:// URL, such as http://127.0.0.1:4318"))
	}
	if p := env("OTEL_EXPORTER_OTLP_PROTOCOL"); p != "" && p != "http/protobuf" {
		errs = append(errs, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %.40q: only http/protobuf is spoken, which collectors take at port 4318", p))
	}
	compressed := env("OTEL_EXPORTER_OTLP_COMPRESSION")
	if compressed != "" && compressed != "gzip" && compressed != "none" {
		errs = append(errs, fmt.Errorf("OTEL_EXPORTER_OTLP_COMPRESSION is %.40q, want gzip or none", compressed))
	}
	headers, err := pairs("OTEL_EXPORTER_OTLP_HEADERS", env("OTEL_EXPORTER_OTLP_HEADERS"))
	errs = append(errs, err)
	resource, err := pairs("OTEL_RESOURCE_ATTRIBUTES", env("OTEL_RESOURCE_ATTRIBUTES"))
	errs = append(errs, err)
	timeout, err := millis("OTEL_EXPORTER_OTLP_TIMEOUT", env("OTEL_EXPORTER_OTLP_TIMEOUT"), defaultTimeout)
	errs = append(errs, err)
	every, err := millis("OTEL_METRIC_EXPORT_INTERVAL", env("OTEL_METRIC_EXPORT_INTERVAL"), defaultEvery)
	errs = append(errs, err)
	o := &Operator{Resource: map[string]string{"service.name": service, "service.namespace": "tollgate"}, Every: max(every, time.Second)}
	o.Tracing, err = sampler(env("OTEL_TRACES_SAMPLER"), env("OTEL_TRACES_SAMPLER_ARG"))
	errs = append(errs, err)
	maps.Copy(o.Resource, resource)
	if name := env("OTEL_SERVICE_NAME"); name != "" {
		o.Resource["service.name"] = name
	}
	o.Client = &Client{Endpoint: base, Header: headers, HTTP: &http.Client{Timeout: timeout}, Gzip: compressed == "gzip"}
	return o, errors.Join(errs...)
}

// pairs reads name=value,name=value with percent-encoded values (W3C Baggage).
func pairs(name, text string) (map[string]string, error) {
	out := map[string]string{}
	if text == "" {
		return out, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		k, v, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(v))
		if k = strings.TrimSpace(k); !ok || k == "" || err != nil {
			return nil, fmt.Errorf("%s must be name=value, separated by commas", name) // its text may be secret
		}
		out[k] = value
	}
	return out, nil
}

func millis(name, text string, otherwise time.Duration) (time.Duration, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s is %.40q, want milliseconds", name, text)
	}
	return time.Duration(n) * time.Millisecond, nil
}

// sampler reads one of OpenTelemetry's samplers.
func sampler(name, arg string) (t contract.Tracing, err error) {
	t.Sample, t.Parent = defaultSample, contract.TraceParentOwn
	kind, parent := strings.CutPrefix(name, "parentbased_")
	if parent {
		t.Parent = contract.TraceParentCaller
	}
	switch kind {
	case "always_on":
		t.Sample = 1
	case "always_off":
		t.Sample = 0
	case "traceidratio", "":
		if arg == "" {
			return t, nil
		}
		if t.Sample, err = strconv.ParseFloat(arg, 64); err != nil || len(t.Check()) > 0 {
			return t, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG is %.40q, want a share from 0 to 1", arg)
		}
	default:
		return t, fmt.Errorf("OTEL_TRACES_SAMPLER is %.40q, want always_on, always_off or traceidratio, or one of them behind parentbased_", name)
	}
	return t, nil
}
