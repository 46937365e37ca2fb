package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"go.yaml.in/yaml/v3"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// configResource is a gateway's whole configuration as one document: one version for
// all that changes.
type configResource struct{ a *api }

var (
	_ resource.ResourceWithConfigure      = (*configResource)(nil)
	_ resource.ResourceWithImportState    = (*configResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*configResource)(nil)
	_ resource.ResourceWithValidateConfig = (*configResource)(nil)
)

const (
	attrDocument    = "document"
	attrVersion     = "version"
	configComponent = "Config"
)

type configModel struct {
	Gateway  types.String `tfsdk:"gateway"`
	Document types.String `tfsdk:"document"`
	Version  types.Int64  `tfsdk:"version"`
}

func (r *configResource) Metadata(_ context.Context, req resource.MetadataRequest, res *resource.MetadataResponse) {
	res.TypeName = req.ProviderTypeName + "_gateway_config"
}

func (r *configResource) Schema(_ context.Context, _ resource.SchemaRequest, res *resource.SchemaResponse) {
	res.Schema = schema.Schema{
		MarkdownDescription: "A gateway's whole configuration as one document, all or nothing: routes, upstreams, policies, usage plans and streams. " +
			"What it does not have is removed, so nothing else may manage parts of the same gateway; consumers, keys and secrets stay. " +
			"Where separate resources make a version each, this makes one.",
		Attributes: map[string]schema.Attribute{
			attrGateway: schema.StringAttribute{Required: true, MarkdownDescription: "Name or id of the gateway"},
			attrDocument: schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "The document in YAML or JSON, as `tollgate export` and `GET /v1/gateways/{gateway}/config` write it",
			},
			attrVersion: schema.Int64Attribute{Computed: true, MarkdownDescription: "The gateway's version with this document"},
		},
	}
}

func (r *configResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.a, _ = req.ProviderData.(*api)
}

// parse reads a document.
func parse(text string) (shape.Schema, error) {
	var doc any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return nil, fmt.Errorf("the document is neither YAML nor JSON: %w", err)
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("the document can't stand as JSON: %w", err)
	}
	var out shape.Schema
	if err := json.Unmarshal(raw, &out); err != nil || out == nil {
		return nil, fmt.Errorf("the document is no mapping of names to values")
	}
	return out, nil
}

// canonical is a document with defaults spelt out and items in the order of their
// names, so that two that mean the same are equal.
func canonical(doc shape.Schema) (tftypes.Value, error) {
	s, err := load()
	if err != nil {
		return tftypes.Value{}, err
	}
	t, err := s.component(configComponent)
	if err != nil {
		return tftypes.Value{}, err
	}
	doc = maps.Clone(doc)
	for k, v := range doc {
		items, ok := v.([]any)
		if !ok || k == policiesField {
			continue
		}
		items = slices.Clone(items)
		slices.SortStableFunc(items, func(a, b any) int { return strings.Compare(nameOf(a), nameOf(b)) })
		doc[k] = items
	}
	return t.FromJSON(doc, true, tftypes.Value{})
}

func nameOf(v any) string {
	m, _ := v.(shape.Schema)
	s, _ := m[attrName].(string)
	return s
}

// alike says whether two documents mean the same.
func alike(a, b string) bool {
	x, errX := parse(a)
	y, errY := parse(b)
	if errX != nil || errY != nil {
		return false
	}
	return alikeParsed(x, y)
}

// alikeParsed compares the parts that are not written the same: spelling defaults out
// costs a large document seconds.
func alikeParsed(x, y shape.Schema) bool {
	x, y = differing(x, y)
	p, errP := canonical(x)
	q, errQ := canonical(y)
	return errP == nil && errQ == nil && p.Equal(q)
}

// differing returns two documents without the named items that are written the same
// in both.
func differing(x, y shape.Schema) (shape.Schema, shape.Schema) {
	x, y = maps.Clone(x), maps.Clone(y)
	for field, v := range x {
		a, okA := v.([]any)
		b, okB := y[field].([]any)
		if !okA || !okB || len(a) != len(b) || field == policiesField {
			continue
		}
		least := leastOf(field)
		written := map[string]string{} // by name; a name that comes twice is left to the API
		for _, item := range a {
			text, err := json.Marshal(least(item))
			if name := nameOf(item); err == nil && name != "" && written[name] == "" {
				written[name] = string(text)
			}
		}
		same := map[string]bool{}
		for _, item := range b {
			text, err := json.Marshal(least(item))
			if name := nameOf(item); err == nil && name != "" {
				same[name] = written[name] == string(text)
			}
		}
		left := func(items []any) []any {
			return slices.DeleteFunc(slices.Clone(items), func(item any) bool { return same[nameOf(item)] })
		}
		x[field], y[field] = left(a), left(b)
	}
	return x, y
}

// leastOf returns what takes from an item of a document's list what means the same as
// being left out.
func leastOf(field string) func(any) any {
	all, err := load()
	if err != nil {
		return func(v any) any { return v }
	}
	t, err := all.component(configComponent)
	if err != nil || t.Field(field) == nil || t.Field(field).Type.Elem == nil {
		return func(v any) any { return v }
	}
	elem := t.Field(field).Type.Elem
	return func(v any) any {
		if m, ok := v.(shape.Schema); ok && elem.Kind == shape.Object {
			return elem.Least(m)
		}
		return v
	}
}

func (r *configResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, res *resource.ValidateConfigResponse) {
	var in configModel
	res.Diagnostics.Append(req.Config.Get(ctx, &in)...)
	if res.Diagnostics.HasError() || in.Document.IsUnknown() || in.Document.IsNull() {
		return
	}
	doc, err := parse(in.Document.ValueString())
	if err != nil {
		res.Diagnostics.AddAttributeError(path.Root(attrDocument), "The document is not valid", err.Error())
		return
	}
	for _, f := range check(&res.Diagnostics, configComponent, doc) {
		res.Diagnostics.AddAttributeError(path.Root(attrDocument), "The document is not valid", f.pointer+": "+f.detail)
	}
}

// ModifyPlan keeps a document that means the same, and says what another one would
// change.
func (r *configResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, res *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.a == nil {
		return
	}
	var plan, state configModel
	res.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		res.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if res.Diagnostics.HasError() || plan.Gateway.IsUnknown() || plan.Document.IsUnknown() {
		return
	}
	from, to := state.Gateway.ValueString(), plan.Gateway.ValueString()
	if from != "" && from != to && !r.a.plans.renamed(from, to) {
		res.RequiresReplace = append(res.RequiresReplace, path.Root(attrGateway))
	} else if from == to && alike(state.Document.ValueString(), plan.Document.ValueString()) {
		res.Plan.Raw = req.State.Raw
		return
	}
	doc, err := parse(plan.Document.ValueString())
	if err != nil {
		return // ValidateConfig says so
	}
	r.effect(ctx, &res.Diagnostics, to, doc)
}

// effect warns of what a document would change, and fails where the API would not
// take it.
func (r *configResource) effect(ctx context.Context, d *diag.Diagnostics, gateway string, doc shape.Schema) {
	body, err := encode(doc)
	if err != nil {
		d.AddError("The document can't be sent", err.Error())
		return
	}
	got, err := read(r.a.c.DiffConfigWithBody(ctx, gateway, mediaJSON, body))
	if client.Code(err) == codeNotFound { // it is to be made
		if body, err = encode(map[string]any{attrGateway: gateway, "config": doc}); err == nil {
			got, err = read(r.a.c.CheckPlanWithBody(ctx, mediaJSON, body))
		}
	}
	if err != nil {
		failDocument(d, "check", err)
		return
	}
	if text := summary(got.body); text != "" {
		d.AddAttributeWarning(path.Root(attrDocument), "What this changes of gateway "+gateway, text)
	}
}

// summary says what a Diff of the API holds, a line for each verb and kind.
func summary(diff shape.Schema) string {
	changes, _ := diff["changes"].([]any)
	names := map[string][]string{}
	for _, c := range changes {
		m, _ := c.(shape.Schema)
		key := fmt.Sprint(m["verb"], " ", m["kind"])
		name, _ := m[attrName].(string)
		names[key] = append(names[key], name)
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(names)) {
		list := names[key]
		slices.Sort(list)
		const most = 10
		text := strings.Join(list[:min(len(list), most)], ", ")
		if len(list) > most {
			text += fmt.Sprintf(" and %d more", len(list)-most)
		}
		out = append(out, strings.TrimSpace(key+" "+text))
	}
	effects := effects(diff)
	for _, key := range slices.SortedFunc(maps.Keys(effects), func(a, b partKey) int { return strings.Compare(a.field+" "+a.name, b.field+" "+b.name) }) {
		out = append(out, strings.TrimSpace(key.field+" "+key.name)+": "+strings.Join(effects[key], "; "))
	}
	return strings.Join(out, "\n")
}

func failDocument(d *diag.Diagnostics, verb string, err error) {
	var none diag.Diagnostics
	fail(&none, &shape.Type{Kind: shape.JSON}, "the gateway's configuration", verb, nil, err)
	for _, one := range none {
		d.AddAttributeError(path.Root(attrDocument), one.Summary(), one.Detail())
	}
}

// put sends the document and stores what came of it.
func (r *configResource) put(ctx context.Context, d *diag.Diagnostics, plan configModel) (configModel, bool) {
	doc, err := parse(plan.Document.ValueString())
	if err != nil {
		d.AddAttributeError(path.Root(attrDocument), "The document is not valid", err.Error())
		return plan, false
	}
	body, err := encode(doc)
	if err != nil {
		d.AddError("The document can't be sent", err.Error())
		return plan, false
	}
	gateway := plan.Gateway.ValueString()
	got, err := read(r.a.c.PutConfigWithBody(ctx, gateway, nil, mediaJSON, body))
	r.a.view.changed(gateway)
	if err != nil {
		failDocument(d, "save", err)
		return plan, false
	}
	plan.Version = types.Int64Value(got.version)
	if r.a.waitUntilLive {
		if err := r.a.live(ctx, gateway, got.version); err != nil {
			d.AddWarning("The change is saved, but not yet served everywhere", err.Error())
		}
	}
	return plan, true
}

func (r *configResource) Create(ctx context.Context, req resource.CreateRequest, res *resource.CreateResponse) {
	var plan configModel
	res.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if res.Diagnostics.HasError() || r.taken(ctx, &res.Diagnostics, plan) {
		return
	}
	if state, ok := r.put(ctx, &res.Diagnostics, plan); ok {
		res.Diagnostics.Append(res.State.Set(ctx, state)...)
	}
}

// taken reports a configuration that is there and is not what is planned.
func (r *configResource) taken(ctx context.Context, d *diag.Diagnostics, plan configModel) bool {
	gateway := plan.Gateway.ValueString()
	got, err := read(r.a.c.GetConfig(ctx, gateway))
	if err != nil {
		failDocument(d, "look for", err)
		return true
	}
	if alikeParsed(got.body, shape.Schema{}) {
		return false
	}
	if doc, err := parse(plan.Document.ValueString()); err == nil && alikeParsed(got.body, doc) {
		return false
	}
	foreign(d, attrGateway, "gateway_config", gateway, "")
	return true
}

func (r *configResource) Update(ctx context.Context, req resource.UpdateRequest, res *resource.UpdateResponse) {
	var plan configModel
	res.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if res.Diagnostics.HasError() {
		return
	}
	if state, ok := r.put(ctx, &res.Diagnostics, plan); ok {
		res.Diagnostics.Append(res.State.Set(ctx, state)...)
	}
}

func (r *configResource) Read(ctx context.Context, req resource.ReadRequest, res *resource.ReadResponse) {
	var state configModel
	res.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if res.Diagnostics.HasError() {
		return
	}
	got, err := read(r.a.c.GetConfig(ctx, state.Gateway.ValueString()))
	if client.Code(err) == codeNotFound {
		res.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		failDocument(&res.Diagnostics, "read", err)
		return
	}
	if was, err := parse(state.Document.ValueString()); err != nil || !alikeParsed(was, got.body) {
		text, err := yaml.Marshal(plain(got.body))
		if err != nil {
			res.Diagnostics.AddError("The configuration can't be written", err.Error())
			return
		}
		state.Document, state.Version = types.StringValue(string(text)), types.Int64Value(got.version)
	}
	if state.Version.IsNull() {
		state.Version = types.Int64Value(got.version)
	}
	res.Diagnostics.Append(res.State.Set(ctx, state)...)
}

// plain turns JSON's numbers into Go's, as YAML writes them.
func plain(v any) any {
	switch v := v.(type) {
	case shape.Schema:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	}
	return v
}

// Delete leaves a gateway without routes.
func (r *configResource) Delete(ctx context.Context, req resource.DeleteRequest, res *resource.DeleteResponse) {
	var state configModel
	res.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if res.Diagnostics.HasError() {
		return
	}
	gateway := state.Gateway.ValueString()
	_, err := read(r.a.c.PutConfig(ctx, gateway, nil, client.Config{}))
	r.a.view.changed(gateway)
	if err != nil && client.Code(err) != codeNotFound {
		failDocument(&res.Diagnostics, "empty", err)
	}
}

func (r *configResource) ImportState(ctx context.Context, req resource.ImportStateRequest, res *resource.ImportStateResponse) {
	res.Diagnostics.Append(res.State.SetAttribute(ctx, path.Root(attrGateway), req.ID)...)
	res.Diagnostics.Append(res.State.SetAttribute(ctx, path.Root(attrDocument), "")...)
}
