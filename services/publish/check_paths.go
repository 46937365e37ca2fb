package publish

import (
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/compose"
	"github.com/tollgate/tollgate/services/contract"
)

// ownPath is a path that a policy of a route answers at by itself.
type ownPath struct {
	policy.OwnPath
	typ   string
	at    string // the policy's pointer
	route int
}

// ownPaths are those of a route's policies, which were made from steps.
func ownPaths(n int, steps []compose.Step, built []policy.Step) (out []ownPath) {
	for i := range built {
		o, ok := built[i].Policy.(policy.Owner)
		if !ok {
			continue
		}
		for _, p := range o.OwnPaths() {
			out = append(out, ownPath{OwnPath: p, typ: steps[i].Descriptor.Type, at: steps[i].Pointer, route: n})
		}
	}
	return out
}

// checkPaths finds policies' own paths that another route takes which does not have
// the policy: who is sent there would never come back. Routes with conditions are
// passed over, since they may or may not take it. A path that no route takes at all is
// no finding: its route may be still to come.
func checkPaths(f *findings, doc *contract.Gateway, own []ownPath) {
	if len(own) == 0 {
		return
	}
	type answer struct {
		typ, path string
		route     int
	}
	answers := make(map[answer]bool, len(own))
	for _, o := range own {
		answers[answer{o.typ, o.Path, o.route}] = true
	}
	rules, _ := match.Compile(doc.Routes, doc.Hosts) // what is wrong with them was found before
	type place struct{ host, path string }
	takers := map[place]int{}
	for _, o := range own {
		for _, host := range hostsOf(doc, o.route) {
			at := place{host, o.Path}
			n, known := takers[at]
			if !known {
				n = taker(rules, host, o.Path)
				takers[at] = n
			}
			if n >= 0 && !answers[answer{o.typ, o.Path, n}] {
				f.addf(o.at+"/config/"+o.Field, "route %q takes %s, and does not have this policy with this path: choose a path that this route takes, or put the policy there too", doc.Routes[n].Name, o.Path)
				break
			}
		}
	}
}

// hostsOf are the hosts that a route answers at, patterns among them.
func hostsOf(doc *contract.Gateway, n int) []string {
	if named := doc.Routes[n].Match.Hosts; len(named) > 0 {
		return named
	}
	return doc.Hosts
}

// taker is the route that takes a GET of a path at a host, -1 for none.
func taker(rules []*match.Rule, host, path string) int {
	get := match.MethodOf("GET")
	for _, r := range rules {
		if len(r.Headers)+len(r.Query)+len(r.Claims) > 0 || !r.Methods.Take(get) || !at(r, host) || !r.Path.Takes(path) {
			continue
		}
		if slash := path[len(path)-1] == '/'; r.Strict && (r.Path.Kind == match.Exact || r.Path.Kind == match.Params) && len(r.Path.Segments) > 0 && r.Path.Slash != slash {
			continue
		}
		return r.Index
	}
	return -1
}

// at reports whether a rule is for a host, which may be a pattern itself.
func at(r *match.Rule, host string) bool {
	if r.Class == match.AnyHost {
		return true
	}
	for _, h := range r.Hosts {
		if h == host || host[0] != '*' && match.HostMatches(h, host) {
			return true
		}
	}
	return false
}
