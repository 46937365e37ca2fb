package transport

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// Error is why there is no connection, or why it broke.
type Error struct {
	Code contract.Code
	// Connect: nothing was sent; the request may go to another target.
	Connect bool
	Err     error
}

func (e *Error) Error() string { return e.Code.String() + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// CodeOf maps an error of a connection to what the client gets: a timeout,
// a failed verification, a reset. nil is CodeInternal.
func CodeOf(err error) contract.Code { return contract.CodeInternal }

// Config of Pools.
type Config struct {
	Guard *match.Guard
	// Lookup resolves a name; nil uses the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// MaxConns bounds the connections of one upstream of one organization, open
	// and idle; 0 is 4,096.
	MaxConns int
	Logger   *slog.Logger
}

// Pools makes and keeps every connection to backends.
type Pools struct{ cfg Config }

// New makes empty Pools.
func New(cfg Config) (*Pools, error) { return &Pools{cfg: cfg}, nil }

// Run closes connections that were idle too long or that their backend closed,
// until ctx ends; then it closes all idle ones.
func (p *Pools) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Open returns the pool of a spec; it is balance.Config.Open.
func (p *Pools) Open(s balance.Spec) (balance.Backend, error) { return &Pool{}, nil }

// DialContext dials for another client of the edge (Fetch, health checks)
// through the same guard; tenant is the organization whose cache is used.
func (p *Pools) DialContext(ctx context.Context, tenant uint64, network, addr string) (net.Conn, error) {
	return nil, nil
}

// Of returns a target's pool.
func Of(t *balance.Target) *Pool {
	p, _ := t.Backend.(*Pool)
	return p
}

// Pool holds the connections to one address of one upstream.
type Pool struct{}

// Close closes the idle connections.
func (p *Pool) Close() {}

// Get returns a connection: the idle one that was used last, else a new one. ctx
// ends a dial (nil never does); deadline bounds it beside the connect timeout
// (zero does not). The error is an *Error.
func (p *Pool) Get(ctx context.Context, deadline time.Time) (*Conn, error) { return nil, nil }

// Dial returns a new connection, never an idle one: after a reused one broke
// before the first byte of an answer.
func (p *Pool) Dial(ctx context.Context, deadline time.Time) (*Conn, error) { return nil, nil }

// Put takes a connection back after a whole answer with nothing behind it. No
// deadline may be set on it.
func (p *Pool) Put(c *Conn) {}

// Discard closes a connection that Get or Dial returned. Every connection ends in
// one Put or one Discard.
func (p *Pool) Discard(c *Conn) {}

// RoundTrip sends a request over HTTP/2 (pools of protocol h2 and h2c). The URL's
// scheme and host are set by it; r.Host is sent as :authority when not empty.
func (p *Pool) RoundTrip(r *http.Request) (*http.Response, error) { return nil, nil }

// Conn is a connection to a backend over HTTP/1.1, owned by one exchange between
// Get and Put.
type Conn struct {
	net.Conn
	// Raw is set on Linux for plain TCP, for writing and reading without the
	// net.Conn's own calls.
	Raw syscall.RawConn
	// Buf is the engine's: nil at first, kept while the connection lives.
	Buf []byte
	// State is the engine's as well.
	State any
	// Reused: it has served an exchange before; a failure before the first byte
	// of the answer may be its age.
	Reused bool
}
