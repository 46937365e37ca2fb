package edge

import (
	"context"
	"errors"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// openPusher makes what takes messages to the WebSockets that this edge holds.
func (e *Edge) openPusher() error {
	answers, err := e.client(8)
	if err != nil {
		return err
	}
	e.pusher = &observe.Pusher{Edge: e.id.Edge, Self: e.incarnation(), Others: func() bool { return !e.id.Alone() }, Keys: e.cfg.Keys, Blocking: e.blocking, Redis: answers, Do: e.push, Logger: e.cfg.Logger}
	return nil
}

// push does what the control plane asks of a client's WebSocket.
func (e *Edge) push(ctx context.Context, p contract.Push) contract.Pushed {
	var err error
	out := contract.Pushed{Outcome: contract.PushDone}
	switch p.Op {
	case contract.PushSend:
		err = e.engine.SendSocket(ctx, p.Gateway, p.Connection, policy.Message{Binary: p.Binary, Data: p.Data})
	case contract.PushClose:
		err = e.engine.CloseSocket(p.Gateway, p.Connection, p.Code, p.Reason)
	default:
		var f engine.SocketFacts
		if f, err = e.engine.Socket(p.Gateway, p.Connection); err == nil {
			out.Found = &contract.ConnectionInfo{
				Route: f.Route, Consumer: f.Consumer, Client: f.Client.String(), Protocol: f.Protocol, Since: f.Since, Moved: f.Moved, In: f.In, Out: f.Out,
			}
		}
	}
	var long *engine.SocketTooLongError
	switch {
	case err == nil:
	case errors.As(err, &long):
		out.Outcome, out.Limit = contract.PushTooLong, long.Limit
	case errors.Is(err, engine.ErrNoSocket), errors.Is(err, policy.ErrSocketClosed):
		out.Outcome = contract.PushGone
	default:
		out.Outcome = contract.PushSlow
	}
	return out
}
