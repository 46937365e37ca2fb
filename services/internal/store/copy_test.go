package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

// TestCopyOfCertificates: what names the gateway's own host means the copy's own
// one there, and the secret that an upstream shows is one that the copy needs.
func TestCopyOfCertificates(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	d := storetest.NewDomain(t, db)
	org := storetest.Organization(t, db, "acme")
	shop := d.Gateway(t, org, "shop")
	ca := storetest.NewAuthority(t, "partners")
	chain, key := ca.Leaf(t, time.Now().Add(time.Hour), "us")
	secret := gateway.NewSecret{Name: "identity", Value: []byte(chain + key)}
	if _, err := d.Gateways.PutSecret(t.Context(), org, gateway.PutSecret{Gateway: shop.ID, Name: secret.Name, Value: secret.Value}); err != nil {
		t.Fatal(err)
	}
	c := storetest.Config()
	c.ClientCertificates = []contract.ClientCertificates{{Hosts: []string{shop.Hostname}, CAPEM: ca.PEM}}
	c.Routes[0].Match.Hosts = []string{shop.Hostname}
	c.Upstreams[0].Targets[0].URL = "https://10.0.0.1:8443"
	c.Upstreams[0].TLS = &contract.UpstreamTLS{ClientCertificate: contract.SecretRef{Secret: secret.Name}}
	if _, err := d.Gateways.PutConfig(t.Context(), org, gateway.PutConfig{Gateway: shop.ID, Config: c}); err != nil {
		t.Fatal(err)
	}
	in := gateway.Copy{From: "shop", To: "staging", Create: true, DryRun: true}
	tried, err := d.Gateways.Copy(t.Context(), org, in)
	if err != nil {
		t.Fatal(err)
	}
	if len(tried.Secrets) != 1 || tried.Secrets[0].Name != secret.Name || tried.Secrets[0].Set || !slices.Equal(tried.Secrets[0].UsedBy, []string{"upstream backend"}) {
		t.Errorf("the copy needs %+v", tried.Secrets)
	}
	in.DryRun = false
	if _, err := d.Gateways.Copy(t.Context(), org, in); core.CodeOf(err) != core.CodeConflict || !strings.Contains(err.Error(), secret.Name) {
		t.Errorf("without the secret: %v", err)
	}
	in.Secrets = []gateway.NewSecret{secret}
	done, err := d.Gateways.Copy(t.Context(), org, in)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{done.Gateway.Hostname}
	if got := done.Config; !slices.Equal(got.ClientCertificates[0].Hosts, want) || !slices.Equal(got.Routes[0].Match.Hosts, want) {
		t.Errorf("the copy asks at %v, its route is for %v", got.ClientCertificates[0].Hosts, got.Routes[0].Match.Hosts)
	}
	if now, _, err := d.Gateways.Config(t.Context(), org, "shop"); err != nil || !slices.Equal(now.Routes[0].Match.Hosts, []string{shop.Hostname}) {
		t.Errorf("the source has changed: %+v, %v", now.Routes, err)
	}
}
