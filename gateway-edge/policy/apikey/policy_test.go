package apikey_test

import (
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/apikey"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	good  = "tg_live_good"
	other = "tg_live_other"
	cold  = "tg_live_cold"
	test  = "tg_test_good"
)

func ok(name string, scopes ...string) policy.KeyResult {
	return policy.KeyResult{State: policy.KeyOK, Principal: &policy.Principal{Kind: policy.KindAPIKey, Key: 7, Consumer: 9, ConsumerName: name, Scopes: scopes}}
}

// deps knows one key in each state.
func deps(testing.TB) policy.Deps {
	rotated := ok("acme")
	rotated.Principal.Rotated, rotated.Principal.Expires = true, policytest.Noon.Add(90*time.Second).UnixMilli()
	testKey := ok("acme")
	testKey.Principal.Test = true
	d := policytest.NewDeps()
	d.Keys = &policytest.KeyTable{
		Keys: map[string]policy.KeyResult{
			good: ok("acme", "orders:read"), other: ok("other"), test: testKey, "tg_live_rotated": rotated,
			"tg_live_expired": {State: policy.KeyExpired}, "tg_live_revoked": {State: policy.KeyRevoked},
			"tg_live_away": {State: policy.KeyUnavailable}, "tg_live_flood": {State: policy.KeyThrottled},
			"tg_live_broken": {State: policy.KeyOK},
		},
		Cold: map[string]policy.KeyResult{cold: ok("late"), "tg_live_nobody": {}},
	}
	return d
}

func step(want policytest.Want, header ...string) policytest.Step {
	return policytest.Step{Request: policytest.Request{Path: "/orders", Header: header}, Want: want}
}

func withQuery(q string, s policytest.Step) policytest.Step {
	s.Request.Query = q
	return s
}

func passed(consumer string, sent map[string]string) policytest.Want {
	return policytest.Want{Forwarded: true, Consumer: &consumer, Sent: sent}
}

func refused(c contract.Code) policytest.Want {
	w := policytest.Want{Rejected: true, Code: c}
	if c.Info().Status == 401 {
		w.Header = map[string]string{"WWW-Authenticate": `Bearer realm="api key"`}
	}
	return w
}

func ptr(s string) *string { return &s }

func TestPolicy(t *testing.T) {
	gone := map[string]string{"X-API-Key": "", "Authorization": ""}
	query := func(w policytest.Want, q string) policytest.Want { w.Query = ptr(q); return w }
	policytest.Run(t, &apikey.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "hot", Hot: true, Deps: deps, Steps: []policytest.Step{step(passed("acme", gone), "X-API-Key", good)}},
		{Name: "hot refusal", Hot: true, Deps: deps, Steps: []policytest.Step{step(refused(contract.CodeKeyInvalid), "X-API-Key", "tg_live_nope")}},
		{Name: "hot query", Hot: true, Config: `{"query_parameter":"api_key"}`, Deps: deps, Steps: []policytest.Step{
			withQuery("a=1&api_key="+good+"&b=%zz", step(query(passed("acme", gone), "a=1&b=%zz"))),
		}},
		{Name: "places", Deps: deps, Steps: []policytest.Step{
			step(passed("acme", gone), "x-api-key", " "+good+"\t"),
			step(passed("acme", gone), "Authorization", "Bearer "+good),
			step(passed("acme", gone), "authorization", "bEARER   "+good+" "),
			step(passed("acme", gone), "X-API-Key", "", "Authorization", "Bearer "+good),
			step(passed("acme", gone), "X-API-Key", good, "X-API-Key", good, "Authorization", "Bearer "+good),
			step(passed("acme", map[string]string{"Authorization": "Bearer eyJhb.the.backends", "X-API-Key": ""}), "X-API-Key", good, "Authorization", "Bearer eyJhb.the.backends"),
			step(passed("acme", map[string]string{"Authorization": "Basic dTpw"}), "X-API-Key", good, "Authorization", "Basic dTpw"),
		}},
		{Name: "KEY01 and KEY02", Deps: deps, Steps: []policytest.Step{
			step(refused(contract.CodeKeyMissing)),
			step(refused(contract.CodeKeyMissing), "X-API-Key", ""),
			step(refused(contract.CodeKeyMissing), "Authorization", "Bearer"),
			step(refused(contract.CodeKeyMissing), "Authorization", "Bearer  "),
			step(refused(contract.CodeKeyMissing), "Authorization", "Basic "+good),
			step(refused(contract.CodeKeyMissing), "Authorization", "Bearer\t"+good),
			step(refused(contract.CodeKeyInvalid), "Authorization", "Bearer nonsense"),
			step(refused(contract.CodeKeyInvalid), "X-API-Key", "tg_live_gооd"), // Cyrillic о
			step(refused(contract.CodeKeyInvalid), "X-API-Key", good+" x"),
		}},
		{Name: "states", Deps: deps, Steps: []policytest.Step{
			step(refused(contract.CodeKeyExpired), "X-API-Key", "tg_live_expired"),
			step(refused(contract.CodeKeyRevoked), "X-API-Key", "tg_live_revoked"),
			step(refused(contract.CodeKeyStoreUnavailable), "X-API-Key", "tg_live_away"),
			step(policytest.Want{Rejected: true, Code: contract.CodeRateLimited, Retry: time.Second}, "X-API-Key", "tg_live_flood"),
			step(refused(contract.CodeKeyInvalid), "X-API-Key", "tg_live_broken"),
			step(refused(contract.CodeKeyInvalid), "X-API-Key", test),
		}},
		{Name: "test gateway", Deps: func(t testing.TB) policy.Deps {
			d := deps(t)
			d.Scope.Test = true
			return d
		}, Steps: []policytest.Step{
			step(passed("acme", gone), "X-API-Key", test),
			step(refused(contract.CodeKeyInvalid), "X-API-Key", good),
		}},
		{Name: "KEY06 two keys", Config: `{"query_parameter":"api_key"}`, Deps: deps, Steps: []policytest.Step{
			step(refused(contract.CodeAmbiguousCredentials), "X-API-Key", good, "X-API-Key", other),
			step(refused(contract.CodeAmbiguousCredentials), "X-API-Key", good, "Authorization", "Bearer "+other),
			step(refused(contract.CodeAmbiguousCredentials), "X-API-Key", good, "Authorization", "Bearer tg_test_x"),
			withQuery("api_key="+other, step(refused(contract.CodeAmbiguousCredentials), "X-API-Key", good)),
			withQuery("api_key="+good+"&api%5Fkey="+other, step(refused(contract.CodeAmbiguousCredentials))),
			withQuery("api_key="+good, step(query(passed("acme", gone), ""), "X-API-Key", good)),
		}},
		{Name: "cold", Config: `{"query_parameter":"k"}`, Deps: deps, Steps: []policytest.Step{
			step(passed("late", gone), "X-API-Key", cold),
			withQuery("k="+cold+"&z", step(query(passed("late", gone), "z"))),
			step(refused(contract.CodeKeyInvalid), "X-API-Key", "tg_live_nobody"),
		}},
		{Name: "URI15 query only where it is named", Deps: deps, Steps: []policytest.Step{
			withQuery("api_key="+good, step(refused(contract.CodeKeyMissing))),
		}},
		{Name: "no bearer", Config: `{"bearer":false}`, Deps: deps, Steps: []policytest.Step{
			step(refused(contract.CodeKeyMissing), "Authorization", "Bearer "+good),
			step(passed("acme", map[string]string{"Authorization": "Bearer " + other}), "X-API-Key", good, "Authorization", "Bearer "+other),
		}},
		{Name: "scopes", Config: `{"scopes":["orders:read"]}`, Deps: deps, Steps: []policytest.Step{
			step(passed("acme", gone), "X-API-Key", good),
			step(refused(contract.CodeForbidden), "X-API-Key", other),
		}},
		{Name: "rotated", Hot: true, Deps: deps, Steps: []policytest.Step{
			step(policytest.Want{Forwarded: true, Header: map[string]string{"Tollgate-Key-Expires-In": "90"}}, "X-API-Key", "tg_live_rotated"),
			step(policytest.Want{Forwarded: true, Header: map[string]string{"Tollgate-Key-Expires-In": ""}}, "X-API-Key", good),
		}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &apikey.Descriptor) }

func FuzzRequest(f *testing.F) {
	f.Add("Bearer "+good, good, "k="+good)
	f.Add("Basic x", "", "k=1&k=2")
	f.Fuzz(func(t *testing.T, authorization, key, query string) {
		policytest.Fuzz(t, &apikey.Descriptor, policytest.Case{Config: `{"query_parameter":"k"}`, Deps: deps, Steps: []policytest.Step{
			{Request: policytest.Request{Query: query, Header: policytest.Fields{"Authorization", authorization, "X-API-Key", key}}},
		}})
	})
}

func BenchmarkKey(b *testing.B) {
	policytest.Bench(b, &apikey.Descriptor, policytest.Case{Deps: deps, Steps: []policytest.Step{step(policytest.Want{}, "X-API-Key", good)}})
}
