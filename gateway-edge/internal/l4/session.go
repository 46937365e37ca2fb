package l4

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/meter"
	"github.com/tollgate/tollgate/gateway-edge/internal/proxyproto"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	tcp = contract.StreamTCP
	udp = contract.StreamUDP
)

// session is one connection or flow.
type session struct {
	s     *Server
	entry *snapshot.Entry
	gw    *snapshot.Compiled
	st    *snapshot.Stream
	named string // the server name of one that came by it

	client, dest netip.AddrPort
	began        int64
	id           contract.CounterID
	room         *room // nil: not counted in one
	seated       bool  // counted among the organization's connections
	spent        []spent
	ticket       meter.Ticket
	admitted     bool
	billed       bool
	code         contract.Code // with refused
	refused      bool
	call         balance.Call
	target       *balance.Target
	tries        int
	reached      int64 // when a target was; 0: never

	in, out atomic.Int64                   // bytes from the client and to it
	moved   atomic.Int64                   // when either side last sent something
	at      atomic.Pointer[balance.Target] // target, once it was reached
	stops   atomic.Bool
	ended   atomic.Uint32 // policy.Ended; the first reason stands

	mu      sync.Mutex // guards what follows
	cut     func()     // ends the session's waiting; nil while there is nothing to cut
	charged [2]int64   // of in and out, what is counted
	due     int64      // when to count next

	checked *snapshot.Compiled // the sweep's: the newest version that has the stream
}

// load returns the compiled gateway of an entry.
func (s *Server) load(ctx context.Context, e *snapshot.Entry) *snapshot.Compiled {
	if gw := e.Current(); gw != nil {
		return gw
	}
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	gw, err := e.Load(ctx)
	if err != nil {
		return nil
	}
	return gw
}

// newSession begins a session of a stream.
func (s *Server) newSession(e *snapshot.Entry, gw *snapshot.Compiled, st *snapshot.Stream, client, dest netip.AddrPort) *session {
	now := s.cfg.Clock.Boot()
	x := &session{
		s: s, entry: e, gw: gw, checked: gw, st: st, client: client, dest: dest, began: now, due: now + int64(chargeEvery),
		id: contract.CounterID{Organization: gw.Doc.OrganizationNum, Gateway: gw.Doc.Num, Route: st.Doc.Num, Plan: gw.Org.Facts().Doc.PlanNum},
	}
	x.moved.Store(now)
	return x
}

// refuse notes why the session goes no further.
func (x *session) refuse(c contract.Code) bool {
	x.code, x.refused = c, true
	return false
}

// welcome judges the client; false: refused.
func (x *session) welcome() bool {
	if code, refused := x.gw.Org.Refuse(x.s.cfg.Clock.Boot()); refused {
		return x.refuse(code)
	}
	a := x.client.Addr()
	if within(x.st.Deny, a) || len(x.st.Allow) > 0 && !within(x.st.Allow, a) {
		return x.refuse(contract.CodeForbidden)
	}
	if x.room = x.s.enter(x.st.Doc, a); x.room == nil {
		return x.refuse(contract.CodeConcurrencyExceeded)
	}
	if g := x.s.cfg.Guard; g != nil {
		if g.Closed() || !g.Connect(&x.gw.Org.Share) {
			return x.refuse(contract.CodeOverloaded)
		}
		x.seated = true
	}
	return true
}

// reach admits the session and connects it to a target; false: refused.
func (x *session) reach(ctx context.Context) (net.Conn, bool) {
	if !x.spend(ctx) {
		return nil, false
	}
	x.ticket = x.s.cfg.Meter.Admit(&x.st.Meter.Hot, &x.id)
	x.admitted = true
	if up := x.st.Upstream; !up.Plain() {
		up.Call(&x.call, &policy.Request{}, x.client.Addr(), nil)
	}
	c, code := x.connect(ctx)
	if c == nil {
		return nil, x.refuse(code)
	}
	return c, true
}

// connect picks a target and connects to it, or to another one where that fails;
// nil with the code of what went wrong last.
func (x *session) connect(ctx context.Context) (net.Conn, contract.Code) {
	ctx, cancel := context.WithTimeout(ctx, beginTime)
	defer cancel()
	failed := contract.Code(0)
	for {
		t, code := x.st.Upstream.Pick(&x.call)
		if t == nil {
			if failed != 0 {
				code = failed
			}
			return nil, code
		}
		x.tries++
		x.target = t
		c, err := x.dial(ctx, t)
		if err == nil {
			return c, 0
		}
		x.missed()
		if failed = transport.CodeOf(err); ctx.Err() != nil || x.stops.Load() || x.call.Tries() >= balance.MaxTries {
			return nil, failed
		}
	}
}

// missed notes that the present target could not be reached.
func (x *session) missed() {
	x.call.End(balance.ResultConnect, 0)
	x.s.cfg.Meter.Failed(x.st.Meter, x.target.ID)
}

// dial makes one attempt.
func (x *session) dial(ctx context.Context, t *balance.Target) (net.Conn, error) {
	pool := transport.Of(t)
	if pool == nil {
		return nil, errors.New("the target has no connections")
	}
	c, err := pool.DialStream(ctx, x.st.Doc.ConnectTimeout.Std())
	if err != nil || x.st.Doc.Protocol == udp {
		return c, err
	}
	if head := x.head(nil); len(head) > 0 {
		// It goes into an empty socket buffer: it does not wait.
		if _, err := c.Write(head); err != nil {
			_ = c.Close()
			return nil, err
		}
	}
	return c, nil
}

// head appends the PROXY header that targets are sent, if they are.
func (x *session) head(b []byte) []byte {
	h := proxyproto.Header{Source: x.client, Destination: x.dest}
	switch x.st.Doc.ProxyProtocol {
	case contract.ProxyV1:
		return proxyproto.AppendV1(b, h)
	case contract.ProxyV2:
		return proxyproto.AppendV2(b, h, x.st.Doc.Protocol == udp)
	}
	return b
}

// enlist makes the session one that the sweep looks after; cut ends its waiting.
// It is false when the server has stopped, or the session was.
func (x *session) enlist(cut func()) bool {
	s := x.s
	s.mu.Lock()
	stopped := s.stopped
	if !stopped {
		s.sessions[x] = struct{}{}
	}
	s.mu.Unlock()
	x.mu.Lock()
	x.cut = cut
	x.mu.Unlock()
	return !stopped && !x.stops.Load()
}

// stop ends the session; the first reason stands.
func (x *session) stop(why policy.Ended) {
	x.end(why)
	x.stops.Store(true)
	x.mu.Lock()
	cut := x.cut
	x.mu.Unlock()
	if cut != nil {
		cut()
	}
}

func (x *session) end(why policy.Ended) { x.ended.CompareAndSwap(0, uint32(why)) }

// touch notes that something moved.
func (x *session) touch() { x.moved.Store(x.s.cfg.Clock.Boot()) }

// tick is how often a session that waits looks up: to tell what it carried.
func (x *session) tick() time.Duration {
	return min(chargeEvery, max(x.st.Doc.Idle()/4, 100*time.Millisecond))
}
