package telemetry

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of a destination.
const (
	// MaxDestinations is how many an organization may have.
	MaxDestinations = 10
	maxURL          = 2048
	maxGateways     = 200
	maxHeaders      = 20
	maxHeaderValue  = 4096
)

// complete fills in what is left out, so that what is stored says all.
func (s *Spec) complete() {
	if s.Enabled == nil {
		s.Enabled = new(true)
	}
	if s.Type == TypeHTTP && s.Format == "" {
		s.Format = FormatJSON
	}
	if s.Type == TypeHTTP && s.Signals == nil {
		s.Signals = []string{SignalLogs}
	}
}

// check names every bad field at once.
func (s *Spec) check(g Guard) error {
	var bad contract.FieldErrors
	if err := core.CheckName(s.Name); err != nil {
		bad.Add("/name", err.Error())
	}
	switch s.Type {
	case TypeOTLP:
		if s.Format != "" {
			bad.Add("/format", "does not go with the type otlp: it is protobuf")
		}
	case TypeHTTP:
		if s.Format != FormatJSON && s.Format != FormatNDJSON {
			bad.Add("/format", "must be json or ndjson")
		}
		if len(s.Signals) != 1 || s.Signals[0] != SignalLogs {
			bad.Add("/signals", "of the type http can only be logs: traces and metrics need otlp")
		}
	default:
		bad.Add("/type", "must be otlp or http")
	}
	s.checkURL(g, &bad)
	words(&bad, "signals", s.Signals, SignalLogs, SignalTraces, SignalMetrics)
	if len(s.Signals) == 0 {
		bad.Add("/signals", "must name at least one of logs, traces and metrics")
	}
	words(&bad, "outcomes", s.Outcomes, outcomes...)
	if len(s.Gateways) > maxGateways {
		bad.Add("/gateways", fmt.Sprintf("are %d, at most %d are allowed", len(s.Gateways), maxGateways))
	}
	if s.Sample != nil && !(*s.Sample >= 0 && *s.Sample <= 1) {
		bad.Add("/sample", "is a share: from 0 to 1")
	}
	if s.HeaderNames != nil {
		bad.Add("/header_names", "can't be set: headers has the fields")
	}
	s.checkHeaders(&bad)
	return core.Invalid(bad.Err())
}

func (s *Spec) checkURL(g Guard, bad *contract.FieldErrors) {
	u, err := url.Parse(s.URL)
	switch {
	case len(s.URL) > maxURL || err != nil || u.Host == "":
		bad.Add("/url", "must be a URL such as https://otel.example.com")
	case u.User != nil:
		bad.Add("/url", "must not hold a user and password: send them as a header field")
	case s.Type == TypeOTLP && (u.RawQuery != "" || u.Fragment != ""):
		bad.Add("/url", "is the base of /v1/logs, /v1/traces and /v1/metrics: it has no query")
	default:
		if err := g.CheckWebhook(s.URL); err != nil {
			bad.Add("/url", err.Error())
		}
	}
}

// words checks a list of different words.
func words(bad *contract.FieldErrors, field string, list []string, of ...string) {
	for i, w := range list {
		if !slices.Contains(of, w) || slices.Contains(list[:i], w) {
			bad.Add(contract.Pointer(field, i), fmt.Sprintf("must be one of %s, each once", strings.Join(of, ", ")))
		}
	}
}

// ownHeaders are written by us.
var ownHeaders = []string{
	"Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Connection", "Upgrade", "Te", "Trailer", "Expect",
	"User-Agent", "Keep-Alive", "Proxy-Connection", "Accept-Encoding",
}

func (s *Spec) checkHeaders(bad *contract.FieldErrors) {
	if len(s.Headers) > maxHeaders {
		bad.Add("/headers", fmt.Sprintf("are %d, at most %d are allowed", len(s.Headers), maxHeaders))
		return
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		value := s.Headers[name]
		at, canonical := contract.Pointer("headers", name), http.CanonicalHeaderKey(name)
		switch {
		case !token(name):
			bad.Add(at, "is not the name of a header field")
		case seen[canonical]:
			bad.Add(at, "stands twice, in upper and lower case")
		case slices.Contains(ownHeaders, canonical) || strings.HasPrefix(canonical, "Tollgate-"):
			bad.Add(at, "is written by Tollgate itself")
		case value == "" || len(value) > maxHeaderValue || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
			bad.Add(at, fmt.Sprintf("must be 1 to %d printable ASCII characters", maxHeaderValue)) // never the value
		}
		seen[canonical] = true
	}
}

// token is RFC 9110 5.6.2.
func token(s string) bool {
	if s == "" || len(s) > 100 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c > '~' || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return true
}

// origin is where a URL leads: who gets what is sent there.
func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}
