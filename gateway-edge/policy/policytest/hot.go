package policytest

import (
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// hotPath compiles a case and returns a function that carries its first step
// through the chain on one exchange, as an engine's pool does: request side,
// response side, OnDone.
func hotPath(t testing.TB, d *policy.Descriptor, c *Case) (round func()) {
	t.Helper()
	ch, _, _ := compile(t, d, c)
	p := &player{driver: drivers[0], chain: ch, now: 1_000_000_000_000}
	st := &c.Steps[0]
	x := policy.EngineNew(func() int64 { return p.now }, match.CanonPath)
	e := policy.EngineOf(x)
	src := policy.EngineNew(func() int64 { return p.now }, match.CanonPath)
	p.fill(policy.EngineOf(src), &st.Request)
	se := policy.EngineOf(src)
	serve := func() policy.EngineStatus {
		e.Reset()
		e.Req.Method, e.Req.Scheme, e.Req.Host, e.Req.Path, e.Req.Query = se.Req.Method, se.Req.Scheme, se.Req.Host, se.Req.Path, se.Req.Query
		for _, f := range se.ReqHeader.Fields() {
			e.ReqHeader.AppendString(f.Name, f.Value)
		}
		e.Params, e.ParamCount, e.ClientAddr, e.Port, e.Route = se.Params, se.ParamCount, se.ClientAddr, se.Port, se.Route
		e.RequestID, e.Certificate = se.RequestID, se.Certificate
		if st.Request.Principal != nil {
			policy.EngineAuthenticate(x, st.Request.Principal)
		}
		status := ch.EngineRun(x)
		if status == policy.EngineSuspended {
			return status
		}
		if status == policy.EngineGo {
			e.RespHeader.Reset()
			e.Resp.Status, e.Resp.Origin = 200, policy.FromBackend
			for i := 0; i+1 < len(st.Backend.Header); i += 2 {
				e.RespHeader.AppendString(st.Backend.Header[i], st.Backend.Header[i+1])
			}
		}
		ch.EngineRespond(x)
		e.Outcome.Billable = status == policy.EngineGo
		ch.EngineDone(x)
		return status
	}
	// A first round may wait: what it learns is what the hot path lives on.
	if serve() == policy.EngineSuspended {
		p.resume(x, &Result{})
		ch.EngineRespond(x)
		ch.EngineDone(x)
	}
	return func() {
		if serve() == policy.EngineSuspended {
			t.Fatal("the hot path waits")
		}
	}
}

// allocations holds the first step to no allocation at all.
func allocations(t *testing.T, d *policy.Descriptor, c *Case) {
	round := hotPath(t, d, c)
	for range 10 {
		round()
	}
	if n := alloctest.PerRun(200, round); n != 0 {
		t.Errorf("%v allocations a request, want 0", n)
	}
}

// Bench measures the first step of a case on its hot path.
func Bench(b *testing.B, d *policy.Descriptor, c Case) {
	round := hotPath(b, d, &c)
	b.ReportAllocs()
	for b.Loop() {
		round()
	}
}

// Serve carries one step through a chain of several policies, in place, for
// tests of how policies meet.
func Serve(t testing.TB, steps []policy.Step, st Step) *Result {
	t.Helper()
	ch, err := policy.CompileChain(steps)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	p := &player{driver: drivers[0], chain: ch, now: 1_000_000_000_000}
	r := p.serve(t, &st)
	check(t, 0, &st, r)
	return r
}
