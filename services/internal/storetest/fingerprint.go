package storetest

import (
	"encoding/json"
	"testing"

	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// fingerprint is everything that can be read of a gateway, as text.
func fingerprint(t *testing.T, d *Domain, org core.OrganizationID, g *gateway.Gateway) string {
	t.Helper()
	ctx := t.Context()
	var all []any
	add := func(v any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	add(d.Gateways.Get(ctx, org, g.ID))
	config, version, err := d.Gateways.Config(ctx, org, g.ID)
	add(config, err)
	add(version, nil)
	add(d.Gateways.ListSecrets(ctx, org, g.ID, core.Page{}))
	add(d.Gateways.ListCertificates(ctx, org, g.ID, core.Page{}))
	add(d.Gateways.ListDomains(ctx, org, g.ID, core.Page{}))
	add(d.Consumers.List(ctx, org, gateway.ConsumerList{Gateway: g.ID}))
	add(d.Keys.List(ctx, org, apikey.List{Gateway: g.ID}))
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
