package provider

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// kindResource is the resource of a kind.
type kindResource struct {
	k *kind
	a *api
}

var (
	_ resource.ResourceWithConfigure      = (*kindResource)(nil)
	_ resource.ResourceWithImportState    = (*kindResource)(nil)
	_ resource.ResourceWithValidateConfig = (*kindResource)(nil)
)

func (r *kindResource) Metadata(_ context.Context, req resource.MetadataRequest, res *resource.MetadataResponse) {
	res.TypeName = req.ProviderTypeName + "_" + r.k.name
}

func (r *kindResource) Schema(_ context.Context, _ resource.SchemaRequest, res *resource.SchemaResponse) {
	res.Schema = schema.Schema{MarkdownDescription: r.k.doc, Attributes: r.k.shape.Attributes()}
}

func (r *kindResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.a, _ = req.ProviderData.(*api)
}

// Create makes the object. One that is there already and is what is wanted was made
// by an apply that was cut off, and is taken over.
func (r *kindResource) Create(ctx context.Context, req resource.CreateRequest, res *resource.CreateResponse) {
	body, ok := r.sent(&res.Diagnostics, req.Plan.Raw, req.Config.Raw)
	if !ok {
		return
	}
	at := r.address(req.Plan.Raw)
	at.key = r.key(req.Plan.Raw)
	create := r.k.create
	if create == nil {
		create = r.k.put
	}
	if r.k.create == nil && r.taken(ctx, &res.Diagnostics, at, req.Plan.Raw, body) {
		return
	}
	got, err := r.make(ctx, &res.Diagnostics, at, create, req.Plan.Raw, body)
	if isConflict(err) {
		if was, ok := r.unfinished(ctx, at, req.Plan.Raw, body); ok {
			got, err = was, nil
		}
	}
	r.a.view.changed(at.gateway)
	if code := client.Code(err); (code == codeNameTaken || code == codePrecondition) && at.key != "" {
		r.foreign(&res.Diagnostics, at, err)
		return
	}
	if err != nil {
		r.fail(&res.Diagnostics, "create", body, err)
		return
	}
	res.State.Raw = r.stored(&res.Diagnostics, got, req.Plan.Raw)
	r.wait(ctx, &res.Diagnostics, r.gateway(res.State.Raw), got.version)
}

func (r *kindResource) make(ctx context.Context, d *diag.Diagnostics, at address, create call, plan tftypes.Value, body shape.Schema) (answer, error) {
	if r.k.leftovers == nil {
		return r.change(ctx, at, shape.Schema{r.k.part: body}, create, body)
	}
	unlock := r.a.ids.lock(alikeKey(r.k.name, at, body))
	defer unlock()
	left, err := r.k.leftovers(ctx, r.a.c, at, body, func(item shape.Schema) bool { return r.is(answer{body: item}, plan, body) })
	if err != nil {
		return answer{}, err
	}
	for _, item := range left {
		id, _ := item[attrID].(string)
		if made, _ := item["created_at"].(string); !recent(made) || item["last_used_at"] != nil || !r.a.ids.take(id) {
			continue
		}
		d.AddWarning("tollgate_"+r.k.name+" "+id+" is taken over",
			"It is what this configuration asks for, it was made within the last hour and never used: an apply made it that was cut off before its state was stored.")
		return answer{body: item}, nil
	}
	got, err := r.change(ctx, at, shape.Schema{r.k.part: body}, create, body)
	if id, _ := got.body[attrID].(string); err == nil {
		r.a.ids.hold(id)
	}
	return got, err
}

// taken reports an object at an address whose call would replace what is there: only
// what is as body asks for was made by an apply that was cut off.
func (r *kindResource) taken(ctx context.Context, d *diag.Diagnostics, at address, plan tftypes.Value, body shape.Schema) bool {
	got, err := r.k.get(ctx, r.a.c, at, nil)
	switch {
	case client.Code(err) == codeNotFound:
		return false
	case err != nil:
		r.fail(d, "look for", body, err)
		return true
	case r.k.blank != nil && r.k.blank(got.body), r.is(got, plan, body):
		return false
	}
	r.foreign(d, at, nil)
	return true
}

// change makes a change, together with others where the kind allows it.
func (r *kindResource) change(ctx context.Context, at address, change shape.Schema, call call, body shape.Schema) (answer, error) {
	alone := func() (answer, error) {
		if body == nil {
			return call(ctx, r.a.c, at, nil)
		}
		in, err := encode(body)
		if err != nil {
			return answer{}, err
		}
		return call(ctx, r.a.c, at, in)
	}
	if r.k.part == "" {
		return alone()
	}
	return r.a.batches.do(ctx, at.gateway, r.k.part, change, alone)
}

// foreign says what to do about an object that is there, is not what is wanted, and
// that this state knows nothing of.
func (r *kindResource) foreign(d *diag.Diagnostics, at address, err error) {
	name, id, said := r.k.key, at.key, ""
	switch {
	case r.k.key == "":
		name, id = attrGateway, at.gateway
	case !r.k.global:
		id = at.gateway + "/" + at.key
	}
	if err != nil {
		said = err.Error() + "\n\n"
	}
	foreign(d, name, r.k.name, id, said)
}

// foreign is an error at an attribute: an object is there that an import would take in.
func foreign(d *diag.Diagnostics, attribute, resource, id, said string) {
	of, instead := "of this name", "Or delete it, or choose another name."
	if attribute == attrGateway {
		of, instead = "of this gateway", "Or empty it first."
	}
	d.AddAttributeError(path.Root(attribute), "There is a tollgate_"+resource+" "+of+", which this state does not hold",
		said+"It is not what this configuration says, so it was made by somebody else, or by an apply that was cut off before the configuration was changed. "+
			"To manage it here, import it:\n\n  import {\n    to = tollgate_"+resource+".NAME\n    id = \""+id+"\"\n  }\n\n"+instead)
}

// unfinished returns the object at an address if it is what body says.
func (r *kindResource) unfinished(ctx context.Context, at address, plan tftypes.Value, body shape.Schema) (answer, bool) {
	got, err := r.k.get(ctx, r.a.c, at, nil)
	if err != nil {
		return answer{}, false
	}
	return got, r.is(got, plan, body)
}

// is says whether an answer is what body asks for.
func (r *kindResource) is(got answer, plan tftypes.Value, body shape.Schema) bool {
	if r.k.proves != nil {
		return r.k.proves(got.body, body)
	}
	var d diag.Diagnostics
	state := r.stored(&d, answer{body: maps.Clone(got.body)}, plan)
	if d.HasError() {
		return false
	}
	was, ok := r.sent(&d, state, state)
	for _, f := range r.k.body.Fields { // what nobody asked for may be anything
		if _, asked := body[f.Name]; f.Filled && !asked {
			delete(was, f.Name)
		}
	}
	return ok && shape.Equal(was, body)
}

func (r *kindResource) Read(ctx context.Context, req resource.ReadRequest, res *resource.ReadResponse) {
	at := r.address(req.State.Raw)
	at.key = r.key(req.State.Raw)
	got, err := r.read(ctx, at)
	if client.Code(err) == codeNotFound || err == nil && r.k.gone != nil && r.k.gone(got.body) {
		res.State.Raw = tftypes.NewValue(r.k.typ, nil)
		return
	}
	if err != nil {
		r.fail(&res.Diagnostics, "read", nil, err)
		return
	}
	res.State.Raw = r.stored(&res.Diagnostics, got, req.State.Raw)
}

func (r *kindResource) read(ctx context.Context, at address) (answer, error) {
	if r.k.list != nil {
		return r.a.view.get(ctx, r.k, at)
	}
	return r.k.get(ctx, r.a.c, at, nil)
}

func (r *kindResource) Update(ctx context.Context, req resource.UpdateRequest, res *resource.UpdateResponse) {
	body, ok := r.sent(&res.Diagnostics, req.Plan.Raw, req.Config.Raw)
	if !ok {
		return
	}
	at := r.address(req.Plan.Raw)
	at.key = r.key(req.State.Raw) // the name that it still has
	for _, name := range r.k.left {
		delete(body, name)
	}
	got, err := r.change(ctx, at, shape.Schema{attrName: at.key, r.k.part: body}, r.k.put, body)
	r.a.view.changed(at.gateway)
	if err != nil {
		r.fail(&res.Diagnostics, "update", body, err)
		return
	}
	res.State.Raw = r.stored(&res.Diagnostics, got, req.Plan.Raw)
	r.wait(ctx, &res.Diagnostics, r.gateway(res.State.Raw), got.version)
}

func (r *kindResource) Delete(ctx context.Context, req resource.DeleteRequest, res *resource.DeleteResponse) {
	at := r.address(req.State.Raw)
	at.key = r.key(req.State.Raw)
	if r.a.ids.tookOver(text(req.State.Raw, attrID)) {
		res.Diagnostics.AddWarning("tollgate_"+r.k.name+" "+text(req.State.Raw, attrID)+" stays",
			"What was to replace it is asked for alike, and nobody has used this one since it was made: it stands in its own place. Replace it again in an hour, or give the next one another name.")
		return
	}
	got, err := r.change(ctx, at, shape.Schema{attrName: at.key, "delete": r.k.part}, r.k.remove, nil)
	r.a.view.changed(at.gateway)
	if err != nil && client.Code(err) != codeNotFound {
		r.fail(&res.Diagnostics, "delete", nil, err)
		return
	}
	if !r.k.global { // a gateway that is gone has no edges
		r.wait(ctx, &res.Diagnostics, at.gateway, got.version)
	}
}

// ImportState takes "gateway/name", or what names it where it is no gateway's.
func (r *kindResource) ImportState(ctx context.Context, req resource.ImportStateRequest, res *resource.ImportStateResponse) {
	key := req.ID
	if !r.k.global {
		gateway, rest, _ := strings.Cut(req.ID, "/")
		key = rest
		if gateway == "" || (rest == "") != (r.k.key == "") {
			res.Diagnostics.AddError("The import id is not understood", "Want "+r.k.importID()+", got "+req.ID+".")
			return
		}
		res.Diagnostics.Append(res.State.SetAttribute(ctx, path.Root(attrGateway), gateway)...)
	}
	if r.k.key != "" {
		res.Diagnostics.Append(res.State.SetAttribute(ctx, path.Root(r.k.key), key)...)
	}
	for name := range r.k.secret { // as if it had been sent: nobody can see whether it is the same
		if f := r.k.shape.Field(name + versionSuffix); !f.Required {
			continue // nor whether one was sent at all
		}
		res.Diagnostics.Append(res.State.SetAttribute(ctx, path.Root(name+versionSuffix), int64(1))...)
	}
}

// codes of the API's problems.
const (
	codeNotFound     = "not_found"
	codeNameTaken    = "name_taken"
	codeLimitReached = "limit_reached"
	codePrecondition = "precondition_failed"
)

func isConflict(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && e.Status == 409
}

// sent returns what is sent for a planned value; write-only arguments stand only in
// the configuration.
func (r *kindResource) sent(d *diag.Diagnostics, plan, config tftypes.Value) (shape.Schema, bool) {
	return sent(d, r.k.body, plan, config)
}

func sent(d *diag.Diagnostics, body *shape.Type, plan, config tftypes.Value) (shape.Schema, bool) {
	var values, written map[string]tftypes.Value
	err := errors.Join(plan.As(&values), config.As(&written))
	if err != nil {
		d.AddError("The plan can't be read", err.Error())
		return nil, false
	}
	only := map[string]tftypes.Value{}
	types := map[string]tftypes.Type{}
	for _, f := range body.Fields {
		only[f.Name] = values[f.Name]
		if f.WriteOnly {
			only[f.Name] = written[f.Name]
		}
		if only[f.Name].Type() == nil || f.Filled && !only[f.Name].IsKnown() {
			only[f.Name] = tftypes.NewValue(f.Type.Terraform(), nil)
		}
		types[f.Name] = f.Type.Terraform()
	}
	out, _, err := body.ToJSON(tftypes.NewValue(tftypes.Object{AttributeTypes: types}, only))
	if err != nil {
		var p *shape.PathError
		if errors.As(err, &p) {
			report(d, shape.Attribute(p.Path), "The value is not valid", p.Err.Error())
			return nil, false
		}
		d.AddError("The configuration can't be read", err.Error())
		return nil, false
	}
	m, _ := out.(shape.Schema)
	return m, true
}

// stored is the state after an answer; prior is what was planned or stored.
func (r *kindResource) stored(d *diag.Diagnostics, got answer, prior tftypes.Value) tftypes.Value {
	if r.k.found != nil {
		r.k.found(got.body)
	}
	v, err := r.k.shape.FromJSON(got.body, true, imported(r.k.shape, prior))
	if err != nil {
		d.AddError("The management API's answer is not understood", err.Error()+"\n\nA newer release of the provider may know it.")
		return prior
	}
	return v
}

// imported takes from a state that an import began what no answer can fill: only
// then are defaults spelt out, so that a configuration that does so agrees.
func imported(t *shape.Type, state tftypes.Value) tftypes.Value {
	var m map[string]tftypes.Value
	if state.As(&m) != nil {
		return state
	}
	for _, f := range t.Fields { // an import knows no more than what it was asked for
		asked := f.Local || f.Required && m[f.Name].Type() != nil && f.Type.Kind == shape.String
		if !asked && m[f.Name].Type() != nil && !m[f.Name].IsNull() {
			return state
		}
	}
	return shape.OnlyLocal(t, m)
}

func text(v tftypes.Value, name string) string {
	var m map[string]tftypes.Value
	var s string
	if v.As(&m) == nil && m[name].Type() != nil && m[name].IsKnown() && !m[name].IsNull() {
		_ = m[name].As(&s)
	}
	return s
}

func (r *kindResource) address(v tftypes.Value) address {
	if r.k.global {
		return address{}
	}
	return address{gateway: text(v, attrGateway)}
}

// gateway is the gateway whose versions a change makes.
func (r *kindResource) gateway(v tftypes.Value) string {
	if r.k.global {
		return r.key(v)
	}
	return text(v, attrGateway)
}

func (r *kindResource) key(v tftypes.Value) string {
	if r.k.key == "" {
		return ""
	}
	return text(v, r.k.key)
}

// wait waits for the edges where the provider is told to.
func (r *kindResource) wait(ctx context.Context, d *diag.Diagnostics, gateway string, version int64) {
	if !r.k.versioned || !r.a.waitUntilLive {
		return
	}
	if err := r.a.live(ctx, gateway, version); err != nil {
		d.AddWarning("The change is saved, but not yet served everywhere", err.Error())
	}
}

// fail puts an error of the API at the attributes that it is about.
func (r *kindResource) fail(d *diag.Diagnostics, verb string, body shape.Schema, err error) {
	fail(d, r.k.body, "tollgate_"+r.k.name, verb, body, err)
}

func fail(d *diag.Diagnostics, t *shape.Type, name, verb string, body shape.Schema, err error) {
	summary := "Could not " + verb + " " + name
	var e *client.Error
	if !errors.As(err, &e) || e.Errors == nil || len(*e.Errors) == 0 {
		d.AddError(summary, err.Error())
		return
	}
	for _, f := range *e.Errors {
		detail := f.Detail
		if e.RequestID != "" {
			detail += " [request " + e.RequestID + "]"
		}
		report(d, t.Path(any(body), f.Pointer), summary, detail)
	}
}
