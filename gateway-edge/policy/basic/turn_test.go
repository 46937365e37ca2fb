package basic

import (
	"context"
	"encoding/base64"
	"io"
	"net/netip"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

type waits struct{ ctx context.Context }

func (w waits) Context() context.Context                        { return w.ctx }
func (waits) Reader(policy.Side) io.Reader                      { return nil }
func (waits) Writer(policy.Origin, int) (io.WriteCloser, error) { return nil, io.ErrClosedPipe }

// waiting is a request with a credential whose hash is to be computed; go on with
// resume.
type waiting struct {
	p     *passwords
	x     *policy.Exchange
	chain *policy.Chain
	hash  [32]byte
}

func newWaiting(t *testing.T, password string) *waiting {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte("right"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	d := policytest.NewDeps()
	d.Secret = func(string) ([]byte, error) { return b, nil }
	p, err := New([]byte(`{"users":{"alice":{"secret":"alice"}}}`), d)
	if err != nil {
		t.Fatal(err)
	}
	w := &waiting{p: p.(*passwords)}
	if w.chain, err = policy.CompileChain([]policy.Step{{Policy: p, Descriptor: &Descriptor}}); err != nil {
		t.Fatal(err)
	}
	w.x = policy.EngineNew(func() int64 { return 1 }, match.CanonPath)
	e := policy.EngineOf(w.x)
	e.ClientAddr = netip.MustParseAddr("192.0.2.1")
	credential := base64.StdEncoding.EncodeToString([]byte("alice:" + password))
	e.ReqHeader.AppendString("Authorization", "Basic "+credential)
	w.hash = memo.Key(&w.p.print, policy.Static(credential))
	if st := w.chain.EngineRun(w.x); st != policy.EngineSuspended {
		t.Fatalf("status %d", st)
	}
	return w
}

// resume waits, lets meanwhile happen once the gateway's turn is asked for, and
// says how it ended.
func (w *waiting) resume(ctx context.Context, meanwhile func()) (policy.EngineStatus, contract.Code) {
	if !w.p.state.line.Enter(policy.EngineMayBlock(waits{ctx})) {
		return policy.EngineFailed, 0
	}
	done := make(chan policy.EngineStatus)
	go func() { done <- w.chain.EngineResume(policy.EngineMayBlock(waits{ctx}), w.x) }()
	meanwhile()
	w.p.state.line.Leave()
	st := <-done
	return st, policy.EngineOf(w.x).Reply.Code
}

// TestOverloaded: a request whose turn does not come is not compared.
func TestOverloaded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newWaiting(t, "right")
	if !w.p.state.line.Enter(policy.EngineMayBlock(waits{ctx})) {
		t.Fatal("there is room")
	}
	defer w.p.state.line.Leave()
	cancel()
	st := w.chain.EngineResume(policy.EngineMayBlock(waits{ctx}), w.x)
	if code := policy.EngineOf(w.x).Reply.Code; st != policy.EngineTurned || code != contract.CodeOverloaded {
		t.Errorf("%d %s", st, code)
	}
}

// TestTurn: what others found while a request waited for its turn counts: nobody
// hashes a credential that is known by now, or guesses on once he is held back.
func TestTurn(t *testing.T) {
	w := newWaiting(t, "not even right") // only what is remembered can let it pass
	st, code := w.resume(t.Context(), func() {
		e := &entry{hash: w.hash, until: 1 << 60, known: caller.Known{}}
		e.known.Set(&policy.Principal{Kind: policy.KindToken}, nil, "", "alice")
		w.p.state.right.Put(e, 1, 0)
	})
	if st != policy.EngineGo {
		t.Errorf("remembered meanwhile: %d %s", st, code)
	}
	w = newWaiting(t, "right")
	st, code = w.resume(t.Context(), func() {
		for range mostFailures {
			w.p.state.clients.Failed(netip.MustParseAddr("192.0.2.1"), 1)
		}
	})
	if st != policy.EngineTurned || code != contract.CodeRateLimited {
		t.Errorf("held meanwhile: %d %s", st, code)
	}
}
