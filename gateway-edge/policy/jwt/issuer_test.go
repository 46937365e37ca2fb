package jwt_test

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/jwt"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

type waiting struct{ ctx context.Context }

func (w waiting) Context() context.Context                          { return w.ctx }
func (w waiting) Reader(policy.Side) io.Reader                      { return nil }
func (w waiting) Writer(policy.Origin, int) (io.WriteCloser, error) { return nil, io.ErrClosedPipe }

// ask carries one request through a compiled policy on the calling goroutine.
func ask(ctx context.Context, ch *policy.Chain, token string) (status int, code contract.Code) {
	x := policy.EngineNew(func() int64 { return int64(time.Hour) }, match.CanonPath)
	e := policy.EngineOf(x)
	e.ReqHeader.AppendString("Authorization", "Bearer "+token)
	st := ch.EngineRun(x)
	if st == policy.EngineSuspended {
		st = ch.EngineResume(policy.EngineMayBlock(waiting{ctx}), x)
	}
	defer ch.EngineDone(x)
	if st == policy.EngineGo {
		return 200, 0
	}
	return e.Reply.Code.Info().Status, e.Reply.Code
}

func compiled(t testing.TB, f policy.Fetch) *policy.Chain {
	t.Helper()
	d := policytest.NewDeps()
	d.Fetch = f
	p, err := jwt.New([]byte(config), d)
	if err != nil {
		t.Fatal(err)
	}
	ch, err := policy.CompileChain([]policy.Step{{Policy: p, Descriptor: &jwt.Descriptor}})
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// TestOneFetchForAll: many requests that meet a key never seen wait for one
// fetch, also when the request that fetches is cancelled.
func TestOneFetchForAll(t *testing.T) {
	const jwks = "https://keys.example.com/jwks"
	f := newProvider("ec")
	ch := compiled(t, f)
	if status, code := ask(t.Context(), ch, token("ec", nil)); status != 200 {
		t.Fatalf("status %d %s", status, code)
	}
	f.publish("ec", "ec2")
	hold := make(chan struct{})
	f.set(func(p *provider) { p.hold = hold })

	// The first one leads, and its client goes away.
	leader, cancel := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		ask(leader, ch, token("ec2", nil))
	}()
	for f.count(jwks) < 2 {
		time.Sleep(time.Millisecond)
	}
	var bad atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if status, _ := ask(t.Context(), ch, token("ec2", nil)); status != 200 {
				bad.Add(1)
			}
		})
	}
	// Known tokens are not touched while the others wait.
	if status, _ := ask(t.Context(), ch, token("ec", nil)); status != 200 {
		t.Errorf("a token by a known key: status %d", status)
	}
	cancel()
	<-left
	close(hold)
	wg.Wait()
	if bad.Load() != 0 {
		t.Errorf("%d of 50 requests with a good token were refused", bad.Load())
	}
	if n := f.count(jwks); n > 3 {
		t.Errorf("%d fetches of the key set, want at most 3", n)
	}
}

// TestCancelledWaiter: a request that ends while it waits gets no 401.
func TestCancelledWaiter(t *testing.T) {
	f := newProvider("ec")
	f.hold = make(chan struct{})
	ch := compiled(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status, code := ask(ctx, ch, token("ec", nil)); status != 503 || code != contract.CodeProviderUnavailable {
		t.Fatalf("status %d %s", status, code)
	}
	close(f.hold)
	if status, code := ask(t.Context(), ch, token("ec", nil)); status != 200 {
		t.Fatalf("the next one: status %d %s", status, code)
	}
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &jwt.Descriptor) }

func FuzzRequest(f *testing.F) {
	f.Add("Bearer " + token("ec", nil))
	f.Add("bearer a.b.c")
	deps, _ := with(func() *provider { return newProvider("ec") })
	f.Fuzz(func(t *testing.T, authorization string) {
		policytest.Fuzz(t, &jwt.Descriptor, policytest.Case{Config: config, Deps: deps, Steps: []policytest.Step{
			{Request: policytest.Request{Header: policytest.Fields{"Authorization", authorization}}},
		}})
	})
}

func benchmark(b *testing.B, token string) {
	deps, _ := with(func() *provider { return newProvider("rsa", "ec") })
	policytest.Bench(b, &jwt.Descriptor, policytest.Case{Config: config, Deps: deps, Steps: []policytest.Step{send(token, policytest.Want{})}})
}

func BenchmarkKnownToken(b *testing.B) {
	b.Run("small", func(b *testing.B) { benchmark(b, token("ec", nil)) })
	b.Run("1KiB", func(b *testing.B) { benchmark(b, token("rsa", map[string]any{"pad": string(make([]byte, 80))})) })
	b.Run("4KiB", func(b *testing.B) { benchmark(b, token("ec", map[string]any{"pad": string(make([]byte, 480))})) })
}

func BenchmarkNewToken(b *testing.B) {
	for _, kid := range []string{"rsa", "ec", "ed"} {
		b.Run(kid, func(b *testing.B) {
			ch := compiled(b, newProvider("rsa", "ec", "ed"))
			n := 0
			for b.Loop() {
				b.StopTimer()
				n++
				tok := token(kid, map[string]any{"jti": n})
				b.StartTimer()
				if status, code := ask(b.Context(), ch, tok); status != 200 {
					b.Fatal(status, code)
				}
			}
		})
	}
}
