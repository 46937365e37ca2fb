package cors_test

import (
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/cors"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

type fields = map[string]string

func get(origin string, backend policytest.Fields, want fields) policytest.Step {
	s := policytest.Step{Backend: policytest.Response{Header: backend}, Want: policytest.Want{Forwarded: true, Header: want}}
	if origin != "" {
		s.Request.Header = policytest.Fields{"Origin", origin}
	}
	return s
}

func preflight(origin, method, headers string, want fields) policytest.Step {
	h := policytest.Fields{"Origin", origin, "Access-Control-Request-Method", method}
	if headers != "" {
		h = append(h, "Access-Control-Request-Headers", headers)
	}
	return policytest.Step{
		Request: policytest.Request{Method: "OPTIONS", Header: h},
		Want:    policytest.Want{Answered: true, Status: 204, Header: want},
	}
}

const (
	origin      = "Access-Control-Allow-Origin"
	methods     = "Access-Control-Allow-Methods"
	headers     = "Access-Control-Allow-Headers"
	credentials = "Access-Control-Allow-Credentials"
	expose      = "Access-Control-Expose-Headers"
	age         = "Access-Control-Max-Age"
)

func TestPolicy(t *testing.T) {
	app := "https://app.example.com"
	vary := "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	policytest.Run(t, &cors.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "listed", Hot: true, Config: `{"allow_origins":["https://app.example.com"]}`, Steps: []policytest.Step{
			get(app, nil, fields{origin: app, credentials: "", "Vary": "Origin", expose: "X-Request-Id, RateLimit, RateLimit-Policy, Retry-After, Tollgate-Error"}),
			get("", nil, fields{origin: "", "Vary": "Origin"}),
			get("https://evil.example", nil, fields{origin: "", expose: "", "Vary": "Origin"}),
			get("https://app.example.com.evil.example", nil, fields{origin: ""}),
			get("http://app.example.com", nil, fields{origin: ""}),
			get("null", nil, fields{origin: ""}),
			preflight(app, "POST", "content-type", fields{origin: app, methods: "GET, HEAD, POST, PUT, PATCH, DELETE", headers: "Authorization, Content-Type, X-API-Key", age: "600", "Vary": vary}),
			preflight("https://evil.example", "POST", "", fields{origin: "", methods: "", headers: "", age: "", "Vary": vary}),
		}},
		{Name: "preflight allocates nothing", Hot: true, Config: `{"allow_origins":["https://*.example.com"]}`, Steps: []policytest.Step{
			preflight(app, "GET", "", fields{origin: app}),
		}},
		{Name: "replaces the backend's", Config: `{"allow_origins":["https://app.example.com"]}`, Steps: []policytest.Step{
			get("https://evil.example", policytest.Fields{origin, "*", credentials, "true", methods, "PUT", headers, "X", expose, "X", age, "9"},
				fields{origin: "", credentials: "", methods: "", headers: "", expose: "", age: ""}),
			get(app, policytest.Fields{origin, "*", "vary", "Accept-Encoding , ORIGIN"}, fields{origin: app, "Vary": "Accept-Encoding , ORIGIN"}),
			get(app, policytest.Fields{"Vary", "*"}, fields{"Vary": "*"}),
			{
				Request: policytest.Request{Header: policytest.Fields{"Origin", app}}, Backend: policytest.Response{Header: policytest.Fields{"Vary", "Accept"}},
				Want: policytest.Want{Forwarded: true}, Check: func(t testing.TB, r *policytest.Result) {
					if v := r.Header.All("Vary"); len(v) != 2 || v[0] != "Accept" || v[1] != "Origin" {
						t.Errorf("Vary is %q", v)
					}
				},
			},
		}},
		{Name: "any", Config: `{"allow_origins":["*"],"allow_headers":["*"],"expose_headers":[]}`, Steps: []policytest.Step{
			get("https://whoever.example", nil, fields{origin: "*", "Vary": "", expose: ""}),
			get("", nil, fields{origin: ""}),
			preflight("https://whoever.example", "PUT", "authorization, x-own", fields{origin: "*", headers: "authorization, x-own"}),
			preflight("https://whoever.example", "PUT", "x: y", fields{origin: "*", headers: ""}),
		}},
		{Name: "below a domain, with credentials", Config: `{"allow_origins":["https://*.example.com"],"allow_credentials":true}`, Steps: []policytest.Step{
			get(app, nil, fields{origin: app, credentials: "true"}),
			get("https://a.b.example.com", nil, fields{origin: "https://a.b.example.com"}),
			get("https://example.com", nil, fields{origin: ""}),
			get("https://.example.com", nil, fields{origin: ""}),
			get("https://evil.example/.example.com", nil, fields{origin: ""}),
			get("https://evil.example:1@x.example.com", nil, fields{origin: ""}),
			get("https://evilexample.com", nil, fields{origin: ""}),
			preflight(app, "GET", "", fields{origin: app, credentials: "true"}),
		}},
		{Name: "OPTIONS that is no preflight goes on", Config: `{"allow_origins":["*"]}`, Steps: []policytest.Step{
			{Request: policytest.Request{Method: "OPTIONS", Header: policytest.Fields{"Origin", app}}, Want: policytest.Want{Forwarded: true}},
			{Request: policytest.Request{Method: "OPTIONS", Header: policytest.Fields{"Access-Control-Request-Method", "GET"}}, Want: policytest.Want{Forwarded: true}},
		}},
	}})
}

// refuse is a policy behind cors that turns every request away.
type refuse struct{}

func (refuse) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	return x.Reject(contract.CodeKeyMissing, 0)
}

func TestStandsOnErrors(t *testing.T) {
	t.Parallel()
	d := &policy.Descriptor{Type: "refuse", Phase: policy.PhaseAuthenticate}
	p, err := cors.New([]byte(`{"allow_origins":["https://app.example.com"]}`), policytest.NewDeps())
	if err != nil {
		t.Fatal(err)
	}
	r := policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &cors.Descriptor}, {Policy: refuse{}, Descriptor: d}},
		policytest.Step{Request: policytest.Request{Header: policytest.Fields{"Origin", "https://app.example.com"}}})
	if v, _ := r.Header.Get(origin); r.Status != 401 || v != "https://app.example.com" {
		t.Fatalf("status %d, allowed origin %q", r.Status, v)
	}
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &cors.Descriptor) }

func FuzzRequest(f *testing.F) {
	f.Add("OPTIONS", "https://app.example.com", "GET", "x")
	f.Fuzz(func(t *testing.T, method, origin, asked, headers string) {
		policytest.Fuzz(t, &cors.Descriptor, policytest.Case{Config: `{"allow_origins":["https://*.example.com"],"allow_headers":["*"]}`, Steps: []policytest.Step{
			{Request: policytest.Request{Method: method, Header: policytest.Fields{"Origin", origin, "Access-Control-Request-Method", asked, "Access-Control-Request-Headers", headers}}},
		}})
	})
}

func BenchmarkRequest(b *testing.B) {
	policytest.Bench(b, &cors.Descriptor, policytest.Case{
		Config: `{"allow_origins":["https://app.example.com"]}`,
		Steps:  []policytest.Step{get("https://app.example.com", nil, nil)},
	})
}
