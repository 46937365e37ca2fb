package app

import (
	"errors"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/alert"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/telemetry"
)

// TestWatched: alerts on certificates and on telemetry read what there is.
func TestWatched(t *testing.T) {
	t.Parallel()
	a, db := started(t)
	d := storetest.NewDomain(t, db)
	org := storetest.Organization(t, db, "right")
	g := d.Gateway(t, org, "shop")
	f := figures{a: a}
	read := func(kind string) alert.Figure {
		t.Helper()
		got, err := f.Read(t.Context(), &alert.Alert{Organization: org, Gateway: g.ID, GatewayName: "shop", Rule: alert.Rule{Kind: kind}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := read(alert.KindCertificate); got.Known || got.Broken != "" {
		t.Errorf("no certificate: %+v", got)
	}
	chain, key := storetest.NewAuthority(t, "ca").Leaf(t, time.Now().Add(10*24*time.Hour), g.Hostname)
	if _, err := a.Gateways.PutCertificate(t.Context(), org, gateway.PutCertificate{Gateway: g.ID, Name: "web", ChainPEM: chain, KeyPEM: key}); err != nil {
		t.Fatal(err)
	}
	if got := read(alert.KindCertificate); !got.Known || got.Value < 9.9 || got.Value > 10 || got.Subject != "The certificate web" {
		t.Errorf("%+v", got)
	}
	if got := read(alert.KindTelemetry); !got.Known || got.Value != 0 {
		t.Errorf("no destination: %+v", got)
	}
	for _, s := range []telemetry.Spec{{Name: "mine"}, {Name: "other", Gateways: []string{d.Gateway(t, org, "other").ID}}} {
		s.Type, s.URL = telemetry.TypeHTTP, "https://logs.example.com/in"
		if _, _, err := a.Telemetry.Put(t.Context(), org, telemetry.Put{Spec: s}); err != nil {
			t.Fatal(err)
		}
	}
	ago := func(d time.Duration) int64 { return core.Millis(time.Now().Add(-d)) }
	failing := func(name string, since int64) error {
		return db.Tx(t.Context(), func(tx *store.Txn) error {
			return tx.Exec("UPDATE telemetry_states SET failures = 3, failing_since = ? WHERE destination_id = (SELECT id FROM telemetry_destinations WHERE name = ?)", since, name).Error
		})
	}
	if err := errors.Join(failing("mine", ago(20*time.Minute)), failing("other", ago(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if got := read(alert.KindTelemetry); !got.Known || got.Value < 20 || got.Value > 25 || got.Subject != "The telemetry destination mine" {
		t.Errorf("%+v", got)
	}
}
