package ipfilter

import (
	"encoding/json"
	"fmt"

	"github.com/tollgate/tollgate/gateway-edge/policy"
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

const maxEntries = 1000

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, _ policy.Deps) (policy.Policy, error) {
	var c Config
	f := &filter{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		f.allow, f.deny = compile(c.Allow, "allow", errs), compile(c.Deny, "deny", errs)
		if len(c.Allow)+len(c.Deny) == 0 {
			errs.Add("", "allow or deny needs an entry: without one the policy does nothing")
		}
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

func compile(list []string, field string, errs *contract.FieldErrors) ranges {
	if len(list) > maxEntries {
		errs.Add("/"+field, fmt.Sprintf("has %d entries, at most %d are allowed", len(list), maxEntries))
		return nil
	}
	var out ranges
	for i, s := range list {
		r, err := parse(s)
		if err != nil {
			errs.Add(contract.Pointer(field, i), err.Error())
			continue
		}
		out = append(out, r)
	}
	return out.merge()
}

// filter is immutable.
type filter struct{ allow, deny ranges }

var _ policy.Policy = (*filter)(nil)
