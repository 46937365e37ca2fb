package gateway

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/tollgate/tollgate/services/contract"
)

// destinations are the types of policies and integrations that send requests to
// upstreams of the gateway. Each member "upstream" of their configuration that is a
// string names one.
var destinations = []string{"aggregate", "http_websocket", "mirror", "release", "websocket_http"}

// anySendsTo reports whether one of the policies names an upstream.
func anySendsTo(policies []contract.Policy, name string) (found bool) {
	for i := range policies {
		if v, ok := destinationsOf(&policies[i]); ok {
			eachUpstream(v, func(n string) string { found = found || n == name; return n })
		}
	}
	return found
}

// UpstreamsOf returns the names of the upstreams that a route sends to: its own, and
// those in its policies and its integration, each once and in order.
func UpstreamsOf(r *contract.Route) []string {
	var names []string
	if r.Upstream != "" {
		names = append(names, r.Upstream)
	}
	for _, p := range r.Steps() {
		if v, ok := destinationsOf(&p); ok {
			eachUpstream(v, func(n string) string { names = append(names, n); return n })
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// renamed returns the policies with an upstream's new name.
func renamed(policies []contract.Policy, from, to string) []contract.Policy {
	for i := range policies {
		if !anySendsTo(policies[i:i+1], from) {
			continue
		}
		v, _ := destinationsOf(&policies[i])
		eachUpstream(v, func(n string) string {
			if n == from {
				return to
			}
			return n
		})
		config, err := encode(v)
		if err != nil {
			continue // it was decoded from JSON: it can be encoded
		}
		policies = slices.Clone(policies) // the version before keeps its own
		policies[i].Config = config
	}
	return policies
}

// renameIn changes an upstream's name in what a route's policies and integration
// send to.
func renameIn(r *contract.Route, from, to string) {
	r.Policies = renamed(r.Policies, from, to)
	if r.Integration != nil {
		one := renamed([]contract.Policy{*r.Integration}, from, to)
		r.Integration = &one[0]
	}
}

// destinationsOf decodes a configuration that may name upstreams; numbers stay as
// they were written.
func destinationsOf(p *contract.Policy) (v any, ok bool) {
	if !slices.Contains(destinations, p.Type) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(p.Config))
	d.UseNumber()
	return v, d.Decode(&v) == nil
}

func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// eachUpstream calls fn with each upstream's name, and puts what it returns in its
// place.
func eachUpstream(v any, fn func(name string) string) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if s, ok := x.(string); ok && k == "upstream" {
				v[k] = fn(s)
				continue
			}
			eachUpstream(x, fn)
		}
	case []any:
		for _, x := range v {
			eachUpstream(x, fn)
		}
	}
}
