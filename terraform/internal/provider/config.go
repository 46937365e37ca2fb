package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
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
	attrMode        = "mode"
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
			"Where separate resources make a version each, this makes one. What somebody changed since the plan is not replaced.",
		Attributes: map[string]schema.Attribute{
			attrGateway: schema.StringAttribute{Required: true, MarkdownDescription: "Name or id of the gateway"},
			attrDocument: schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "The document in YAML or JSON, as `tollgate export` and `GET /v1/gateways/{gateway}/config` write it. Where it names a gateway and its mode, they have to be this one's",
			},
			attrVersion: schema.Int64Attribute{Computed: true, MarkdownDescription: "The gateway's version with this document"},
		},
	}
}

func (r *configResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.a, _ = req.ProviderData.(*api)
}

// checkAbout checks that a document is about a gateway, which may not be there yet.
func (r *configResource) checkAbout(ctx context.Context, d *diag.Diagnostics, gateway string, said gatewaySaid) bool {
	if said == (gatewaySaid{}) || said.mode == "" && said.name == gateway {
		return true
	}
	got, err := read(r.a.c.GetGateway(ctx, gateway))
	if err != nil && client.Code(err) != codeNotFound {
		failDocument(d, "check", err)
		return false
	}
	if err := said.about(gateway, got.body); err != nil {
		d.AddAttributeError(path.Root(attrDocument), "The document is another gateway's", err.Error())
		return false
	}
	return true
}

func (r *configResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, res *resource.ValidateConfigResponse) {
	var in configModel
	res.Diagnostics.Append(req.Config.Get(ctx, &in)...)
	if res.Diagnostics.HasError() || in.Document.IsUnknown() || in.Document.IsNull() {
		return
	}
	doc, said, err := parseAll(in.Document.ValueString())
	if err == nil && !in.Gateway.IsUnknown() {
		err = said.about(in.Gateway.ValueString(), nil)
	}
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
	doc, said, err := parseAll(plan.Document.ValueString())
	if err != nil || !r.checkAbout(ctx, &res.Diagnostics, to, said) {
		return // ValidateConfig says what can't be read
	}
	if from != "" && from != to && !r.a.plans.renamed(from, to) {
		res.RequiresReplace = append(res.RequiresReplace, path.Root(attrGateway))
	} else if from == to && alike(state.Document.ValueString(), plan.Document.ValueString()) {
		res.Plan.Raw = req.State.Raw
		return
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
// look says whether the document may take the place of what is there.
func (r *configResource) put(ctx context.Context, d *diag.Diagnostics, plan configModel, look looker) (configModel, bool) {
	doc, said, err := parseAll(plan.Document.ValueString())
	if err != nil {
		d.AddAttributeError(path.Root(attrDocument), "The document is not valid", err.Error())
		return plan, false
	}
	if !r.checkAbout(ctx, d, plan.Gateway.ValueString(), said) {
		return plan, false
	}
	gateway := plan.Gateway.ValueString()
	got, ok := r.replace(ctx, d, gateway, doc, look)
	if !ok {
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

// looker looks at what a document is to replace and returns its version, 0 where there
// is none. It is not ok where it must stay, which is said.
type looker func(ctx context.Context, d *diag.Diagnostics) (version int64, ok bool)

// replaceTries bounds how often a document is sent that something else overtook.
const replaceTries = 20

// replace replaces what was looked at. What overtakes it, such as a secret of the same
// run, makes it look again.
func (r *configResource) replace(ctx context.Context, d *diag.Diagnostics, gateway string, doc shape.Schema, look looker) (got answer, ok bool) {
	defer r.a.view.changed(gateway)
	for try := 1; ; try++ {
		version, ok := look(ctx, d)
		if !ok || version == 0 {
			return answer{}, ok
		}
		body, err := encode(doc)
		if err != nil {
			d.AddError("The document can't be sent", err.Error())
			return answer{}, false
		}
		tag := `"` + strconv.FormatInt(version, 10) + `"`
		got, err = read(r.a.c.PutConfigWithBody(ctx, gateway, &client.PutConfigParams{IfMatch: &tag}, mediaJSON, body))
		switch code := client.Code(err); {
		case err == nil:
			return got, true
		case code == codePrecondition && try < replaceTries:
		case code == codePrecondition:
			changedMeanwhile(d, gateway, err.Error())
			return answer{}, false
		default:
			failDocument(d, "save", err)
			return answer{}, false
		}
	}
}

func (r *configResource) Create(ctx context.Context, req resource.CreateRequest, res *resource.CreateResponse) {
	var plan configModel
	res.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if res.Diagnostics.HasError() {
		return
	}
	look := func(ctx context.Context, d *diag.Diagnostics) (int64, bool) { return r.free(ctx, d, plan) }
	if state, ok := r.put(ctx, &res.Diagnostics, plan, look); ok {
		res.Diagnostics.Append(res.State.Set(ctx, state)...)
	}
}

// free reports a configuration that is there and is not what is planned. Else it returns
// the version that it has looked at.
func (r *configResource) free(ctx context.Context, d *diag.Diagnostics, plan configModel) (version int64, ok bool) {
	gateway := plan.Gateway.ValueString()
	got, err := read(r.a.c.GetConfig(ctx, gateway))
	if err != nil {
		failDocument(d, "look for", err)
		return 0, false
	}
	if alikeParsed(withoutSettings(got.body), shape.Schema{}) {
		return got.version, true
	}
	if doc, err := parse(plan.Document.ValueString()); err == nil && alikeParsed(withoutSettings(got.body), withoutSettings(doc)) {
		return got.version, true
	}
	foreign(d, attrGateway, "gateway_config", gateway, "")
	return 0, false
}

// unchanged reports a configuration that is not the one which the plan compared, nor
// what is planned. The version alone does not tell: a secret that the same run sets makes
// one too. It returns the version that it has looked at, 0 where there is no gateway.
func (r *configResource) unchanged(ctx context.Context, d *diag.Diagnostics, gateway string, state, plan configModel) (version int64, ok bool) {
	got, err := read(r.a.c.GetConfig(ctx, gateway))
	if client.Code(err) == codeNotFound && state == plan { // it goes, and is gone
		return 0, true
	}
	if err != nil {
		failDocument(d, "read", err)
		return 0, false
	}
	is := withoutSettings(got.body)
	for _, text := range []string{state.Document.ValueString(), plan.Document.ValueString()} {
		if doc, err := parse(text); err == nil && alikeParsed(is, withoutSettings(doc)) {
			return got.version, true
		}
	}
	changedMeanwhile(d, gateway, "What the plan showed is not what would be replaced now.")
	return 0, false
}

func changedMeanwhile(d *diag.Diagnostics, gateway, said string) {
	d.AddAttributeError(path.Root(attrDocument), "Gateway "+gateway+" was changed since the plan", said+"\n\nNothing was changed. Plan again, look at what it says now, and apply that.")
}

func (r *configResource) Update(ctx context.Context, req resource.UpdateRequest, res *resource.UpdateResponse) {
	var plan, was configModel
	res.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	res.Diagnostics.Append(req.State.Get(ctx, &was)...)
	if res.Diagnostics.HasError() {
		return
	}
	look := func(ctx context.Context, d *diag.Diagnostics) (int64, bool) {
		return r.unchanged(ctx, d, plan.Gateway.ValueString(), was, plan)
	}
	if state, ok := r.put(ctx, &res.Diagnostics, plan, look); ok {
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

// Delete leaves a gateway without routes.
func (r *configResource) Delete(ctx context.Context, req resource.DeleteRequest, res *resource.DeleteResponse) {
	var state configModel
	res.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if res.Diagnostics.HasError() {
		return
	}
	gateway := state.Gateway.ValueString()
	r.replace(ctx, &res.Diagnostics, gateway, shape.Schema{}, func(ctx context.Context, d *diag.Diagnostics) (int64, bool) {
		return r.unchanged(ctx, d, gateway, state, state)
	})
}

func (r *configResource) ImportState(ctx context.Context, req resource.ImportStateRequest, res *resource.ImportStateResponse) {
	res.Diagnostics.Append(res.State.SetAttribute(ctx, path.Root(attrGateway), req.ID)...)
	res.Diagnostics.Append(res.State.SetAttribute(ctx, path.Root(attrDocument), "")...)
}
