package oidclogin_test

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/oidclogin"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

const config = `{"issuer":"` + issuerURL + `","client_id":"` + client + `","client_secret":{"secret":"client"},"keys":[{"secret":"session-key-of-this-gateway"}]}`

func with(more string) string { return strings.Replace(config, "{", "{"+more+",", 1) }

// host is where policytest sends requests.
const host = "api.example.com"

// cookieOf signs alice in and returns her cookie, which every policy with the same
// keys opens.
func cookieOf(t testing.TB, config string, change ...func(*idp)) string {
	i := newIDP()
	i.refresh = false
	for _, c := range change {
		c(i)
	}
	b := newFront(t, i, config).browser()
	b.host = host
	b.signIn("/")
	return b.cookie()
}

func api(cookie string, w policytest.Want, fields ...string) policytest.Step {
	h := policytest.Fields(fields)
	if cookie != "" {
		h = append(h, "Cookie", cookie)
	}
	return policytest.Step{Request: policytest.Request{Header: h}, Want: w}
}

func passed(consumer string, sent ...string) policytest.Want {
	w := policytest.Want{Forwarded: true, Consumer: &consumer, Sent: map[string]string{}}
	for i := 0; i < len(sent); i += 2 {
		w.Sent[sent[i]] = sent[i+1]
	}
	return w
}

func refused(c contract.Code) policytest.Want { return policytest.Want{Rejected: true, Code: c} }

func deps(testing.TB) policy.Deps {
	d := policytest.NewDeps()
	d.Fetch = policytest.Server(newIDP().answer)
	return d
}

func TestPolicy(t *testing.T) {
	cookie := cookieOf(t, config)
	large := cookieOf(t, config, func(i *idp) { i.pad = 3500 })
	if strings.Count(large, "tgs-") != 2 {
		t.Fatalf("a large session is in %d pieces", strings.Count(large, "tgs-"))
	}
	first, second, _ := strings.Cut(large, "; ")
	name, value, _ := strings.Cut(cookie, "=")
	missing, invalid, forbidden := refused(contract.CodeTokenMissing), refused(contract.CodeTokenInvalid), refused(contract.CodeForbidden)
	forward := with(`"forward_access_token":true,"id_token_header":"X-Id","claims_to_headers":{"email":"X-Email","none":"X-None"}`)
	policytest.Run(t, &oidclogin.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "hot", Hot: true, Config: config, Deps: deps, Steps: []policytest.Step{api(cookie, passed("alice", "Cookie", ""))}},
		{Name: "hot in pieces", Hot: true, Config: config, Deps: deps, Steps: []policytest.Step{api(large, passed("alice", "Cookie", ""))}},
		{Name: "hot beside others", Hot: true, Config: config, Deps: deps, Steps: []policytest.Step{
			api("a=1; "+cookie+";b=2; __Host-tgl-00000000-abc=x; tgs-11111111=y; c", passed("alice", "Cookie", "a=1; b=2; c")),
		}},
		{Name: "hot refusal", Hot: true, Config: config, Deps: deps, Steps: []policytest.Step{api("", missing)}},
		{Name: "several fields", Config: config, Deps: deps, Steps: []policytest.Step{
			{
				Request: policytest.Request{Header: policytest.Fields{"Cookie", "a=1", "Cookie", second, "Cookie", "b=2", "Cookie", first}},
				Want:    passed("alice", "Cookie", "a=1; b=2"),
			},
		}},
		{Name: "no session", Config: config, Deps: deps, Steps: []policytest.Step{
			api("a=1", missing), api("a=1", missing, "Accept", "application/json, */*"), api("", missing, "Sec-Fetch-Mode", "cors", "Accept", "text/html"),
			api("", missing, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"),
			{Request: policytest.Request{Method: "POST", Header: page}, Want: missing},
		}},
		{Name: "not ours", Config: config, Deps: deps, Steps: []policytest.Step{
			api(name+"=1AAAA", invalid), api(name+"=", missing), api(name+"="+value[1:], missing), api(name+"=2"+value[1:], missing),
			api(name+"="+value[:len(value)-1]+"!", invalid), api(name+"="+value+"A", invalid), api(cookie+"; "+cookie, missing),
			api(strings.TrimPrefix(cookie, "__Host-"), missing), api(first, missing), api(second, missing), api(cookie, passed("alice")),
		}},
		{Name: "claims", Config: with(`"required_claims":{"email":"alice@example.com"},"consumer_claim":"email","consumer_prefix":"web:"`), Deps: deps, Steps: []policytest.Step{
			api(cookie, passed("web:alice@example.com")),
		}},
		{Name: "a claim is lacking", Config: with(`"required_claims":{"groups":"staff"}`), Deps: deps, Steps: []policytest.Step{api(cookie, forbidden)}},
		{Name: "tokens for the backend", Config: forward, Deps: deps, Steps: []policytest.Step{
			api(cookieOf(t, forward), passed("alice", "Authorization", "Bearer access-1", "X-Email", "alice@example.com", "X-None", ""), "Authorization", "Bearer forged", "X-Email", "forged", "X-None", "forged"),
			api(cookie, passed("alice", "Authorization", ""), "Authorization", "Bearer forged"), // signed in before it was forwarded
		}},
		{Name: "none for the backend", Config: config, Deps: deps, Steps: []policytest.Step{api(cookieOf(t, forward), passed("alice", "Authorization", "", "X-Id", ""))}},
	}})
}

// TestMethods: beside other methods of a route, a token that is sent decides, then
// the session, then the sign-in.
func TestMethods(t *testing.T) {
	t.Parallel()
	cookie := cookieOf(t, config)
	p, err := oidclogin.New([]byte(config), deps(t))
	if err != nil {
		t.Fatal(err)
	}
	m := p.(policy.Method)
	for _, tt := range []struct {
		name string
		path string
		h    policytest.Fields
		want policy.Place
	}{
		{"a session", "/", policytest.Fields{"Cookie", cookie}, policy.PlaceCookie},
		{"the way back", "/oauth2/callback", nil, policy.PlaceCookie},
		{"signing out", "/oauth2/logout", nil, policy.PlaceCookie},
		{"a page", "/", page, policy.PlaceLogin},
		{"an old browser", "/", policytest.Fields{"Accept", "application/xml;q=0.9, text/HTML ;q=0.8"}, policy.PlaceLogin},
		{"a program", "/", policytest.Fields{"Accept", "*/*"}, policy.PlaceNone},
	} {
		x := policy.EngineNew(func() int64 { return 1 }, nil)
		e := policy.EngineOf(x)
		e.Req.Method, e.Req.Scheme, e.Req.Path = policy.Static("GET"), policy.Static("https"), policy.Static(tt.path)
		for i := 0; i < len(tt.h); i += 2 {
			e.ReqHeader.AppendString(tt.h[i], tt.h[i+1])
		}
		if got := m.Credential(x); got != tt.want {
			t.Errorf("%s: place %d, want %d", tt.name, got, tt.want)
		}
	}
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &oidclogin.Descriptor) }

func FuzzRequest(f *testing.F) {
	cookie := cookieOf(f, config)
	f.Add(cookie, "/", "")
	f.Add(cookie+"; a", "/oauth2/callback", "state=a&code=b")
	f.Fuzz(func(t *testing.T, cookie, path, query string) {
		policytest.Fuzz(t, &oidclogin.Descriptor, policytest.Case{Config: config, Deps: deps, Steps: []policytest.Step{
			{Request: policytest.Request{Path: path, Query: query, Header: policytest.Fields{"Cookie", cookie}}},
		}})
	})
}

func BenchmarkPolicy(b *testing.B) {
	policytest.Bench(b, &oidclogin.Descriptor, policytest.Case{Config: config, Deps: deps, Steps: []policytest.Step{api(cookieOf(b, config), passed("alice"))}})
}
