package store_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/usage"
)

// TestUsageWrongOrganization tries every read with an organization that does not
// own the gateway, after its owner has got something from each.
func TestUsageWrongOrganization(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) {
		ctx := t.Context()
		b := batch(writA, 1, usageNow, counter(1, 77, 5, 5))
		b.Statuses = []contract.StatusCount{{Organization: 1, Gateway: 1, Route: 1, Hour: hour0, Status: 200, Count: 5}}
		b.Latency = []contract.Latency{{Organization: 1, Gateway: 1, Route: 1, Hour: hour0, Edge: [contract.LatencyBuckets]uint32{1}}}
		b.Splits = []contract.Split{{ID: contract.SplitID{Organization: 1, Gateway: 1, Route: 1, Value: 9, Hour: hour0, Dim: contract.SplitTarget}, Counts: contract.SplitCounts{C2xx: 5}, Upstream: [contract.LatencyBuckets]uint32{5}}}
		apply(t, u, b)
		if err := u.DB.Tx(ctx, func(tx *store.Txn) error {
			return tx.Exec("INSERT INTO usage_targets (gateway, target, upstream, url) VALUES (1, 9, 'app', 'http://a')").Error
		}); err != nil {
			t.Fatal(err)
		}
		if err := u.AppendLogs(ctx, []contract.LogRecord{{Organization: 1, Gateway: 1, RequestID: "r1", Time: 1}}); err != nil {
			t.Fatal(err)
		}
		gw := usage.Gateway{ID: "gw_a", Num: 1}
		q := usage.SeriesQuery{Gateway: 1, From: usageNow.Truncate(time.Hour), To: usageNow.Add(time.Hour), Interval: usage.IntervalHour, GroupBy: usage.GroupRoute}
		logs := usage.LogQuery{Gateway: 1, Limit: 10}
		tries := []storetest.Try{
			{Method: "Gateway", Call: func(o core.OrganizationID) (any, error) { return u.Gateway(ctx, o, "gw_a") }},
			{Method: "Gateway", Call: func(o core.OrganizationID) (any, error) { // its own, of the same name
				g, err := u.Gateway(ctx, o, "shop")
				return g.Num == 1, err
			}},
			{Method: "Top", Call: func(o core.OrganizationID) (any, error) { return u.Top(ctx, o, q, usage.MeasureRequests, nil, 10) }},
			{Method: "Counters", Call: func(o core.OrganizationID) (any, error) { return u.Counters(ctx, o, q) }},
			{Method: "Statuses", Call: func(o core.OrganizationID) (any, error) { return u.Statuses(ctx, o, q) }},
			{Method: "Splits", Call: func(o core.OrganizationID) (any, error) { return u.Splits(ctx, o, q, contract.SplitTarget) }},
			{Method: "TargetLatencies", Call: func(o core.OrganizationID) (any, error) { return u.TargetLatencies(ctx, o, q) }},
			{Method: "Targets", Call: func(o core.OrganizationID) (any, error) { return u.Targets(ctx, o, gw) }},
			{Method: "Billed", Call: func(o core.OrganizationID) (any, error) { return u.Billed(ctx, o, usageNow) }},
			{Method: "LastUses", Call: func(o core.OrganizationID) (any, error) { return u.LastUses(ctx, o, 1, []uint64{77}) }},
			{Method: "Latencies", Call: func(o core.OrganizationID) (any, error) { return u.Latencies(ctx, o, q) }},
			{Method: "Names", Call: func(o core.OrganizationID) (any, error) { return u.Names(ctx, o, gw, usage.GroupKey, []uint64{77}) }},
			{Method: "Resolve", Call: func(o core.OrganizationID) (any, error) { return u.Resolve(ctx, o, gw, usage.GroupRoute, "orders") }},
			{Method: "Resolve", Call: func(o core.OrganizationID) (any, error) {
				return u.Resolve(ctx, o, gw, usage.GroupKey, "key_"+contract.FormatKID(77))
			}},
			{Method: "Logs", Call: func(o core.OrganizationID) (any, error) { return u.Logs(ctx, o, logs, usage.LogPlace{}) }},
			{Method: "LogsAfter", Call: func(o core.OrganizationID) (any, error) { return u.LogsAfter(ctx, o, logs, 0) }},
			{Method: "LastLog", Call: func(o core.OrganizationID) (any, error) { return u.LastLog(ctx, o, 1) }},
		}
		for _, try := range tries {
			if got, err := try.Call("org_a"); err != nil || reflect.ValueOf(got).IsZero() {
				t.Errorf("%s gives its owner %+v, %v", try.Method, got, err)
			}
		}
		storetest.WrongOrganization(t, reflect.TypeFor[usage.Store](), "org_b", tries)
	})
}

func TestUsageLogs(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) {
		ctx := t.Context()
		at := usageNow.UnixMilli()
		records := []contract.LogRecord{
			{Organization: 1, Gateway: 1, RequestID: "r1", Time: at - 5000, Edge: "e", Method: "GET", Path: "/a_b/c", Status: 200, Route: "orders", Key: contract.FormatKID(77)},
			{Organization: 1, Gateway: 1, RequestID: "r2", Time: at - 4000, Edge: "e", Method: "POST", Path: "/aXb", Status: 429, Code: "rate_limited", Consumer: "acme"},
			{Organization: 1, Gateway: 1, RequestID: "r3", Time: at - 3000, Edge: "e", Method: "GET", Path: "/x", Status: 502, Aborted: "upstream", Client: "192.0.2.1"},
			{Organization: 2, Gateway: 2, RequestID: "r4", Time: at - 2000, Edge: "e", Method: "GET", Path: "/", Status: 200},
			{Organization: 1, Gateway: 0, RequestID: "r5", Time: at, Path: "nobody's"},
			{Organization: 1, Gateway: 1, RequestID: "r6\x00", Time: at - 1000, Edge: "e", Method: "GET", Path: "/\x00\xff", Status: 200},
		}
		late := slices.Clone(records) // an edge that was cut off ships last what was first
		slices.Reverse(late)
		for range 2 { // redelivered
			if err := u.AppendLogs(ctx, late); err != nil {
				t.Fatal(err)
			}
		}
		if n := one(t, u, "SELECT COUNT(*) FROM access_logs"); n != 5 {
			t.Errorf("%d records are stored, want 5", n)
		}
		for _, c := range []struct {
			name   string
			filter usage.LogFilter
			kid    string
			from   int
			to     int
			want   string
		}{
			{name: "all", want: "r6 r3 r2 r1"},
			{name: "path is a prefix, not a pattern", filter: usage.LogFilter{Path: "/a_b"}, want: "r1"},
			{name: "refused", filter: usage.LogFilter{Outcome: "refused"}, want: "r2"},
			{name: "failed", filter: usage.LogFilter{Outcome: "failed"}, want: "r3"},
			{name: "key", kid: contract.FormatKID(77), want: "r1"},
			{name: "class", from: 400, to: 500, want: "r2"},
			{name: "route", filter: usage.LogFilter{Route: "orders"}, want: "r1"},
			{name: "consumer and method", filter: usage.LogFilter{Consumer: "acme", Method: "POST"}, want: "r2"},
			{name: "client", filter: usage.LogFilter{Client: "192.0.2.1"}, want: "r3"},
			{name: "quote", filter: usage.LogFilter{Path: "' OR '1'='1"}, want: ""},
			{name: "time", filter: usage.LogFilter{From: time.UnixMilli(at - 4000), To: time.UnixMilli(at - 1000)}, want: "r3 r2"},
		} {
			got, err := u.Logs(ctx, "org_a", usage.LogQuery{Gateway: 1, Filter: c.filter, KID: c.kid, StatusFrom: c.from, StatusTo: c.to, Limit: 10}, usage.LogPlace{})
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			var ids []string
			for _, e := range got {
				ids = append(ids, strings.TrimRight(e.RequestID, "\x00"))
			}
			if s := strings.Join(ids, " "); s != c.want {
				t.Errorf("%s: %q, want %q", c.name, s, c.want)
			}
		}
	})
}

func TestUsageTrim(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) {
		ctx := t.Context()
		apply(t, u, batch(writA, 1, usageNow, counter(1, 77, 5, 5)))
		if err := u.Trim(ctx, usageNow.Add(time.Hour).UnixMilli()); err != nil {
			t.Fatal(err)
		}
		if n := one(t, u, "SELECT COUNT(*) FROM usage_minutes"); n != 0 {
			t.Errorf("%d minutes are left", n)
		}
		if n := one(t, u, "SELECT COUNT(*) FROM usage_counters"); n != 1 {
			t.Errorf("the ledger has %d rows, want 1", n)
		}
		var records []contract.LogRecord
		for i := range 20 {
			age := time.Duration(i) * time.Hour
			records = append(records,
				contract.LogRecord{Organization: 1, Gateway: 1, RequestID: fmt.Sprint("a", i), Time: usageNow.Add(-age).UnixMilli()},
				contract.LogRecord{Organization: 2, Gateway: 2, RequestID: fmt.Sprint("b", i), Time: usageNow.Add(-age).UnixMilli()},
				contract.LogRecord{Organization: 2, Gateway: 99, RequestID: fmt.Sprint("c", i), Time: usageNow.UnixMilli()})
		}
		if err := u.AppendLogs(ctx, records); err != nil {
			t.Fatal(err)
		}
		n, err := u.TrimLogs(ctx, usage.Retention{"free": 5*time.Hour + time.Minute, "pro": 24 * time.Hour}, 12)
		if err != nil {
			t.Fatal(err)
		}
		if n != 14+8+20 {
			t.Errorf("deleted %d records, want 14 old, 8 over the bound and 20 of no gateway", n)
		}
		if n := one(t, u, "SELECT COUNT(*) FROM access_logs WHERE gateway = 1"); n != 6 {
			t.Errorf("%d records of the free plan are left, want 6", n)
		}
	})
}
