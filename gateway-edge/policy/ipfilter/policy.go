package ipfilter

import (
	"encoding/json"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/iprange"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  "ip_filter",
	Phase: policy.PhaseGuard,
	New:   New,
}

// Config is the policy's configuration. At least one list has an entry.
type Config struct {
	// Allow are the addresses and networks that may call; empty: all that are not
	// denied.
	Allow []string `json:"allow"`
	// Deny are those that may not, whatever Allow says.
	Deny []string `json:"deny"`
}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, _ policy.Deps) (policy.Policy, error) {
	var c Config
	f := &filter{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		f.allow, f.deny = iprange.Compile(c.Allow, "/allow", errs), iprange.Compile(c.Deny, "/deny", errs)
		if len(c.Allow)+len(c.Deny) == 0 {
			errs.Add("", "allow or deny needs an entry: without one the policy does nothing")
		}
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// filter is immutable.
type filter struct{ allow, deny iprange.Ranges }

var _ policy.Policy = (*filter)(nil)
