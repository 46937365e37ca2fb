package store_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

const shopAPI = `
openapi: 3.1.0
info: {title: Shop, version: "1"}
paths:
  /orders/{id}:
    get: {operationId: read, summary: One order, parameters: [{in: path, name: id, required: true, schema: {type: integer}}]}
`

// TestOpenAPI: a gateway's document is a part of its configuration: it makes versions
// and comes back with them, reaches edges where a policy reads it, cut down, and
// can't go while one does.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		document := func() *contract.Gateway {
			t.Helper()
			src, err := store.Gateways{DB: db}.Source(t.Context(), org, g.ID)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := gateway.Compile(src, storetest.EdgeDomain)
			if err != nil {
				t.Fatal(err)
			}
			// The publisher reads many gateways at once: edges must get the same.
			all, err := store.Publisher{DB: db}.Sources(t.Context(), []string{g.ID})
			if err != nil || len(all) != 1 {
				t.Fatalf("%d gateways: %v", len(all), err)
			}
			if published, err := gateway.Compile(&all[0], storetest.EdgeDomain); err != nil || !reflect.DeepEqual(published, doc) {
				t.Errorf("the publisher has %+v (%v), the gateway is %+v", published, err, doc)
			}
			return doc
		}
		validate := func(operation string) error {
			_, err := d.Gateways.PutPolicies(t.Context(), org, gateway.PutPolicies{Gateway: "shop", Policies: []contract.Policy{
				{Type: "validate_request", Config: json.RawMessage(`{"openapi":{"operation":"` + operation + `"}}`)},
			}})
			return err
		}
		if err := validate("read"); err == nil || !strings.Contains(err.Error(), "no OpenAPI document") {
			t.Errorf("a policy without a document: %v", err)
		}
		_, err := d.Gateways.PutOpenAPI(t.Context(), org, gateway.PutOpenAPI{Gateway: "shop", Document: []byte(strings.Replace(shopAPI, "name: id", "name: ids", 1))})
		if e := wantCode(t, err, core.CodeInvalid); !strings.Contains(e.Error(), "/document/paths/~1orders~1{id}/get") {
			t.Error(e)
		}
		put := func() *gateway.OpenAPI {
			t.Helper()
			got, err := d.Gateways.PutOpenAPI(t.Context(), org, gateway.PutOpenAPI{Gateway: "shop", Document: []byte(shopAPI)})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		first := put()
		if again := put(); again.Version != first.Version || len(again.Operations) != 1 || again.Title != "Shop" {
			t.Errorf("the same document again: %+v", again)
		}
		if doc := document(); len(doc.OpenAPI) > 0 {
			t.Errorf("edges get a document that nobody reads: %s", doc.OpenAPI)
		}
		if err := validate("nope"); err == nil {
			t.Error("an operation that is not there is taken")
		}
		if err := validate("read"); err != nil {
			t.Fatal(err)
		}
		doc := document()
		if strings.Contains(string(doc.OpenAPI), "One order") || !strings.Contains(string(doc.OpenAPI), "operationId") || doc.Schema != 3 {
			t.Errorf("edges get %s, schema %d", doc.OpenAPI, doc.Schema)
		}
		got, err := d.Gateways.OpenAPI(t.Context(), org, "shop")
		if err != nil || len(got.UsedBy) != 1 || got.UsedBy[0].Policy != "validate_request" {
			t.Errorf("%+v, %v", got, err)
		}
		_, err = d.Gateways.DeleteOpenAPI(t.Context(), org, "shop", core.IfMatch{})
		wantCode(t, err, core.CodeInUse)
		_, err = d.Gateways.PutOpenAPI(t.Context(), org, gateway.PutOpenAPI{Gateway: "shop", Document: []byte(strings.Replace(shopAPI, "read", "other", 1))})
		if e := wantCode(t, err, core.CodeInvalid); !strings.Contains(e.Error(), `no operation "read"`) {
			t.Error(e)
		}
		// Out and in again, in another order, is no change.
		c, version, err := d.Gateways.Config(t.Context(), org, "shop")
		if err != nil {
			t.Fatal(err)
		}
		c.OpenAPI = json.RawMessage(strings.Replace(string(c.OpenAPI), `{"info":{"title":"Shop","version":"1"},"openapi":"3.1.0",`, ` { "openapi":"3.1.0", "info":{"version":"1", "title":"Shop"},`, 1))
		if diff, err := d.Gateways.DiffConfig(t.Context(), org, "shop", *c); err != nil || len(diff.Changes) > 0 || diff.Version != version {
			t.Errorf("%+v, %v", diff, err)
		}
		c.OpenAPI, c.Policies = nil, nil
		if _, err := d.Gateways.PutConfig(t.Context(), org, gateway.PutConfig{Gateway: "shop", Config: *c}); err != nil {
			t.Fatal(err)
		}
		_, err = d.Gateways.OpenAPI(t.Context(), org, "shop")
		wantCode(t, err, core.CodeNotFound)
		if _, err := d.Gateways.Restore(t.Context(), org, "shop", version, core.IfMatch{}); err != nil {
			t.Fatal(err)
		}
		if now := document(); string(now.OpenAPI) != string(doc.OpenAPI) {
			t.Errorf("restored: %s", now.OpenAPI)
		}
		copied, err := d.Gateways.Copy(t.Context(), org, gateway.Copy{From: "shop", To: "staging", Create: true})
		if err != nil || len(copied.Config.OpenAPI) == 0 {
			t.Errorf("the copy has no document: %v", err)
		}
	})
}
