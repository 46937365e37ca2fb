package policy

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Opener is a Caller that opens WebSockets too: every one of an upstream that speaks
// HTTP/1.1, and of none that does not.
type Opener interface {
	// Open opens a WebSocket to a target, which is chosen and tried as for a call. A
	// target that answers the handshake in any other way has its answer in refused,
	// whatever its status; its body is at most 64 KiB. The error is a *CallError.
	// ctx bounds the handshake alone. A Channel is to be closed.
	Open(ctx context.Context, r *OpenRequest) (c Channel, refused *FetchResponse, err error)
}

// OpenRequest is a WebSocket's handshake. Nothing of the caller's own request is sent
// but what stands here.
type OpenRequest struct {
	Host  string // sent as Host; "": the target's
	Path  string // canonical, beginning with "/"; "": "/"
	Query string // without "?"
	// Header is by canonical name. Framing, what concerns one connection only and the
	// handshake's own fields are left out.
	Header    map[string][]string
	Protocols []string // the subprotocols that are offered
	// Client is whom hashing by address goes by; not valid: nobody.
	Client netip.Addr
	// Limit bounds a message that is received, in bytes. 0: 1 MiB.
	Limit int64
	// Timeout bounds the handshake, its tries included; 0, and more than that: the
	// upstream's total timeout.
	Timeout time.Duration
}

// Channel is a WebSocket to a backend. One goroutine at a time may receive; Send and
// Close are safe for concurrent use.
type Channel interface {
	// Protocol is the subprotocol that the backend chose, one of those offered; "":
	// none.
	Protocol() string
	// Send sends a message. Text is to be UTF-8.
	Send(ctx context.Context, m Message) error
	// Receive waits for a message, which is the caller's. The error is a
	// *ChannelClosed behind the backend's Close frame, else a *CallError. When ctx
	// has ended while it waited, nothing more can be received.
	Receive(ctx context.Context) (Message, error)
	// Close ends the connection, with a Close frame where there was none yet. It
	// waits a moment for the backend's.
	Close(code uint16, reason string)
}

// ChannelClosed says that the backend has closed a Channel. Code is 1005 where its
// frame has none. Reason is the backend's own text.
type ChannelClosed struct {
	Code   uint16
	Reason string
}

// Error tells the code alone.
func (e *ChannelClosed) Error() string {
	return fmt.Sprintf("the backend closed the WebSocket with code %d", e.Code)
}

// Abnormal reports whether the code says that something went wrong (RFC 6455,
// 7.4.1): all but an ordinary end, the backend's own going away, and no code.
func (e *ChannelClosed) Abnormal() bool {
	return e.Code != 1000 && e.Code != 1001 && e.Code != 1005
}
