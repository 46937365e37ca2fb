package extauth_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/extauth"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

const config = `{"url":"https://auth.example/check"}`

func with(more string) string { return strings.Replace(config, "{", "{"+more+",", 1) }

// service is an authoriser: the Cookie says how it answers.
type service struct {
	mu    sync.Mutex
	asked []*policy.FetchRequest
}

func (s *service) answer(r *policy.FetchRequest) (*policy.FetchResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r)
	h := map[string][]string{"X-User": {"u1"}, "Www-Authenticate": {"Own"}, "Location": {"/login"}, "Set-Cookie": {"a=1", "b=2"}, "X-Internal": {"10.0.0.1"}, "Content-Type": {"text/plain"}}
	switch strings.Join(r.Header["Cookie"], ";") {
	case "yes":
		return &policy.FetchResponse{Status: 204, Header: h}, nil
	case "nobody":
		delete(h, "X-User")
		return &policy.FetchResponse{Status: 200, Header: h}, nil
	case "odd":
		h["X-User"] = []string{"a\r\nX-Admin: 1"}
		return &policy.FetchResponse{Status: 200, Header: h}, nil
	case "login":
		return &policy.FetchResponse{Status: 302, Header: h}, nil
	case "who":
		return &policy.FetchResponse{Status: 401, Header: h, Body: []byte("who are you")}, nil
	case "500":
		return &policy.FetchResponse{Status: 500, Header: h}, nil
	case "away":
		return nil, errors.New("connection refused")
	case "large no":
		return &policy.FetchResponse{Status: 403, Header: h, Body: make([]byte, 70<<10)}, nil
	case "large":
		return &policy.FetchResponse{Status: 200, Header: h, Body: make([]byte, 70<<10)}, nil
	}
	return &policy.FetchResponse{Status: 403, Header: h, Body: []byte("no")}, nil
}

var current *service

func deps(testing.TB) policy.Deps {
	current = &service{}
	d := policytest.NewDeps()
	d.Fetch = policytest.Server(current.answer)
	return d
}

func send(cookie string, w policytest.Want) policytest.Step {
	return policytest.Step{Request: policytest.Request{Header: policytest.Fields{"Cookie", cookie, "X-User", "forged"}}, Want: w}
}

func asked(s policytest.Step, n int) policytest.Step {
	s.Check = func(t testing.TB, _ *policytest.Result) {
		if len(current.asked) != n {
			t.Errorf("asked %d times, want %d", len(current.asked), n)
		}
	}
	return s
}

func after(d time.Duration, s policytest.Step) policytest.Step {
	s.Wait = d
	return s
}

func as(who string, s policytest.Step) policytest.Step {
	s.Request.Principal = &policy.Principal{Kind: policy.KindAPIKey, ConsumerName: who}
	s.Want.Consumer = &who
	return s
}

func TestPolicy(t *testing.T) {
	passed := policytest.Want{Forwarded: true}
	forbidden := policytest.Want{Rejected: true, Code: contract.CodeForbidden}
	away := policytest.Want{Rejected: true, Code: contract.CodeProviderUnavailable}
	u1, no, who, nothing := "u1", "no", "who are you", ""
	user := policytest.Want{Forwarded: true, Consumer: &u1, Sent: map[string]string{"X-User": "u1"}}
	other := func(s policytest.Step, change func(*policytest.Request)) policytest.Step {
		change(&s.Request)
		return s
	}
	const names = `"copy_headers":["X-User"],"consumer_header":"X-User"`
	policytest.Run(t, &extauth.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "hot", Hot: true, Config: with(names + `,"cache":"30s"`), Deps: deps, Steps: []policytest.Step{send("yes", user)}},
		{Name: "answers", Config: config, Deps: deps, Steps: []policytest.Step{
			send("yes", policytest.Want{Forwarded: true, Sent: map[string]string{"X-User": "forged", "X-Internal": ""}}),
			send("no", policytest.Want{Answered: true, Status: 403, Body: &no, Header: map[string]string{"X-Internal": "", "Set-Cookie": "", "Content-Type": "text/plain"}}),
			send("who", policytest.Want{Answered: true, Status: 401, Body: &who, Header: map[string]string{"WWW-Authenticate": "Own"}}),
			send("login", policytest.Want{Answered: true, Status: 302, Header: map[string]string{"Location": "/login"}}),
			send("500", away), send("away", away), send("large", away), asked(send("yes", passed), 8),
		}},
		{Name: "problems", Config: with(`"denial":"problem"`), Deps: deps, Steps: []policytest.Step{
			send("no", forbidden), send("login", forbidden), send("who", policytest.Want{Rejected: true, Code: contract.CodeTokenInvalid, Header: map[string]string{"WWW-Authenticate": "Bearer"}}),
		}},
		{Name: "cookies of a refusal", Config: with(`"denial_headers":["set-cookie"]`), Deps: deps, Steps: []policytest.Step{{
			Request: policytest.Request{Header: policytest.Fields{"Cookie", "login"}}, Want: policytest.Want{Answered: true, Status: 302, Header: map[string]string{"Location": ""}},
			Check: func(t testing.TB, r *policytest.Result) {
				if got := r.Header.All("Set-Cookie"); len(got) != 2 || got[1] != "b=2" {
					t.Errorf("cookies %q", got)
				}
			},
		}}},
		{Name: "names", Config: with(names), Deps: deps, Steps: []policytest.Step{
			send("yes", user), send("nobody", forbidden), send("odd", forbidden), as("alice", send("yes", policytest.Want{Forwarded: true})),
		}},
		{Name: "an absent field", Config: with(`"copy_headers":["X-User"]`), Deps: deps, Steps: []policytest.Step{
			send("nobody", policytest.Want{Forwarded: true, Sent: map[string]string{"X-User": ""}}),
		}},
		{Name: "open", Config: with(names + `,"on_failure":"allow"`), Deps: deps, Steps: []policytest.Step{
			send("away", policytest.Want{Forwarded: true, Sent: map[string]string{"X-User": ""}}), send("500", passed), send("no", policytest.Want{Answered: true, Status: 403}),
			send("large no", policytest.Want{Answered: true, Status: 403, Body: &nothing, Header: map[string]string{"Content-Type": "", "Www-Authenticate": "Own"}}), send("large", passed),
		}},
		{Name: "kept", Config: with(names + `,"cache":"30s"`), Deps: deps, Steps: []policytest.Step{
			send("yes", user), asked(send("yes", user), 1),
			asked(other(send("yes", user), func(r *policytest.Request) { r.Path = "/other" }), 2),
			asked(other(send("yes", user), func(r *policytest.Request) { r.Method = "POST" }), 3),
			asked(other(send("yes", user), func(r *policytest.Request) { r.Client = "192.0.2.9" }), 4),
			asked(other(send("yes", user), func(r *policytest.Request) { r.Header = append(r.Header, "Authorization", "x") }), 5),
			asked(other(send("yes", user), func(r *policytest.Request) { r.Query = strings.Repeat("q", 5000) }), 6),
			asked(other(send("yes", user), func(r *policytest.Request) { r.Query = strings.Repeat("q", 5000) }), 7),
			asked(as("alice", send("yes", policytest.Want{Forwarded: true})), 8), asked(as("bob", send("yes", policytest.Want{Forwarded: true})), 9),
			asked(as("alice", send("yes", policytest.Want{Forwarded: true})), 9), // what is kept of one caller is nobody else's
			send("no", policytest.Want{Answered: true, Status: 403}), asked(send("no", policytest.Want{Answered: true, Status: 403}), 11),
			asked(after(31*time.Second, send("yes", user)), 12),
		}},
		{Name: "what is asked", Config: with(`"send_headers":["cookie"],"token":{"secret":"t"},"timeout":"1s"`), Deps: deps, Steps: []policytest.Step{{
			Request: policytest.Request{Method: "PUT", Path: "/a%20b", Query: "c=d", Header: policytest.Fields{"Cookie", "yes", "Authorization", "x"}, Principal: &policy.Principal{ConsumerName: "alice"}},
			Want:    passed,
			Check: func(t testing.TB, _ *policytest.Result) {
				r := current.asked[0]
				for name, want := range map[string]string{
					"X-Forwarded-Method": "PUT", "X-Forwarded-Uri": "/a%20b?c=d", "X-Forwarded-Host": "api.example.com", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1",
					"Cookie": "yes", "Authorization": "", "Tollgate-Authorization": "Bearer secret:t", "Tollgate-Consumer": "alice",
				} {
					if got := strings.Join(r.Header[name], ","); got != want {
						t.Errorf("%s: %q, want %q", name, got, want)
					}
				}
				if r.Method != "GET" || r.Timeout != time.Second || len(r.Body) > 0 {
					t.Errorf("asked %+v", r)
				}
			},
		}}},
	}})
}

// TestGoneIsNotAway: a client that goes away while the authoriser is asked is not
// let in by on_failure, as one is whose authoriser takes too long.
func TestGoneIsNotAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  error
		want policy.EngineStatus
	}{"gone": {context.Canceled, policy.EngineTurned}, "late": {context.DeadlineExceeded, policy.EngineGo}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := ended{over{t.Context(), c.end}}
			d := policytest.NewDeps()
			d.Fetch = policytest.Server(func(*policy.FetchRequest) (*policy.FetchResponse, error) { return nil, c.end })
			p, err := extauth.New([]byte(with(`"on_failure":"allow"`)), d)
			if err != nil {
				t.Fatal(err)
			}
			chain, err := policy.CompileChain([]policy.Step{{Policy: p, Descriptor: &extauth.Descriptor}})
			if err != nil {
				t.Fatal(err)
			}
			x := policy.EngineNew(func() int64 { return 1 }, match.CanonPath)
			if st := chain.EngineRun(x); st != policy.EngineSuspended {
				t.Fatalf("status %d", st)
			}
			if st := chain.EngineResume(policy.EngineMayBlock(ctx), x); st != c.want {
				t.Errorf("status %d, want %d: %v", st, c.want, policy.EngineOf(x).Reply.Code)
			}
		})
	}
}

// ended is a wait that is over.
type ended struct{ over }

type over struct {
	context.Context
	err error
}

func (o over) Err() error { return o.err }

func (e ended) Context() context.Context                        { return e.over }
func (ended) Reader(policy.Side) io.Reader                      { return nil }
func (ended) Writer(policy.Origin, int) (io.WriteCloser, error) { return nil, io.ErrClosedPipe }

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &extauth.Descriptor) }

func BenchmarkPolicy(b *testing.B) {
	policytest.Bench(b, &extauth.Descriptor, policytest.Case{Config: with(`"cache":"30s"`), Deps: deps, Steps: []policytest.Step{send("yes", policytest.Want{Forwarded: true})}})
}
