package storetest

import (
	"bytes"
	"context"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/publish"
)

// Domain is the services of gateways and keys over one database, with limits
// that a test sets.
type Domain struct {
	DB        *store.DB
	Root      *contract.RootKeys
	Gateways  *gateway.Service
	Consumers *gateway.Consumers
	Keys      *apikey.Service
	Limits    core.Limits
	DNS       *Zone
	Clock     *Clock
}

// Root are the same keys in every test.
func Root(t testing.TB) *contract.RootKeys {
	t.Helper()
	root, err := contract.NewRootKeys(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// EdgeDomain is the domain of gateways in tests.
const EdgeDomain = "edge.test"

// StreamPorts is the range of ports for streams in tests.
var StreamPorts = gateway.PortRange{First: 9000, Last: 9019}

// NewDomain makes the services; private upstreams are allowed.
func NewDomain(t testing.TB, db *store.DB) *Domain {
	t.Helper()
	d := &Domain{DB: db, Root: Root(t), DNS: &Zone{}, Clock: &Clock{}}
	var err error
	d.Gateways, err = gateway.New(gateway.Options{
		Store: store.Gateways{DB: db}, Limits: limits{d}, Checker: &publish.Checker{Guard: match.Guard{AllowPrivate: true}},
		Keys: d.Root, EdgeDomain: EdgeDomain, Ports: StreamPorts, Resolver: d.DNS, ACME: true, Clock: d.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if d.Consumers, err = gateway.NewConsumers(store.Consumers{DB: db}, limits{d}, d.Root); err != nil {
		t.Fatal(err)
	}
	if d.Keys, err = apikey.New(apikey.Options{Store: store.Keys{DB: db}, Limits: limits{d}, Keys: d.Root}); err != nil {
		t.Fatal(err)
	}
	return d
}

type limits struct{ d *Domain }

func (l limits) Limits(context.Context, core.OrganizationID) (core.Limits, error) {
	return l.d.Limits, nil
}

// Config is a small configuration that uses every part.
func Config() gateway.Config {
	return gateway.Config{
		Upstreams: []contract.Upstream{{Name: "backend", Targets: []contract.Target{{URL: "http://10.0.0.1:8080"}}}},
		Routes: []contract.Route{
			{Name: "open", Match: contract.Match{Path: "/open/*"}, Upstream: "backend", Public: true},
			{Name: "orders", Match: contract.Match{Path: "/orders/{id}"}, Upstream: "backend", Policies: []contract.Policy{{Type: "api_key"}}},
		},
		UsagePlans: []contract.UsagePlan{{Name: "gold", RateLimit: &contract.Rate{Rate: 10}, Routes: []string{"orders"}}},
	}
}

// Gateway makes a gateway with Config.
func (d *Domain) Gateway(t testing.TB, org core.OrganizationID, name string) *gateway.Gateway {
	t.Helper()
	g, err := d.Gateways.Create(t.Context(), org, gateway.Create{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Gateways.PutConfig(t.Context(), org, gateway.PutConfig{Gateway: g.ID, Config: Config()}); err != nil {
		t.Fatal(err)
	}
	if g, err = d.Gateways.Get(t.Context(), org, g.ID); err != nil {
		t.Fatal(err)
	}
	return g
}

// Consumer makes a consumer with the usage plan "gold".
func (d *Domain) Consumer(t testing.TB, org core.OrganizationID, g *gateway.Gateway, name string) *gateway.SavedConsumer {
	t.Helper()
	c, err := d.Consumers.Put(t.Context(), org, gateway.PutConsumer{
		Gateway: g.ID, Name: name, UsagePlan: "gold", Identities: []gateway.Identity{{Issuer: "https://id.test", Subject: name}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Key issues a key.
func (d *Domain) Key(t testing.TB, org core.OrganizationID, g *gateway.Gateway, consumer string) *apikey.Issued {
	t.Helper()
	k, err := d.Keys.Create(t.Context(), org, apikey.Create{Gateway: g.ID, Consumer: consumer, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return k
}
