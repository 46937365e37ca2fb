package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

func addDomain(t *testing.T, d *storetest.Domain, org core.OrganizationID, ref, host string) *gateway.Domain {
	t.Helper()
	v, created, err := d.Gateways.PutDomain(t.Context(), org, gateway.PutDomain{Gateway: ref, Host: host})
	if err != nil || !created || v.State != gateway.DomainPending {
		t.Fatalf("add %s: %+v, %v", host, v, err)
	}
	return v
}

func verifyDomain(t *testing.T, d *storetest.Domain, v *gateway.Domain) *gateway.Domain {
	t.Helper()
	out, err := d.Gateways.VerifyDomain(t.Context(), v.Organization, v.Gateway, v.Host)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDomains: a domain is served from its proof on, and no longer than it is
// deleted; only what edges see makes a version.
func TestDomains(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		v := addDomain(t, d, org, g.ID, "API.Example.com.")
		if v.Host != "api.example.com" {
			t.Errorf("host %q", v.Host)
		}
		if v = verifyDomain(t, d, v); v.State != gateway.DomainPending || !strings.Contains(v.Problem, "_tollgate.api.example.com has no TXT record") {
			t.Errorf("without a record: %+v", v)
		}
		if doc := compiled(t, db, g.ID); doc.Version != g.Version || len(doc.Hosts) != 1 {
			t.Errorf("an unproven domain: version %d, hosts %v", doc.Version, doc.Hosts)
		}
		v = d.Prove(t, org, g.ID, v.Host)
		doc := compiled(t, db, g.ID)
		if doc.Version != g.Version+1 || !slices.Equal(doc.Hosts, []string{g.Hostname, "api.example.com"}) {
			t.Errorf("version %d, hosts %v", doc.Version, doc.Hosts)
		}
		if again := verifyDomain(t, d, v); again.State != gateway.DomainActive || compiled(t, db, g.ID).Version != doc.Version {
			t.Errorf("verified twice: %+v", again)
		}
		if _, err := d.Gateways.PutConfig(t.Context(), org, gateway.PutConfig{Gateway: g.ID, Config: hostRoute("api.example.com")}); err != nil {
			t.Fatal(err)
		}
		_, err := d.Gateways.DeleteDomain(t.Context(), org, gateway.Delete{Gateway: g.ID, Name: v.Host})
		if core.CodeOf(err) != core.CodeInUse || !strings.Contains(err.Error(), "route only") {
			t.Errorf("one that a route names: %v", err)
		}
		if _, err := d.Gateways.PutConfig(t.Context(), org, gateway.PutConfig{Gateway: g.ID, Config: storetest.Config()}); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Gateways.DeleteDomain(t.Context(), org, gateway.Delete{Gateway: g.ID, Name: v.Host}); err != nil {
			t.Fatal(err)
		}
		if doc := compiled(t, db, g.ID); len(doc.Hosts) != 1 {
			t.Errorf("deleted, but edges still have %v", doc.Hosts)
		}
	})
}

// hostRoute is a configuration with a route for one host alone.
func hostRoute(host string) gateway.Config {
	c := storetest.Config()
	c.Routes = append(c.Routes, contract.Route{Name: "only", Match: contract.Match{Hosts: []string{host}, Path: "/only"}, Upstream: "backend", Public: true})
	return c
}

// TestDomainClaims is row HST11: who may have a host.
func TestDomainClaims(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		acme, mallory := storetest.Organization(t, db, "acme"), storetest.Organization(t, db, "mallory")
		shop, evil := d.Gateway(t, acme, "shop"), d.Gateway(t, mallory, "evil")
		ours := addDomain(t, d, acme, shop.ID, "www.victim.com")
		theirs := addDomain(t, d, mallory, evil.ID, "www.victim.com")
		proof := d.Gateways.Proof(ours)
		if other := d.Gateways.Proof(theirs); other.Name != proof.Name || other.Value == proof.Value {
			t.Fatalf("proofs %+v and %+v", proof, other)
		}
		d.DNS.Set(proof.Name, proof.Value)
		if v := verifyDomain(t, d, theirs); v.State != gateway.DomainPending || !strings.Contains(v.Problem, "of another organization") {
			t.Errorf("proven by another organization's record: %+v", v)
		}
		verifyDomain(t, d, ours)
		// Both records stand: who came first keeps it.
		d.DNS.Set(proof.Name, proof.Value, d.Gateways.Proof(theirs).Value)
		if v := verifyDomain(t, d, theirs); v.Served() || !strings.Contains(v.Problem, "served for another") {
			t.Errorf("two organizations have the host: %+v", v)
		}
		// The wildcard beside it is another name, proven by its own record.
		wild := addDomain(t, d, mallory, evil.ID, "*.victim.com")
		if v := verifyDomain(t, d, wild); v.Served() {
			t.Errorf("a wildcard without a record: %+v", v)
		}
		// Deleted: nobody else has it for a week, its owner at once but with a new record.
		if _, err := d.Gateways.DeleteDomain(t.Context(), acme, gateway.Delete{Gateway: shop.ID, Name: ours.Host}); err != nil {
			t.Fatal(err)
		}
		d.DNS.Set(proof.Name, proof.Value, d.Gateways.Proof(theirs).Value)
		if v := verifyDomain(t, d, theirs); v.Served() {
			t.Errorf("re-claimed at once by another: %+v", v)
		}
		again := addDomain(t, d, acme, shop.ID, ours.Host)
		if v := verifyDomain(t, d, again); v.Served() {
			t.Errorf("an old record proves the host again: %+v", v)
		}
		d.Prove(t, acme, shop.ID, ours.Host)
	})
}

// TestDomainLapses: a record that is gone ends the service after its grace, an
// answer that fails does not, and who owns the name now gets it.
func TestDomainLapses(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	d := storetest.NewDomain(t, db)
	acme, next := storetest.Organization(t, db, "acme"), storetest.Organization(t, db, "next")
	shop, shop2 := d.Gateway(t, acme, "shop"), d.Gateway(t, next, "shop2")
	v := addDomain(t, d, acme, shop.ID, "api.moved.com")
	v = d.Prove(t, acme, shop.ID, v.Host)
	if _, err := d.Gateways.PutConfig(t.Context(), acme, gateway.PutConfig{Gateway: shop.ID, Config: hostRoute(v.Host)}); err != nil {
		t.Fatal(err)
	}
	proof := d.Gateways.Proof(v)
	d.DNS.Fail(true)
	d.Clock.Add(200 * time.Hour)
	if v = verifyDomain(t, d, v); v.State != gateway.DomainActive || v.Problem == "" {
		t.Errorf("name servers are away: %+v", v)
	}
	d.DNS.Fail(false)
	d.DNS.Set(proof.Name)
	if v = verifyDomain(t, d, v); v.State != gateway.DomainFailing || !v.Served() {
		t.Errorf("the record is gone: %+v", v)
	}
	d.Clock.Add(gateway.DomainGrace + time.Minute)
	if err := d.Gateways.RecheckDomains(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, err := d.Gateways.GetDomain(t.Context(), acme, shop.ID, v.Host)
	if err != nil || v.State != gateway.DomainLapsed {
		t.Fatalf("after its grace: %+v, %v", v, err)
	}
	doc := compiled(t, db, shop.ID)
	if len(doc.Hosts) != 1 || slices.ContainsFunc(doc.Routes, func(r contract.Route) bool { return r.Name == "only" }) {
		t.Errorf("edges still have %v and its route", doc.Hosts)
	}
	v = d.Prove(t, acme, shop.ID, v.Host)
	if doc := compiled(t, db, shop.ID); len(doc.Hosts) != 2 || len(doc.Routes) != 3 {
		t.Errorf("proven again: hosts %v, %d routes", doc.Hosts, len(doc.Routes))
	}
	// The name has a new owner, whose record replaces the old one.
	addDomain(t, d, next, shop2.ID, v.Host)
	d.Prove(t, next, shop2.ID, v.Host)
	if v, err = d.Gateways.GetDomain(t.Context(), acme, shop.ID, v.Host); err != nil || v.State != gateway.DomainLapsed {
		t.Errorf("the owner before: %+v, %v", v, err)
	}
}

// TestLapsedHostAsksForNothing: a domain that lapses takes its rules for client
// certificates along; edges could not compile them, and would go on with what they
// had.
func TestLapsedHostAsksForNothing(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	d := storetest.NewDomain(t, db)
	org := storetest.Organization(t, db, "acme")
	shop := d.Gateway(t, org, "shop")
	v := addDomain(t, d, org, shop.ID, "api.moved.com")
	v = d.Prove(t, org, shop.ID, v.Host)
	c := storetest.Config()
	ca := storetest.NewAuthority(t, "partners").PEM
	c.ClientCertificates = []contract.ClientCertificates{{Hosts: []string{v.Host}, CAPEM: ca}, {Hosts: []string{shop.Hostname}, CAPEM: ca}}
	if _, err := d.Gateways.PutConfig(t.Context(), org, gateway.PutConfig{Gateway: shop.ID, Config: c}); err != nil {
		t.Fatal(err)
	}
	if doc := compiled(t, db, shop.ID); len(doc.ClientCertificates) != 2 {
		t.Errorf("%d rules", len(doc.ClientCertificates))
	}
	d.DNS.Set(d.Gateways.Proof(v).Name)
	verifyDomain(t, d, v)
	d.Clock.Add(gateway.DomainGrace + time.Minute)
	if v = verifyDomain(t, d, v); v.State != gateway.DomainLapsed {
		t.Fatalf("%+v", v)
	}
	doc := compiled(t, db, shop.ID)
	if _, errs := match.CompileClientCertificates(doc.ClientCertificates, doc.Hosts); len(errs) > 0 {
		t.Errorf("edges can't compile it: %v", errs)
	}
	if n := len(doc.ClientCertificates); n != 1 || !slices.Equal(doc.ClientCertificates[0].Hosts, []string{shop.Hostname}) {
		t.Errorf("%d rules are left: %+v", n, doc.ClientCertificates)
	}
	d.Prove(t, org, shop.ID, v.Host)
	if doc := compiled(t, db, shop.ID); len(doc.ClientCertificates) != 2 {
		t.Errorf("proven again: %d rules", len(doc.ClientCertificates))
	}
}

// TestDomainsRefused names what is wrong with a host.
func TestDomainsRefused(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	d := storetest.NewDomain(t, db)
	org := storetest.Organization(t, db, "acme")
	g := d.Gateway(t, org, "shop")
	for host, want := range map[string]string{
		"":                              "empty",
		"localhost":                     "single label",
		"*.com":                         "two labels",
		"10.0.0.1":                      "no host name",
		"[::1]":                         "without a port",
		"a.com:443":                     "without a port",
		"a.com/x":                       "not allowed",
		"*.*.example.com":               "not allowed",
		"münchen.de":                    "A-labels",
		"xn--example-.com":              "hyphen",
		"xn--a.com":                     "no internationalised label",
		"ab--c.com":                     "hyphens",
		storetest.EdgeDomain:            "belongs to this installation",
		"*." + storetest.EdgeDomain:     "belongs to this installation",
		"other." + storetest.EdgeDomain: "belongs to this installation",
		strings.Repeat("a.", 127) + "b": "253",
	} {
		_, _, err := d.Gateways.PutDomain(t.Context(), org, gateway.PutDomain{Gateway: g.ID, Host: host})
		if got := fields(t, err); !strings.Contains(got, want) || !strings.HasPrefix(got, "/host ") {
			t.Errorf("%q: %s", host, got)
		}
	}
	for _, host := range []string{"xn--mnchen-3ya.de", "*.shop.example.com", "a_b.example.com", "example.com"} {
		if _, _, err := d.Gateways.PutDomain(t.Context(), org, gateway.PutDomain{Gateway: g.ID, Host: host}); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
}

// TestDomainCertificates: orders go to one worker at a time, a failure is tried
// again later and says why, and a certificate reaches the edges.
func TestDomainCertificates(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		ctx := t.Context()
		for _, host := range []string{"a.example.com", "b.example.com", "*.example.com", "unproven.example.com"} {
			addDomain(t, d, org, g.ID, host)
			if host != "unproven.example.com" {
				d.Prove(t, org, g.ID, host)
			}
		}
		jobs, err := d.Gateways.ClaimCertificates(ctx, "w1", time.Minute, 10)
		if err != nil || len(jobs) != 2 {
			t.Fatalf("claimed %+v, %v", jobs, err)
		}
		if more, err := d.Gateways.ClaimCertificates(ctx, "w2", time.Minute, 10); err != nil || len(more) != 0 {
			t.Errorf("claimed twice: %+v, %v", more, err)
		}
		ca := storetest.NewAuthority(t, "Test CA")
		cert, key := ca.Leaf(t, time.Now().Add(90*24*time.Hour), jobs[0].Host)
		if err := d.Gateways.FinishCertificate(ctx, jobs[0], gateway.CertificateResult{ChainPEM: cert, KeyPEM: key}); err != nil {
			t.Fatal(err)
		}
		if err := d.Gateways.FinishCertificate(ctx, jobs[1], gateway.CertificateResult{Problem: "no A record"}); err != nil {
			t.Fatal(err)
		}
		doc := compiled(t, db, g.ID)
		if len(doc.Certificates) != 1 || doc.Certificates[0].Hosts[0] != jobs[0].Host {
			t.Fatalf("certificates %+v", doc.Certificates)
		}
		if opened, err := d.Root.Edge.OpenSecret(contract.CertificateContext(g.ID), doc.Certificates[0].SealedKey); err != nil || string(opened) != key {
			t.Errorf("edges can't open the key: %v", err)
		}
		for host, want := range map[string]string{
			jobs[0].Host: gateway.DomainCertificateIssued, jobs[1].Host: gateway.DomainCertificateFailing,
			"*.example.com": gateway.DomainCertificateUnavailable, "unproven.example.com": gateway.DomainCertificateWaiting,
		} {
			v, err := d.Gateways.GetDomain(ctx, org, g.ID, host)
			if err != nil || d.Gateways.CertificateState(v) != want {
				t.Errorf("%s: %s, %+v, %v", host, d.Gateways.CertificateState(v), v, err)
			}
		}
		if more, err := d.Gateways.ClaimCertificates(ctx, "w1", time.Minute, 10); err != nil || len(more) != 0 {
			t.Errorf("what failed is tried again at once: %+v, %v", more, err)
		}
		d.Clock.Add(time.Minute)
		again, err := d.Gateways.ClaimCertificates(ctx, "w1", time.Minute, 10)
		if err != nil || len(again) != 1 || again[0].Host != jobs[1].Host || again[0].Attempts != 1 {
			t.Errorf("tried again: %+v, %v", again, err)
		}
		// Its worker dies: another one takes the order when the lease is over.
		d.Clock.Add(2 * time.Minute)
		if again, err = d.Gateways.ClaimCertificates(ctx, "w2", time.Minute, 10); err != nil || len(again) != 1 {
			t.Errorf("after a worker died: %+v, %v", again, err)
		}
		if _, err := d.Gateways.DeleteDomain(ctx, org, gateway.Delete{Gateway: g.ID, Name: jobs[1].Host}); err != nil {
			t.Fatal(err)
		}
		if err := d.Gateways.FinishCertificate(ctx, again[0], gateway.CertificateResult{Problem: "too late"}); err != nil {
			t.Errorf("an order whose domain has gone: %v", err)
		}
		d.Clock.Add(61 * 24 * time.Hour)
		if again, err = d.Gateways.ClaimCertificates(ctx, "w1", time.Minute, 10); err != nil || len(again) != 1 || again[0].ChainPEM == "" {
			t.Fatalf("renewal at two thirds of its life: %+v, %v", again, err)
		}
		// The authority would have it kept: no version, and no failure is left.
		version := compiled(t, db, g.ID).Version
		kept := gateway.CertificateResult{Kept: true, RenewAt: d.Clock.Now().Add(10 * 24 * time.Hour), LookAt: d.Clock.Now().Add(6 * time.Hour)}
		if err := d.Gateways.FinishCertificate(ctx, again[0], kept); err != nil {
			t.Fatal(err)
		}
		d.Clock.Add(6 * time.Hour)
		if again, err = d.Gateways.ClaimCertificates(ctx, "w1", time.Minute, 10); err != nil || len(again) != 1 || !again[0].RenewAt.Equal(kept.RenewAt.Truncate(time.Millisecond)) {
			t.Fatalf("asked again six hours later: %+v, %v", again, err)
		}
		if got := compiled(t, db, g.ID).Version; got != version {
			t.Errorf("a kept certificate made version %d of %d", got, version)
		}
		// A worker that lives keeps its claim.
		d.Clock.Add(50 * time.Second)
		if err := d.Gateways.ExtendCertificates(ctx, "w1", time.Minute); err != nil {
			t.Fatal(err)
		}
		d.Clock.Add(50 * time.Second)
		if more, err := d.Gateways.ClaimCertificates(ctx, "w2", time.Minute, 10); err != nil || len(more) != 0 {
			t.Errorf("taken from a worker that lives: %+v, %v", more, err)
		}
		// The nearer the end, the sooner a renewal is tried again.
		d.Clock.Add(28*24*time.Hour - 7*time.Hour)
		left := 0
		for d.Clock.Now().Before(again[0].RenewAt.Add(40 * 24 * time.Hour)) {
			v, err := d.Gateways.GetDomain(ctx, org, g.ID, again[0].Host)
			if err != nil {
				t.Fatal(err)
			}
			if !d.Clock.Now().Before(v.Certificate.NotAfter) {
				break
			}
			if err := d.Gateways.FinishCertificate(ctx, again[0], gateway.CertificateResult{Problem: "no A record"}); err != nil {
				t.Fatal(err)
			}
			if v, err = d.Gateways.GetDomain(ctx, org, g.ID, again[0].Host); err != nil {
				t.Fatal(err)
			}
			if d.Gateways.CertificateState(v) != gateway.DomainCertificateFailing || v.Certificate.ChainPEM == "" {
				t.Fatalf("a renewal that fails: %s", d.Gateways.CertificateState(v))
			}
			d.Clock.Add(v.Certificate.NextAt.Sub(d.Clock.Now()))
			left++
		}
		if left < 15 {
			t.Errorf("%d tries in the last day", left)
		}
	})
}
