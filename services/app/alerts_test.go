package app

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
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
