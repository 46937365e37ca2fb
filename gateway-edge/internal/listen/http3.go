package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/internal/shed"
	"github.com/tollgate/tollgate/gateway-edge/match"
)

// Bounds of HTTP/3 connections. Windows and streams are those of HTTP/2.
const (
	h3Streams       = 250              // at once, of one connection
	h3UniStreams    = 8                // RFC 9114, 6.2: at least three
	h3StreamWindow  = 256 << 10        // bytes not read yet of a request's body
	h3ConnWindow    = 1 << 20          // bytes not read yet of all of them
	h3KeepAlive     = 20 * time.Second // shorter than most NATs forget a flow
	h3Silence       = 45 * time.Second // after which a client is taken for gone
	h3Linger        = 250 * time.Millisecond
	h3ConnIDLength  = 8
	h3FieldOverhead = 32 // that a field counts for beside its bytes (RFC 9114, 4.2.2)
	h3Fields        = 100
)

// http3Config is what an http3Server needs.
type http3Config struct {
	Engine *engine.Engine
	TLS    *tls.Config // of QUIC: TLS 1.3 and ALPN "h3"
	Census *census
	Trusts func(netip.Addr) bool
	// Guard bounds the connections of an organization; nil: they are not. Seats
	// takes a place for a connection by the server name it asked for; false: there
	// is none.
	Guard *shed.Guard
	Seats func(name string, info *engine.Info) bool
	// TokenKey seals what proves a client's address at its next visit, at any edge
	// that has the same. ResetKey makes the tokens by which a client learns that its
	// connection is gone after a crash; each edge has its own.
	TokenKey, ResetKey [32]byte
	Logger             *slog.Logger
}

// http3Server serves HTTP/3 (RFC 9114) on one UDP socket. Serve returns after
// Close; Shutdown comes before where there is time.
type http3Server struct {
	cfg   http3Config
	stats http3Stats
	ended context.Context // ends with Close
	end   context.CancelFunc

	mu        sync.Mutex // guards all below
	http3     *http3.Server
	socket    *socket
	transport *quic.Transport
	listener  *quic.Listener
	conns     map[*h3conn]struct{}
	starting  int  // connections that quic-go's server does not count yet
	resting   bool // no more connections for now
	closing   bool // nor ever again
	closed    bool
	serving   sync.WaitGroup
}

func newHTTP3(cfg http3Config) *http3Server {
	q := &http3Server{cfg: cfg, conns: map[*h3conn]struct{}{}}
	q.ended, q.end = context.WithCancel(context.Background())
	q.http3 = q.server()
	return q
}

// server is what speaks HTTP/3 on connections. One that has told its clients to go
// can't take that back: connections that come later need another.
func (q *http3Server) server() *http3.Server {
	return &http3.Server{
		Handler: http.HandlerFunc(q.handle),
		// The gate's own bound speaks first, and says what is wrong.
		MaxHeaderBytes: gate.MaxHead + h3Fields*h3FieldOverhead,
		IdleTimeout:    q.cfg.Engine.Limits().Idle,
		ConnContext: func(ctx context.Context, c *quic.Conn) context.Context {
			q.started()
			return ctx
		},
	}
}

// config is that of each connection. 0-RTT stays off: what comes with it can be
// sent again by anybody who saw it (RFC 9001, 9.2).
func (q *http3Server) config() *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout:           handshakeTime / 2, // twice that is its most
		MaxIdleTimeout:                 h3Silence,
		KeepAlivePeriod:                h3KeepAlive,
		MaxIncomingStreams:             h3Streams,
		MaxIncomingUniStreams:          h3UniStreams,
		InitialStreamReceiveWindow:     h3StreamWindow,
		MaxStreamReceiveWindow:         h3ConnWindow / 2,
		InitialConnectionReceiveWindow: h3ConnWindow / 2,
		MaxConnectionReceiveWindow:     h3ConnWindow,
	}
}

// Serve serves the socket until Close, or until the socket fails. It returns
// http.ErrServerClosed after Close.
func (q *http3Server) Serve(c *net.UDPConn) error {
	token, reset := quic.TokenGeneratorKey(q.cfg.TokenKey), quic.StatelessResetKey(q.cfg.ResetKey)
	pc := newSocket(c)
	t := &quic.Transport{
		Conn: pc, ConnectionIDLength: h3ConnIDLength, TokenGeneratorKey: &token, StatelessResetKey: &reset,
		VerifySourceAddress: q.doubts, ConnContext: q.admit,
	}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return http.ErrServerClosed
	}
	l, err := t.Listen(q.cfg.TLS, q.config())
	if err != nil {
		q.mu.Unlock()
		return err
	}
	q.socket, q.transport, q.listener = pc, t, l
	stop := make(chan struct{})
	defer close(stop)
	q.serving.Go(func() { q.watch(stop) }) // under the lock: Close waits for it, or came before
	q.mu.Unlock()
	q.checkBuffer(c)
	for {
		c, err := l.Accept(context.Background())
		if err != nil {
			q.mu.Lock()
			defer q.mu.Unlock()
			if q.closed {
				return http.ErrServerClosed
			}
			return err
		}
		q.accept(c)
	}
}

// accept serves a connection whose handshake is done.
func (q *http3Server) accept(c *quic.Conn) {
	a, ok := c.Context().Value(arrivalKey{}).(*arrival)
	if !ok {
		_ = c.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeInternalError), "")
		return
	}
	a.settle()
	h, ok := q.meet(c, a)
	if !ok {
		_ = c.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
		return
	}
	a.conn.Store(h)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing || q.resting {
		_ = c.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
		return
	}
	h.server = q.http3
	q.conns[h] = struct{}{}
	q.starting++
	q.stats.opened.Add(1)
	q.serving.Go(func() {
		if errors.Is(h.server.ServeQUICConn(c), http.ErrServerClosed) && c.Context().Err() == nil {
			_ = c.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
		}
		q.mu.Lock()
		delete(q.conns, h)
		q.mu.Unlock()
	})
}

// meet notes what the handshake told of the client; false: the connection has
// served its purpose, or is none of HTTP/3.
func (q *http3Server) meet(c *quic.Conn, a *arrival) (*h3conn, bool) {
	state := c.ConnectionState().TLS
	h := &h3conn{quic: c, since: time.Now()}
	h.info = engine.Info{Peer: a.peer, Trusted: a.trusted, TLS: true, Seat: a.seat}
	if !arrived(&state, &h.info) || state.NegotiatedProtocol != http3.NextProtoH3 {
		return nil, false
	}
	if state.ServerName != "" {
		var err error
		if h.info.SNI, _, err = match.HostString(state.ServerName); err != nil {
			return nil, false
		}
	}
	if q.cfg.Seats != nil && !q.cfg.Seats(h.info.SNI, &h.info) {
		q.stats.refused.Add(1)
		return nil, false
	}
	return h, true
}

// started is called once quic-go's server counts a connection: its Shutdown must
// not begin before.
func (q *http3Server) started() {
	q.mu.Lock()
	q.starting--
	q.mu.Unlock()
}

// handle serves a request.
func (q *http3Server) handle(w http.ResponseWriter, r *http.Request) {
	a, _ := r.Context().Value(arrivalKey{}).(*arrival)
	h := a.conn.Load()
	if !h.begin(r) {
		h.end(http3.ErrCodeExcessiveLoad)
		q.stats.floods.Add(1)
		panic(http.ErrAbortHandler)
	}
	body := &countedBody{ReadCloser: r.Body, conn: h}
	r.Body = body
	defer h.done(r.Context(), body)
	info := h.infoNow(q.cfg.Trusts)
	info.Leave = func() { // when the answer has been sent
		time.AfterFunc(h3Linger, func() { h.end(http3.ErrCodeNoError) })
	}
	q.cfg.Engine.ServeHTTP3(w, r, info)
}

// Shutdown takes no more connections, tells all clients by GOAWAY to send no more
// requests, and closes each connection once it has answered. It returns when all
// are closed, or when ctx ends: then the rest is cut.
func (q *http3Server) Shutdown(ctx context.Context) error {
	q.mu.Lock()
	q.closing = true
	s := q.http3
	q.mu.Unlock()
	q.settle()
	err := q.dismiss(ctx, s)
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for err == nil && len(q.all()) > 0 { // of a rest before
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
	return err
}

// Rest takes no more connections and tells the clients of those that there are to
// go, as Shutdown, but does not wait for them. Rest(false) takes connections again;
// who was told to go goes all the same. Calls must not overlap, nor may Shutdown.
func (q *http3Server) Rest(on bool) {
	q.mu.Lock()
	if q.closing || q.resting == on {
		q.mu.Unlock()
		return
	}
	q.resting = on
	q.mu.Unlock()
	if !on {
		return
	}
	q.settle()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
		return
	}
	old := q.http3
	q.http3 = q.server()
	q.serving.Go(func() { _ = q.dismiss(q.ended, old) })
}

// dismiss tells a server's clients by GOAWAY to send no more requests, and closes
// each connection once it has answered.
func (q *http3Server) dismiss(ctx context.Context, s *http3.Server) error {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case <-t.C:
			q.closeIdle(s, began)
		}
	}
}

// settle waits, for moments, until quic-go's server counts the connections that
// were taken: it must not be told to end before. No more may come meanwhile.
func (q *http3Server) settle() {
	for {
		q.mu.Lock()
		n := q.starting
		q.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// closeIdle closes connections of a server that have nothing under way since a while, so that
// the end of the last answer has arrived, and what crossed the GOAWAY was refused.
func (q *http3Server) closeIdle(s *http3.Server, told time.Time) {
	for _, h := range q.all() {
		if h.server != s {
			continue
		}
		quiet := h.quiet(told)
		if quiet > h3Linger+3*h.quic.ConnectionStats().SmoothedRTT {
			h.end(http3.ErrCodeNoError)
		}
	}
}

func (q *http3Server) all() []*h3conn {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]*h3conn, 0, len(q.conns))
	for h := range q.conns {
		out = append(out, h)
	}
	return out
}

// Close cuts every connection and gives the socket up, which stays open. It
// returns when all handlers have.
func (q *http3Server) Close() error {
	q.mu.Lock()
	q.closing = true
	q.mu.Unlock()
	q.settle()
	q.mu.Lock()
	q.closed = true
	h3, s, t, l := q.http3, q.socket, q.transport, q.listener
	q.mu.Unlock()
	q.end()
	for _, h := range q.all() {
		h.end(http3.ErrCodeNoError)
	}
	var errs []error
	if l != nil {
		errs = append(errs, l.Close())
	}
	errs = append(errs, h3.Close())
	if t != nil {
		errs = append(errs, t.Close())
	}
	if s != nil {
		s.close()
	}
	q.serving.Wait()
	return errors.Join(errs...)
}
