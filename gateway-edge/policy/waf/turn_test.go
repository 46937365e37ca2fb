package waf

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

type waits struct{ ended }

func (w waits) Context() context.Context                        { return w.ended }
func (waits) Reader(policy.Side) io.Reader                      { return nil }
func (waits) Writer(policy.Origin, int) (io.WriteCloser, error) { return nil, io.ErrClosedPipe }

// ended is a wait that is over.
type ended struct {
	context.Context
	err error
}

func (e ended) Err() error { return e.err }

// TestTurn: so many requests are looked through at once, and no more; mode detect
// refuses nobody for that, but who has gone away.
func TestTurn(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name, config string
		err          error
		want         policy.EngineStatus
	}{
		{"late", `{}`, context.DeadlineExceeded, policy.EngineTurned},
		{"late, only detected", `{"mode":"detect"}`, context.DeadlineExceeded, policy.EngineGo},
		{"gone, only detected", `{"mode":"detect"}`, context.Canceled, policy.EngineTurned},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := New([]byte(c.config), policytest.NewDeps())
			if err != nil {
				t.Fatal(err)
			}
			chain, err := policy.CompileChain([]policy.Step{{Policy: p, Descriptor: &Descriptor}})
			if err != nil {
				t.Fatal(err)
			}
			run := func(ctx ended) (policy.EngineStatus, *policy.EngineExchange) {
				x := policy.EngineNew(func() int64 { return 1 }, match.CanonPath)
				e := policy.EngineOf(x)
				e.Trace = &contract.Trace{}
				e.Req.Method, e.Req.Path = policy.Static("GET"), policy.Static("/")
				e.Req.Host = policy.Static("api.example.com")
				e.ReqHeader.AppendString("User-Agent", "shop/1.0")
				e.ReqHeader.AppendString("Accept", "*/*")
				if st := chain.EngineRun(x); st != policy.EngineSuspended {
					t.Fatalf("status %d", st)
				}
				return chain.EngineResume(policy.EngineMayBlock(waits{ctx}), x), e
			}
			free := ended{context.Background(), nil}
			line := p.(*firewall).line
			for range (cores + 1) / 2 { // all that one gateway may have
				line.Enter(policy.EngineMayBlock(waits{free}))
			}
			st, e := run(ended{done, c.err})
			detail := e.Trace.Policies[len(e.Trace.Policies)-1].Detail
			if st != c.want || st == policy.EngineTurned && e.Reply.Code != contract.CodeOverloaded || st == policy.EngineGo && !strings.Contains(detail, "not looked at") {
				t.Errorf("%d %s %q", st, e.Reply.Code, detail)
			}
			for range (cores + 1) / 2 {
				line.Leave()
			}
			if st, e := run(free); st != policy.EngineGo {
				t.Errorf("with room again: %d %s", st, e.Reply.Code)
			}
		})
	}
}
