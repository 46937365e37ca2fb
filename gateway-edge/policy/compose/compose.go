package compose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/builtin"
	"github.com/tollgate/tollgate/services/contract"
)

// Where a policy stands.
const (
	FromGateway = "gateway"
	FromRoute   = "route"
)

// Lookup finds a type of policy, usually in builtin's list.
type Lookup func(typ string) (*policy.Descriptor, bool)

// Step is one policy of a route.
type Step struct {
	Descriptor *policy.Descriptor
	Config     contract.Policy
	From       string // FromGateway or FromRoute
	// Index is its position among the policies of its type at the same place,
	// which makes stable names of counters.
	Index int
	// Pointer leads to the policy in the gateway's document (RFC 6901).
	Pointer string
}

// Route returns the steps of route number n of the gateway's document. The error
// is a contract.FieldErrors whose pointers are from the document's root.
func Route(g *contract.Gateway, n int, lookup Lookup) ([]Step, error) {
	var errs contract.FieldErrors
	r := &g.Routes[n]
	at := contract.Pointer("routes", n)
	inherited := list(g.Policies, FromGateway, contract.Pointer("policies"), lookup, &errs)
	own := list(r.Policies, FromRoute, at+"/policies", lookup, &errs)
	if len(errs) > 0 {
		return nil, errs
	}
	inherited = slices.DeleteFunc(inherited, func(s Step) bool {
		switch s.Descriptor.Phase {
		case policy.PhaseLimit:
			return false
		case policy.PhaseAuthenticate:
			if r.Public || has(own, policy.PhaseAuthenticate) {
				return true
			}
		}
		return slices.ContainsFunc(own, func(o Step) bool { return o.Descriptor.Type == s.Descriptor.Type })
	})
	steps := append(inherited, own...)
	checkAuthentication(r, at, steps, &errs)
	if s, ok := integration(r, at, lookup, &errs); ok {
		steps = append(steps, s)
	} else if r.Upstream == "" && r.Integration == nil && !slices.ContainsFunc(steps, func(s Step) bool { return s.Descriptor.Answers }) {
		errs.Add(at+"/upstream", "route "+quote(r.Name)+" must name an upstream or have an integration, unless a policy answers every request (mock, redirect)")
	}
	if len(errs) > 0 {
		return nil, errs
	}
	slices.SortStableFunc(steps, func(a, b Step) int {
		return int(a.Descriptor.Phase) - int(b.Descriptor.Phase)
	})
	return steps, nil
}

// Unrouted returns the steps that refusals of requests go through which no route
// takes.
func Unrouted(g *contract.Gateway, lookup Lookup) ([]Step, error) {
	var errs contract.FieldErrors
	steps := list(g.Policies, FromGateway, contract.Pointer("policies"), lookup, &errs)
	return slices.DeleteFunc(steps, func(s Step) bool { return !s.Descriptor.Unrouted }), errs.Err()
}

// integration is the step that answers in the place of an upstream, where the
// route has one.
func integration(r *contract.Route, at string, lookup Lookup, errs *contract.FieldErrors) (s Step, ok bool) {
	if r.Integration == nil {
		return Step{}, false
	}
	at += "/integration"
	d, ok := lookup(r.Integration.Type)
	switch {
	case !ok:
		errs.Add(at+"/type", builtin.Unknown(r.Integration.Type))
		return Step{}, false
	case d.Phase != policy.PhaseIntegrate:
		errs.Add(at+"/type", quote(d.Type)+" is no integration but a policy: it belongs to the route's policies")
		return Step{}, false
	case r.Upstream != "":
		errs.Add(at, "route "+quote(r.Name)+" has an upstream and an integration: remove one of the two")
	case r.WebSocket != nil && !d.Accepts:
		errs.Add(at, "WebSockets go to an upstream: route "+quote(r.Name)+" can't take them with the integration "+quote(d.Type))
	case r.WebSocket == nil && d.Accepts:
		errs.Add(strings.TrimSuffix(at, "/integration")+"/websocket", "the integration "+quote(d.Type)+" takes WebSockets: route "+quote(r.Name)+" must take them too (\"websocket\": {})")
	case d.Accepts && r.WebSocket.MaxMessageBytes > contract.MaxBridgedMessage:
		errs.Add(strings.TrimSuffix(at, "/integration")+"/websocket/max_message_bytes", fmt.Sprintf("the integration %q holds messages whole: at most %d bytes", d.Type, contract.MaxBridgedMessage))
	}
	return Step{Descriptor: d, Config: *r.Integration, From: FromRoute, Pointer: at}, true
}

// list resolves the types of one list of policies.
func list(ps []contract.Policy, from, at string, lookup Lookup, errs *contract.FieldErrors) []Step {
	seen := map[string]int{}
	out := make([]Step, 0, len(ps))
	for i, p := range ps {
		pointer := at + contract.Pointer(i)
		d, ok := lookup(p.Type)
		if !ok {
			errs.Add(pointer+"/type", builtin.Unknown(p.Type))
			continue
		}
		if d.Phase == policy.PhaseIntegrate {
			errs.Add(pointer+"/type", quote(p.Type)+" is an integration: it stands in a route's integration, in the place of an upstream")
			continue
		}
		out = append(out, Step{Descriptor: d, Config: p, From: from, Index: seen[p.Type], Pointer: pointer})
		seen[p.Type]++
	}
	return out
}

func has(steps []Step, phase policy.Phase) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Descriptor.Phase == phase })
}

// checkAuthentication holds a route to having authentication policies, of which no
// two are of one type, or to saying that it has none.
func checkAuthentication(r *contract.Route, at string, steps []Step, errs *contract.FieldErrors) {
	first, identifies := -1, false
	seen := map[string]bool{}
	for i, s := range steps {
		identifies = identifies || s.Descriptor.Identifies
		if s.Descriptor.Phase != policy.PhaseAuthenticate {
			continue
		}
		if seen[s.Descriptor.Type] {
			errs.Add(s.Pointer, "a route has one policy "+quote(s.Descriptor.Type)+": of two, only the first would ever be asked")
		}
		seen[s.Descriptor.Type] = true
		if first < 0 {
			first = i
		}
	}
	switch {
	case first < 0 && !r.Public && !identifies:
		errs.Add(at+"/public", "route "+quote(r.Name)+" has no authentication policy: add one, or say public: true")
	case first >= 0 && r.Public:
		errs.Add(at+"/public", "route "+quote(r.Name)+" is public and has the authentication policy "+quote(steps[first].Descriptor.Type)+": remove one of the two")
	}
}

func quote(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return `"` + s + `"`
}

// Params returns the names of a route's path parameters that match one segment,
// for policy.Scope; never nil. A path that can't be parsed has none: that is
// reported where routes are checked.
func Params(r *contract.Route) []string {
	out := []string{}
	p, err := match.ParsePath(r.Match.Path)
	if err != nil {
		return out
	}
	for _, s := range p.Segments {
		if s.Param != "" {
			out = append(out, s.Param)
		}
	}
	return out
}
