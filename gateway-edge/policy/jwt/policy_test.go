package jwt_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/jwt"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

const config = `{"issuer":"` + issuerURL + `","audiences":["other","` + audience + `"],"algorithms":["RS256","ES256","ES384","EdDSA"]}`

func send(token string, want policytest.Want) policytest.Step {
	return policytest.Step{Request: policytest.Request{Header: policytest.Fields{"Authorization", "Bearer " + token}}, Want: want}
}

func passed(consumer string) policytest.Want {
	return policytest.Want{Forwarded: true, Consumer: &consumer}
}

func refused(c contract.Code) policytest.Want { return policytest.Want{Rejected: true, Code: c} }

// after moves the clock before a step.
func after(d time.Duration, s policytest.Step) policytest.Step {
	s.Wait = d
	return s
}

// then does something after a step.
func then(s policytest.Step, fn func(t testing.TB)) policytest.Step {
	s.Check = func(t testing.TB, _ *policytest.Result) { fn(t) }
	return s
}

func boundTo(cnf any) string { return token("ec", map[string]any{"cnf": cnf}) }

func TestPolicy(t *testing.T) {
	all := func() *provider { return newProvider("rsa", "ec", "p384", "ed") }
	deps, _ := with(all)
	invalid, audienceFault := refused(contract.CodeTokenInvalid), refused(contract.CodeTokenAudience)
	challenge := func(w policytest.Want, v string) policytest.Want {
		w.Header = map[string]string{"WWW-Authenticate": v}
		return w
	}
	now := policytest.Noon.Unix()
	exp := func(v any) string { return token("ec", map[string]any{"exp": v}) }
	policytest.Run(t, &jwt.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "hot", Hot: true, Config: config, Deps: deps, Steps: []policytest.Step{send(token("ec", nil), passed("alice"))}},
		{Name: "hot with headers", Hot: true, Deps: deps, Config: strings.Replace(config, "{", `{"claims_to_headers":{"tier":"X-Tier","none":"X-None"},"forward_token":false,`, 1), Steps: []policytest.Step{
			{
				Request: policytest.Request{Header: policytest.Fields{"Authorization", "Bearer " + token("rsa", map[string]any{"tier": "gold"}), "X-Tier", "forged", "X-None", "forged"}},
				Want:    policytest.Want{Forwarded: true, Sent: map[string]string{"X-Tier": "gold", "X-None": "", "Authorization": ""}},
			},
		}},
		{Name: "hot with a large token", Hot: true, Config: config, Deps: deps, Steps: []policytest.Step{send(token("ec", map[string]any{"pad": strings.Repeat("x", 4000)}), passed("alice"))}},
		{Name: "every algorithm", Config: config, Deps: deps, Steps: []policytest.Step{
			send(token("rsa", nil), passed("alice")), send(token("ec", nil), passed("alice")), send(token("p384", nil), passed("alice")), send(token("ed", nil), passed("alice")),
			send(keys()["ec"].sign(map[string]any{"typ": "at+jwt"}, claims(nil)), passed("alice")),
			send(keys()["ec"].sign(map[string]any{"typ": nil}, claims(map[string]any{"aud": []string{"x", audience}})), passed("alice")),
		}},
		{Name: "no token", Config: config, Deps: deps, Steps: []policytest.Step{
			{Want: challenge(refused(contract.CodeTokenMissing), "Bearer")},
			send("", refused(contract.CodeTokenMissing)), send("   ", refused(contract.CodeTokenMissing)),
			{Request: policytest.Request{Header: policytest.Fields{"Authorization", "Basic dTpw"}}, Want: refused(contract.CodeTokenMissing)},
			send("x", challenge(invalid, `Bearer error="invalid_token"`)),
		}},
		{Name: "bound to a certificate", Config: config, Deps: deps, Steps: []policytest.Step{
			send(boundTo(map[string]any{"x5t#S256": "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"}), invalid),
			{
				Request: policytest.Request{
					Header:      policytest.Fields{"Authorization", "Bearer " + boundTo(map[string]any{"x5t#S256": "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"})},
					Certificate: &policy.Certificate{Fingerprint: "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"},
				},
				Want: passed("alice"),
			},
			send(boundTo(map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), invalid), send(boundTo("x"), invalid),
		}},
		{Name: "JWT06 audience", Config: config, Deps: deps, Steps: []policytest.Step{
			send(token("ec", map[string]any{"aud": "api2"}), audienceFault), send(token("ec", map[string]any{"aud": nil}), audienceFault),
			send(token("ec", map[string]any{"aud": []any{audience, 7}}), audienceFault), send(token("ec", map[string]any{"aud": []any{}}), audienceFault),
			send(token("ec", map[string]any{"aud": "API"}), audienceFault), send(token("ec", map[string]any{"aud": map[string]any{audience: 1}}), audienceFault),
		}},
		{Name: "JWT07 issuer", Config: config, Deps: deps, Steps: []policytest.Step{
			send(token("ec", map[string]any{"iss": issuerURL + "/"}), invalid), send(token("ec", map[string]any{"iss": "HTTPS://login.example.com"}), invalid),
			send(token("ec", map[string]any{"iss": "login.example.com"}), invalid), send(token("ec", map[string]any{"iss": nil}), invalid), send(token("ec", map[string]any{"iss": []string{issuerURL}}), invalid),
		}},
		{Name: "JWT08 times", Config: config, Deps: deps, Steps: []policytest.Step{
			send(exp(now-61), refused(contract.CodeTokenExpired)), send(exp(now-59), passed("alice")), send(exp(nil), invalid), send(exp("9999999999"), invalid),
			send(exp(-1), invalid), send(exp(1e300), invalid), send(exp(float64(1<<63)), invalid), send(exp(true), invalid), send(exp([]int{1}), invalid),
			send(token("ec", map[string]any{"nbf": now + 61}), invalid), send(token("ec", map[string]any{"nbf": now + 59}), passed("alice")),
			send(token("ec", map[string]any{"iat": now + 61}), invalid), send(token("ec", map[string]any{"iat": "now"}), invalid), send(token("ec", map[string]any{"iat": nil, "nbf": nil}), passed("alice")),
		}},
		{Name: "scopes and claims", Config: strings.Replace(config, "{", `{"scopes":["a:read"],"required_claims":{"tier":["gold","silver"],"/realm/roles":"admin"},`, 1), Deps: deps, Steps: []policytest.Step{
			send(token("ec", map[string]any{"scope": "x a:read", "tier": "silver", "realm": map[string]any{"roles": []string{"clerk", "admin"}}}), passed("alice")),
			send(token("ec", map[string]any{"scp": []string{"a:read"}, "tier": []string{"gold"}, "realm": map[string]any{"roles": "admin"}}), passed("alice")),
			send(token("ec", map[string]any{"scope": "a:reads", "tier": "gold"}), challenge(refused(contract.CodeForbidden), `Bearer error="insufficient_scope", scope="a:read"`)),
			send(token("ec", map[string]any{"scope": "a:read", "tier": "bronze", "realm": map[string]any{"roles": "admin"}}), refused(contract.CodeForbidden)),
			send(token("ec", map[string]any{"scope": "a:read", "tier": "gold", "realm": "admin"}), refused(contract.CodeForbidden)),
		}},
		{Name: "hot refusal", Hot: true, Config: strings.Replace(config, "{", `{"scopes":["a:read"],`, 1), Deps: deps, Steps: []policytest.Step{send(token("ec", nil), refused(contract.CodeForbidden))}},
		{Name: "consumer", Config: strings.Replace(config, "{", `{"consumer_claim":"client_id","consumer_prefix":"x:",`, 1), Deps: deps, Steps: []policytest.Step{
			send(token("ec", map[string]any{"client_id": "bob"}), passed("x:bob")), send(token("ec", nil), refused(contract.CodeForbidden)),
			send(token("ec", map[string]any{"client_id": 7}), refused(contract.CodeForbidden)), send(token("ec", map[string]any{"client_id": "a\nb"}), refused(contract.CodeForbidden)),
			send(token("ec", map[string]any{"client_id": strings.Repeat("x", 127)}), refused(contract.CodeForbidden)),
		}},
		{Name: "JWT19 email", Config: strings.Replace(config, "{", `{"consumer_claim":"email",`, 1), Deps: deps, Steps: []policytest.Step{
			send(token("ec", map[string]any{"email": "Bob@Example.com", "email_verified": true}), passed("bob@example.com")),
			send(token("ec", map[string]any{"email": "bob@example.com"}), refused(contract.CodeForbidden)), send(token("ec", map[string]any{"email": "bob@example.com", "email_verified": "true"}), refused(contract.CodeForbidden)),
			send(token("ec", map[string]any{"email": "a@b@c", "email_verified": true}), refused(contract.CodeForbidden)), send(token("ec", map[string]any{"email": "@c", "email_verified": true}), refused(contract.CodeForbidden)),
		}},
		{Name: "JWT18 claims in fields", Config: strings.Replace(config, "{", `{"claims_to_headers":{"v":"X-V"},`, 1), Deps: deps, Steps: []policytest.Step{
			send(token("ec", map[string]any{"v": "ok"}), passed("alice")), send(token("ec", map[string]any{"v": "a\r\nX: b"}), refused(contract.CodeForbidden)),
			send(token("ec", map[string]any{"v": []string{"a"}}), refused(contract.CodeForbidden)), send(token("ec", map[string]any{"v": strings.Repeat("x", 1025)}), refused(contract.CodeForbidden)),
			send(token("ec", map[string]any{"v": map[string]any{}}), refused(contract.CodeForbidden)),
		}},
	}})
}

func TestIssuerLife(t *testing.T) {
	jwks := "https://keys.example.com/jwks"
	deps, current := with(func() *provider { return newProvider("ec") })
	down := func(testing.TB) { current().set(func(p *provider) { p.down = true }) }
	up := func(testing.TB) { current().set(func(p *provider) { p.down = false }) }
	publish := func(kids ...string) func(testing.TB) { return func(testing.TB) { current().publish(kids...) } }
	fetches := func(n int) func(testing.TB) {
		return func(t testing.TB) {
			if got := current().count(jwks); got != n {
				t.Errorf("%d fetches of the key set, want %d", got, n)
			}
		}
	}
	ok, away, invalid := passed("alice"), refused(contract.CodeProviderUnavailable), refused(contract.CodeTokenInvalid)
	first, second, other := token("ec", nil), token("ec", map[string]any{"jti": "2"}), token("ec2", nil)
	long := token("ec", map[string]any{"exp": policytest.Noon.Unix() + 10*86400})
	long2 := token("ec", map[string]any{"exp": policytest.Noon.Unix() + 11*86400})
	policytest.Run(t, &jwt.Descriptor, policytest.Suite{Dir: "testdata", Cases: []policytest.Case{
		{Name: "O01 issuer away", Config: config, Deps: deps, Steps: []policytest.Step{
			then(send(first, ok), down),
			send(first, ok), send(second, ok), // known token, new token by a known key
			send(other, away), // can't be told from an unknown one now
			then(send(other, away), fetches(2)),
			after(6*time.Minute, send(long, ok)), // tries ahead, fails, serves on
			after(23*time.Hour, send(long, ok)), send(long2, ok),
			after(2*time.Hour, send(long, away)), // a day and more
			then(send(long, away), up),
			after(time.Minute, send(long, ok)),
		}},
		{Name: "away from the start", Config: config, Deps: func(t testing.TB) policy.Deps { d := deps(t); down(t); return d }, Steps: []policytest.Step{
			send(first, away), then(send(second, away), fetches(0)), then(send(first, away), up),
			send(first, away), // within the backoff nobody asks
			after(time.Second, send(first, ok)),
		}},
		{Name: "O02 rotation", Config: config, Deps: deps, Steps: []policytest.Step{
			then(send(first, ok), publish("ec", "ec2")),
			then(send(other, ok), fetches(2)), // one fetch brings the new key
			then(send(first, ok), publish("ec2")),
			after(6*time.Minute, send(first, ok)), // fetched ahead: the old key has its grace
			then(send(other, ok), fetches(3)),
			after(time.Minute, send(first, invalid)), send(second, invalid), send(other, ok),
		}},
		{Name: "rotations one after the other", Config: config, Deps: deps, Steps: []policytest.Step{
			then(send(first, ok), publish("ec", "ec2")),
			then(send(other, ok), publish("ec", "ec2", "ed")),
			then(send(token("ed", nil), ok), fetches(3)),
		}},
		{Name: "JWT17 invented keys", Config: config, Deps: deps, Steps: []policytest.Step{
			send(first, ok),
			send(other, invalid), send(keys()["ec2"].sign(map[string]any{"kid": "x1"}, claims(nil)), invalid),
			then(send(keys()["ec2"].sign(map[string]any{"kid": "x2"}, claims(nil)), invalid), fetches(2)),
			after(29*time.Second, then(send(other, invalid), fetches(2))),
			after(2*time.Second, then(send(other, invalid), fetches(3))),
			then(send(keys()["ec2"].sign(map[string]any{"kid": "x3"}, claims(map[string]any{"iss": "x"})), invalid), fetches(3)),
		}},
		{Name: "refresh keeps verdicts", Config: config, Deps: deps, Steps: []policytest.Step{
			send(first, ok), after(6*time.Minute, then(send(first, ok), fetches(2))), then(send(first, ok), fetches(2)),
			{Request: policytest.Request{Header: policytest.Fields{"Authorization", "Bearer " + first}}, Want: ok, Check: func(t testing.TB, r *policytest.Result) {
				if r.Waited != 0 {
					t.Error("a known token waits")
				}
			}},
		}},
		{Name: "another key under the same name", Config: config, Deps: deps, Steps: []policytest.Step{
			then(send(first, ok), func(testing.TB) {
				forged := *keys()["ec2"]
				forged.kid = "ec"
				current().set(func(p *provider) { p.published = []json.RawMessage{forged.jwk("ES256")} })
			}),
			after(6*time.Minute, send(first, invalid)), send(second, invalid),
		}},
		{Name: "O03 garbage, then good again", Config: config, Deps: deps, Steps: []policytest.Step{
			then(send(first, ok), func(testing.TB) { current().set(func(p *provider) { p.body = "<html>" }) }),
			after(6*time.Minute, then(send(first, ok), func(testing.TB) { current().set(func(p *provider) { p.body = strings.Repeat(" ", 300<<10) }) })),
			after(time.Minute, then(send(second, ok), func(testing.TB) { current().set(func(p *provider) { p.body, p.status = "", 302 }) })),
			after(time.Minute, then(send(second, ok), func(testing.TB) { current().set(func(p *provider) { p.status = 200 }) })),
			after(time.Minute, send(second, ok)),
		}},
		{Name: "JWT20 another issuer's document", Config: config, Deps: func(t testing.TB) policy.Deps {
			d := deps(t)
			current().issuer = issuerURL + "/"
			return d
		}, Steps: []policytest.Step{then(send(first, away), fetches(0))}},
		{Name: "keys over plain http", Config: config, Deps: func(t testing.TB) policy.Deps {
			d := deps(t)
			current().jwksURI = "http://keys.example.com/jwks"
			return d
		}, Steps: []policytest.Step{then(send(first, away), fetches(0))}},
		{Name: "configured address", Config: strings.Replace(config, "{", `{"jwks_url":"`+jwks+`",`, 1), Deps: deps, Steps: []policytest.Step{
			then(send(first, ok), func(t testing.TB) {
				if current().count(issuerURL+"/.well-known/openid-configuration") != 0 {
					t.Error("the discovery document was asked for")
				}
			}),
		}},
	}})
}
