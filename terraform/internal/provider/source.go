package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"

	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// kindSource is the data source of a kind: the object as it is.
type kindSource struct {
	k *kind
	a *api
}

var _ datasource.DataSourceWithConfigure = (*kindSource)(nil)

func (s *kindSource) Metadata(_ context.Context, req datasource.MetadataRequest, res *datasource.MetadataResponse) {
	res.TypeName = req.ProviderTypeName + "_" + s.k.name
}

func (s *kindSource) Schema(_ context.Context, _ datasource.SchemaRequest, res *datasource.SchemaResponse) {
	attributes := s.shape().Computed()
	if !s.k.global {
		attributes[attrGateway] = schema.StringAttribute{Required: true, MarkdownDescription: "Name or id of the gateway"}
	}
	if s.k.key != "" {
		attributes[s.k.key] = schema.StringAttribute{Required: true, MarkdownDescription: "What it is called"}
	}
	res.Schema = schema.Schema{MarkdownDescription: "Reads what `tollgate_" + s.k.name + "` makes. " + s.k.doc, Attributes: attributes}
}

// shape are the attributes without what only a resource has.
func (s *kindSource) shape() *shape.Type {
	out := &shape.Type{Kind: shape.Object}
	for _, f := range s.k.shape.Fields {
		if !f.WriteOnly && (!f.Local || f.Name == attrGateway) {
			out.Fields = append(out.Fields, f)
		}
	}
	return out
}

func (s *kindSource) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	s.a, _ = req.ProviderData.(*api)
}

func (s *kindSource) Read(ctx context.Context, req datasource.ReadRequest, res *datasource.ReadResponse) {
	var at address
	if !s.k.global {
		at.gateway = text(req.Config.Raw, attrGateway)
	}
	if s.k.key != "" {
		at.key = text(req.Config.Raw, s.k.key)
	}
	got, err := s.k.get(ctx, s.a.c, at, nil)
	if err != nil {
		fail(&res.Diagnostics, s.k.body, "tollgate_"+s.k.name, "read", nil, err)
		return
	}
	if s.k.found != nil {
		s.k.found(got.body)
	}
	v, err := s.shape().FromJSON(got.body, true, req.Config.Raw)
	if err != nil {
		res.Diagnostics.AddError("The management API's answer is not understood", err.Error())
		return
	}
	res.State.Raw = v
}
