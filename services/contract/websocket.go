package contract

import "time"

// WebSocket is how a route takes WebSockets (RFC 6455, RFC 8441).
type WebSocket struct {
	// MaxMessageBytes bounds a message of either side, all fragments together;
	// larger ones close the connection with 1009. Default 1 MiB.
	MaxMessageBytes int64 `json:"max_message_bytes,omitempty"`
	// IdleTimeout closes a connection on which nothing moves, not even a ping,
	// with 1001. Default 5m.
	IdleTimeout Duration `json:"idle_timeout,omitempty"`
	// MaxLifetime closes a connection of that age with 1001; zero is no bound.
	MaxLifetime Duration `json:"max_lifetime,omitempty"`
	// Origins are the pages that may connect from a browser, in the form of
	// match.ParseOrigin; empty: any. Callers that are no browser send no Origin
	// and are not asked for one.
	Origins []string `json:"origins,omitempty"`
	// Compression passes permessage-deflate on. The size of a compressed message
	// is what is on the wire, and its text is not looked at.
	Compression bool `json:"compression,omitempty"`
}

// Defaults and bounds of WebSocket's parts.
const (
	DefaultMaxMessage    = 1 << 20
	MaxMaxMessage        = 1 << 30
	DefaultWebSocketIdle = 5 * time.Minute
	MinWebSocketIdle     = time.Second
	MaxWebSocketTime     = 24 * time.Hour
	MaxOrigins           = 100
)
