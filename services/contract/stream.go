package contract

import (
	"strings"
	"time"
)

// Protocols of a stream.
const (
	StreamTCP = "tcp"
	StreamUDP = "udp"
	StreamTLS = "tls" // passed through by the server name of the handshake, never decrypted
)

// What a stream tells its targets of the client.
const (
	ProxyOff = "off" // the default
	ProxyV1  = "v1"  // PROXY protocol, the text form
	ProxyV2  = "v2"  // PROXY protocol, the binary form
)

// Stream is a listener below HTTP: connections or flows of datagrams that go to
// the targets of an upstream as they are.
type Stream struct {
	ID       string `json:"id,omitempty"`
	Num      uint64 `json:"num,omitempty"`
	Name     string `json:"name"`
	Protocol string `json:"protocol"` // tcp | udp | tls
	// Port is where edges listen, of protocols tcp and udp: one of the operator's
	// range, which no other gateway has. The control plane chooses one for 0.
	Port int `json:"port,omitempty"`
	// SNI are the server names of protocol tls, on the edges' shared TLS port.
	// "*.example.com" stands for one label.
	SNI []string `json:"sni,omitempty"`
	// Upstream names a pool of tcp:// or udp:// targets.
	Upstream string `json:"upstream"`
	// IdleTimeout ends a connection or flow on which neither side has sent
	// anything for so long; default 5m, of udp 1m.
	IdleTimeout Duration `json:"idle_timeout,omitempty"`
	// ConnectTimeout bounds one attempt to reach a target; default the upstream's.
	ConnectTimeout Duration `json:"connect_timeout,omitempty"`
	// MaxConnections bounds the connections or flows at one edge (default 10,000),
	// MaxConnectionsPerIP those of one client's address (default 256; an IPv6
	// client is its /64).
	MaxConnections      int `json:"max_connections,omitempty"`
	MaxConnectionsPerIP int `json:"max_connections_per_ip,omitempty"`
	// Allow and Deny are addresses and CIDRs of clients. Deny wins; an empty Allow
	// allows all.
	Allow []string `json:"allow,omitempty"`
	Deny  []string `json:"deny,omitempty"`
	// ProxyProtocol is off, v1 or v2: what each target is told of the client first.
	ProxyProtocol string `json:"proxy_protocol,omitempty"`
	// AcceptProxyProtocol takes connections from the operator's trusted proxies
	// only, each with a PROXY header that says who the client is.
	AcceptProxyProtocol bool `json:"accept_proxy_protocol,omitempty"`
}

// Defaults and bounds of a stream.
const (
	DefaultStreamIdle       = 5 * time.Minute
	DefaultFlowIdle         = time.Minute
	MinStreamIdle           = time.Second
	MaxStreamIdle           = 24 * time.Hour
	MaxStreamConnect        = time.Minute
	DefaultStreamConns      = 10_000
	MaxStreamConns          = 100_000
	DefaultStreamConnsPerIP = 256
	MaxStreamAddresses      = 1_000 // of Allow, and of Deny
	MaxStreamSNI            = 20
)

// Transport is what the stream's clients speak: tcp or udp.
func (s *Stream) Transport() string {
	if s.Protocol == StreamUDP {
		return StreamUDP
	}
	return StreamTCP
}

// Idle is the idle timeout with its default filled in.
func (s *Stream) Idle() time.Duration {
	switch {
	case s.IdleTimeout > 0:
		return s.IdleTimeout.Std()
	case s.Protocol == StreamUDP:
		return DefaultFlowIdle
	}
	return DefaultStreamIdle
}

// FirstStreamNum is where the numbers of streams begin: they share the route
// dimension of usage with routes, whose numbers begin at 1.
const FirstStreamNum = 1 << 40

// IsStreamTarget reports whether a target is one of streams, tcp:// or udp://.
func IsStreamTarget(url string) bool {
	return strings.HasPrefix(url, StreamTCP+"://") || strings.HasPrefix(url, StreamUDP+"://")
}
