package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// Bars on one shared machine, warm, as a caller of the management API sees them.
const (
	analyticsBar = 300 * time.Millisecond
	listBar      = 100 * time.Millisecond
	tries        = 9
)

// ledgerSeed fills 90 days of one gateway: 1,000 consumers with a key each on 200
// routes, each counted in most hours: 2 million rows. Everything that is summed
// up beside the ledger is then made by the migration's own statements.
const ledgerSeed = `
CREATE TEMP TABLE g AS SELECT g.num, g.id, o.num AS org, o.id AS org_id FROM gateways g JOIN organizations o ON o.id = g.organization_id WHERE g.name = 'ledger';
DO $$ DECLARE m date; BEGIN FOR i IN 0..4 LOOP
	m := date_trunc('month', now() AT TIME ZONE 'UTC')::date - make_interval(months => i);
	EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF usage_counters FOR VALUES FROM (%s) TO (%s)', 'usage_counters_' || to_char(m, 'YYYY_MM'),
		extract(epoch FROM m)::bigint / 3600, extract(epoch FROM m + interval '1 month')::bigint / 3600);
END LOOP; END $$;
INSERT INTO routes (id, organization_id, gateway_id, name, document, revision, created_at, updated_at)
	SELECT 'rt_' || lpad(i::text, 26, '0'), org_id, g.id, 'route-' || i, '{}', 1, 0, 0 FROM g, generate_series(1, 200) i;
INSERT INTO consumers (id, organization_id, gateway_id, name, metadata, revision, created_at, updated_at)
	SELECT 'con_' || lpad(i::text, 26, '0'), org_id, g.id, 'consumer-' || i, '{}', 1, 0, 0 FROM g, generate_series(1, 1000) i;
INSERT INTO api_keys (kid, shard, organization_id, gateway_id, consumer_id, name, test, hash, pepper, scopes, state, version, created_by, created_at, updated_at)
	SELECT 1000000 + i, 0, org_id, g.id, 'con_' || lpad(i::text, 26, '0'), 'key ' || i, false, decode(repeat('00', 32), 'hex'), 1, '', 1, 1, '', 0, 0 FROM g, generate_series(1, 1000) i;
INSERT INTO usage_counters (source_id, hour, organization, gateway, route, consumer, kid, plan, seq, admitted, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
	SELECT 1 + k % 2, h, g.org, g.num, r.num, c.num, 1000000 + k, 1, 1, n + 2, n + 2, n, 1, 2, 1, 2, n * 100, n * 1000
	FROM g, generate_series(extract(epoch FROM now())::bigint / 3600 - 90 * 24, extract(epoch FROM now())::bigint / 3600) h, generate_series(1, 1000) k,
		LATERAL (SELECT (k * 7 + h * 13) % 50 AS n) x,
		LATERAL (SELECT num FROM routes WHERE id = 'rt_' || lpad((1 + k % 200)::text, 26, '0')) r,
		LATERAL (SELECT num FROM consumers WHERE id = 'con_' || lpad(k::text, 26, '0')) c
	WHERE (k + h * 31) % 1000 < 926;
INSERT INTO usage_statuses (source_id, hour, gateway, route, status, count)
	SELECT 1, hour, gateway, route, s, CASE s WHEN 200 THEN SUM(c2xx) WHEN 304 THEN SUM(c3xx) WHEN 429 THEN SUM(c4xx) ELSE SUM(c5xx) END
	FROM usage_counters, unnest(ARRAY[200, 304, 429, 502]) s GROUP BY hour, gateway, route, s;
INSERT INTO usage_latencies (source_id, hour, gateway, route, edge, upstream)
	SELECT 1, hour, gateway, route, '3:100 4:50 9:1', '20:10 28:100 31:30 40:2' FROM usage_counters WHERE kid <= 1000020 GROUP BY hour, gateway, route;
`

// splitSeed fills the sums of targets and error codes, which nothing older than
// this release has.
const splitSeed = `
INSERT INTO usage_split_sums (gateway, dim, span, part, at, route, value, c2xx, c3xx, c4xx, c5xx, failed, bytes_in, bytes_out)
	SELECT gateway, 1, span, part, at, route, t, c2xx / 4, c3xx / 4, 0, c5xx / 4, 1, bytes_in / 4, bytes_out / 4
	FROM usage_sums, unnest(ARRAY[101, 103, 105]) t WHERE span <> 1;
INSERT INTO usage_split_sums (gateway, dim, span, part, at, route, value, c2xx, c3xx, c4xx, c5xx, failed, bytes_in, bytes_out)
	SELECT gateway, 2, span, part, at, route, 7, 0, 0, c4xx, 0, 0, 0, 0 FROM usage_sums WHERE span <> 1;
INSERT INTO usage_target_latencies (gateway, span, part, at, route, value, edge, upstream)
	SELECT gateway, span, part, at, route, value, '', '20:10 28:100 31:30 40:2' FROM usage_split_sums WHERE dim = 1 AND part = 0;
ANALYZE;
`

// backfill is what the migration does with a ledger that is there already.
func backfill(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../migrations/postgres/00021_usage_sums.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, s, ok := strings.Cut(string(b), "-- What the ledger holds already.")
	s, _, down := strings.Cut(s, "-- +goose Down")
	if !ok || !down {
		t.Fatal("the migration does not say where it fills the sums")
	}
	return s
}

// TestBenchLedger asks what the analytics pages ask of a ledger of 2 million rows
// over 90 days, and holds every answer's total against the ledger itself.
func TestBenchLedger(t *testing.T) {
	c := harness.New(t, harness.Options{})
	api := c.SignUp("ledger")
	api.Must("POST", "/v1/gateways", harness.Object{"name": "ledger"})
	sql := func(script string) string {
		t.Helper()
		out, err := c.Postgres.SQL(context.Background(), script)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	began := time.Now()
	sql(ledgerSeed)
	seeded := time.Since(began)
	began = time.Now()
	sql(backfill(t) + splitSeed)
	t.Logf("seeded in %s, summed up in %s: %s rows in the ledger", seeded.Round(time.Second), time.Since(began).Round(time.Second), sql("SELECT count(*) FROM usage_counters"))

	// All whole days that the ledger has, and the hours around them.
	to := time.Now().UTC().Truncate(time.Hour).Add(time.Hour)
	from := to.AddDate(0, 0, -90)
	day := func(t time.Time) string { return t.Truncate(24 * time.Hour).Format(time.RFC3339) }
	whole := url.Values{"from": {day(from)}, "to": {day(to)}, "compare": {"true"}}
	sixty := day(to.AddDate(0, 0, -60))
	for _, q := range []struct {
		name  string
		with  url.Values
		where string // of the ledger; empty: its requests are not what the total counts
	}{
		{"90 days", url.Values{}, "true"},
		{"90 days by route", url.Values{"group_by": {"route"}}, "true"},
		{"90 days by consumer", url.Values{"group_by": {"consumer"}}, "true"},
		{"90 days by key", url.Values{"group_by": {"key"}}, "true"},
		{"90 days by status", url.Values{"group_by": {"status"}}, "true"},
		{"90 days by target", url.Values{"group_by": {"target"}}, "true"},
		{"90 days by error code", url.Values{"group_by": {"code"}}, ""},
		{"90 days, keys of one route", url.Values{"group_by": {"key"}, "route": {"route-7"}}, "route = (SELECT num FROM routes WHERE name = 'route-7')"},
		{"90 days, routes of one consumer", url.Values{"group_by": {"route"}, "consumer": {"consumer-9"}}, "kid = 1000009"},
		{"90 days, one key", url.Values{"key": {"key_00000004C9"}}, ""},
		{"90 days, 4xx by consumer", url.Values{"group_by": {"consumer"}, "status": {"4xx"}}, ""},
		{"90 days by key, largest by bytes", url.Values{"group_by": {"key"}, "sort": {"bytes_out"}}, "true"},
		{"90 days by key, the first 160", url.Values{"group_by": {"key"}, "limit": {"160"}}, "true"},
		{"90 days by key, ends within days", url.Values{"group_by": {"key"}, "interval": {"total"}, "from": {from.Add(5 * time.Hour).Format(time.RFC3339)}, "to": {to.Add(-7 * time.Hour).Format(time.RFC3339)}}, "true"},
		{"60 days by hour", url.Values{"interval": {"hour"}, "from": {sixty}}, ""},
		{"60 days by hour, totals of routes", url.Values{"interval": {"hour"}, "from": {sixty}, "group_by": {"route"}, "points": {"false"}}, "true"},
		{"60 days by hour and route", url.Values{"interval": {"hour"}, "from": {sixty}, "group_by": {"route"}, "limit": {"10"}}, "true"},
		{"60 days by hour and key", url.Values{"interval": {"hour"}, "from": {sixty}, "group_by": {"key"}, "limit": {"10"}}, "true"},
		{"one number of 90 days by key", url.Values{"interval": {"total"}, "group_by": {"key"}}, "true"},
	} {
		with := url.Values{}
		for k, v := range whole {
			with[k] = v
		}
		for k, v := range q.with {
			with[k] = v
		}
		if with.Get("key") != "" {
			with.Set("key", "key_"+kidText(1000009))
		}
		report := judge(t, api, q.name, "/v1/gateways/ledger/usage?"+with.Encode(), analyticsBar)
		if q.where == "" {
			continue
		}
		f, e := unixHour(with.Get("from")), unixHour(with.Get("to"))
		want, err := strconv.ParseFloat(sql(fmt.Sprintf("SELECT SUM(c2xx + c3xx + c4xx + c5xx) FROM usage_counters WHERE hour >= %d AND hour < %d AND %s", f, e, q.where)), 64)
		if err != nil {
			t.Fatal(err)
		}
		total := report["total"].(harness.Object)["requests"].(float64)
		sum := 0.0
		for _, g := range report["series"].([]any) {
			sum += g.(harness.Object)["total"].(harness.Object)["requests"].(float64)
		}
		if other, ok := report["other"].(harness.Object); ok {
			sum += other["requests"].(float64)
		}
		if total != want || sum != want || want < 1000 {
			t.Errorf("%s: the answer's total is %.0f, its groups sum to %.0f, the ledger has %.0f", q.name, total, sum, want)
		}
	}
	// More than one answer holds is refused with what to ask for.
	r, err := api.Do("GET", "/v1/gateways/ledger/usage?"+url.Values{"interval": {"hour"}, "group_by": {"route"}, "from": {sixty}, "to": {day(to)}}.Encode(), nil)
	if err != nil || r.Status != 422 || !strings.Contains(string(r.Body), "ask for interval=day, limit=10, or points=false") {
		t.Errorf("60 days by hour and 20 routes: %v %d %s", err, r.Status, r.Body)
	}
	t.Logf("%s requests in the ledger", sql("SELECT SUM(c2xx + c3xx + c4xx + c5xx) FROM usage_counters"))
}

func unixHour(s string) int64 {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0
	}
	return at.Unix() / 3600
}

// kidText is a kid as it is written: 10 digits of base 62.
func kidText(kid uint64) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	b := []byte("0000000000")
	for i := len(b) - 1; kid > 0; i-- {
		b[i] = digits[kid%62]
		kid /= 62
	}
	return string(b)
}

// judge asks once to warm up and then several times; the median is judged.
func judge(t *testing.T, api *harness.API, name, path string, bar time.Duration) harness.Object {
	t.Helper()
	var times []time.Duration
	var body []byte
	for i := range tries + 1 {
		began := time.Now()
		r, err := api.Do("GET", path, nil)
		took := time.Since(began)
		if err != nil || r.Status != 200 {
			t.Fatalf("%s: %v %d %s", name, err, r.Status, r.Body)
		}
		if body = r.Body; i > 0 {
			times = append(times, took)
		}
	}
	slices.Sort(times)
	median, worst := times[len(times)/2], times[len(times)-1]
	t.Logf("%-36s median %4d ms, worst %4d ms, %7d bytes", name, median.Milliseconds(), worst.Milliseconds(), len(body))
	if median > bar {
		t.Errorf("%s: the median is %s, the bar %s", name, median, bar)
	}
	var o harness.Object
	if err := json.Unmarshal(body, &o); err != nil {
		t.Fatal(err)
	}
	return o
}
