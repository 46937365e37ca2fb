package apitest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// TestOperatorEdges: the console lists edges with what they say of themselves and
// how far behind they are, and asks nobody who is not there.
func TestOperatorEdges(t *testing.T) {
	t.Parallel()
	eachWith(t, settingsFor{operators: []string{boss}}, func(t *testing.T, e *env) {
		o, _ := e.operator()
		ada := e.signup("ada")
		g := ada.demo("demo")
		ada.published(g)
		if l := o.get("/v1/operator/edges").want(200).list("items"); len(l) != 0 {
			t.Fatalf("edges: %v", l)
		}
		o.post("/v1/operator/edges/nobody/drain", object{"reason": "x"}).wantCode(404, "not_found")
		p := &pretend{e: e, keys: &e.app.Config.Root.Edge, ahead: 30 * time.Second, EdgeReport: contract.EdgeReport{
			ID: "edge-1", Version: "1.2.3", Ready: true, Lineage: e.lineage(), Schema: contract.SchemaVersion, Rev: e.newest(),
			Started: e.clock.now().Add(-time.Hour).UnixMilli(), Requests: 1000, Open: 3, PerSecond: 12.345, Connections: 7, CPU: 0.5, Memory: 1 << 26,
		}}
		p.report()
		edge := o.get("/v1/operator/edges").want(200).list("items")[0].(object)
		for field, want := range map[string]any{
			"id": "edge-1", "version": "1.2.3", "ready": true, "draining": false, "resting": false, "reachable": true, "lag_revisions": 0.0,
			"requests": 1000.0, "requests_per_second": 12.35, "open_requests": 3.0, "connections": 7.0, "cpu": 0.5, "memory_bytes": float64(1 << 26),
		} {
			if edge[field] != want {
				t.Errorf("%s is %v, want %v", field, edge[field], want)
			}
		}
		ada.post(g+"/routes", object{"name": "r5", "match": object{"path": "/r5"}, "upstream": "u", "public": true}).want(201)
		eventually(t, "an edge that lags", func() bool {
			edge = o.get("/v1/operator/edges").want(200).list("items")[0].(object)
			return edge["lag_revisions"] != 0.0 && edge["behind_since"] != nil
		})
		// It is there, but nobody answers for it: the order is in the audit, and refused.
		o.post("/v1/operator/edges/edge-1/drain", object{}).wantFields("/reason")
		o.post("/v1/operator/edges/edge-1/drain", object{"reason": "a new disk"}).wantCode(503, "unavailable")
		line := o.get("/v1/operator/audit?action=edge.drain").want(200).list("items")[0].(object)
		if line["reason"] != "a new disk" || line["resource"].(object)["id"] != "edge-1" || line["organization"] != nil {
			t.Errorf("the line is %v", line)
		}
		e.clock.advance(time.Minute)
		if edge := o.get("/v1/operator/edges").want(200).list("items")[0].(object); edge["reachable"] != false || edge["ready"] != false {
			t.Errorf("an edge that is gone: %v", edge)
		}
		o.post("/v1/operator/edges/edge-1/undrain", object{"reason": "x"}).wantCode(409, "conflict")
	})
}

// TestOperatorOutgoing: credits that wait are listed, and dropped with a reason that stands
// in both audits.
func TestOperatorOutgoing(t *testing.T) {
	t.Parallel()
	eachWith(t, settingsFor{operators: []string{boss}}, func(t *testing.T, e *env) {
		o, _ := e.operator()
		ada, bob := e.signup("ada"), e.signup("bob")
		const path = "/v1/operator/outgoing"
		for i, c := range []*caller{ada, bob, ada} {
			o.post("/v1/operator/organizations/"+c.org+"/credits", object{"cents": 500 + i, "reason": fmt.Sprint("outage ", i)}).want(201)
		}
		first := o.get(path + "?limit=1").want(200)
		rest := o.get(path + "?cursor=" + first.str("next_cursor")).want(200)
		all := append(first.list("items"), rest.list("items")...)
		of := o.get(path + "?organization=" + ada.org).want(200).list("items")
		if len(first.list("items")) != 1 || len(all) != 3 || rest.at("next_cursor") != nil || len(of) != 2 {
			t.Fatalf("%s, %s, of ada %v", first.body, rest.body, of)
		}
		one := of[0].(object)
		for field, want := range map[string]any{
			"kind": "credit", "organization": ada.org, "name": "ada", "cents": 500.0, "currency": "usd", "text": "outage 0", "actor": "boss@example.com",
			"tries": 0.0, "last_error": nil, "next_at": nil, "droppable": true, "sending": false,
		} {
			if one[field] != want {
				t.Errorf("%s is %v, want %v", field, one[field], want)
			}
		}
		of1 := path + "/" + one["id"].(string)
		o.post(of1+"/drop", object{"reason": ""}).wantFields("/reason")
		o.post(of1+"/drop", object{"reason": strings.Repeat("x", 501)}).wantFields("/reason")
		o.post(of1+"/retry", object{"reason": "now"}).wantCode(409, "payment_not_set_up")
		o.post(path+"/credit:cr_none/drop", object{"reason": "x"}).wantCode(404, "not_found")
		o.post(path+"/nothing/retry", object{"reason": "x"}).wantCode(404, "not_found")
		ada.login().post(of1+"/drop", object{"reason": "mine"}).want(404)
		o.post(of1+"/drop", object{"reason": "given twice"}).want(204)
		o.post(of1+"/drop", object{"reason": "given twice"}).wantCode(404, "not_found")
		if left := o.get(path).want(200).list("items"); len(left) != 2 {
			t.Errorf("%v is left", left)
		}
		if credit := ada.get("/v1/subscription").want(200).at("credit_cents"); credit != 502.0 {
			t.Errorf("the credit is %v", credit)
		}
		line := o.get("/v1/operator/audit?action=outgoing.drop").want(200).list("items")[0].(object)
		if line["reason"] != "given twice" || line["organization"] != ada.org || line["detail"].(object)["cents"] != 500.0 {
			t.Errorf("the operators' line is %v", line)
		}
		if lines := ada.get("/v1/audit?action=outgoing.drop").want(200).list("items"); len(lines) != 1 || lines[0].(object)["detail"].(object)["reason"] != "given twice" {
			t.Errorf("the organization's lines are %v", lines)
		}
	})
}

func TestOperatorQueues(t *testing.T) {
	t.Parallel()
	eachWith(t, settingsFor{operators: []string{boss}}, func(t *testing.T, e *env) {
		o, _ := e.operator()
		e.redisCLI(nil, "XADD", contract.RedisUsage(0), "*", "b", "not a batch")
		a := o.get("/v1/operator/queues").want(200)
		names := map[string]object{}
		for _, item := range a.list("items") {
			names[item.(object)["name"].(string)] = item.(object)
		}
		for _, want := range []string{"outbox", "publish_failures", "mails", "alerts", "alert_mails", "alert_webhooks", "webhooks", "telemetry", "usage_unsealed", "billing_hours", "stripe_syncs", "stripe_credits", "stripe_adjustments", "stripe_parked", "stripe_usage", "tg:usage:0", "tg:usage:3", "tg:logs:1"} {
			if names[want] == nil {
				t.Errorf("%s is missing: %s", want, a.body)
			}
		}
		if len(a.list("unreachable")) != 0 {
			t.Errorf("unreachable: %s", a.body)
		}
		if err := e.redis.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = e.redis.Wait()
		if a := o.get("/v1/operator/queues").want(200); len(a.list("unreachable")) != 1 || len(a.list("items")) < 8 {
			t.Errorf("without Redis: %s", a.body)
		}
		o.get("/v1/operator/edges").wantCode(503, "unavailable")
	})
}

// TestOperatorSignals makes what stands out, and what nearly does, in the tables
// that the usage worker writes.
func TestOperatorSignals(t *testing.T) {
	t.Parallel()
	eachWith(t, settingsFor{operators: []string{boss}}, func(t *testing.T, e *env) {
		o, _ := e.operator()
		e.clock.freeze() // no hour ends, and no day
		now := e.clock.now()
		hour, day, minute := now.Unix()/3600, now.Unix()/86400, now.Unix()/60
		run := func(format string, args ...any) {
			t.Helper()
			e.exec(e.dbURL, fmt.Sprintf(format, args...))
		}
		billed := func(gateway, span, at, n int64) {
			t.Helper()
			run("INSERT INTO usage_sums (gateway, span, part, at, route, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out) VALUES (%d, %d, 0, %d, 0, %d, %d, 0, 0, 0, 0, 0, 0)", gateway, span, at, n, n)
		}
		gateways := map[string]int64{}
		for _, name := range []string{"shy", "fresh", "calm", "loud", "steady", "flood", "quiet"} {
			c := e.signup(name)
			c.post("/v1/gateways", object{"name": name}).want(201)
			_, num := e.nums(c, name)
			gateways[name] = int64(num)
			old := now.AddDate(0, -2, 0).UnixMilli()
			if name != "fresh" && name != "calm" {
				run("UPDATE organizations SET created_at = %d WHERE id = '%s'", old, c.org)
			}
			if name == "shy" {
				run("UPDATE organizations SET verified = false WHERE id = '%s'", c.org)
			}
		}
		billed(gateways["shy"], 60, hour, 3)
		billed(gateways["fresh"], 60, hour-1, 30_000)
		billed(gateways["fresh"], 60, hour, 30_000)
		billed(gateways["calm"], 60, hour, 10)
		for d := int64(1); d <= 7; d++ {
			billed(gateways["loud"], 1440, day-d, 2000+d)
			billed(gateways["steady"], 1440, day-d, 50_000)
		}
		billed(gateways["loud"], 1440, day, 40_000)
		billed(gateways["steady"], 1440, day, 60_000)
		for name, n := range map[string]int64{"flood": 80, "quiet": 10} {
			for m := int64(1); m <= 10; m++ {
				run("INSERT INTO usage_status_sums (gateway, span, part, at, route, status, count) VALUES (%d, 1, 0, %d, 0, 401, %d)", gateways[name], minute-m, n)
			}
		}
		got := map[string]string{}
		for _, item := range o.get("/v1/operator/abuse").want(200).list("items") {
			x := item.(object)
			var figures []string
			for _, n := range x["numbers"].([]any) {
				if name := n.(object)["name"].(string); name != "created_at" {
					figures = append(figures, fmt.Sprintf("%s=%.0f", name, n.(object)["value"]))
				}
			}
			got[x["kind"].(string)+" "+x["name"].(string)] = strings.Join(figures, " ")
		}
		want := map[string]string{
			"unverified_traffic shy": "requests_24h=3", "new_heavy fresh": "requests_24h=60000", "unusual_spend loud": "requests_today=40000 median_7_days=2004",
			"refused_flood flood": "answers_401=800 answers_404=0 answers_429=0",
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s: %q, want %q", k, got[k], v)
			}
			delete(got, k)
		}
		if len(got) > 0 {
			t.Errorf("also: %v", got)
		}
	})
}
