package apitest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// fakeEdge answers with the host and the path that it was asked for.
func fakeEdge(t *testing.T) *url.URL {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "0123456789abcdef")
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Host, r.RequestURI, r.Header.Get("X-Api-Key"))
	}))
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestTestRequests(t *testing.T) {
	t.Parallel()
	e := start(t, "postgres", settingsFor{edge: fakeEdge(t)})
	ada := e.signup("ada")
	g := ada.demo("demo")
	canary := "tg_live_CANARY0123_secret"
	in := object{"method": "POST", "path": "/orders/7?key=" + canary, "headers": object{"X-Api-Key": []string{canary}}, "body": "b"}
	a := ada.post(g+"/requests", in).want(200)
	if a.at("status") != 202.0 || a.str("body") != "POST demo.localhost /orders/7?key="+canary+" "+canary || a.str("request_id") != "0123456789abcdef" {
		t.Errorf("answer: %s", a.body)
	}
	audit := ada.get("/v1/audit?limit=10").want(200)
	if !strings.Contains(string(audit.body), "gateway.test_request") || strings.Contains(string(audit.body), "CANARY") {
		t.Errorf("audit: %s", audit.body)
	}
	ada.post(g+"/requests", object{"path": "http://other.test/"}).wantFields("/path")
	ada.post(g+"/requests", object{"path": "/", "headers": object{"Host": []string{"other.test"}}}).wantFields("/headers/Host")
	ada.invite("viewer", "viewer").post(g+"/requests", object{"path": "/"}).wantCode(403, "forbidden")
	statuses := map[int]int{}
	for range 30 {
		statuses[ada.post(g+"/requests", object{"path": "/"}).status]++
	}
	if statuses[200] == 0 || statuses[429] == 0 {
		t.Errorf("30 at once were answered %v", statuses)
	}

	dev := e.developer(ada.publish(g, object{"usage_plan": "p"}), "dev@dev.example")
	if a := dev.post("/try", object{"path": "//other.test/x"}).want(200); a.str("body") != "GET demo.localhost //other.test/x " {
		t.Errorf("a developer's try: %s", a.body)
	}
	e.stranger("demo").post("/try", object{"path": "/"}).wantCode(401, "unauthenticated")
	if i := ada.get("/v1/installation").want(200); i.at("test_requests") != true || i.str("edge_url") != "http://localhost:8000" {
		t.Errorf("installation: %s", i.body)
	}
}

func TestTestRequestsNeedAnEdge(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada := e.signup("ada")
	ada.post(ada.demo("demo")+"/requests", object{"path": "/"}).wantCode(503, "unavailable")
}

func TestCopyGateway(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada, bob := e.signup("ada"), e.signup("bob")
		staging := ada.demo("staging")
		ada.put(staging+"/secrets/token", object{"value": "CANARY of staging"}).want(201)
		ada.put(staging+"/policies", object{"items": []object{{"type": "request_headers", "config": object{"set": object{"X-Token": object{"secret": "token"}}}}}}).want(200)
		bob.demo("theirs")

		ada.post(staging+"/copy", object{"to": "staging"}).wantFields("/to")
		ada.post(staging+"/copy", object{"to": "production"}).wantFields("/to")
		ada.post(staging+"/copy", object{"to": "theirs"}).wantFields("/to")
		ada.post(staging+"/copy", object{"to": "Bad Name", "create": true}).wantFields("/to")
		dry := ada.post(staging+"/copy", object{"to": "production", "create": true, "dry_run": true}).want(200)
		need := dry.list("secrets")[0].(object)
		if dry.at("created") != true || dry.str("id") != "" || len(dry.list("changes")) != 4 || need["name"] != "token" || need["set"] != false {
			t.Errorf("dry run: %s", dry.body)
		}
		if n := len(ada.get("/v1/gateways").want(200).list("items")); n != 1 {
			t.Errorf("a dry run made a gateway: there are %d", n)
		}
		ada.post(staging+"/copy", object{"to": "production", "create": true}).wantCode(409, "conflict")
		if n := len(ada.get("/v1/gateways").want(200).list("items")); n != 1 {
			t.Errorf("a refused copy left a gateway: there are %d", n)
		}
		secrets := []object{{"name": "token", "value": "CANARY of production"}}
		done := ada.post(staging+"/copy", object{"to": "production", "create": true, "secrets": secrets}).want(200)
		if done.at("created") != true || done.at("version") != 2.0 || strings.Contains(string(done.body), "CANARY") {
			t.Errorf("copy: %s", done.body)
		}
		production := "/v1/gateways/production"
		if n := len(ada.get(production + "/keys").want(200).list("items")); n != 0 {
			t.Errorf("%d keys were copied", n)
		}
		if same := ada.post(staging+"/copy", object{"to": "production"}).want(200); len(same.list("changes")) != 0 || same.at("version") != 2.0 {
			t.Errorf("a copy of the same: %s", same.body)
		}

		// Production's own backends stay, and only what is named is copied.
		ada.put(production+"/upstreams/u", object{"algorithm": "round_robin", "targets": []object{{"url": "http://127.0.0.1:9555"}}}).want(200)
		kept := ada.post(staging+"/copy", object{"to": "production", "keep_targets": true}).want(200)
		if len(kept.list("changes")) != 0 {
			t.Errorf("with kept targets: %s", kept.body)
		}
		ada.put(staging+"/usage-plans/q", object{}).want(201)
		if part := ada.post(staging+"/copy", object{"to": "production", "parts": []string{"usage_plans"}}).want(200); len(part.list("changes")) != 1 {
			t.Errorf("usage plans alone: %s", part.body)
		}
		ada.with("If-Match", `"1"`).post(staging+"/copy", object{"to": "production"}).wantCode(412, "precondition_failed")
		narrow := ada.post("/v1/tokens", object{"name": "n", "scopes": []string{"gateways:write", "gateways:read"}}).want(201).str("token")
		(&caller{e: e, token: narrow}).post(staging+"/copy", object{"to": "production", "secrets": secrets}).wantCode(403, "forbidden")
	})
}

// TestCopiesAtOnceTakeOnePlace copies into a new gateway in parallel: one makes
// it, the others copy into it or are told to try again.
func TestCopiesAtOnceTakeOnePlace(t *testing.T) {
	t.Parallel()
	e := start(t, "postgres", settingsFor{})
	ada := e.signup("ada")
	staging := ada.demo("staging")
	var made atomic.Int32
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			if a := ada.post(staging+"/copy", object{"to": "production", "create": true}); a.status == 200 && a.at("created") == true {
				made.Add(1)
			} else if a.status != 200 && a.status != 409 {
				t.Errorf("answered %d: %s", a.status, a.body)
			}
		}()
	}
	for range 4 {
		<-done
	}
	if n := made.Load(); n != 1 {
		t.Errorf("%d made the gateway", n)
	}
}
