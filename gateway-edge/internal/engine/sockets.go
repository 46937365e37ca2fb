package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"strconv"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// SocketFacts is what is known of a connection that an integration accepted.
type SocketFacts struct {
	gateway  string
	Route    string
	Consumer string // "": nobody in particular
	Client   netip.Addr
	Protocol string
	Since    int64  // Unix milliseconds
	Moved    int64  // the same: when something came or went last
	In, Out  uint64 // messages
}

// ErrNoSocket is for an id that is no connection's of the gateway.
var ErrNoSocket = errors.New("there is no such connection")

// SocketTooLongError is a message that is larger than the route allows.
type SocketTooLongError struct{ Limit int64 }

func (e *SocketTooLongError) Error() string {
	return "the message is larger than the route allows: " + strconv.FormatInt(e.Limit, 10) + " bytes"
}

// socketOf finds a connection of a gateway.
func (e *Engine) socketOf(gateway, id string) (*bridge, error) {
	v, ok := e.sockets.Load(id)
	if !ok {
		return nil, ErrNoSocket
	}
	if b := v.(*bridge); b.facts.gateway == gateway {
		return b, nil
	}
	return nil, ErrNoSocket
}

// SendSocket sends a message to a client of the gateway and waits until it was
// written to its connection.
func (e *Engine) SendSocket(ctx context.Context, gateway, id string, m policy.Message) error {
	b, err := e.socketOf(gateway, id)
	if err != nil {
		return err
	}
	if int64(len(m.Data)) > b.max {
		return &SocketTooLongError{b.max}
	}
	return b.Send(ctx, m)
}

// CloseSocket ends a connection of the gateway.
func (e *Engine) CloseSocket(gateway, id string, code uint16, reason string) error {
	b, err := e.socketOf(gateway, id)
	if err == nil {
		b.Close(code, reason)
	}
	return err
}

// Socket describes a connection of the gateway.
func (e *Engine) Socket(gateway, id string) (SocketFacts, error) {
	b, err := e.socketOf(gateway, id)
	if err != nil {
		return SocketFacts{}, err
	}
	f := b.facts
	f.Moved = f.Since
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.t != nil {
		f.Moved = e.clock.Milli(b.t.moved.Load())
	}
	f.In, f.Out = b.in, b.sent
	return f, nil
}

// newSocketID makes the id of a connection that may come of a handshake.
func (e *Engine) newSocketID() string {
	var r [contract.ConnectionRandom]byte
	_, _ = rand.Read(r[:])
	return contract.ConnectionID(e.cfg.EdgeTag, r)
}
