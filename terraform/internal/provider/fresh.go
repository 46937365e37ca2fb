package provider

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/tollgate/tollgate/portal/client"
)

// freshTime is how long what an ephemeral resource makes is good for, should the run
// that made it never come to its end.
const freshTime = time.Hour

// privateKey is where an ephemeral resource remembers what it made.
const privateKey = "made"

type made struct{ Gateway, ID string }

// freshKey makes an API key for the time of a run.
type freshKey struct{ a *api }

var (
	_ ephemeral.EphemeralResourceWithConfigure = (*freshKey)(nil)
	_ ephemeral.EphemeralResourceWithClose     = (*freshKey)(nil)
	_ ephemeral.EphemeralResourceWithConfigure = (*freshToken)(nil)
	_ ephemeral.EphemeralResourceWithClose     = (*freshToken)(nil)
)

type freshKeyModel struct {
	Gateway  types.String `tfsdk:"gateway"`
	Consumer types.String `tfsdk:"consumer"`
	Scopes   types.List   `tfsdk:"scopes"`
	ID       types.String `tfsdk:"id"`
	Key      types.String `tfsdk:"key"`
}

func (f *freshKey) Metadata(_ context.Context, req ephemeral.MetadataRequest, res *ephemeral.MetadataResponse) {
	res.TypeName = req.ProviderTypeName + "_api_key"
}

func (f *freshKey) Schema(_ context.Context, _ ephemeral.SchemaRequest, res *ephemeral.SchemaResponse) {
	res.Schema = schema.Schema{
		MarkdownDescription: "A fresh API key of a consumer, for the time of a run: it is revoked at its end and dies after an hour in any case. For smoke tests and for whatever a run itself calls through the gateway.",
		Attributes: map[string]schema.Attribute{
			attrGateway: schema.StringAttribute{Required: true, MarkdownDescription: "Name or id of the gateway"},
			"consumer":  schema.StringAttribute{Required: true, MarkdownDescription: "Whose key it is"},
			"scopes":    schema.ListAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: "What it may do"},
			attrID:      schema.StringAttribute{Computed: true, MarkdownDescription: "Its id"},
			"key":       schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "The key itself"},
		},
	}
}

func (f *freshKey) Configure(_ context.Context, req ephemeral.ConfigureRequest, _ *ephemeral.ConfigureResponse) {
	f.a, _ = req.ProviderData.(*api)
}

func (f *freshKey) Open(ctx context.Context, req ephemeral.OpenRequest, res *ephemeral.OpenResponse) {
	var in freshKeyModel
	res.Diagnostics.Append(req.Config.Get(ctx, &in)...)
	var scopes []string
	if !in.Scopes.IsNull() {
		res.Diagnostics.Append(in.Scopes.ElementsAs(ctx, &scopes, false)...)
	}
	if res.Diagnostics.HasError() {
		return
	}
	name, expires := "terraform run", time.Now().Add(freshTime).UTC()
	body := client.KeyInput{Consumer: in.Consumer.ValueString(), Name: &name, ExpiresAt: &expires}
	if scopes != nil {
		body.Scopes = &scopes
	}
	r, err := f.a.c.CreateKeyWithResponse(ctx, in.Gateway.ValueString(), nil, body)
	if err != nil {
		res.Diagnostics.AddError("Could not make a key", err.Error())
		return
	}
	key, err := client.Result(r.JSON201, r.HTTPResponse, r.Body, nil)
	if err != nil {
		res.Diagnostics.AddError("Could not make a key", err.Error())
		return
	}
	if key.Key != nil {
		in.Key = types.StringValue(*key.Key)
	}
	in.ID = types.StringValue(key.ID)
	note, err := json.Marshal(made{in.Gateway.ValueString(), key.ID})
	if err != nil {
		res.Diagnostics.AddError("Could not remember the key", err.Error())
		return
	}
	res.Diagnostics.Append(res.Private.SetKey(ctx, privateKey, note)...)
	res.Diagnostics.Append(res.Result.Set(ctx, in)...)
}

func (f *freshKey) Close(ctx context.Context, req ephemeral.CloseRequest, res *ephemeral.CloseResponse) {
	note, d := req.Private.GetKey(ctx, privateKey)
	res.Diagnostics.Append(d...)
	var m made
	if json.Unmarshal(note, &m) != nil || m.ID == "" {
		return
	}
	if _, err := read(f.a.c.RevokeKey(ctx, m.Gateway, m.ID, nil)); err != nil && client.Code(err) != codeNotFound {
		res.Diagnostics.AddError("Could not revoke the run's key "+m.ID, err.Error()+"\n\nIt dies by itself within the hour.")
	}
}

// freshToken makes a management token for the time of a run.
type freshToken struct{ a *api }

type freshTokenModel struct {
	Scopes types.List   `tfsdk:"scopes"`
	ID     types.String `tfsdk:"id"`
	Token  types.String `tfsdk:"token"`
}

func (f *freshToken) Metadata(_ context.Context, req ephemeral.MetadataRequest, res *ephemeral.MetadataResponse) {
	res.TypeName = req.ProviderTypeName + "_management_token"
}

func (f *freshToken) Schema(_ context.Context, _ ephemeral.SchemaRequest, res *ephemeral.SchemaResponse) {
	res.Schema = schema.Schema{
		MarkdownDescription: "A fresh management token for the time of a run: it is deleted at its end and dies after an hour in any case.",
		Attributes: map[string]schema.Attribute{
			"scopes": schema.ListAttribute{Required: true, ElementType: types.StringType, MarkdownDescription: "Permissions, such as `gateways:read`"},
			attrID:   schema.StringAttribute{Computed: true, MarkdownDescription: "Its id"},
			"token":  schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "The token itself"},
		},
	}
}

func (f *freshToken) Configure(_ context.Context, req ephemeral.ConfigureRequest, _ *ephemeral.ConfigureResponse) {
	f.a, _ = req.ProviderData.(*api)
}

func (f *freshToken) Open(ctx context.Context, req ephemeral.OpenRequest, res *ephemeral.OpenResponse) {
	var in freshTokenModel
	res.Diagnostics.Append(req.Config.Get(ctx, &in)...)
	var scopes []string
	res.Diagnostics.Append(in.Scopes.ElementsAs(ctx, &scopes, false)...)
	if res.Diagnostics.HasError() {
		return
	}
	expires := time.Now().Add(freshTime).UTC()
	r, err := f.a.c.CreateTokenWithResponse(ctx, nil, client.TokenInput{Name: "terraform run", Scopes: scopes, ExpiresAt: &expires})
	if err != nil {
		res.Diagnostics.AddError("Could not make a token", err.Error())
		return
	}
	token, err := client.Result(r.JSON201, r.HTTPResponse, r.Body, nil)
	if err != nil {
		res.Diagnostics.AddError("Could not make a token", err.Error())
		return
	}
	if token.Token != nil {
		in.Token = types.StringValue(*token.Token)
	}
	in.ID = types.StringValue(token.ID)
	note, err := json.Marshal(made{ID: token.ID})
	if err != nil {
		res.Diagnostics.AddError("Could not remember the token", err.Error())
		return
	}
	res.Diagnostics.Append(res.Private.SetKey(ctx, privateKey, note)...)
	res.Diagnostics.Append(res.Result.Set(ctx, in)...)
}

func (f *freshToken) Close(ctx context.Context, req ephemeral.CloseRequest, res *ephemeral.CloseResponse) {
	note, d := req.Private.GetKey(ctx, privateKey)
	res.Diagnostics.Append(d...)
	var m made
	if json.Unmarshal(note, &m) != nil || m.ID == "" {
		return
	}
	if _, err := read(f.a.c.DeleteToken(ctx, m.ID)); err != nil && client.Code(err) != codeNotFound {
		res.Diagnostics.AddError("Could not delete the run's token "+m.ID, err.Error()+"\n\nIt dies by itself within the hour.")
	}
}
