package provider

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// plan plans a change of a kind's object: it takes out what means the same as the
// state, says what replaces the object, and asks the API whether it would take it.
func (r *kindResource) plan(ctx context.Context, d *diag.Diagnostics, proposed, config, state tftypes.Value) (plan tftypes.Value, replace []string) {
	if state.IsNull() {
		plan = r.unknown(r.k.shape.Plan(proposed, config, tftypes.Value{}), config, state)
		r.note(state, plan)
		r.askForGateway(ctx, d, plan)
		r.askForRoom(ctx, d, plan)
		r.ask(ctx, d, plan)
		return plan, nil
	}
	plan, changed := r.settle(proposed, config, state)
	r.note(state, plan)
	if !changed {
		return plan, nil
	}
	for _, name := range r.replacing() {
		if !same(plan, state, name) && !r.moved(name, plan, state) {
			replace = append(replace, name)
		}
	}
	r.ask(ctx, d, plan)
	return plan, replace
}

// unknown returns a plan in which what only the API can say is unknown; the id is
// what it was.
func (r *kindResource) unknown(plan, config, state tftypes.Value) tftypes.Value {
	var now, said, was map[string]tftypes.Value
	if plan.As(&now) != nil || config.As(&said) != nil {
		return plan
	}
	if !state.IsNull() {
		_ = state.As(&was)
	}
	for _, f := range r.k.shape.Fields {
		switch {
		case was != nil && (f.Name == attrID && f.Computed || f.Filled && said[f.Name].IsNull() && slices.Contains(r.k.fixed, f.Name)):
			now[f.Name] = was[f.Name] // what can't change
		case f.Computed, f.Filled && said[f.Name].IsNull():
			now[f.Name] = tftypes.NewValue(f.Type.Terraform(), tftypes.UnknownValue)
		}
	}
	return tftypes.NewValue(plan.Type(), now)
}

// settle returns the plan with what means the same as in the state taken from there,
// and whether anything is left to change.
func (r *kindResource) settle(plan, config, state tftypes.Value) (tftypes.Value, bool) {
	plan = r.k.shape.Plan(plan, config, state)
	var now, was map[string]tftypes.Value
	if plan.As(&now) != nil || state.As(&was) != nil {
		return plan, true
	}
	changed := false
	for _, f := range r.k.shape.Fields {
		left := f.Computed || f.Filled && !now[f.Name].IsKnown() || f.WriteOnly
		changed = changed || !left && !now[f.Name].Equal(was[f.Name])
	}
	if !changed {
		return state, false
	}
	return r.unknown(plan, config, state), true
}

// replacing are the attributes whose change makes another object.
func (r *kindResource) replacing() []string {
	out := slices.Clone(r.k.fixed)
	if !r.k.global {
		out = append(out, attrGateway)
	}
	if r.k.key != "" && !r.k.renamed {
		out = append(out, r.k.key)
	}
	return out
}

func same(a, b tftypes.Value, name string) bool {
	var x, y map[string]tftypes.Value
	if a.As(&x) != nil || b.As(&y) != nil {
		return false
	}
	return x[name].Equal(y[name])
}

// moved says that the gateway only gets another name.
func (r *kindResource) moved(name string, plan, state tftypes.Value) bool {
	return name == attrGateway && r.a != nil && r.a.plans.renamed(text(state, attrGateway), text(plan, attrGateway))
}

// note remembers what others of the same plan may refer to.
func (r *kindResource) note(state, plan tftypes.Value) {
	if r.a == nil {
		return
	}
	key, gateway := r.key(plan), text(plan, attrGateway)
	switch r.k.name {
	case "gateway":
		if from := text(state, attrName); !state.IsNull() && key != "" && from != key {
			r.a.plans.rename(from, key)
		}
	case "secret":
		if key != "" && gateway != "" {
			r.a.plans.draft(gateway).secret(key)
		}
	case "domain":
		if key != "" && gateway != "" {
			r.a.plans.draft(gateway).domain(key)
		}
	}
}

// ask puts what the API says of a planned object at its attributes. What is not
// known yet can't be asked for.
func (r *kindResource) ask(ctx context.Context, d *diag.Diagnostics, plan tftypes.Value) {
	gateway := text(plan, attrGateway)
	if r.a == nil || r.a.applying.Load() || r.k.field == "" || gateway == "" {
		return
	}
	body, ok := r.sent(d, plan, plan)
	if !ok || !shape.Known(body) {
		return
	}
	kind := r.k.part
	if kind == "" {
		kind = r.k.field
	}
	said, err := r.a.plans.draft(gateway).put(ctx, kind, r.k.field, r.key(plan), body)
	if err != nil {
		r.failCheck(d, err)
	}
	if len(said.effects) > 0 {
		d.AddWarning("What this change of tollgate_"+r.k.name+" "+r.key(plan)+" does beyond it", sentences(said.effects))
	}
	for _, f := range said.wrong {
		summary := "The management API would not take this tollgate_" + r.k.name
		report(d, r.k.body.Path(any(body), f.pointer), summary, f.detail)
	}
}

// failCheck says why a plan can't be checked: a limit of the subscription stands at the
// name of what would be too much.
func (r *kindResource) failCheck(d *diag.Diagnostics, err error) {
	if client.Code(err) == codeLimitReached {
		at := path.Root(attrGateway)
		if r.k.global {
			at = path.Root(r.k.key)
		}
		d.AddAttributeError(at, "The subscription does not allow this", err.Error())
		return
	}
	d.AddError("The plan can't be checked", err.Error())
}

// sentences writes effects as sentences.
func sentences(list []string) string {
	var out []string
	for _, s := range list {
		out = append(out, strings.ToUpper(s[:1])+s[1:]+".")
	}
	return strings.Join(out, "\n")
}

// askForGateway asks whether the organization may have a gateway that is to be made.
func (r *kindResource) askForGateway(ctx context.Context, d *diag.Diagnostics, plan tftypes.Value) {
	name := text(plan, attrName)
	if r.a == nil || r.a.applying.Load() || r.k.name != "gateway" || name == "" {
		return
	}
	body, err := encode(map[string]any{attrGateway: name, "config": map[string]any{}})
	if err == nil {
		_, err = read(r.a.c.CheckPlanWithBody(ctx, mediaJSON, body))
	}
	if err != nil {
		r.failCheck(d, err)
	}
}

// askForRoom says where the subscription has no room for a consumer or a key that is
// to be made. It fails only where what is made in this run alone is too much: what the
// run deletes may make room for the rest.
func (r *kindResource) askForRoom(ctx context.Context, d *diag.Diagnostics, plan tftypes.Value) {
	gateway, of := text(plan, attrGateway), ""
	switch {
	case r.a == nil || r.a.applying.Load() || gateway == "":
		return
	case r.k.name == "consumer":
		of = roomConsumers
	case r.k.name == "api_key":
		of = roomKeys
	default:
		return
	}
	fails, why := r.a.rooms.take(ctx, of, gateway, text(plan, "consumer")+"/"+text(plan, attrName))
	switch {
	case fails:
		d.AddAttributeError(path.Root(attrName), "The subscription does not allow this", why)
	case why != "":
		d.AddWarning("The subscription may not allow this", why)
	}
}

// askAlike refuses to make an object beside one that stays and is asked for alike, where
// nothing else tells the two apart. private is what the plan before said of the same
// resource: Terraform plans what replaces an object once more, as a new one.
func (r *kindResource) askAlike(d *diag.Diagnostics, plan, state tftypes.Value, private []byte) []byte {
	if r.k.leftovers == nil || r.a == nil {
		return private
	}
	var was struct{ Replaces string }
	_ = json.Unmarshal(private, &was) // where it can't be read, nothing is replaced
	id := text(state, attrID)
	if id != "" {
		r.a.ids.hold(id)
	}
	var none diag.Diagnostics // what can't be sent was said already
	body, ok := r.sent(&none, plan, plan)
	if ok && shape.Known(body) && !r.a.ids.ask(alikeKey(r.k.name, r.address(plan), body), id, was.Replaces) {
		d.AddAttributeError(path.Root(attrName), "Another tollgate_"+r.k.name+" is asked for alike",
			"This configuration has two that differ in nothing, one of which is there already. If an apply were cut off, nobody could tell them apart: give one of them another name.")
	}
	if id == "" {
		return private
	}
	private, _ = json.Marshal(map[string]string{"replaces": id}) // a string always can be
	return private
}
