package template

import (
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/query"
)

// Var is a fixed variable.
type Var uint8

// The variables.
const (
	ClientIP  Var = iota // the true client's address
	RequestID            // X-Request-Id
	Consumer             // the authenticated consumer's name
	KeyID                // what may be shown of the credential
	RouteName
	GatewayName
	Method
	Scheme // http or https
	Host   // canonical, without port
	Path   // canonical, begins with "/"
	Query  // without "?"
	Param  // {param.NAME}: a path parameter of the route
	Claim  // {claim.NAME}: a claim of the token that is a string
	numVars
	// Literal is what Parts yields for text between variables.
	Literal = numVars
)

var varNames = [numVars]string{
	"client_ip", "request_id", "consumer", "key_id", "route", "gateway",
	"method", "scheme", "host", "path", "query", "param.", "claim.",
}

// String returns the variable's name as it is written, without braces.
func (v Var) String() string { return varNames[v] }

// Vars is a set of variables.
type Vars uint16

// All is every variable.
const All Vars = 1<<numVars - 1

// Only makes a set.
func Only(vs ...Var) (s Vars) {
	for _, v := range vs {
		s |= 1 << v
	}
	return s
}

// Without returns the set less the given ones.
func (s Vars) Without(vs ...Var) Vars { return s &^ Only(vs...) }

// Has reports whether v is in the set.
func (s Vars) Has(v Var) bool { return s>>v&1 == 1 }

// names lists the set's variables as they are written, for messages.
func (s Vars) names() (out []string) {
	for v := range numVars {
		switch {
		case !s.Has(v):
		case v == Param || v == Claim:
			out = append(out, varNames[v]+"NAME")
		default:
			out = append(out, varNames[v])
		}
	}
	return out
}

// Place says where the expanded text will stand.
type Place uint8

// Places.
const (
	// Header is a field's value: values keep their bytes.
	Header Place = iota
	// URL is any part of a URL behind the host: every byte of a value that is not
	// unreserved is escaped, but for those that are in canonical form already
	// (path, query, path parameters).
	URL
	// Segment is a segment of a path: values come in the canonical form that
	// match.CanonPath gives, in which some reserved characters stand for themselves.
	Segment
)

// MaxValue bounds what a credential says (consumer, key id, claims), in bytes: a
// longer value counts as none. Parts of the request were bounded by the gate.
const MaxValue = 1024

// appendVar appends a variable's value; ok is false when it has none.
func appendVar(b []byte, x *policy.Exchange, p *part, at Place) (_ []byte, ok bool) {
	switch p.v {
	case ClientIP:
		a := x.Client()
		if !a.IsValid() {
			return b, false
		}
		if at != Header && a.Is6() {
			var text [48]byte
			return escape(b, a.AppendTo(text[:0]), at), true
		}
		return a.AppendTo(b), true
	case RequestID:
		return appendText(b, x.RequestID(), at)
	case Consumer, KeyID, Claim:
		return appendPrincipal(b, x.Principal(), p, at)
	case RouteName, GatewayName:
		r := x.Route()
		if r == nil {
			return b, false
		}
		if p.v == RouteName {
			return appendString(b, r.Name, at)
		}
		return appendString(b, r.GatewayName, at)
	}
	return appendRequest(b, x, p, at)
}

func appendPrincipal(b []byte, who *policy.Principal, p *part, at Place) ([]byte, bool) {
	if who == nil {
		return b, false
	}
	switch p.v {
	case Consumer:
		return appendString(b, who.ConsumerName, at)
	case KeyID:
		return appendString(b, who.KeyDisplay, at)
	}
	s, ok := who.Claims[p.s].(string)
	if !ok {
		return b, false
	}
	return appendString(b, s, at)
}

func appendRequest(b []byte, x *policy.Exchange, p *part, at Place) ([]byte, bool) {
	r := x.Request()
	switch p.v {
	case Method:
		return appendText(b, r.Method, at)
	case Scheme:
		return appendText(b, r.Scheme, at)
	case Host:
		return appendText(b, r.Host, Header) // canonical: no byte needs an escape
	case Path:
		return appendText(b, r.Path, Header)
	case Query:
		return r.Query.AppendTo(b), true // an empty query is a value
	}
	t, ok := x.Param(p.s)
	if !ok || t.Index('/') >= 0 {
		// A tail of several segments would reach what the template was not for.
		return b, false
	}
	return appendText(b, t, Header)
}

func appendText(b []byte, t policy.Text, at Place) ([]byte, bool) {
	if t.Empty() {
		return b, false
	}
	if at == Header {
		return t.AppendTo(b), true
	}
	for i := range t.Len() {
		c := [1]byte{t.At(i)}
		b = escape(b, c[:], at)
	}
	return b, true
}

func appendString(b []byte, s string, at Place) ([]byte, bool) {
	if s == "" || len(s) > MaxValue {
		return b, false
	}
	if at != Header {
		// A dot segment would climb out of the place that the template gives it.
		return escape(b, s, at), s != "." && s != ".."
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == 0x7f {
			return b, false
		}
	}
	return append(b, s...), true
}

// escape appends s for a place in a URL.
func escape[S ~string | ~[]byte](b []byte, s S, at Place) []byte {
	if at == URL {
		return query.AppendEscaped(b, s)
	}
	for i := range len(s) {
		if c := s[i]; strings.IndexByte("!$&'()*,=:@", c) >= 0 {
			b = append(b, c)
		} else {
			b = query.AppendEscaped(b, s[i:i+1])
		}
	}
	return b
}
