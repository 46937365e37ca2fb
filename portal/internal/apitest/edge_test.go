package apitest

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy/builtin"
	"github.com/tollgate/tollgate/services/contract"
)

// pretend is an edge of which only the reports exist: what it says of itself in
// Redis, signed as an edge signs.
type pretend struct {
	e    *env
	keys *contract.EdgeKeys
	// ahead is how far its clock is. A report from the future lasts: however slow the
	// machine is, the edge can be reached.
	ahead time.Duration
	contract.EdgeReport
}

// redisCLI runs one command; its last argument comes from stdin, since it is
// binary.
func (e *env) redisCLI(stdin []byte, args ...string) string {
	e.t.Helper()
	socket := strings.TrimPrefix(e.app.Config.RedisURL, "unix://")
	full := append([]string{"-s", socket}, args...)
	if stdin != nil {
		full = append([]string{"-s", socket, "-x"}, args...)
	}
	cmd := exec.CommandContext(e.t.Context(), "redis-cli", full...) //nolint:gosec // a test's own
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		e.t.Fatalf("redis-cli %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// report writes the edge's report as of now. The edge runs whatever is configured.
func (p *pretend) report() {
	p.e.t.Helper()
	p.Policies = builtin.Types()
	p.Time = p.e.clock.now().Add(p.ahead).UnixMilli()
	b, err := contract.EncodeMessage(p.keys, contract.MessageReport, &p.EdgeReport)
	if err != nil {
		p.e.t.Fatal(err)
	}
	p.e.redisCLI(b, "HSET", contract.RedisEdges, p.ID)
}

// newest is the newest revision in the change stream.
func (e *env) newest() uint64 {
	e.t.Helper()
	out := e.redisCLI(nil, "XREVRANGE", contract.RedisChanges, "+", "-", "COUNT", "1")
	id, _, _ := strings.Cut(strings.SplitN(out, "\n", 2)[0], "-")
	rev, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		e.t.Fatalf("no revision in %q", out)
	}
	return rev
}

// lineage is that of the head.
func (e *env) lineage() string {
	e.t.Helper()
	socket := strings.TrimPrefix(e.app.Config.RedisURL, "unix://")
	raw, err := exec.CommandContext(e.t.Context(), "redis-cli", "-s", socket, "GET", contract.RedisHead).Output() //nolint:gosec // a test's own
	if err != nil {
		e.t.Fatal(err)
	}
	var h contract.Head
	if _, err := contract.OpenDocument(e.app.Config.Root.Edge.Verifier, contract.KindHead, bytes.TrimSuffix(raw, []byte("\n")), &h); err != nil {
		e.t.Fatal(err)
	}
	return h.Lineage
}

// published waits until a gateway's newest version is out: it has a revision, and all
// that have one are in Redis.
func (c *caller) published(g string) {
	c.e.t.Helper()
	eventually(c.e.t, "the version is published", func() bool {
		return c.get(g+"/live").want(200).at("published") == true && c.e.count("SELECT count(*) FROM outbox WHERE sent_at = 0") == 0
	})
}

func TestWhatEdgesTell(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		key := ada.post(g+"/keys", object{"consumer": "c"}).want(201).str("id")
		ada.published(g)
		gatewayID := strings.TrimPrefix(g, "/v1/gateways/")
		near := &pretend{e: e, keys: &e.app.Config.Root.Edge, ahead: time.Minute, EdgeReport: contract.EdgeReport{
			ID: "edge-near", Ready: true, Lineage: e.lineage(), Schema: contract.SchemaVersion,
			Down: []contract.TargetState{{Gateway: gatewayID, Upstream: "u", Target: "http://127.0.0.1:9002", Reason: "connect refused", Since: e.clock.now().UnixMilli()}},
		}}
		near.Rev = e.newest()
		near.report()
		if a := ada.get(g).want(200); a.at("live", "edges") != 1.0 || a.at("live", "edges_live") != 1.0 {
			t.Errorf("gateway is %s", a.body)
		}
		if list := ada.get("/v1/gateways").want(200).list("items"); list[0].(object)["live"].(object)["edges_live"] != 1.0 {
			t.Errorf("gateways are %v", list)
		}
		h := ada.get(g + "/health").want(200)
		up := map[string]bool{}
		for _, x := range h.list("targets") {
			up[x.(object)["target"].(string)] = x.(object)["healthy"].(bool)
		}
		if len(up) != 2 || !up["http://127.0.0.1:9001"] || up["http://127.0.0.1:9002"] {
			t.Errorf("health is %s", h.body)
		}
		// A change: not live before the edge says so, live after.
		ada.put(g+"/routes/more", object{"match": object{"path": "/more"}, "upstream": "u", "public": true}).want(201)
		ada.published(g)
		near.report()
		if a := ada.get(g + "/live").want(200); a.at("live") != false {
			t.Errorf("live too early: %s", a.body)
		}
		done := make(chan *answer, 1)
		go func() { done <- ada.get(g + "/live?wait=60s") }()
		near.Rev = e.newest()
		applied := e.clock.now().UnixMilli()
		near.Applied = []contract.Applied{{Rev: near.Rev - 1, Time: applied - 1}, {Rev: near.Rev, Time: applied}}
		near.report()
		if a := (<-done).want(200); a.at("live") != true || len(a.list("edges")) != 1 || a.list("edges")[0].(object)["took_ms"] == nil {
			t.Errorf("live answered %s", a.body)
		}
		// A revocation: the receipt waits for the edge that lives, and lists the
		// one that is gone.
		far := &pretend{e: e, keys: near.keys, EdgeReport: contract.EdgeReport{ID: "edge-far", Lineage: near.Lineage, Rev: near.Rev}}
		far.report()
		e.clock.advance(5 * time.Second)
		near.report()
		go func() { done <- ada.post(g+"/keys/"+key+"/revoke?wait=60s", nil) }()
		eventually(t, "the revocation is published", func() bool {
			return e.newest() != near.Rev && e.count("SELECT count(*) FROM outbox WHERE sent_at = 0") == 0
		})
		near.Rev = e.newest()
		near.Applied = append(near.Applied, contract.Applied{Rev: near.Rev, Time: e.clock.now().UnixMilli()})
		near.report()
		a := (<-done).want(200)
		if a.at("complete") != true || len(a.list("confirmed")) != 1 || len(a.list("unreachable")) != 1 {
			t.Errorf("the receipt is %s", a.body)
		}
		// A forged report is no edge.
		forged := *near
		forged.keys = &contract.EdgeKeys{}
		forged.ID = "edge-forged"
		forged.report()
		if n := len(ada.get(g + "/health").want(200).list("edges")); n != 2 {
			t.Errorf("%d edges, want 2", n)
		}
	})
}

// logged sends log records as an edge does.
func (e *env) logged(records ...contract.LogRecord) {
	e.t.Helper()
	b, err := contract.EncodeMessage(&e.app.Config.Root.Edge, contract.MessageLog, contract.LogBatch{Edge: "edge-near", Records: records})
	if err != nil {
		e.t.Fatal(err)
	}
	e.redisCLI(b, "XADD", contract.RedisLogs(0), "*", contract.BatchField)
}

// nums are the numeric identities of a gateway, as an edge knows them.
func (e *env) nums(c *caller, ref string) (organization, gateway uint64) {
	e.t.Helper()
	g, err := e.app.Gateways.Get(e.t.Context(), e.orgID(c), ref)
	if err != nil {
		e.t.Fatal(err)
	}
	return g.OrganizationNum, g.Num
}

func TestLogs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada, bob := e.signup("ada"), e.signup("bob")
		g := ada.demo("demo")
		other := bob.demo("other")
		org, num := e.nums(ada, "demo")
		record := func(id string, status int) contract.LogRecord {
			return contract.LogRecord{
				Time: e.clock.now().UnixMilli(), RequestID: id, Organization: org, Gateway: num, Version: 4, Route: "r", Method: "GET",
				Host: "demo.localhost", Path: "/orders/7", Protocol: "HTTP/1.1", Client: "192.0.2.1", Status: status, EdgeMS: 0.1, UpstreamMS: 2,
			}
		}
		stream := follow(t, ada, g+"/logs?follow=true&status=5xx")
		bad := record("request-bad-1", 503)
		bad.Code, bad.Trace = "upstream_unavailable", &contract.Trace{Edge: "edge-near", Path: "/orders/7", Status: 503}
		e.logged(record("request-ok-1", 200), bad)
		var line string
		select {
		case line = <-stream:
		case <-time.After(time.Minute):
			t.Fatal("no event came")
		}
		if !strings.Contains(line, `"request-bad-1"`) || strings.Contains(line, `"organization"`) {
			t.Errorf("event is %s", line)
		}
		list := ada.get(g + "/logs").want(200)
		if len(list.list("items")) != 2 || strings.Contains(string(list.body), "192.0.2.2") {
			t.Fatalf("logs are %s", list.body)
		}
		if a := ada.get(g + "/logs?status=2xx&route=r&path=/orders").want(200); len(a.list("items")) != 1 {
			t.Errorf("filtered logs are %s", a.body)
		}
		one := ada.get(g + "/requests/request-bad-1").want(200)
		if one.str("trace", "path") != "/orders/7" || !strings.HasSuffix(one.str("time"), "Z") {
			t.Errorf("request is %s", one.body)
		}
		bob.get(other+"/requests/request-bad-1").wantCode(404, "not_found")
		if n := len(bob.get(other + "/logs").want(200).list("items")); n != 0 {
			t.Errorf("another organization sees %d records", n)
		}
	})
}

// follow opens an event stream and returns its data lines.
func follow(t *testing.T, c *caller, path string) <-chan string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.e.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("stream answered %d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	lines := make(chan string, 16)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(lines)
		for s := bufio.NewScanner(res.Body); s.Scan(); {
			if data, ok := strings.CutPrefix(s.Text(), "data: "); ok {
				lines <- data
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		res.Body.Close()
		<-ended
	})
	return lines
}

// TestDrainEndsStreams stops a portal while a stream and a waiting request are
// open: the stream ends at once, the request is waited for and answered.
func TestDrainEndsStreams(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada := e.signup("ada")
	g := ada.demo("demo")
	key := g + "/keys/" + ada.post(g+"/keys", object{"consumer": "c"}).want(201).str("id")
	ada.published(g)
	// An edge that can be reached never confirms: the receipt is waited for until the
	// clock, which stands, says that the wait is over.
	near := &pretend{e: e, keys: &e.app.Config.Root.Edge, EdgeReport: contract.EdgeReport{ID: "edge-near", Ready: true, Lineage: e.lineage(), Schema: contract.SchemaVersion}}
	e.clock.freeze()
	near.report()
	lines := follow(t, ada, g+"/logs?follow=true")
	waiting := make(chan *answer, 1)
	go func() { waiting <- ada.post(key+"/revoke?wait=60s", nil) }()
	eventually(t, "the request has arrived", func() bool { return ada.get(key).want(200).str("state") == "revoked" })
	stopped := make(chan struct{})
	go func() { defer close(stopped); e.stop() }()
	for range lines {
		t.Error("the stream says something")
	}
	select {
	case <-waiting:
		t.Fatal("the request was answered before its time")
	case <-stopped:
		t.Fatal("the portal did not wait for the request")
	default:
	}
	e.clock.advance(time.Minute)
	(<-waiting).want(200)
	<-stopped // says so where a request or a stream did not end
}
