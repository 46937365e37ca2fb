package jwt_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/jwt"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

const staffURL = "https://staff.example.com"

// both answers for two providers, whose keys have the same name: the staff's is
// ec2.
type both struct {
	policytest.Server
	customers *provider
}

func (f both) Get(b policy.Blocking, url string, limit int64) ([]byte, map[string]string, int, error) {
	switch url {
	case staffURL + "/.well-known/openid-configuration":
		return []byte(`{"issuer":"` + staffURL + `","jwks_uri":"` + staffURL + `/keys"}`), nil, 200, nil
	case staffURL + "/keys":
		k := *keys()["ec2"]
		k.kid = "ec"
		body, err := json.Marshal(map[string]any{"keys": []json.RawMessage{k.jwk("ES256")}})
		return body, nil, 200, err
	}
	return f.customers.Get(b, url, limit)
}

func TestSeveralIssuers(t *testing.T) {
	deps := func(testing.TB) policy.Deps {
		d := policytest.NewDeps()
		d.Fetch = both{customers: newProvider("ec")}
		return d
	}
	const two = `{"issuer":"` + issuerURL + `","audiences":["api"],"consumer_prefix":"c:","issuers":[{"issuer":"` + staffURL + `","audiences":["staff"],"consumer_prefix":"s:"}]}`
	staff := func(change map[string]any) string {
		k := *keys()["ec2"]
		k.kid = "ec"
		c := map[string]any{"iss": staffURL, "aud": "staff"}
		for name, v := range change {
			c[name] = v
		}
		return k.sign(nil, claims(c))
	}
	policytest.Run(t, &jwt.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "hot", Hot: true, Config: two, Deps: deps, Steps: []policytest.Step{send(staff(nil), passed("s:alice"))}},
		{Name: "each by its own rules", Config: two, Deps: deps, Steps: []policytest.Step{
			send(token("ec", nil), passed("c:alice")), send(staff(nil), passed("s:alice")), send(token("ec", nil), passed("c:alice")),
			send(staff(map[string]any{"aud": "api"}), refused(contract.CodeTokenAudience)),
			send(token("ec", map[string]any{"aud": "staff"}), refused(contract.CodeTokenAudience)),
			send(token("ec", map[string]any{"iss": staffURL, "aud": "staff"}), refused(contract.CodeTokenInvalid)), // the customers' key
			send(staff(map[string]any{"iss": issuerURL, "aud": "api"}), refused(contract.CodeTokenInvalid)),        // and the other way round
			send(staff(map[string]any{"iss": "https://third.example.com"}), refused(contract.CodeTokenInvalid)),
		}},
	}})
}

func TestTypesAndLeeway(t *testing.T) {
	deps, _ := with(func() *provider { return newProvider("ec") })
	typed := func(typ any) string { return keys()["ec"].sign(map[string]any{"typ": typ}, claims(nil)) }
	invalid := refused(contract.CodeTokenInvalid)
	now := policytest.Noon.Unix()
	const base = `{"issuer":"` + issuerURL + `","audiences":["api"]`
	policytest.Run(t, &jwt.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "types", Config: base + `,"types":["at+jwt"]}`, Deps: deps, Steps: []policytest.Step{
			send(typed("at+jwt"), passed("alice")), send(typed("application/at+jwt"), passed("alice")), send(typed("AT+JWT"), passed("alice")),
			send(typed("JWT"), invalid), send(typed(nil), invalid), send(typed(7), invalid), send(typed(""), invalid),
		}},
		{Name: "leeway", Config: base + `,"leeway":"10s"}`, Deps: deps, Steps: []policytest.Step{
			send(token("ec", map[string]any{"exp": now - 10}), passed("alice")), send(token("ec", map[string]any{"exp": now - 11}), refused(contract.CodeTokenExpired)),
			send(token("ec", map[string]any{"nbf": now + 10}), passed("alice")), send(token("ec", map[string]any{"nbf": now + 11}), invalid),
		}},
		{Name: "no leeway", Config: base + `,"leeway":"0s"}`, Deps: deps, Steps: []policytest.Step{
			send(token("ec", map[string]any{"exp": now}), passed("alice")), after(time.Second, send(token("ec", map[string]any{"exp": now - 1}), refused(contract.CodeTokenExpired))),
		}},
	}})
}
