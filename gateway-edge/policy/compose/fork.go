package compose

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Forks returns the routes that claims choose among (match.Forks). Until it is known
// who calls the request belongs to all of them: they have the same policies of the
// phases guard and authenticate, one that authenticates among them. The error says
// where they have not, with pointers from the document's root; a document whose
// matches are wrong has no forks, that is reported elsewhere.
func Forks(g *contract.Gateway, lookup Lookup) ([][]int, error) {
	if !slices.ContainsFunc(g.Routes, func(r contract.Route) bool { return len(r.Match.Claims) > 0 }) {
		return nil, nil
	}
	rules, wrong := match.Compile(g.Routes, g.Hosts)
	if len(wrong) > 0 {
		return nil, nil
	}
	forks := match.Forks(rules)
	var errs contract.FieldErrors
	for _, fork := range forks {
		first, err := Route(g, fork[0], lookup)
		if err != nil {
			continue // reported for the route itself
		}
		first = Shared(first)
		if !has(first, policy.PhaseAuthenticate) {
			errs.Add(contract.Pointer("routes", fork[0], "match", "claims"), "route "+quote(g.Routes[fork[0]].Name)+" has no authentication policy that could tell of claims")
			continue
		}
		for _, i := range fork[1:] {
			if steps, err := Route(g, i, lookup); err == nil && !alike(first, Shared(steps)) {
				errs.Add(contract.Pointer("routes", i, "policies"), "route "+quote(g.Routes[i].Name)+" differs from "+quote(g.Routes[fork[0]].Name)+
					" in claims only, which are looked at when it is known who calls: both need the same policies of the phases guard and authenticate, with the same configuration")
			}
		}
	}
	return forks, errs.Err()
}

// Shared are the steps that run before claims are looked at.
func Shared(steps []Step) []Step {
	for i := range steps {
		if steps[i].Descriptor.Phase > policy.PhaseAuthenticate {
			return steps[:i]
		}
	}
	return steps
}

func alike(a, b []Step) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Descriptor != b[i].Descriptor || !bytes.Equal(canonical(a[i].Config.Config), canonical(b[i].Config.Config)) {
			return false
		}
	}
	return true
}

// canonical is a configuration without spaces and with its names in order.
func canonical(raw json.RawMessage) []byte {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return raw
	}
	if m, ok := v.(map[string]any); ok && len(m) == 0 {
		return nil // none at all means {}
	}
	out, err := json.Marshal(v)
	if err != nil {
		return raw
	}
	return out
}
