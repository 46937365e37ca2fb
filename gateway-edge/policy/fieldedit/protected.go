package fieldedit

import "strings"

// Fields that belong to one connection (RFC 9110 7.6.1) or frame the message:
// the engine writes them.
var framing = map[string]bool{
	"connection": true, "keep-alive": true, "proxy-connection": true, "te": true, "trailer": true,
	"transfer-encoding": true, "upgrade": true, "content-length": true, "http2-settings": true,
	"proxy-authenticate": true, "proxy-authorization": true,
}

const (
	whyFraming = "belongs to the connection: the edge writes it"
	whyOwn     = "is the edge's own: backends and callers rely on it"
)

// Request says which fields of a request may not be edited.
func Request(name string) (why string, protected bool) {
	n := strings.ToLower(name)
	switch {
	case framing[n] || n == "expect":
		return whyFraming, true
	case n == "host":
		return "is chosen by the upstream's target, or by preserve_host of the route", true
	case n == "via", n == "forwarded", n == "x-request-id", strings.HasPrefix(n, "x-forwarded-"), strings.HasPrefix(n, "tollgate-"):
		return whyOwn, true
	}
	return "", false
}

// Response says which fields of a response may not be edited.
func Response(name string) (why string, protected bool) {
	n := strings.ToLower(name)
	switch {
	case framing[n]:
		return whyFraming, true
	case n == "date", n == "via", n == "x-request-id", n == "ratelimit", n == "ratelimit-policy", n == "server-timing",
		strings.HasPrefix(n, "tollgate-"):
		return whyOwn, true
	}
	return "", false
}
