package builtin

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Ordered returns every policy's descriptor, by phase and then by type.
func Ordered() []*policy.Descriptor { return ordered() }

// Lookup finds a policy by its type.
func Lookup(typ string) (*policy.Descriptor, bool) {
	for _, d := range ordered() {
		if d.Type == typ {
			return d, true
		}
	}
	return nil, false
}

// Types returns every type in the order of Ordered: what an edge says it knows.
func Types() []string {
	list := ordered()
	out := make([]string, len(list))
	for i, d := range list {
		out[i] = d.Type
	}
	return out
}

// Unknown words the error for a type that does not exist, with the closest one.
func Unknown(typ string) string {
	if c, ok := contract.Closest(typ, Types()); ok {
		return fmt.Sprintf("there is no policy type %.64q; did you mean %q?", typ, c)
	}
	return fmt.Sprintf("there is no policy type %.64q; the types are %s", typ, strings.Join(Types(), ", "))
}

// New makes a policy. Its error is a contract.FieldErrors with pointers relative
// to a contract.Policy: /type when there is no such type, /config/… for every bad
// field of the configuration at once.
func New(typ string, config json.RawMessage, d policy.Deps) (policy.Policy, error) {
	var errs contract.FieldErrors
	desc, ok := Lookup(typ)
	if !ok {
		errs.Add("/type", Unknown(typ))
		return nil, errs
	}
	p, err := desc.New(config, d)
	if err != nil {
		errs.AddAt("/config", err)
		return nil, errs
	}
	return p, nil
}
