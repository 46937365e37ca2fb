package l4

import (
	"context"
	"errors"
	"io"

	"github.com/tollgate/tollgate/gateway-edge/internal/limit"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// spent is one unit taken from a limit of the organization.
type spent struct {
	kind policy.CounterKind
	cell policy.Cell
}

// waiting is the right to wait that a limit is given.
type waiting struct{ ctx context.Context }

// Context ends with the attempt.
func (w waiting) Context() context.Context { return w.ctx }

// Reader has nothing: a session has no body.
func (w waiting) Reader(policy.Side) io.Reader { return nothing{} }

// Writer refuses: nothing is answered.
func (w waiting) Writer(policy.Origin, int) (io.WriteCloser, error) { return nil, errNothing }

var errNothing = errors.New("a connection has neither a request nor an answer")

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, errNothing }

// spend debits all the limits of the organization, or none; false: refused.
func (x *session) spend(ctx context.Context) bool {
	if x.s.cfg.Limits == nil {
		return true
	}
	list := x.s.cfg.Limits(x.gw.Org, x.gw.Doc.Mode == contract.ModeTest)
	if len(list) == 0 {
		return true
	}
	ask := x.s.asks.Get().(*policy.Exchange)
	defer x.s.asks.Put(ask)
	x.spent = make([]spent, 0, len(list))
	for i := range list {
		if !x.take(ctx, ask, &list[i]) {
			return false
		}
	}
	return true
}

// take debits one limit, waiting for its budget where none is left here.
func (x *session) take(ctx context.Context, ask *policy.Exchange, l *limit.Limit) bool {
	e := policy.EngineOf(ask)
	e.Tick()
	e.ClientAddr = x.client.Addr()
	cell := l.Family.Of(ask)
	v := cell.Take(ask.Now())
	if v == policy.Dry {
		cell = l.Family.Of(ask)
		v = cell.Wait(policy.EngineMayBlock(waiting{ctx}))
	}
	if v != policy.Took {
		return x.refuse(policy.LimitCode(l.Kind, v))
	}
	x.spent = append(x.spent, spent{l.Kind, cell})
	return true
}

// giveBack returns what is to be returned at the end: a place in any case, a
// quota's unit when nothing was billed, a rate's only when a limit refused.
func (x *session) giveBack() {
	limited := x.refused && x.target == nil
	for _, u := range x.spent {
		switch u.kind {
		case policy.CountConcurrency:
			u.cell.Credit()
		case policy.CountQuota:
			if x.reached == 0 {
				u.cell.Credit()
			}
		default:
			if limited {
				u.cell.Credit()
			}
		}
	}
	x.spent = nil
}
