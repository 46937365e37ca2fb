package provider

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/tollgate/tollgate/portal/client"
)

// freshTime is how long what an ephemeral resource makes is good for, should the run
// that made it never come to its end.
const freshTime = time.Hour

// privateKey is where an ephemeral resource remembers what it made.
const privateKey = "made"

// runName is what they are called in lists.
const runName = "terraform run"

type made struct{ Gateway, ID string }

// fresh makes something for the time of a run and takes it back at the run's end.
type fresh struct {
	a          *api
	name       string // of the type, without the provider's prefix
	what       string // in messages
	about      string
	attributes map[string]schema.Attribute
	// make makes it from the configuration and completes that.
	make func(ctx context.Context, a *api, config tfsdk.Config) (result any, m made, d diag.Diagnostics)
	// take takes it back.
	take func(ctx context.Context, a *api, m made) error
}

var (
	_ ephemeral.EphemeralResourceWithConfigure = (*fresh)(nil)
	_ ephemeral.EphemeralResourceWithClose     = (*fresh)(nil)
)

func (f *fresh) Metadata(_ context.Context, req ephemeral.MetadataRequest, res *ephemeral.MetadataResponse) {
	res.TypeName = req.ProviderTypeName + "_" + f.name
}

func (f *fresh) Schema(_ context.Context, _ ephemeral.SchemaRequest, res *ephemeral.SchemaResponse) {
	res.Schema = schema.Schema{MarkdownDescription: f.about, Attributes: f.attributes}
}

func (f *fresh) Configure(_ context.Context, req ephemeral.ConfigureRequest, _ *ephemeral.ConfigureResponse) {
	f.a, _ = req.ProviderData.(*api)
}

func (f *fresh) Open(ctx context.Context, req ephemeral.OpenRequest, res *ephemeral.OpenResponse) {
	result, m, d := f.make(ctx, f.a, req.Config)
	res.Diagnostics.Append(d...)
	if d.HasError() {
		return
	}
	note, err := json.Marshal(m)
	if err != nil {
		res.Diagnostics.AddError("Could not remember the "+f.what, err.Error())
		return
	}
	res.Diagnostics.Append(res.Private.SetKey(ctx, privateKey, note)...)
	res.Diagnostics.Append(res.Result.Set(ctx, result)...)
}

func (f *fresh) Close(ctx context.Context, req ephemeral.CloseRequest, res *ephemeral.CloseResponse) {
	note, d := req.Private.GetKey(ctx, privateKey)
	res.Diagnostics.Append(d...)
	var m made
	if json.Unmarshal(note, &m) != nil || m.ID == "" {
		return
	}
	if err := f.take(ctx, f.a, m); err != nil && client.Code(err) != codeNotFound {
		res.Diagnostics.AddError("Could not take back the run's "+f.what+" "+m.ID, err.Error()+"\n\nIt dies by itself within the hour.")
	}
}

// freshKey makes an API key.
func freshKey() ephemeral.EphemeralResource {
	return &fresh{
		name: "api_key", what: "key",
		about: "A fresh API key of a consumer, for the time of a run: it is revoked at its end and dies after an hour in any case. For smoke tests and for whatever a run itself calls through the gateway.",
		attributes: map[string]schema.Attribute{
			attrGateway: schema.StringAttribute{Required: true, MarkdownDescription: "Name or id of the gateway"},
			"consumer":  schema.StringAttribute{Required: true, MarkdownDescription: "Whose key it is"},
			"scopes":    schema.ListAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: "What it may do"},
			attrID:      schema.StringAttribute{Computed: true, MarkdownDescription: "Its id"},
			"key":       schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "The key itself"},
		},
		make: makeKey,
		take: func(ctx context.Context, a *api, m made) error {
			_, err := read(a.c.RevokeKey(ctx, m.Gateway, m.ID, nil))
			return err
		},
	}
}

type freshKeyModel struct {
	Gateway  types.String `tfsdk:"gateway"`
	Consumer types.String `tfsdk:"consumer"`
	Scopes   types.List   `tfsdk:"scopes"`
	ID       types.String `tfsdk:"id"`
	Key      types.String `tfsdk:"key"`
}

func makeKey(ctx context.Context, a *api, config tfsdk.Config) (any, made, diag.Diagnostics) {
	var in freshKeyModel
	d := config.Get(ctx, &in)
	scopes := listed(ctx, in.Scopes, &d)
	if d.HasError() {
		return nil, made{}, d
	}
	name, expires := runName, time.Now().Add(freshTime).UTC()
	body := client.KeyInput{Consumer: in.Consumer.ValueString(), Name: &name, ExpiresAt: &expires}
	if scopes != nil {
		body.Scopes = &scopes
	}
	r, err := a.c.CreateKeyWithResponse(ctx, in.Gateway.ValueString(), nil, body)
	if err == nil {
		var key *client.NewKeyAnswer
		if key, err = client.Result(r.JSON201, r.HTTPResponse, r.Body, nil); err == nil {
			in.ID, in.Key = types.StringValue(key.ID), types.StringPointerValue(key.Key)
			return in, made{in.Gateway.ValueString(), key.ID}, d
		}
	}
	d.AddError("Could not make a key", err.Error())
	return nil, made{}, d
}

// freshToken makes a management token.
func freshToken() ephemeral.EphemeralResource {
	return &fresh{
		name: "management_token", what: "token",
		about: "A fresh management token for the time of a run: it is deleted at its end and dies after an hour in any case.",
		attributes: map[string]schema.Attribute{
			"scopes": schema.ListAttribute{Required: true, ElementType: types.StringType, MarkdownDescription: "Permissions, such as `gateways:read`"},
			attrID:   schema.StringAttribute{Computed: true, MarkdownDescription: "Its id"},
			"token":  schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "The token itself"},
		},
		make: makeToken,
		take: func(ctx context.Context, a *api, m made) error {
			_, err := read(a.c.DeleteToken(ctx, m.ID))
			return err
		},
	}
}

type freshTokenModel struct {
	Scopes types.List   `tfsdk:"scopes"`
	ID     types.String `tfsdk:"id"`
	Token  types.String `tfsdk:"token"`
}

func makeToken(ctx context.Context, a *api, config tfsdk.Config) (any, made, diag.Diagnostics) {
	var in freshTokenModel
	d := config.Get(ctx, &in)
	scopes := listed(ctx, in.Scopes, &d)
	if d.HasError() {
		return nil, made{}, d
	}
	expires := time.Now().Add(freshTime).UTC()
	r, err := a.c.CreateTokenWithResponse(ctx, nil, client.TokenInput{Name: runName, Scopes: scopes, ExpiresAt: &expires})
	if err == nil {
		var token *client.NewTokenAnswer
		if token, err = client.Result(r.JSON201, r.HTTPResponse, r.Body, nil); err == nil {
			in.ID, in.Token = types.StringValue(token.ID), types.StringPointerValue(token.Token)
			return in, made{ID: token.ID}, d
		}
	}
	d.AddError("Could not make a token", err.Error())
	return nil, made{}, d
}

// listed are the strings of l; nil where it is null.
func listed(ctx context.Context, l types.List, d *diag.Diagnostics) (out []string) {
	if !l.IsNull() {
		d.Append(l.ElementsAs(ctx, &out, false)...)
	}
	return out
}
