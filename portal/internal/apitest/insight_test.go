package apitest

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// TestCheckChange asks what saving would do: the answers are those of saving, and
// nothing is saved.
func TestCheckChange(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		check := g + "/config/check"
		before := ada.get(g).want(200).at("version")
		open := object{"match": object{"path": "/open"}, "upstream": "u", "public": true}
		for what, c := range map[string]struct {
			body    object
			changes int
		}{
			"a new route":            {object{"route": object{"name": "open", "match": object{"path": "/open"}, "upstream": "u", "public": true}}, 1},
			"a route by its name":    {object{"name": "r", "route": open}, 1},
			"a route as it is":       {object{"name": "r", "route": routeBody}, 0},
			"an upstream":            {object{"name": "u", "upstream": object{"targets": []object{{"url": "http://127.0.0.1:9003"}}}}, 1},
			"the gateway's policies": {object{"policies": []object{{"type": "cors", "config": object{"allow_origins": []string{"https://a.test"}}}}}, 1},
		} {
			a := ada.post(check, c.body).want(200)
			if n := len(a.list("changes")); n != c.changes || a.at("version") != before {
				t.Errorf("%s: %d changes of version %v, want %d of %v: %s", what, n, a.at("version"), c.changes, before, a.body)
			}
		}
		for what, c := range map[string]struct {
			body object
			at   string
		}{
			"nothing":                 {object{}, ""},
			"two things":              {object{"route": open, "policies": []object{}}, ""},
			"a bad path":              {object{"name": "r", "route": object{"match": object{"path": "no slash"}, "upstream": "u", "public": true}}, "/route/match/path"},
			"an upstream that is not": {object{"name": "r", "route": object{"match": object{"path": "/x"}, "upstream": "none", "public": true}}, "/route/upstream"},
			"no scheme":               {object{"name": "u", "upstream": object{"targets": []object{{"url": "127.0.0.1"}}}}, "/upstream/targets/0/url"},
			"an unknown policy":       {object{"policies": []object{{"type": "no_such"}}}, "/policies/0/type"},
		} {
			if a := ada.post(check, c.body); a.status != 422 || !strings.Contains(string(a.body), `"`+c.at+`"`) {
				t.Errorf("%s: want 422 at %q: %d %s", what, c.at, a.status, a.body)
			}
		}
		ada.invite("viewer", "viewer").post(check, object{"name": "r", "route": open}).want(200)
		if after := ada.get(g).want(200).at("version"); after != before {
			t.Errorf("checks made version %v of %v", after, before)
		}
	})
}

// TestCheckPlan asks what a set of changes would do, to a gateway that is there and
// to one that is not.
func TestCheckPlan(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		before := ada.get(g).want(200).at("version")
		route := func(name, path, upstream string) object {
			return object{"name": name, "match": object{"path": path}, "upstream": upstream, "public": true}
		}
		up := object{"name": "v", "targets": []object{{"url": "http://127.0.0.1:9004"}}}
		signed := route("signed", "/signed", "v")
		signed["policies"] = []object{{"type": "request_headers", "config": object{"set": object{"X-Key": object{"secret": "later"}}}}}
		for what, c := range map[string]struct {
			body    object
			changes int
		}{
			"an upstream and its route":  {object{"gateway": "demo", "config": object{"upstreams": []object{up}, "routes": []object{route("s", "/s", "v")}}}, 2},
			"a route as it is":           {object{"gateway": "demo", "config": object{"routes": []object{{"name": "r", "match": routeBody["match"], "upstream": "u", "public": true}}}}, -1},
			"a gateway that is not":      {object{"gateway": "new", "config": object{"upstreams": []object{up}, "routes": []object{route("s", "/s", "v")}}}, 2},
			"a secret that is to be":     {object{"gateway": "new", "secrets": []string{"later"}, "config": object{"upstreams": []object{up}, "routes": []object{signed}}}, 3},
			"a host that is to be there": {object{"gateway": "new", "domains": []string{"api.example.com"}, "config": object{"upstreams": []object{up}, "routes": []object{{"name": "h", "match": object{"path": "/h", "hosts": []string{"api.example.com"}}, "upstream": "v", "public": true}}}}, 3},
		} {
			a := ada.post("/v1/config/check", c.body).want(200)
			if n := len(a.list("changes")); c.changes >= 0 && n != c.changes {
				t.Errorf("%s: %d changes, want %d: %s", what, n, c.changes, a.body)
			}
		}
		if after := ada.get(g).want(200).at("version"); after != before {
			t.Errorf("checks made version %v of %v", after, before)
		}
		ada.put(g+"/usage-plans/gold", object{"rate_limit": object{"rate": 1, "per": "second"}}).want(201)
		ada.put(g+"/consumers/ann", object{"usage_plan": "gold"}).want(201)
		ended := g + "/keys/" + ada.post(g+"/keys", object{"consumer": "ann", "usage_plan": "gold"}).want(201).str("id")
		ada.post(ended+"/revoke", nil).want(200)
		if ada.get(ended).want(200).str("usage_plan") != "gold" {
			t.Error("a revoked key does not tell its usage plan")
		}
		before = ada.get(g).want(200).at("version")
		for what, c := range map[string]struct {
			config object
			want   string
		}{
			"an upstream that routes use": {object{"upstreams": []object{{"name": "u", "targets": []object{{"url": "http://127.0.0.1:9005"}}}}}, "requests of route r go to it"},
			"a route at another path":     {object{"routes": []object{{"name": "r", "match": object{"path": "/elsewhere"}, "upstream": "u", "public": true}}}, "it answers without credentials from now on; requests for /orders/{id} are left to other routes"},
			"the gateway's policies":      {object{"policies": []object{{"type": "response_headers", "config": object{"set": object{"X-A": "b"}}}}}, "1 route inherits them"},
			"a plan that consumers have":  {object{"usage_plans": []object{{"name": "gold", "rate_limit": object{"rate": 2, "per": "second"}}}}, "1 consumer or key has it"},
			"something new":               {object{"upstreams": []object{up}}, ""},
		} {
			a := ada.post("/v1/config/check", object{"gateway": "demo", "config": c.config}).want(200)
			var got string
			for _, e := range a.list("effects") {
				got += e.(object)["detail"].(string) + "; "
			}
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%s has the effect %q, want %q: %s", what, got, c.want, a.body)
			}
		}
		if ada.get(ended).want(200).str("usage_plan") != "gold" {
			t.Error("looking at a change took a revoked key's usage plan")
		}
		for what, c := range map[string]struct {
			body object
			at   string
		}{
			"an upstream that is not":    {object{"gateway": "new", "config": object{"routes": []object{route("s", "/s", "none")}}}, "/config/routes/0/upstream"},
			"two routes of one match":    {object{"gateway": "demo", "config": object{"upstreams": []object{up}, "routes": []object{route("a", "/same", "v"), route("b", "/same", "v")}}}, "/config/routes/1/match"},
			"a secret that is not":       {object{"gateway": "demo", "config": object{"upstreams": []object{up}, "routes": []object{signed}}}, "/config/routes/0/policies/0/config/set/X-Key"},
			"a policy on the gateway":    {object{"gateway": "demo", "config": object{"policies": []object{{"type": "no_such"}}}}, "/config/policies/0/type"},
			"no gateway":                 {object{"config": object{}}, "/gateway"},
			"a conflict with what is":    {object{"gateway": "demo", "config": object{"routes": []object{{"name": "other", "match": routeBody["match"], "upstream": "u", "public": true}}}}, "/config/routes/0/match"},
			"what the upstream contains": {object{"gateway": "demo", "config": object{"upstreams": []object{{"name": "v", "targets": []object{{"url": "127.0.0.1"}}}}}}, "/config/upstreams/0/targets/0/url"},
		} {
			if a := ada.post("/v1/config/check", c.body); a.status != 422 || !strings.Contains(string(a.body), `"`+c.at) {
				t.Errorf("%s: want 422 at %q: %d %s", what, c.at, a.status, a.body)
			}
		}
		if after := ada.get(g).want(200).at("version"); after != before {
			t.Errorf("checks made version %v of %v", after, before)
		}
	})
}

// record is a log record of a gateway.
func (e *env) record(org, gateway uint64, id string) contract.LogRecord {
	return contract.LogRecord{
		Time: e.clock.now().UnixMilli(), RequestID: id, Organization: org, Gateway: gateway, Version: 1, Route: "r", Method: "GET",
		Host: "demo.localhost", Path: "/orders/7", Protocol: "HTTP/1.1", Client: "192.0.2.1", Status: 200,
	}
}

// kept waits until the gateway's log has n records.
func (c *caller) kept(g string, n int) []any {
	c.e.t.Helper()
	var items []any
	eventually(c.e.t, fmt.Sprintf("%d records in the log", n), func() bool {
		items = c.get(g + "/logs?limit=200").want(200).list("items")
		return len(items) >= n
	})
	return items
}

// events opens an event stream and returns its lines that are no comments.
func (c *caller) events(path, last string) (lines <-chan string, stop func()) {
	c.e.t.Helper()
	ctx, cancel := context.WithCancel(c.e.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.e.base+path, nil)
	if err != nil {
		c.e.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		c.e.t.Fatal(err)
	}
	if res.StatusCode != 200 {
		c.e.t.Fatalf("GET %s: %d", path, res.StatusCode)
	}
	out, ended := make(chan string, 8192), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(out)
		for s := bufio.NewScanner(res.Body); s.Scan(); {
			if s.Text() != "" && s.Text()[0] != ':' {
				out <- s.Text()
			}
		}
	}()
	stop = func() { cancel(); res.Body.Close(); <-ended }
	c.e.t.Cleanup(stop)
	return out, stop
}

// until reads lines up to one that holds a text.
func until(t *testing.T, lines <-chan string, text string) (read []string) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case l, open := <-lines:
			if !open {
				t.Fatalf("%q did not come; %d lines did, and the stream ended", text, len(read))
			}
			if read = append(read, l); strings.Contains(l, text) {
				return read
			}
		case <-limit:
			t.Fatalf("%q did not come; %d lines did", text, len(read))
		}
	}
}

// TestFollowGoesOn: a stream goes on after the record that its caller names, in
// the query or as browsers do, and the header is the newer word.
func TestFollowGoesOn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		org, num := e.nums(ada, "demo")
		e.logged(e.record(org, num, "request-1"), e.record(org, num, "request-2"), e.record(org, num, "request-3"))
		id := map[string]string{}
		for _, it := range ada.kept(g, 3) {
			o := it.(object)
			id[o["request_id"].(string)] = o["id"].(string)
		}
		for what, c := range map[string]struct{ query, header, first string }{
			"after in the query":             {"&after=" + id["request-1"], "", "request-2"},
			"Last-Event-ID":                  {"", id["request-2"], "request-3"},
			"both: the header is newer":      {"&after=" + id["request-1"], id["request-2"], "request-3"},
			"neither: only what comes":       {"", "", "request-new"},
			"what is no id: only what comes": {"", "nonsense", "request-new"},
		} {
			t.Run(what, func(t *testing.T) {
				lines, stop := ada.events(g+"/logs?follow=true"+c.query, c.header)
				defer stop()
				if c.first == "request-new" {
					e.logged(e.record(org, num, "request-new-"+fmt.Sprint(len(what))))
				}
				if first := until(t, lines, "data: "); !strings.Contains(first[len(first)-1], c.first) {
					t.Errorf("the first record is %s", first[len(first)-1])
				}
			})
		}
		ada.get(g + "/logs?follow=true&status=nonsense").wantFields("/status")
	})
}

// TestFollowIsBounded: an organization follows so many times at once and no more,
// and a place that is left is free again.
func TestFollowIsBounded(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada, bob := e.signup("ada"), e.signup("bob")
	g := ada.demo("demo")
	var stop func()
	for range 20 {
		_, stop = ada.events(g+"/logs?follow=true", "")
	}
	if a := ada.get(g+"/logs?follow=true").wantCode(429, "throttled"); a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	bob.events(bob.demo("other")+"/logs?follow=true", "")
	stop()
	eventually(t, "a place that was left is free", func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.base+g+"/logs?follow=true", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+ada.token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode == 200
	})
}

// TestFollowSaysWhatItLeftOut: somebody who comes back to thousands of records
// gets the newest and a gap.
func TestFollowSaysWhatItLeftOut(t *testing.T) {
	t.Parallel()
	e := start(t, "postgres", settingsFor{})
	ada := e.signup("ada")
	g := ada.demo("demo")
	org, num := e.nums(ada, "demo")
	e.logged(e.record(org, num, "request-first"))
	first := ada.kept(g, 1)[0].(object)["id"].(string)
	const more = 4000
	for n := 0; n < more; n += contract.MaxLogRecords {
		batch := make([]contract.LogRecord, min(contract.MaxLogRecords, more-n))
		for i := range batch {
			batch[i] = e.record(org, num, fmt.Sprintf("request-%05d", n+i))
		}
		e.logged(batch...)
	}
	last := fmt.Sprintf("request-%05d", more-1)
	eventually(t, "the last record", func() bool { return len(ada.get(g+"/logs?request_id="+last).want(200).list("items")) == 1 })
	lines, _ := ada.events(g+"/logs?follow=true&after="+first, "")
	read := strings.Join(until(t, lines, last), "\n")
	if !strings.Contains(read, "event: gap") || strings.Contains(read, "request-00000") {
		t.Errorf("%d records were told without a gap", strings.Count(read, "data: {\""))
	}
}

// TestSearchLogs looks for text anywhere in a record.
func TestSearchLogs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		org, num := e.nums(ada, "demo")
		one, two := e.record(org, num, "request-one"), e.record(org, num, "request-two")
		one.Path, one.Query, one.UserAgent, one.Consumer = "/Orders/7", "color=100%25_blue", "curl/8.5", "acme"
		two.Path, two.Target, two.Host = "/invoices/9", "http://127.0.0.1:9001", "shop.example.com"
		e.logged(one, two)
		ada.kept(g, 2)
		for q, want := range map[string]string{
			"orders": "one", "ORDERS/7": "one", "100%25_blue": "one", "curl": "one", "acme": "one", "request-tw": "two", ":9001": "two",
			"Shop.Example": "two", "%": "one", "_": "one", "7%": "", "nothing": "", "'": "", `"`: "", `\`: "", "192.0.2.1": "", "status": "",
			strings.Repeat("x", 200): "",
		} {
			a := ada.with("Accept", "application/json").get(g + "/logs?q=" + escape(q)).want(200)
			got := ""
			for _, it := range a.list("items") {
				got += strings.TrimPrefix(it.(object)["request_id"].(string), "request-")
			}
			if got != want {
				t.Errorf("q=%s finds %q, want %q", q, got, want)
			}
		}
		ada.get(g + "/logs?q=" + strings.Repeat("x", 201)).wantFields("/q")
	})
}

func escape(s string) string {
	return strings.NewReplacer("%", "%25", `"`, "%22", `\`, "%5C", "'", "%27", " ", "+").Replace(s)
}

// TestTables: logs and usage as CSV, in which no cell is a formula.
func TestTables(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		org, num := e.nums(ada, "demo")
		evil := e.record(org, num, "request-evil")
		evil.Path, evil.Query, evil.UserAgent = "/x,\"y\"\n", `=HYPERLINK("http://evil.test")`, "@SUM(1+1)"
		e.logged(evil, e.record(org, num, "request-good"))
		ada.kept(g, 2)
		byFormat, byAccept := ada.get(g+"/logs?format=csv").want(200), ada.with("Accept", "text/csv").get(g+"/logs").want(200)
		if string(byFormat.body) != string(byAccept.body) {
			t.Error("format=csv and Accept: text/csv differ")
		}
		rows, err := csv.NewReader(strings.NewReader(string(byFormat.body))).ReadAll()
		if err != nil || len(rows) != 3 {
			t.Fatalf("%d rows, %v:\n%s", len(rows), err, byFormat.body)
		}
		cell := func(id, column string) string {
			for _, r := range rows[1:] {
				for i, name := range rows[0] {
					if r[1] == id && name == column {
						return r[i]
					}
				}
			}
			t.Errorf("no %s of %s", column, id)
			return ""
		}
		for column, want := range map[string]string{"path": evil.Path, "query": "'" + evil.Query, "user_agent": "'" + evil.UserAgent} {
			if got := cell("request-evil", column); got != want {
				t.Errorf("%s is %q, want %q", column, got, want)
			}
		}
		if one, err := csv.NewReader(strings.NewReader(string(ada.get(g + "/logs?format=csv&limit=1").want(200).body))).ReadAll(); err != nil || len(one) != 2 {
			t.Errorf("limit=1 has %d rows, %v", len(one), err)
		}
		usage := ada.get(g + "/usage?format=csv&group_by=consumer&interval=total").want(200)
		if ct := usage.header.Get("Content-Type"); !strings.HasPrefix(ct, "text/csv") || !strings.HasPrefix(string(usage.body), "time,consumer_id,consumer_name,requests,billed") {
			t.Errorf("usage is %s: %s", ct, usage.body)
		}
		ada.get(g + "/usage?format=xml").want(422)
	})
}

// TestPortalTakesSoManyAccounts: the subscription's consumers bound the accounts of
// one gateway's portal, each gateway by itself.
func TestPortalTakesSoManyAccounts(t *testing.T) {
	t.Parallel()
	plans := filepath.Join(t.TempDir(), "plans.json")
	one := `{"default": "tiny", "unverified_requests_per_day": 100, "plans": [{"name": "tiny", "num": 1, "title": "Tiny",
		"included_requests": 1000, "requests_per_second": 50, "burst": 100, "concurrency": 50, "gateways": 3, "consumers": 2, "keys": 5,
		"max_body_bytes": 10485760, "log_retention": "24h", "currency": "usd", "price_cents": 0}]}`
	if err := os.WriteFile(plans, []byte(one), 0o600); err != nil {
		t.Fatal(err)
	}
	eachWith(t, settingsFor{plans: plans}, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		first := ada.publish(ada.demo("first"), object{"usage_plan": "p"})
		second := ada.publish(ada.demo("second"), object{"usage_plan": "p"})
		for gateway, left := range map[string]float64{"first": 1, "new": 2} {
			a := ada.post("/v1/config/check", object{"gateway": gateway, "config": object{}}).want(200)
			if a.at("room", "plan") != "tiny" || a.at("room", "consumers", "limit") != 2.0 || a.at("room", "consumers", "left") != left || a.at("room", "keys", "limit") != 5.0 {
				t.Errorf("the room of %s: %s", gateway, a.body)
			}
		}
		dev := e.developer(first, "one@dev.example")
		other := e.developer(first, "two@dev.example")
		e.stranger(first).post("/signup", object{"email": "three@dev.example", "password": password, "name": "D"}).wantCode(403, "limit_reached")
		e.developer(second, "three@dev.example")
		// Each gateway has its owner's consumer already: one place is left.
		dev.put("/plan", object{"usage_plan": "p"}).want(200)
		other.put("/plan", object{"usage_plan": "p"}).wantCode(403, "limit_reached")
		dev.post("/me/delete", object{"password": password}).want(204)
		other.put("/plan", object{"usage_plan": "p"}).want(200)
		e.developer(first, "three@dev.example")
	})
}

// TestPortalSignInReplaces: a browser has one session at a portal. Signing in
// again ends the one before, whosever it was, and takes no secret from the browser.
func TestPortalSignInReplaces(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		label := ada.publish(ada.demo("demo"), object{"usage_plan": "p"})
		dev := e.developer(label, "dev@dev.example")
		elsewhere := e.stranger(label)
		elsewhere.post("/login", object{"email": "dev@dev.example", "password": password}).want(200)
		with := func(value string) *caller {
			return &caller{e: e, header: http.Header{"Cookie": {"tollgate_developer=" + value}}}
		}
		me := "/v1/developer/" + label + "/me"
		old := dev.cookie().Value
		dev.post("/login", object{"email": "dev@dev.example", "password": "wrong password"}).want(401)
		with(old).get(me).want(200) // a failed sign-in ends nothing
		dev.post("/login", object{"email": "dev@dev.example", "password": password}).want(200)
		if dev.cookie().Value == old {
			t.Error("the secret is the same after signing in again")
		}
		with(old).get(me).wantCode(401, "unauthenticated")
		dev.get("/me").want(200)
		elsewhere.get("/me").want(200) // another browser stays signed in

		// What somebody else put into the browser is neither taken nor left alive.
		mallory := e.developer(label, "mallory@dev.example")
		planted := mallory.cookie().Value
		for _, value := range []string{planted, "chosen-by-mallory", strings.Repeat("x", 4000)} {
			a := with(value).post("/v1/developer/"+label+"/login", object{"email": "dev@dev.example", "password": password}).want(200)
			c := a.cookieOf("tollgate_developer")
			if c == nil || c.Value == value {
				t.Fatalf("signing in with the cookie %.20q sets %v", value, c)
			}
			if who := with(c.Value).get(me).want(200); who.str("email") != "dev@dev.example" {
				t.Errorf("signed in as %s", who.body)
			}
			with(value).get(me).wantCode(401, "unauthenticated")
		}
	})
}
