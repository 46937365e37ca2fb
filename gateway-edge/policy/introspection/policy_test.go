package introspection_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/introspection"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

const config = `{"url":"https://id.example/introspect","client_id":"g","client_secret":{"secret":"s"}}`

func with(more string) string { return strings.Replace(config, "{", "{"+more+",", 1) }

// server answers as an authorization server does: a token is the JSON of its
// answer, or the status to fail with.
type server struct {
	mu    sync.Mutex
	down  bool
	known map[string]string
	asked []url.Values
	auth  []string
}

func (s *server) answer(r *policy.FetchRequest) (*policy.FetchResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := url.ParseQuery(string(r.Body))
	if err != nil || r.Method != "POST" {
		return nil, fmt.Errorf("not a question: %s", r.Body)
	}
	s.asked, s.auth = append(s.asked, q), append(s.auth, strings.Join(r.Header["Authorization"], ","))
	if s.down {
		return nil, errors.New("connection refused")
	}
	body, ok := s.known[q.Get("token")]
	switch {
	case !ok:
		body = `{"active":false}`
	case body == "400":
		return &policy.FetchResponse{Status: 400, Body: []byte("{}")}, nil
	case body == "500":
		return &policy.FetchResponse{Status: 500, Body: []byte("{}")}, nil
	}
	return &policy.FetchResponse{Status: 200, Body: []byte(body)}, nil
}

func answers(known map[string]string) (func(testing.TB) policy.Deps, func() *server) {
	var s *server
	return func(testing.TB) policy.Deps {
		s = &server{known: known}
		d := policytest.NewDeps()
		d.Fetch = policytest.Server(s.answer)
		return d
	}, func() *server { return s }
}

func send(token string, w policytest.Want) policytest.Step {
	return policytest.Step{Request: policytest.Request{Header: policytest.Fields{"Authorization", "Bearer " + token}}, Want: w}
}

func passed(consumer string) policytest.Want {
	return policytest.Want{Forwarded: true, Consumer: &consumer}
}

func refused(c contract.Code) policytest.Want { return policytest.Want{Rejected: true, Code: c} }

// A certificate's SHA-256, as tokens and as the gateway writes it.
const thumbprint, fingerprint = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA", "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"

func shown(s policytest.Step, fingerprint string) policytest.Step {
	s.Request.Certificate = &policy.Certificate{Fingerprint: fingerprint}
	return s
}

func after(d time.Duration, s policytest.Step) policytest.Step {
	s.Wait = d
	return s
}

func TestPolicy(t *testing.T) {
	now := policytest.Noon.Unix()
	deps, at := answers(map[string]string{
		"good": `{"active":true,"sub":"alice","client_id":"app","scope":"a b","aud":["x","api"],"username":"Alice","token_type":"Bearer"}`,
		"exp":  fmt.Sprintf(`{"active":true,"sub":"alice","exp":%d}`, now+30), "old": fmt.Sprintf(`{"active":true,"sub":"alice","exp":%d}`, now-1),
		"early": fmt.Sprintf(`{"active":true,"sub":"alice","nbf":%d}`, now+1), "times": `{"active":true,"sub":"a","exp":"soon"}`,
		"iss": `{"active":true,"sub":"alice","iss":"https://other.example"}`, "dpop": `{"active":true,"sub":"alice","token_type":"DPoP"}`,
		"cert": `{"active":true,"sub":"alice","token_type":"Bearer","cnf":{"x5t#S256":"` + thumbprint + `"}}`, "jkt": `{"active":true,"sub":"alice","cnf":{"jkt":"` + thumbprint + `"}}`,
		"both": `{"active":true,"sub":"alice","cnf":{"x5t#S256":"` + thumbprint + `","jkt":"x"}}`, "cnf": `{"active":true,"sub":"alice","cnf":"x"}`, "null": `{"active":true,"sub":"alice","cnf":null}`,
		"nosub": `{"active":true}`, "text": `{"active":"true","sub":"a"}`, "html": `<html>`, "twice": `{"active":false,"active":true,"sub":"a"}`, "fails": "500", "odd": "400",
		"crlf": `{"active":true,"sub":"a","username":"a\r\nb"}`, "large": `{"active":true,"sub":"` + strings.Repeat("a", 70<<10) + `"}`,
	})
	check := func(s policytest.Step, fn func(t testing.TB, s *server)) policytest.Step {
		s.Check = func(t testing.TB, _ *policytest.Result) { fn(t, at()) }
		return s
	}
	asked := func(n int) func(testing.TB, *server) {
		return func(t testing.TB, s *server) {
			if len(s.asked) != n {
				t.Errorf("asked %d times, want %d", len(s.asked), n)
			}
		}
	}
	set := func(down bool) func(testing.TB, *server) {
		return func(_ testing.TB, s *server) { s.mu.Lock(); s.down = down; s.mu.Unlock() }
	}
	invalid, away := refused(contract.CodeTokenInvalid), refused(contract.CodeProviderUnavailable)
	var flood []policytest.Step
	for i := range 50 {
		flood = append(flood, send(fmt.Sprintf("invented%d", i), invalid))
	}
	var odd []policytest.Step
	for range 25 {
		odd = append(odd, send("odd", away), send("exp", passed("alice")), send("odd", away))
	}
	odd = append(odd, send("odd", refused(contract.CodeRateLimited)), send("exp", passed("alice")))
	flood = append(flood, send("another", refused(contract.CodeRateLimited)), send("good", refused(contract.CodeRateLimited)),
		after(11*time.Second, send("good", passed("alice"))))
	for i := range 50 {
		flood = append(flood, send(fmt.Sprintf("more%d", i), invalid))
	}
	flood = append(flood, send("good", passed("alice")))
	policytest.Run(t, &introspection.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "hot", Hot: true, Config: config, Deps: deps, Steps: []policytest.Step{send("good", passed("alice"))}},
		{Name: "hot refusal", Hot: true, Config: config, Deps: deps, Steps: []policytest.Step{send("nobody", invalid)}},
		{Name: "no token", Config: config, Deps: deps, Steps: []policytest.Step{
			{Want: policytest.Want{Rejected: true, Code: contract.CodeTokenMissing, Header: map[string]string{"WWW-Authenticate": "Bearer"}}},
			send("", refused(contract.CodeTokenMissing)), send("a b", invalid), send("a\"b", invalid), send(strings.Repeat("a", 9000), invalid),
			check(send("tg_live_abc", invalid), asked(0)),
		}},
		{Name: "answers", Config: config, Deps: deps, Steps: []policytest.Step{
			send("nobody", invalid), send("old", refused(contract.CodeTokenExpired)), send("early", invalid), send("times", invalid), send("dpop", invalid),
			send("cert", invalid), shown(send("cert", passed("alice")), fingerprint), shown(send("cert", invalid), strings.Repeat("0", 64)), send("cert", invalid),
			shown(send("jkt", invalid), fingerprint), shown(send("both", invalid), fingerprint), shown(send("cnf", invalid), fingerprint), send("null", passed("alice")),
			send("iss", passed("alice")), send("nosub", refused(contract.CodeForbidden)),
		}},
		{Name: "no answers", Config: config, Deps: deps, Steps: []policytest.Step{
			send("text", away), after(time.Second, send("html", away)), after(time.Second, send("twice", away)), after(time.Second, send("fails", away)),
			after(time.Second, send("large", away)), check(after(time.Second, send("good", passed("alice"))), asked(6)),
		}},
		{Name: "kept", Config: config, Deps: deps, Steps: []policytest.Step{
			send("good", passed("alice")), check(send("good", passed("alice")), asked(1)), check(after(59*time.Second, send("good", passed("alice"))), asked(1)),
			check(after(2*time.Second, send("good", passed("alice"))), asked(2)),
			send("nobody", invalid), check(after(4*time.Second, send("nobody", invalid)), asked(3)), check(after(2*time.Second, send("nobody", invalid)), asked(4)),
		}},
		{Name: "not kept", Config: with(`"cache":"0s","negative_cache":"0s"`), Deps: deps, Steps: []policytest.Step{
			send("good", passed("alice")), check(send("good", passed("alice")), asked(2)), send("nobody", invalid), check(send("nobody", invalid), asked(4)),
		}},
		{Name: "away", Config: config, Deps: deps, Steps: []policytest.Step{
			check(send("good", passed("alice")), set(true)), send("good", passed("alice")), send("exp", away), check(send("exp", away), asked(2)),
			after(61*time.Second, send("good", away)), check(send("good", away), set(false)), after(time.Second, send("good", passed("alice"))),
		}},
		{Name: "issuer, audience", Config: with(`"issuer":"https://id.example","audiences":["api"]`), Deps: deps, Steps: []policytest.Step{
			send("good", passed("alice")), send("iss", invalid), send("exp", refused(contract.CodeTokenAudience)),
		}},
		{Name: "scopes and fields", Config: with(`"scopes":["a","b"],"consumer_claim":"client_id","claims_to_headers":{"username":"X-User"},"forward_token":false`), Deps: deps, Steps: []policytest.Step{
			{
				Request: policytest.Request{Header: policytest.Fields{"Authorization", "bearer good", "X-User", "forged"}},
				Want:    policytest.Want{Forwarded: true, Sent: map[string]string{"X-User": "Alice", "Authorization": ""}},
			},
			send("exp", policytest.Want{Rejected: true, Code: contract.CodeForbidden, Header: map[string]string{"WWW-Authenticate": `Bearer error="insufficient_scope", scope="a b"`}}),
		}},
		{Name: "a claim with a line break", Config: with(`"claims_to_headers":{"username":"X-User"}`), Deps: deps, Steps: []policytest.Step{send("crlf", refused(contract.CodeForbidden))}},
		{Name: "a token that the server does not take is one client's affair", Config: config, Deps: deps, Steps: odd},
		{Name: "invented tokens", Config: config, Deps: deps, Steps: flood},
		{Name: "what is asked", Config: with(`"authentication":"post"`), Deps: deps, Steps: []policytest.Step{
			check(send("good", passed("alice")), func(t testing.TB, s *server) {
				if q := s.asked[0].Encode(); q != "client_id=g&client_secret=secret%3As&token=good&token_type_hint=access_token" || s.auth[0] != "" {
					t.Errorf("asked %s with %q", q, s.auth[0])
				}
			}),
		}},
		{Name: "as whom", Config: config, Deps: deps, Steps: []policytest.Step{
			check(send("good", passed("alice")), func(t testing.TB, s *server) {
				if q := s.asked[0].Encode(); q != "token=good&token_type_hint=access_token" || s.auth[0] != "Basic ZzpzZWNyZXQlM0Fz" {
					t.Errorf("asked %s with %q", q, s.auth[0])
				}
			}),
		}},
	}})
}

// TestExpiry: a token is good no longer than its server says, whatever is kept.
func TestExpiry(t *testing.T) {
	t.Parallel()
	deps, _ := answers(map[string]string{"exp": fmt.Sprintf(`{"active":true,"sub":"a","exp":%d}`, policytest.Noon.Unix()+30)})
	d := deps(t)
	wall := policytest.Noon
	d.Wall = func() time.Time { return wall }
	p, err := introspection.New([]byte(config), d)
	if err != nil {
		t.Fatal(err)
	}
	step := []policy.Step{{Policy: p, Descriptor: &introspection.Descriptor}}
	policytest.Serve(t, step, send("exp", passed("a")))
	wall = wall.Add(29 * time.Second)
	policytest.Serve(t, step, send("exp", passed("a")))
	wall = wall.Add(time.Second)
	policytest.Serve(t, step, send("exp", refused(contract.CodeTokenExpired)))
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &introspection.Descriptor) }

func BenchmarkPolicy(b *testing.B) {
	deps, _ := answers(map[string]string{"good": `{"active":true,"sub":"alice"}`})
	policytest.Bench(b, &introspection.Descriptor, policytest.Case{Config: config, Deps: deps, Steps: []policytest.Step{send("good", passed("alice"))}})
}
