package policy

import (
	"context"
	"errors"
	"time"
)

// Message is one message of a WebSocket, whole.
type Message struct {
	Binary bool // else it is text, in UTF-8
	Data   []byte
}

// Socket is a client's WebSocket that an integration has accepted. It is safe for
// concurrent use, and outlives the exchange's hooks.
type Socket interface {
	// ID is the connection's id: what Handshake returned.
	ID() string
	// Send sends a message and waits until it was written to the client's
	// connection. Text that is not UTF-8 goes as binary.
	Send(ctx context.Context, m Message) error
	// Close ends the connection behind what was sent before. code is one that may
	// stand in a Close frame (RFC 6455, 7.4), reason at most 123 bytes.
	Close(code uint16, reason string)
}

// Why a message was not sent.
var (
	ErrSocketClosed = errors.New("the connection has ended")
	ErrSocketSlow   = errors.New("the client takes nothing, and too much is waiting for it")
)

// SocketHandler takes the messages of a WebSocket that it accepted.
type SocketHandler interface {
	// Message is called for each message, in order where the options allow one at
	// once. What the client sent before it closed is handled to its end; ctx ends
	// when the connection was cut, or the handling takes too long after its end.
	Message(ctx context.Context, s Socket, m Message)
	// Closed is called once, when the connection has ended and no Message is under
	// way, while the edge has time for it: not when its process ends before.
	Closed(ctx context.Context, id string, end SocketEnd)
}

// SocketOptions are the bounds of one connection.
type SocketOptions struct {
	Concurrency int           // messages handled at once; 0: one
	Rate        int           // messages a second; 0: no bound of its own
	Burst       int           // messages at once; 0: Rate
	Ping        time.Duration // between the edge's pings; 0: it sends none
}

// SocketEnd is how a connection ended.
type SocketEnd struct {
	Code   uint16 // 1006 where nobody said one
	Reason string
	By     Ended // EndedWell: by a Close frame of either side
}

// Handshake returns the id that a WebSocket will have, if this request asks for
// one that the route takes and an integration answers. It is unguessable, and good
// once Accept's answer is on its way.
func (x *Exchange) Handshake() (id Text, ok bool) { return x.e.Socket, x.e.Socket.s != "" }

// Accept answers a WebSocket's handshake and gives its messages to h, in Await of
// an integration only. Fields set on Response().Header before stand on the answer,
// Sec-WebSocket-Protocol among them: one that the client offered.
func (x *Exchange) Accept(h SocketHandler, o SocketOptions) Action {
	x.e.Accepted = &EngineAccepted{Handler: h, Options: o}
	x.e.Reply = EngineReply{Status: 101}
	return Action{actAccept}
}

// EngineAccepted is what an integration does with a WebSocket.
type EngineAccepted struct {
	Handler SocketHandler
	Options SocketOptions
}
