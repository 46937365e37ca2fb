package acl

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  "acl",
	Phase: policy.PhaseAuthorize,
	New:   New,
}

// Config is the policy's configuration. At least one list has a rule.
type Config struct {
	// Allow are the rules of which one must fit; empty: all that are not denied.
	Allow []Rule `json:"allow"`
	// Deny are the rules of which none may fit, whatever Allow says.
	Deny []Rule `json:"deny"`
	// Detail is what a refused caller is told; empty: a sentence of ours.
	Detail string `json:"detail"`
}

// Rule fits a request when everything that it names does. It names something.
type Rule struct {
	// Name stands in decision traces.
	Name string `json:"name"`
	// Scopes are those that the caller has, all of them; AnyScope those of which it
	// has one.
	Scopes   []string `json:"scopes"`
	AnyScope []string `json:"any_scope"`
	// Claims: claim → the values of which it has one; for each claim.
	Claims map[string]claim.Values `json:"claims"`
	// Consumers and UsagePlans are names, of which one is the caller's.
	Consumers  []string `json:"consumers"`
	UsagePlans []string `json:"usage_plans"`
	Methods    []string `json:"methods"`
	// IPs are addresses and networks, Countries ISO 3166-1 alpha-2 codes.
	IPs       []string `json:"ips"`
	Countries []string `json:"countries"`
	// Times are windows of the week, of which the request is in one.
	Times []Window `json:"times"`
	// Expression is a condition in CEL.
	Expression string `json:"expression"`
}

const (
	maxRules  = 50
	maxList   = 100
	maxText   = 256
	maxDetail = 500
)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	var c Config
	p := &list{detail: "You are not allowed to make this request", wall: d.Wall, country: d.Country, plans: names(d.UsagePlans)}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		if len(c.Allow)+len(c.Deny) == 0 {
			errs.Add("", "allow or deny needs a rule: without one the policy does nothing")
		}
		p.allow = compileRules(c.Allow, "allow", d, errs)
		p.deny = compileRules(c.Deny, "deny", d, errs)
		if len(c.Detail) > maxDetail || !fieldedit.Legal(c.Detail) {
			errs.Add("/detail", fmt.Sprintf("has at most %d bytes and no control characters", maxDetail))
		}
	})
	if err != nil {
		return nil, err
	}
	if c.Detail != "" {
		p.detail = c.Detail
	}
	return p, nil
}

// names turns the usage plans of a gateway around.
func names(plans map[string]uint64) map[uint64]string {
	out := make(map[uint64]string, len(plans))
	for name, num := range plans {
		out[num] = name
	}
	return out
}

// list is immutable.
type list struct {
	allow, deny []rule
	detail      string
	plans       map[uint64]string
	wall        func() time.Time
	country     func(netip.Addr) string // nil: nobody can tell
}

var _ policy.Policy = (*list)(nil)
