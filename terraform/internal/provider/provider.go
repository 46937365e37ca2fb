package provider

import (
	"context"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/tollgate/tollgate/portal/client"
)

// Environment variables that stand for arguments that are left out.
const (
	envURL   = "TOLLGATE_API_URL"
	envToken = "TOLLGATE_API_TOKEN"
)

// tollgate is the provider.
type tollgate struct {
	version string
	kinds   []*kind
	api     *api // nil before it is configured
}

var (
	_ provider.Provider                       = (*tollgate)(nil)
	_ provider.ProviderWithEphemeralResources = (*tollgate)(nil)
)

// newProvider makes the provider of a release. It fails where the schemas that it was
// built with make no attributes.
func newProvider(version string) (*tollgate, error) {
	s, err := load()
	if err != nil {
		return nil, err
	}
	list := kinds()
	for _, k := range list {
		if err := k.compile(s); err != nil {
			return nil, err
		}
	}
	return &tollgate{version: version, kinds: list}, nil
}

func (p *tollgate) Metadata(_ context.Context, _ provider.MetadataRequest, res *provider.MetadataResponse) {
	res.TypeName, res.Version = "tollgate", p.version
}

func (p *tollgate) Schema(_ context.Context, _ provider.SchemaRequest, res *provider.SchemaResponse) {
	res.Schema = schema.Schema{
		MarkdownDescription: "Manages gateways of [Tollgate](https://github.com/tollgate/tollgate): routes, upstreams, policies, consumers, usage plans and all else that the portal does.",
		Attributes: map[string]schema.Attribute{
			"url": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "URL of the portal, such as `https://portal.example.com`; default `" + envURL + "` of the environment.",
			},
			"token": schema.StringAttribute{
				Optional: true, Sensitive: true,
				MarkdownDescription: "A management token, `tgm_…`; default `" + envToken + "` of the environment, which is the better place for it.",
			},
			attrWait: schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "Whether resources wait until every live edge serves their change; default false.",
			},
		},
	}
}

type settings struct {
	URL           types.String `tfsdk:"url"`
	Token         types.String `tfsdk:"token"`
	WaitUntilLive types.Bool   `tfsdk:"wait_until_live"`
}

func (p *tollgate) Configure(ctx context.Context, req provider.ConfigureRequest, res *provider.ConfigureResponse) {
	var in settings
	res.Diagnostics.Append(req.Config.Get(ctx, &in)...)
	if res.Diagnostics.HasError() {
		return
	}
	url := orEnvironment(in.URL, envURL)
	token := orEnvironment(in.Token, envToken)
	if url == "" && !in.URL.IsUnknown() {
		res.Diagnostics.AddAttributeError(path.Root("url"), "The portal's URL is missing", "Set url or "+envURL+".")
	}
	if token == "" && !in.Token.IsUnknown() {
		res.Diagnostics.AddAttributeError(path.Root("token"), "The management token is missing",
			"Set "+envToken+" to a token from the portal's page Settings, Management tokens, or from a tollgate_management_token.")
	}
	if res.Diagnostics.HasError() || url == "" || token == "" {
		return
	}
	c, err := client.New(client.Options{URL: url, Token: token, UserAgent: "terraform-provider-tollgate/" + p.version})
	if err != nil {
		res.Diagnostics.AddError("The provider can't be set up", err.Error())
		return
	}
	a := &api{c: c, waitUntilLive: in.WaitUntilLive.ValueBool(), view: newView(c), plans: newPlanned(c), batches: newBatches(c), rooms: newRooms(c), ids: newIDs()}
	p.api = a
	res.ResourceData, res.DataSourceData, res.EphemeralResourceData = a, a, a
}

func orEnvironment(v types.String, name string) string {
	if v.IsNull() {
		return os.Getenv(name)
	}
	return v.ValueString()
}

func (p *tollgate) Resources(context.Context) []func() resource.Resource {
	var out []func() resource.Resource
	for _, k := range p.kinds {
		out = append(out, func() resource.Resource { return &kindResource{k: k} })
	}
	return append(out, func() resource.Resource { return &configResource{} })
}

func (p *tollgate) DataSources(context.Context) []func() datasource.DataSource {
	var out []func() datasource.DataSource
	for _, k := range p.kinds {
		out = append(out, func() datasource.DataSource { return &kindSource{k: k} })
	}
	return out
}

func (p *tollgate) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{
		freshKey, freshToken,
	}
}
