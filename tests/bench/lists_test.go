package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// crowdSeed gives a gateway 2,000 consumers and 100,000 keys.
const crowdSeed = `
CREATE TEMP TABLE g AS SELECT id, organization_id AS org FROM gateways WHERE name = 'crowd';
INSERT INTO consumers (id, organization_id, gateway_id, name, metadata, revision, created_at, updated_at)
	SELECT 'con_' || lpad(i::text, 26, '0'), org, g.id, 'consumer-' || i, '{}', 1, i, i FROM g, generate_series(1, 2000) i;
INSERT INTO api_keys (kid, shard, organization_id, gateway_id, consumer_id, name, test, hash, pepper, scopes, state, version, created_by, created_at, updated_at)
	SELECT 1000000 + i * 7919, 0, org, g.id, 'con_' || lpad((1 + i % 2000)::text, 26, '0'), 'Key ' || md5(i::text), false, decode(repeat('00', 32), 'hex'), 1, '',
		CASE WHEN i % 10 = 0 THEN 2 ELSE 1 END, 1, 'seed', i, i FROM g, generate_series(1, 100000) i;
ANALYZE;
`

// TestBenchLists asks for pages of lists of 10,000 routes and 100,000 keys, and
// times the changes of a gateway of that size.
func TestBenchLists(t *testing.T) {
	c := harness.New(t, harness.Options{})
	api := c.SignUp("crowd")
	api.HTTP.Timeout = 2 * time.Minute
	api.Must("POST", "/v1/gateways", harness.Object{"name": "crowd"})
	routes := make([]harness.Object, 10_000)
	for i := range routes {
		routes[i] = harness.Object{"name": fmt.Sprintf("route-%05d", i), "match": harness.Object{"path": fmt.Sprintf("/area-%d/item-%d", i%100, i)}, "upstream": "app", "public": true}
	}
	timed := func(name string, do func()) {
		began := time.Now()
		do()
		t.Logf("%-36s %5d ms", name, time.Since(began).Milliseconds())
	}
	upstreams := []harness.Object{{"name": "app", "targets": []harness.Object{{"url": "http://127.0.0.1:3333"}}}}
	timed("PUT config of 10,000 routes", func() {
		api.Must("PUT", "/v1/gateways/crowd/config", harness.Object{"upstreams": upstreams, "routes": routes})
	})
	timed("live on the edge after", func() { waitLive(t, api) })
	if _, err := c.Postgres.SQL(context.Background(), crowdSeed); err != nil {
		t.Fatal(err)
	}
	g := "/v1/gateways/crowd"
	for _, q := range []struct{ name, path string }{
		{"routes", g + "/routes"},
		{"routes, newest first", g + "/routes?sort=-created_at&limit=50"},
		{"routes that hold a text", g + "/routes?q=ITEM-9999"},
		{"routes of an upstream, counted", g + "/routes?upstream=app&count=true"},
		{"routes that hold nothing like it", g + "/routes?q=zzzz&count=true"},
		{"consumers", g + "/consumers?count=true"},
		{"consumers that hold a text", g + "/consumers?q=SUMER-1999"},
		{"keys", g + "/keys"},
		{"keys, newest first, counted", g + "/keys?sort=-created_at&count=true"},
		{"keys by name", g + "/keys?sort=name"},
		{"keys by the beginning of one", g + "/keys?q=tg_live_" + kidText(1000000+50_000*7919)},
		{"keys that hold a text", g + "/keys?q=e4da3b"},
		{"keys that hold nothing like it", g + "/keys?q=zzzz&count=true"},
		{"keys of a consumer", g + "/keys?consumer=consumer-77"},
		{"revoked keys, counted", g + "/keys?state=revoked&count=true"},
		{"audit", "/v1/audit?q=config&count=true"},
	} {
		judge(t, api, q.name, q.path, listBar)
	}
	for i := range 3 {
		timed("PUT of one route among 10,000", func() {
			api.Must("PUT", g+"/routes/route-00042", harness.Object{"match": harness.Object{"path": fmt.Sprintf("/area-42/moved-%d", i)}, "upstream": "app", "public": true})
		})
	}
	timed("live on the edge after", func() { waitLive(t, api) })
	timed("GET config", func() { api.Must("GET", g+"/config", nil) })
	timed("a new key", func() { api.Key("crowd", "consumer-1", nil) })
}

// waitLive waits until the newest version is served, however long that takes.
func waitLive(t *testing.T, api *harness.API) {
	t.Helper()
	err := harness.Until(context.Background(), 2*time.Minute, func() error {
		if o := api.Must("GET", "/v1/gateways/crowd/live?wait=5s", nil); o["live"] != true {
			return fmt.Errorf("%v", o)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
