package shape

import (
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Plan returns the planned value as it should be shown: every part that means the
// same as in prior is taken from there, and what config leaves out is planned as
// what it was, if that means the same as leaving it out, and else as null. All three
// are of t.Terraform(); prior has no type where there is none.
//
// Optional attributes are computed as well for this: only then may a plan keep a
// default that an import found where the configuration says nothing.
func (t *Type) Plan(plan, config, prior tftypes.Value) tftypes.Value {
	if !usable(plan) {
		return plan
	}
	switch t.Kind {
	case List:
		now, said, was := items(plan), items(config), items(prior)
		for i := range now {
			now[i] = t.Elem.Plan(now[i], at(said, i), at(was, i))
		}
		return tftypes.NewValue(plan.Type(), now)
	case Map:
		now, said, was := members(plan), members(config), members(prior)
		for k := range now {
			now[k] = t.Elem.Plan(now[k], said[k], was[k])
		}
		return tftypes.NewValue(plan.Type(), now)
	case Object, Tagged:
		now, said, was := members(plan), members(config), members(prior)
		for _, f := range t.Fields {
			now[f.Name] = f.plan(now[f.Name], said[f.Name], was[f.Name])
		}
		return tftypes.NewValue(plan.Type(), now)
	case ValueOrSecret:
		now, said := members(plan), members(config)
		for name, v := range now {
			if !v.IsKnown() && said[name].Type() != nil && said[name].IsNull() {
				now[name] = tftypes.NewValue(tftypes.String, nil)
			}
		}
		return tftypes.NewValue(plan.Type(), now)
	}
	if !usable(prior) {
		return plan
	}
	a, okA, errA := t.ToJSON(plan)
	b, okB, errB := t.ToJSON(prior)
	if errA == nil && errB == nil && okA && okB && t.same(a, b) {
		return prior
	}
	return plan
}

func (f *Field) plan(plan, config, prior tftypes.Value) tftypes.Value {
	switch {
	case f.WriteOnly: // which a plan never holds
		return tftypes.NewValue(f.Type.Terraform(), nil)
	case f.Local || f.Computed || f.Filled:
		return plan
	}
	left := config.Type() != nil && config.IsKnown() && config.IsNull()
	if !left {
		return f.Type.Plan(plan, config, prior)
	}
	if usable(prior) {
		if was, ok, err := f.Type.ToJSON(prior); err == nil && f.absent(was, ok) {
			return prior
		}
	}
	return tftypes.NewValue(f.Type.Terraform(), nil)
}

func items(v tftypes.Value) []tftypes.Value {
	var out []tftypes.Value
	if usable(v) && v.As(&out) != nil {
		return nil
	}
	return out
}

func members(v tftypes.Value) map[string]tftypes.Value {
	out := map[string]tftypes.Value{}
	if usable(v) && v.As(&out) != nil {
		return map[string]tftypes.Value{}
	}
	return out
}

func at(list []tftypes.Value, i int) tftypes.Value {
	if i < len(list) {
		return list[i]
	}
	return tftypes.Value{}
}
