package expression

import (
	"net/url"

	"cel.dev/cel-go/interpreter"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/query"
)

// facts answers for the variables of one evaluation, each when it is asked for.
type facts struct {
	x *policy.Exchange
	f Facts
}

var _ interpreter.Activation = (*facts)(nil)

// Parent is interpreter.Activation: there is none.
func (f *facts) Parent() interpreter.Activation { return nil }

// ResolveName is interpreter.Activation.
func (f *facts) ResolveName(name string) (any, bool) {
	req, who := f.x.Request(), f.x.Principal()
	switch name {
	case "request.method":
		return req.Method.Clone(), true
	case "request.scheme":
		return req.Scheme.Clone(), true
	case "request.host":
		return req.Host.Clone(), true
	case "request.path":
		return req.Path.Clone(), true
	case "request.query":
		return parameters(req.Query), true
	case "request.headers":
		return fields(req.Header), true
	case "request.params":
		return f.params(), true
	case "client.ip":
		return f.x.Client().Unmap().WithZone("").String(), true
	case "client.country":
		return f.f.Country, true
	case "consumer.usage_plan":
		return f.f.UsagePlan, true
	case "now":
		return f.f.Now, true
	}
	if who == nil {
		who = nobody
	}
	switch name {
	case "consumer.name":
		return who.ConsumerName, true
	case "consumer.scopes":
		return who.Scopes, true
	case "consumer.claims":
		return who.Claims, true
	}
	return nil, false
}

// nobody stands for the caller of a public route.
var nobody = &policy.Principal{Scopes: []string{}, Claims: map[string]any{}}

// parameters are the query's first values by their decoded names; what can't be
// decoded stands as it came.
func parameters(q policy.Text) map[string]string {
	out := map[string]string{}
	for name, value := range query.Each(q) {
		n := decoded(name)
		if _, ok := out[n]; !ok {
			out[n] = decoded(value)
		}
	}
	return out
}

func decoded(t policy.Text) string {
	s := t.Clone()
	if d, err := url.QueryUnescape(s); err == nil {
		return d
	}
	return s
}

// fields are the header's values by lower-case names; several of one name are
// joined by a comma (RFC 9110 5.3).
func fields(h policy.Headers) map[string]string {
	out := map[string]string{}
	for name, value := range h.Each() {
		n, v := lower(name), value.Clone()
		if before, ok := out[n]; ok {
			v = before + ", " + v
		}
		out[n] = v
	}
	return out
}

func lower(t policy.Text) string {
	b := make([]byte, t.Len())
	for i := range b {
		if b[i] = t.At(i); 'A' <= b[i] && b[i] <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}

func (f *facts) params() map[string]string {
	out := map[string]string{}
	for name, value := range f.x.Params() {
		out[name] = value.Clone()
	}
	return out
}
