package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/publish"
)

// fields are the pointers and texts of a refusal.
func fields(t *testing.T, err error) string {
	t.Helper()
	var refused *core.Error
	if !errors.As(err, &refused) || len(refused.Fields) == 0 {
		t.Fatalf("no field errors: %v", err)
	}
	var out []string
	for _, e := range refused.Fields {
		out = append(out, e.Pointer+" "+e.Detail)
	}
	return strings.Join(out, "\n")
}

// TestCertificates uploads, replaces and deletes one, looks at what edges get and
// at what the history tells.
func TestCertificates(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		ca := storetest.NewAuthority(t, "Test CA")
		until := time.Now().Add(20 * 24 * time.Hour)
		cert, key := ca.Leaf(t, until, g.Hostname, "www.example.com")
		put := gateway.PutCertificate{Gateway: g.ID, Name: "front", ChainPEM: cert + ca.PEM, KeyPEM: key}
		v, err := d.Gateways.PutCertificate(t.Context(), org, put)
		if err != nil || !v.Created || v.Version != g.Version+1 || len(v.Hosts) != 1 || v.Hosts[0] != g.Hostname {
			t.Fatalf("put: %+v, %v", v, err)
		}
		now := time.Now()
		if v.State(now) != gateway.CertificateExpiring || v.DaysLeft(now) != 19 || v.KeyType != "ECDSA P-256" || v.Issuer != "Test CA" || v.Chain != 2 {
			t.Errorf("facts %+v, %s, %d days", v.CertificateFacts, v.State(now), v.DaysLeft(now))
		}
		doc := compiled(t, db, g.ID)
		if len(doc.Certificates) != 1 || strings.Contains(string(doc.Certificates[0].SealedKey), "PRIVATE") {
			t.Fatalf("document: %+v", doc.Certificates)
		}
		opened, err := d.Root.Edge.OpenSecret(contract.CertificateContext(g.ID), doc.Certificates[0].SealedKey)
		if err != nil || string(opened) != key {
			t.Errorf("edges can't open the key: %v", err)
		}
		h, _, err := d.Gateways.Version(t.Context(), org, g.ID, v.Version)
		if err != nil || len(h.Changes) != 1 || h.Changes[0].Kind != gateway.ChangeCertificate || strings.Contains(string(h.Changes[0].After), "PRIVATE") {
			t.Errorf("history %+v, %v", h, err)
		}
		again := put
		again.IfMatch = core.ParseIfMatch(core.ETag(99))
		if _, err := d.Gateways.PutCertificate(t.Context(), org, again); core.CodeOf(err) != core.CodePreconditionFailed {
			t.Errorf("a stale ETag: %v", err)
		}
		if v, err = d.Gateways.PutCertificate(t.Context(), org, put); err != nil || v.Created || v.Revision != 2 {
			t.Errorf("replaced: %+v, %v", v, err)
		}
		if _, err := d.Gateways.DeleteCertificate(t.Context(), org, gateway.Delete{Gateway: g.ID, Name: "front"}); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Gateways.GetCertificate(t.Context(), org, g.ID, "front"); core.CodeOf(err) != core.CodeNotFound {
			t.Errorf("after its deletion: %v", err)
		}
		if doc := compiled(t, db, g.ID); len(doc.Certificates) != 0 {
			t.Error("edges still get it")
		}
	})
}

func compiled(t *testing.T, db *store.DB, id string) *contract.Gateway {
	t.Helper()
	list, err := (store.Publisher{DB: db}).Sources(t.Context(), []string{id})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d sources, %v", len(list), err)
	}
	doc, err := gateway.Compile(&list[0], storetest.EdgeDomain)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestCertificatesRefused names the field of every bad upload.
func TestCertificatesRefused(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	d := storetest.NewDomain(t, db)
	org, other := storetest.Organization(t, db, "acme"), storetest.Organization(t, db, "other")
	g, theirs := d.Gateway(t, org, "shop"), d.Gateway(t, other, "theirs")
	ca, stranger := storetest.NewAuthority(t, "Test CA"), storetest.NewAuthority(t, "Stranger")
	later := time.Now().Add(time.Hour)
	cert, key := ca.Leaf(t, later, g.Hostname)
	_, wrongKey := ca.Leaf(t, later, g.Hostname)
	expired, expiredKey := ca.Leaf(t, time.Now().Add(-time.Minute), g.Hostname)
	foreign, foreignKey := ca.Leaf(t, later, theirs.Hostname)
	both, bothKey := ca.Leaf(t, later, g.Hostname, theirs.Hostname)
	for name, c := range map[string]struct {
		chain, key string
		hosts      []string
		want       string
	}{
		"no PEM":                   {"hello", key, nil, "/chain_pem holds no certificate in PEM"},
		"both bad":                 {"hello", "hello", nil, "/key_pem holds no private key in PEM"},
		"a key in the chain":       {cert + key, key, nil, "/chain_pem holds a private key"},
		"garbage inside":           {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key, nil, "/chain_pem certificate 1 can't be parsed"},
		"text behind":              {cert + "thanks", key, nil, "/chain_pem has text after certificate 1"},
		"another key":              {cert, wrongKey, nil, "/key_pem is not the key of the chain's first certificate"},
		"expired":                  {expired, expiredKey, nil, "/chain_pem certificate 1 (CN=" + g.Hostname + ") expired at"},
		"wrong signer":             {cert + stranger.PEM, key, nil, "/chain_pem certificate 1 (CN=" + g.Hostname + ") is not signed by the one after it (CN=Stranger)"},
		"wrong order":              {ca.PEM + cert, key, nil, "/chain_pem certificate 1 (CN=Test CA) is not signed by"},
		"another's host":           {foreign, foreignKey, nil, "none of the gateway's hosts"},
		"another's host asked for": {both, bothKey, []string{g.Hostname, theirs.Hostname}, "/hosts/1 is not a host of this gateway"},
		"host not covered":         {foreign, foreignKey, []string{g.Hostname}, "/hosts/0 is not covered by the certificate"},
		"encrypted key":            {cert, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", nil, "/key_pem is encrypted"},
	} {
		_, err := d.Gateways.PutCertificate(t.Context(), org, gateway.PutCertificate{Gateway: g.ID, Name: "front", ChainPEM: c.chain, KeyPEM: c.key, Hosts: c.hosts})
		if got := fields(t, err); !strings.Contains(got, c.want) || strings.Contains(got, "PRIVATE KEY-----\nM") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if now, err := d.Gateways.Get(t.Context(), org, g.ID); err != nil || now.Version != g.Version {
		t.Errorf("refused uploads left version %d, %v", now.Version, err)
	}
	if v, err := d.Gateways.PutCertificate(t.Context(), org, gateway.PutCertificate{Gateway: g.ID, Name: "front", ChainPEM: both, KeyPEM: bothKey}); err != nil || len(v.Hosts) != 1 {
		t.Errorf("a certificate for more than the gateway serves the gateway's part: %+v, %v", v, err)
	}
	cert, key = ca.Leaf(t, later, "*."+storetest.EdgeDomain)
	if v, err := d.Gateways.PutCertificate(t.Context(), org, gateway.PutCertificate{Gateway: g.ID, Name: "wild", ChainPEM: cert, KeyPEM: key}); err != nil || v.Hosts[0] != g.Hostname {
		t.Errorf("a wildcard certificate: %+v, %v", v, err)
	}
}

// TestIdentities gives a consumer OIDC identities, takes one away and gives it to
// another: edges get rising versions, and no identity has two consumers.
func TestIdentities(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		alice := gateway.Identity{Issuer: "https://id.test", Subject: "alice"}
		bob := gateway.Identity{Issuer: "https://id.test", Subject: "bob"}
		kid, hash := contract.IdentityKID(&d.Root.Edge.Pepper, g.Num, alice.Issuer, alice.Subject)
		record := func() *contract.KeyRecord {
			t.Helper()
			list, err := (store.Publisher{DB: db}).Records(t.Context(), []uint64{kid})
			if err != nil || len(list) != 1 {
				t.Fatalf("%d records, %v", len(list), err)
			}
			return list[0]
		}
		set := func(name, plan string, ids ...gateway.Identity) (*gateway.SavedConsumer, error) {
			return d.Consumers.Put(t.Context(), org, gateway.PutConsumer{Gateway: g.ID, Name: name, UsagePlan: plan, Identities: ids})
		}
		one, err := set("one", "gold", alice, bob)
		if err != nil {
			t.Fatal(err)
		}
		r := record()
		if r.Kind != contract.RecordIdentity || r.Version != 1 || r.Hash != hash || r.Consumer != one.Num || r.UsagePlan == 0 || r.Gateway != g.Num || r.ConsumerRef != "one" {
			t.Errorf("record %+v", r)
		}
		if got, err := d.Consumers.Get(t.Context(), org, g.ID, "one"); err != nil || len(got.Identities) != 2 || got.Plan == nil || got.Plan.RateLimit == nil {
			t.Errorf("shown as %+v, %v", got, err)
		}
		if _, err := set("two", "", alice); !strings.Contains(fields(t, err), "/identities/0 belongs to another consumer") {
			t.Error(err)
		}
		if _, err := set("two", "", bob, bob); !strings.Contains(fields(t, err), "/identities/1 is listed twice") {
			t.Error(err)
		}
		if _, err := set("one", "", alice); err != nil { // another plan, and bob is gone
			t.Fatal(err)
		}
		if r = record(); r.Version != 2 || r.UsagePlan != 0 {
			t.Errorf("after a change of plan: %+v", r)
		}
		if _, err := set("two", "gold", bob); err != nil {
			t.Errorf("an identity that was taken away can't be given to another: %v", err)
		}
		if err := d.Consumers.Delete(t.Context(), org, gateway.Delete{Gateway: g.ID, Name: "one"}); err != nil {
			t.Fatal(err)
		}
		if r = record(); r.Version != 3 || r.State != contract.KeyDeleted {
			t.Errorf("after its consumer's deletion: %+v", r)
		}
		two, err := set("two", "gold", alice, bob)
		if err != nil {
			t.Fatal(err)
		}
		if r = record(); r.Version != 4 || r.State != contract.KeyActive || r.Consumer != two.Num {
			t.Errorf("given to another: %+v", r)
		}
		shard := contract.KeyShard(kid)
		all, err := (store.Publisher{DB: db}).ShardRecords(t.Context(), shard, shard+1)
		if err != nil || len(all) != 1 || all[0].KID != kid {
			t.Errorf("refill of its shard: %+v, %v", all, err)
		}
	})
}

var _ publish.Store = store.Publisher{}
