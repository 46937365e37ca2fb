package app

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/alert"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/usage"
)

func TestPeriodStart(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ period, now, want string }{
		{"hour", "2026-11-22T10:59:59Z", "2026-11-22T10:00:00Z"},
		{"hour", "2026-11-22T10:15:00+05:30", "2026-11-22T04:00:00Z"},
		{"day", "2026-11-22T23:59:59Z", "2026-11-22T00:00:00Z"},
		{"day", "2026-11-22T01:00:00+02:00", "2026-11-21T00:00:00Z"},
		{"week", "2026-11-22T12:00:00Z", "2026-11-16T00:00:00Z"}, // a Sunday
		{"week", "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z"}, // a Monday
		{"week", "2027-01-01T00:00:00Z", "2026-12-28T00:00:00Z"},
		{"month", "2028-02-29T23:00:00Z", "2028-02-01T00:00:00Z"},
		{"month", "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"},
	} {
		if got := periodStart(c.period, at(c.now)); !got.Equal(at(c.want)) || got.Location() != time.UTC {
			t.Errorf("the %s of %s began %s, want %s", c.period, c.now, got, c.want)
		}
	}
}

func TestPercent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		used, limit int64
		want        float64
	}{{0, 100, 0}, {50, 200, 25}, {300, 200, 150}, {1, 0, 0}, {1, -1, 0}} {
		if got := percent(c.used, c.limit); got != c.want {
			t.Errorf("%d of %d is %v %%, want %v", c.used, c.limit, got, c.want)
		}
	}
}

func TestWebhookGuard(t *testing.T) {
	t.Parallel()
	closed, open := webhookGuard{&match.Guard{}}, webhookGuard{&match.Guard{AllowPrivate: true}}
	for _, c := range []struct {
		url          string
		closed, open bool
	}{
		{"https://hooks.example.com/x", true, true},
		{"http://hooks.example.com/x", false, true},
		{"http://10.1.2.3/x", false, true},
		{"https://10.1.2.3/x", false, true},
		{"https://169.254.169.254/latest", false, false},
		{"ftp://hooks.example.com/x", false, false},
		{"file:///etc/passwd", false, false},
		{"nonsense", false, false},
	} {
		if err := closed.CheckWebhook(c.url); (err == nil) != c.closed {
			t.Errorf("%s: %v", c.url, err)
		}
		if err := open.CheckWebhook(c.url); (err == nil) != c.open {
			t.Errorf("%s where private addresses are allowed: %v", c.url, err)
		}
	}
	if err := closed.CheckDial(netip.MustParseAddrPort("127.0.0.1:443")); err == nil {
		t.Error("a name that leads to this machine is dialled")
	}
}

// TestQuotaOfAKeysOwn: an alert on a consumer's quota, or on those of a usage plan,
// watches what a key has of its own beside the plan's, and names the one that is
// used most.
func TestQuotaOfAKeysOwn(t *testing.T) {
	t.Parallel()
	a, db := started(t)
	d := storetest.NewDomain(t, db)
	org := storetest.Organization(t, db, "right")
	g := d.Gateway(t, org, "shop")
	plan := contract.UsagePlan{Name: "hundred", Quota: &contract.Quota{Limit: 100, Period: "day"}}
	if _, err := a.Gateways.UsagePlans.Put(t.Context(), org, gateway.Put[contract.UsagePlan]{Gateway: g.ID, Name: plan.Name, Value: plan}); err != nil {
		t.Fatal(err)
	}
	c := d.Consumer(t, org, g, "acme")
	common, own := d.Key(t, org, g, "acme").Key.KID, d.Key(t, org, g, "acme").Key.KID
	var num, gatewayNum, orgNum uint64
	err := db.Tx(t.Context(), func(tx *store.Txn) error {
		return errors.Join(
			tx.Exec(`UPDATE consumers SET usage_plan_id = (SELECT id FROM usage_plans WHERE name = 'hundred') WHERE id = ?`, c.ID).Error,
			tx.Exec(`UPDATE api_keys SET limits = '{"quota":{"limit":10,"period":"day"}}' WHERE kid = ?`, int64(own)).Error,
			tx.Raw("SELECT num FROM consumers WHERE id = ?", c.ID).Scan(&num).Error,
			tx.Raw("SELECT num FROM gateways WHERE id = ?", g.ID).Scan(&gatewayNum).Error,
			tx.Raw("SELECT num FROM organizations WHERE id = ?", string(org)).Scan(&orgNum).Error)
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	f := figures{a, store.AlertFigures{Usage: a.ledger}}
	for seq, step := range []struct {
		common, own uint64
		value       float64
		subject     string
	}{
		{0, 0, 0, "Key key_" + contract.FormatKID(own) + " of consumer acme"},
		{30, 2, 30, "Consumer acme"}, // and not 32
		{30, 9, 90, "Key key_" + contract.FormatKID(own) + " of consumer acme"},
		{95, 9, 95, "Consumer acme"},
	} {
		b := usage.Batch{Arrived: now.UnixMilli(), Batch: contract.Batch{Edge: "edge-a", Epoch: 1, Seq: uint64(seq + 1)}}
		for kid, n := range map[uint64]uint64{common: step.common, own: step.own} {
			b.Counters = append(b.Counters, contract.Counter{
				ID:     contract.CounterID{Organization: orgNum, Gateway: gatewayNum, Route: 1, Consumer: num, Key: kid, Hour: uint32(now.Unix() / 3600)},
				Counts: contract.Counts{Admitted: n, Billed: n, C2xx: n},
			})
		}
		if _, err := a.ledger.Apply(t.Context(), []usage.Batch{b}); err != nil {
			t.Fatal(err)
		}
		for _, rule := range []alert.Rule{{Quota: "consumer", Consumer: "acme"}, {Quota: "usage_plan", UsagePlan: "hundred"}} {
			rule.Kind = alert.KindQuota
			got, err := f.Read(t.Context(), &alert.Alert{Organization: org, Gateway: g.ID, Rule: rule}, now)
			if err != nil || !got.Known || got.Value != step.value || got.Subject != step.subject {
				t.Errorf("step %d, %s: %+v (%v), want %v of %s", seq, rule.Quota, got, err, step.value, step.subject)
			}
		}
	}
}
