package compose

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Build makes the policies of steps with the types' own constructors. Scope is
// the route's; From and Index are filled in for each policy. Every bad field of
// every policy is in the error, with pointers from the document's root.
func Build(steps []Step, deps policy.Deps) ([]policy.Step, error) {
	var errs contract.FieldErrors
	out := make([]policy.Step, 0, len(steps))
	for _, s := range steps {
		d := deps
		d.Scope.From, d.Scope.Index = s.From, s.Index
		p, err := s.Descriptor.New(s.Config.Config, d)
		if err != nil {
			errs.AddAt(s.Pointer+"/config", err)
			continue
		}
		out = append(out, policy.Step{Policy: p, Descriptor: s.Descriptor, From: s.From})
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return out, nil
}
