package match

import (
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Bounds of a health check.
const (
	maxCheckHeaders = 16
	maxCheckText    = 1024
)

func checkHealth(u *contract.Upstream, errs *contract.FieldErrors) {
	h := u.Health
	if h == nil {
		return
	}
	oneOf(errs, "/health/type", h.Type, "http", "tcp", "grpc", "udp")
	if h.Type == "grpc" && u.Protocol != "h2" && u.Protocol != "h2c" {
		errs.Add("/health/type", "a check of type grpc needs the protocol h2 or h2c")
	}
	if h.Type != "http" && (h.Path != "" || len(h.Statuses) > 0 || len(h.Headers) > 0) {
		errs.Add("/health", "path, statuses and headers belong to checks of type http")
	}
	if h.Type != "http" && h.Type != "udp" && (h.BodyContains != "" || h.BodyRegex != "") {
		errs.Add("/health", "body_contains and body_regex belong to checks of type http or udp")
	}
	if (h.Type == "tcp" || h.Type == "udp") && h.Host != "" {
		errs.Add("/health/host", "a check of type "+h.Type+" names no host")
	}
	checkDatagram(u, errs)
	if h.Service != "" && h.Type != "grpc" {
		errs.Add("/health/service", "belongs to checks of type grpc")
	}
	checkCheckRequest(h, errs)
	for i, s := range h.Statuses {
		between(errs, contract.Pointer("health", "statuses", i), s, 100, 599)
	}
	lasting(errs, "/health/interval", h.Interval, minCheckEvery, maxAnyDuration)
	lasting(errs, "/health/timeout", h.Timeout, 0, time.Minute)
	between(errs, "/health/unhealthy", h.Unhealthy, 0, 100)
	between(errs, "/health/healthy", h.Healthy, 0, 100)
}

// checkDatagram checks what belongs to checks by datagrams.
func checkDatagram(u *contract.Upstream, errs *contract.FieldErrors) {
	h := u.Health
	switch {
	case h.Type != "udp" && len(h.Payload) > 0:
		errs.Add("/health/payload", "belongs to checks of type udp")
	case h.Type == "udp" && UpstreamTransport(u) != "udp":
		errs.Add("/health/type", "a check of type udp needs targets of udp://")
	case len(h.Payload) > maxCheckText:
		errs.Add("/health/payload", "is longer than "+strconv.Itoa(maxCheckText)+" bytes")
	case h.Type == "udp" && len(h.Payload) == 0 && (h.BodyContains != "" || h.BodyRegex != ""):
		errs.Add("/health/payload", "is needed where the answer is looked at: what is to be sent, in base64")
	}
}

// checkCheckRequest checks what a check sends and what it looks for.
func checkCheckRequest(h *contract.HealthCheck, errs *contract.FieldErrors) {
	if h.Path != "" {
		path, query, _ := strings.Cut(h.Path, "?")
		if path == "" || path[0] != '/' {
			errs.Add("/health/path", "it does not begin with \"/\"")
		} else if _, err := PathString(path); err != nil {
			errs.Add("/health/path", reason(err))
		} else if err := CheckQuery(query); err != nil {
			errs.Add("/health/path", reason(err))
		}
	}
	if h.Host != "" {
		if _, _, err := HostString(h.Host); err != nil {
			errs.Add("/health/host", reason(err))
		}
	}
	checkCheckHeaders(h.Headers, errs)
	if len(h.BodyContains) > maxCheckText {
		errs.Add("/health/body_contains", "is longer than "+strconv.Itoa(maxCheckText)+" bytes")
	}
	switch _, err := regexp.Compile(h.BodyRegex); {
	case len(h.BodyRegex) > maxCheckText:
		errs.Add("/health/body_regex", "is longer than "+strconv.Itoa(maxCheckText)+" bytes")
	case err != nil:
		errs.Add("/health/body_regex", "is no regular expression of RE2: "+err.Error())
	}
	if len(h.Service) > 256 || strings.ContainsFunc(h.Service, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs.Add("/health/service", "is the name of a gRPC service, such as shop.v1.Orders")
	}
}

// ownCheckHeaders are fields that a check writes itself, or that must never go
// out: it carries nobody's credentials.
var ownCheckHeaders = map[string]bool{
	"Host": true, "Connection": true, "Content-Length": true, "Transfer-Encoding": true, "Upgrade": true, "Te": true,
	"Trailer": true, "Keep-Alive": true, "Proxy-Connection": true, "Expect": true, "Cookie": true, "User-Agent": true, "Accept": true,
}

func checkCheckHeaders(list []contract.HealthHeader, errs *contract.FieldErrors) {
	if len(list) > maxCheckHeaders {
		errs.Add("/health/headers", "at most "+strconv.Itoa(maxCheckHeaders)+" header fields are sent")
		return
	}
	for i := range list {
		at := contract.Pointer("health", "headers", i)
		name := textproto.CanonicalMIMEHeaderKey(list[i].Name)
		if _, err := condName(list[i].Name, true); err != nil {
			errs.Add(at+"/name", err.Error())
		} else if ownCheckHeaders[name] {
			errs.Add(at+"/name", name+" can't be set on a health check")
		}
		if v := list[i].Value; len(v) > maxCheckText || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
			errs.Add(at+"/value", "must be printable ASCII, at most "+strconv.Itoa(maxCheckText)+" bytes")
		}
	}
}
