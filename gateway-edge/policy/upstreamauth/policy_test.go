package upstreamauth_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/upstreamauth"
	"github.com/tollgate/tollgate/services/contract"
)

const client = `{"client_credentials":{"token_url":"https://id.example/token","client_id":"gate way","client_secret":{"secret":"s"},"scopes":["a","b"]}}`

// server is an authorization server under the test's hand.
type server struct {
	asked  atomic.Int64
	answer func(n int64, r *policy.FetchRequest) (*policy.FetchResponse, error)
}

func (s *server) deps(testing.TB) policy.Deps {
	d := policytest.NewDeps()
	d.Fetch = policytest.Server(func(r *policy.FetchRequest) (*policy.FetchResponse, error) { return s.answer(s.asked.Add(1), r) })
	return d
}

// gives answers every request with a token named by its number.
func gives(more string) func(testing.TB) policy.Deps {
	return func(t testing.TB) policy.Deps {
		s := &server{answer: func(n int64, _ *policy.FetchRequest) (*policy.FetchResponse, error) {
			return page(200, `{"access_token":"t`+string(rune('0'+n))+`","token_type":"bearer"`+more+`}`), nil
		}}
		return s.deps(t)
	}
}

// says answers with these, one after the other; the last one for ever.
func says(pages ...*policy.FetchResponse) func(testing.TB) policy.Deps {
	return func(t testing.TB) policy.Deps {
		s := &server{answer: func(n int64, _ *policy.FetchRequest) (*policy.FetchResponse, error) {
			p := pages[min(int(n), len(pages))-1]
			if p == nil {
				return nil, errors.New("connection refused")
			}
			return p, nil
		}}
		return s.deps(t)
	}
}

func page(status int, body string) *policy.FetchResponse {
	return &policy.FetchResponse{Status: status, Body: []byte(body)}
}

func sends(field string) policytest.Step {
	return policytest.Step{
		Request: policytest.Request{Header: policytest.Fields{"Authorization", "Bearer of-the-caller"}},
		Want:    policytest.Want{Forwarded: true, Sent: map[string]string{"Authorization": field}},
	}
}

func after(d time.Duration, s policytest.Step) policytest.Step {
	s.Wait = d
	return s
}

func away() policytest.Step {
	return policytest.Step{Want: policytest.Want{Rejected: true, Code: contract.CodeProviderUnavailable, Status: 503}}
}

func refusedByBackend(s policytest.Step) policytest.Step {
	s.Backend.Status = 401
	return s
}

func TestPolicy(t *testing.T) {
	good := page(200, `{"access_token":"t1","token_type":"Bearer","expires_in":100}`)
	cases := []policytest.Case{
		{Name: "basic", Hot: true, Config: `{"basic":{"username":"gateway","password":{"secret":"pw"}}}`, Steps: []policytest.Step{sends("Basic Z2F0ZXdheTpzZWNyZXQ6cHc=")}},
		{Name: "bearer", Hot: true, Config: `{"bearer":{"token":{"secret":"tok"}}}`, Steps: []policytest.Step{sends("Bearer secret:tok")}},
		{Name: "a bearer secret with a line break", Config: `{"bearer":{"token":{"secret":"tok"}}}`, Deps: func(testing.TB) policy.Deps {
			d := policytest.NewDeps()
			d.Secret = func(string) ([]byte, error) { return []byte("a\nX-Admin: 1"), nil }
			return d
		}, Steps: []policytest.Step{{Want: policytest.Want{Rejected: true, Code: contract.CodeInternal}}}},
		{Name: "a secret that is not there", Config: `{"bearer":{"token":{"secret":"tok"}}}`, Error: "/bearer/token/secret: gone", Deps: func(testing.TB) policy.Deps {
			d := policytest.NewDeps()
			d.Secret = func(string) ([]byte, error) { return nil, errors.New("gone") }
			return d
		}},
		{Name: "client credentials", Hot: true, Config: client, Deps: gives(""), Steps: []policytest.Step{
			sends("Bearer t1"), sends("Bearer t1"),
			// Without expires_in: five minutes, of which the last ten seconds are not used.
			after(239*time.Second, sends("Bearer t1")), after(2*time.Second, sends("Bearer t2")), sends("Bearer t2"),
		}},
		{Name: "expiry", Config: client, Deps: gives(`,"expires_in":100`), Steps: []policytest.Step{
			sends("Bearer t1"), after(79*time.Second, sends("Bearer t1")), after(2*time.Second, sends("Bearer t2")), after(10*time.Hour, sends("Bearer t3")),
		}},
		{Name: "away while a token is good", Config: client, Deps: says(good, nil), Steps: []policytest.Step{
			sends("Bearer t1"), after(85*time.Second, sends("Bearer t1")), after(4*time.Second, sends("Bearer t1")), after(2*time.Second, away()),
		}},
		{Name: "away, then back", Config: client, Deps: says(nil, nil, good), Steps: []policytest.Step{
			away(), after(500*time.Millisecond, away()), after(600*time.Millisecond, away()), after(time.Second, away()), after(1100*time.Millisecond, sends("Bearer t1")),
		}},
		{Name: "401 of the backend", Config: client, Deps: gives(`,"expires_in":1000`), Steps: []policytest.Step{
			refusedByBackend(sends("Bearer t1")), sends("Bearer t1"),
			after(31*time.Second, refusedByBackend(sends("Bearer t1"))), refusedByBackend(sends("Bearer t2")), sends("Bearer t2"),
		}},
	}
	const aws = `{"aws_sigv4":{"region":"eu-central-1","service":"execute-api","host":"abc.execute-api.eu-central-1.amazonaws.com","access_key_id":{"secret":"id"},"secret_access_key":{"secret":"key"},"session_token":{"secret":"st"}}}`
	signed := policytest.Step{
		Request: policytest.Request{Method: "POST", Path: "/prod/a%20b", Query: "z=1&a=2", Body: "hello", Header: policytest.Fields{"X-Amz-Date", "forged", "X-Amz-Security-Token", "forged", "X-Amz-Content-Sha256", "forged"}},
		Want:    policytest.Want{Forwarded: true, Sent: map[string]string{"X-Amz-Date": "20261122T120000Z", "X-Amz-Security-Token": "secret:st", "X-Amz-Content-Sha256": ""}},
		Check: func(t testing.TB, r *policytest.Result) {
			got, _ := r.Sent.Header.Get("Authorization")
			if !strings.HasPrefix(got, "AWS4-HMAC-SHA256 Credential=secret:id/20261122/eu-central-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=") || r.Sent.Body != "hello" {
				t.Errorf("%q with body %q", got, r.Sent.Body)
			}
		},
	}
	cases = append(cases, policytest.Case{Name: "AWS", Config: aws, Steps: []policytest.Step{signed, signed}},
		policytest.Case{Name: "AWS, s3", Config: strings.Replace(strings.Replace(aws, "execute-api", "s3", 1), "{\"region", "{\"unsigned_payload\":true,\"region", 1), Steps: []policytest.Step{{
			Want: policytest.Want{Forwarded: true, Sent: map[string]string{"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}},
		}}})
	for name, body := range map[string]string{
		"no JSON": "x", "no token": `{"token_type":"bearer"}`, "another type": `{"access_token":"a","token_type":"mac"}`, "no type": `{"access_token":"a"}`,
		"line break": `{"access_token":"a\nb","token_type":"bearer"}`, "space": `{"access_token":"a b","token_type":"bearer"}`,
		"long": `{"access_token":"` + strings.Repeat("a", 9000) + `","token_type":"bearer"}`, "large": strings.Repeat(" ", 70<<10),
		"negative": `{"access_token":"a","token_type":"bearer","expires_in":-1}`, "text": `{"access_token":"a","token_type":"bearer","expires_in":"soon"}`,
	} {
		cases = append(cases, policytest.Case{Name: "the server's answer: " + name, Config: client, Deps: says(page(200, body)), Steps: []policytest.Step{away()}})
	}
	policytest.Run(t, &upstreamauth.Descriptor, policytest.Suite{Cases: cases})
}

// TestAsked looks at what the server is asked, and how often.
func TestAsked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ config, basic, form string }{
		{client, "Basic Z2F0ZSt3YXk6c2VjcmV0JTNBcw==", "grant_type=client_credentials&scope=a+b"},
		{
			`{"client_credentials":{"token_url":"https://id.example/token","client_id":"g","client_secret":{"secret":"s"},"authentication":"post","audience":"x","resource":"y"}}`, "",
			"audience=x&client_id=g&client_secret=secret%3As&grant_type=client_credentials&resource=y",
		},
	} {
		var got *policy.FetchRequest
		s := &server{answer: func(_ int64, r *policy.FetchRequest) (*policy.FetchResponse, error) {
			got = r
			return page(200, `{"access_token":"t","token_type":"Bearer","expires_in":60}`), nil
		}}
		d := s.deps(t)
		for range 3 { // versions of one configuration share the token
			p, err := upstreamauth.New([]byte(tt.config), d)
			if err != nil {
				t.Fatal(err)
			}
			policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &upstreamauth.Descriptor}}, sends("Bearer t"))
		}
		if s.asked.Load() != 1 || got.Method != "POST" || got.URL != "https://id.example/token" || string(got.Body) != tt.form {
			t.Errorf("asked %d times, last %s %s %s", s.asked.Load(), got.Method, got.URL, got.Body)
		}
		if f := strings.Join(got.Header["Authorization"], ","); f != tt.basic {
			t.Errorf("Authorization %q, want %q", f, tt.basic)
		}
	}
}

// TestNothingIsShown: no trace and no answer holds a secret or a token.
func TestNothingIsShown(t *testing.T) {
	t.Parallel()
	for _, deps := range []func(testing.TB) policy.Deps{gives(""), says(page(401, `{"error":"secret:s"}`)), says(nil)} {
		p, err := upstreamauth.New([]byte(client), deps(t))
		if err != nil {
			t.Fatal(err)
		}
		r := policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &upstreamauth.Descriptor}}, policytest.Step{})
		for _, line := range r.Trace.Policies {
			if strings.Contains(line.Detail, "secret:") || strings.Contains(line.Detail, "t1") {
				t.Errorf("the trace shows %q", line.Detail)
			}
		}
		if strings.Contains(r.Reply.Detail, "secret:") {
			t.Errorf("the answer shows %q", r.Reply.Detail)
		}
	}
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &upstreamauth.Descriptor) }

func BenchmarkPolicy(b *testing.B) {
	policytest.Bench(b, &upstreamauth.Descriptor, policytest.Case{Config: client, Deps: gives(""), Steps: []policytest.Step{sends("Bearer t1")}})
}
