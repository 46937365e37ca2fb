package engine

import (
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/gateway-edge/internal/ws"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// closeWait is how long one side may take to answer the other's Close frame.
const closeWait = 5 * time.Second

// drainSpread is over what time the WebSockets of an edge that goes away are
// closed, so that their clients do not all connect to another in one moment.
const drainSpread = int64(time.Second)

// tunnel is a WebSocket under way. The job's own goroutine carries what the
// client sends, a second one what the backend sends; the sweeper ends it.
type tunnel struct {
	eng      *Engine
	up, down direction
	end      atomic.Pointer[ending] // set once: why it ends
	moved    atomic.Int64           // when bytes came last, coarse
	closing  atomic.Int64           // until when a Close frame may be answered; 0: none was sent

	// What may end it, as it was at its beginning.
	who     *policy.Principal // nil: nobody in particular
	gw      *snapshot.Compiled
	route   string // its id
	host    string
	target  *balance.Target // nil: an integration has it
	bridge  *bridge         // then; else nil
	idle    int64
	until   int64 // 0: for ever
	spread  int64
	looked  int64              // the sweeper's: when gw was looked at
	ended   int64              // the sweeper's: when it saw the end
	checked *snapshot.Compiled // the sweeper's: the newest version that has the route

	tally tally
}

// peer is one side of a tunnel.
type peer interface {
	// Read reads what the peer sends.
	Read(p []byte) (int, error)
	// write writes p and waits until it is taken.
	write(p []byte) error
	// stopReading makes a Read under way, and every later one, return.
	stopReading()
}

// farPeer is the side that is not the client's.
type farPeer interface {
	peer
	// closeWrite says that nothing follows.
	closeWrite()
	// drain reads and drops what still comes, to its end or for d at most.
	drain(d time.Duration)
}

// ending is why a tunnel ends, and what its sides are told. Code 0: nothing.
type ending struct {
	client, backend uint16
	reason          string
	ended           policy.Ended
}

// Why tunnels end.
var (
	endClient   = &ending{0, ws.CodeGoingAway, "the client went away", policy.EndedByClient}
	endBackend  = &ending{ws.CodeInternal, 0, "the backend ended the connection", policy.EndedByUpstream}
	endIdle     = &ending{ws.CodeGoingAway, ws.CodeGoingAway, "nothing was sent for too long", policy.EndedByTimeout}
	endAge      = &ending{ws.CodeGoingAway, ws.CodeGoingAway, "the connection has reached its greatest age", policy.EndedByEdge}
	endDrain    = &ending{ws.CodeGoingAway, ws.CodeGoingAway, "the gateway goes away, please connect again", policy.EndedByEdge}
	endRevoked  = &ending{ws.CodePolicy, ws.CodeGoingAway, "the credential is no longer good", policy.EndedByEdge}
	endRemoved  = &ending{ws.CodePolicy, ws.CodeGoingAway, "the route was removed", policy.EndedByEdge}
	endSuspends = &ending{ws.CodePolicy, ws.CodeGoingAway, "the organization is suspended", policy.EndedByEdge}
	endClosed   = &ending{ws.CodeNormal, ws.CodeNormal, "", policy.EndedWell}
	endPanicked = &ending{ws.CodeInternal, ws.CodeInternal, "", policy.EndedByEdge}
)

// tunnel carries frames until one side has closed, broke a rule or went away, or
// the edge ends it.
func (j *job) tunnel(backend farPeer, deflate bool) {
	limit := j.shake.spec.MaxMessageBytes
	if limit == 0 {
		limit = contract.DefaultMaxMessage
	}
	client, err := j.cl.open(j)
	if err != nil {
		j.ended = endedBy(err)
		j.cl.abort(j)
		return
	}
	now := j.eng.clock.Boot()
	t := &tunnel{
		eng: j.eng, who: j.e.Principal(), gw: j.gw, checked: j.gw, route: j.rt.Policy.ID, host: policy.EngineString(j.host),
		tally:  tally{hot: j.hot, id: j.id, heads: [2]int64{j.headIn, j.headOut}},
		target: j.target, idle: int64(j.shake.spec.IdleTimeout), spread: int64(j.random % uint64(drainSpread)), looked: now,
	}
	if t.idle == 0 {
		t.idle = int64(contract.DefaultWebSocketIdle)
	}
	if b, ok := backend.(*bridge); ok {
		t.bridge, limit = b, b.max
		b.begin(t)
	}
	if age := int64(j.shake.spec.MaxLifetime); age > 0 {
		t.until = now + age
	}
	stream := ws.Stream{Compressed: deflate, MaxMessage: limit, Room: relayRoom}
	t.up = direction{t: t, s: stream, from: client, to: backend, lost: endClient, broken: endBackend, toClient: false}
	t.up.s.Masked, t.up.s.Bounded = true, true
	t.down = direction{t: t, s: stream, from: backend, to: client, lost: endBackend, broken: endClient, toClient: true}
	t.moved.Store(now)
	j.settle()
	j.exit() // from now on it is a connection, and counted as one
	j.timers.tunnel.Store(t)
	done := make(chan struct{})
	go func() { defer close(done); t.down.guarded() }()
	t.up.guarded()
	<-done
	j.ended = t.farewell(backend)
	j.timers.tunnel.Store(nil)
	t.account()
	j.bodyIn, j.bodyOut = t.up.in.Load(), t.down.out.Load()
	j.carried = t.tally.bytes
}

// settle gives back what only the handshake needed: a tunnel may stay for hours.
func (j *job) settle() {
	fields := j.e.RespHeader.Fields()
	for i := range fields {
		f := &fields[i]
		f.Name, f.Value = policy.Static(f.Name).Clone(), policy.Static(f.Value).Clone()
	}
	j.rbuf, j.out, j.wbuf = nil, nil, nil
}

// stop ends the tunnel; the first reason stands.
func (t *tunnel) stop(e *ending) {
	if t.end.CompareAndSwap(nil, e) {
		t.up.from.stopReading()
		t.down.from.stopReading()
	}
}

// check is the sweeper's. It must not wait. cut says that a side that takes
// nothing holds up the end.
func (t *tunnel) check(now int64) (cut bool) {
	switch closing := t.closing.Load(); {
	case t.end.Load() != nil:
		if t.ended == 0 {
			t.ended = now
		}
		return now-t.ended > int64(closeWait)
	case t.who != nil && !t.who.Alive():
		t.stop(endRevoked)
	case closing != 0 && now > closing:
		t.stop(endClosed)
	case now-t.moved.Load() > t.idle:
		t.stop(endIdle)
	case t.until != 0 && now > t.until:
		t.stop(endAge)
	case t.target != nil && t.target.Overdue(now), t.eng.leaving.Load() != 0 && now > t.eng.leaving.Load()+t.spread:
		t.stop(endDrain)
	case now-t.looked > int64(time.Second)/2:
		t.looked = now
		t.account()
		t.look(now)
	case t.bridge != nil:
		t.bridge.ping(now)
	}
	return false
}

// look ends the tunnel when its gateway or its route is gone, or no longer takes
// WebSockets. A gateway that is not in memory has not changed since.
func (t *tunnel) look(now int64) {
	entry := t.eng.cfg.Table.FindString(t.host)
	if entry == nil || entry.ID() != t.gw.ID {
		t.stop(endRemoved)
		return
	}
	if _, refused := t.gw.Org.Refuse(now); refused {
		t.stop(endSuspends)
		return
	}
	gw := entry.Current()
	if gw == nil || gw == t.checked {
		return
	}
	t.checked = gw
	for _, r := range gw.Routes {
		if r.Policy.ID == t.route && r.Doc.WebSocket != nil {
			return
		}
	}
	t.stop(endRemoved)
}

// farewell tells each side that was not told yet, and returns who ended it. Both
// directions have ended. What the backend still sends is read and dropped: unread
// bytes would turn the end of its connection into a reset, which overtakes the
// Close frame.
func (t *tunnel) farewell(backend farPeer) policy.Ended {
	e := t.end.Load()
	if e == nil {
		e = endClosed // each side has sent its Close frame
	}
	t.down.tell(e.client, &t.up, e.reason)
	done := make(chan struct{})
	go func() { defer close(done); backend.drain(t.eng.cfg.Limits.Linger) }()
	t.up.tell(e.backend, &t.down, e.reason)
	backend.closeWrite()
	<-done
	return e.ended
}

// relayRoom is how much of a frame is held to be sent on in one piece.
const relayRoom = streamBuf/2 - 64

// direction carries what one side sends to the other.
type direction struct {
	t            *tunnel
	s            ws.Stream
	from, to     peer
	lost, broken *ending // when the sender is gone, and when the receiver is
	toClient     bool
	told         bool // the sender's Close frame went on
	dead         bool // the receiver takes no more

	in, out  atomic.Int64 // bytes read and written
	messages atomic.Int64

	// An idle tunnel holds no more than these.
	small    [1 << 10]byte
	smallOut [1<<10 + 64]byte
	big      *[streamBuf]byte
}

// guarded is run with a panic of the engine's own held back.
func (d *direction) guarded() {
	defer func() {
		if d.big != nil {
			d.t.eng.streams.Put(d.big)
			d.big = nil
		}
		if v := recover(); v != nil {
			d.dead = true
			d.t.eng.cfg.Logger.Error("engine panicked", "panic", v, "stack", string(debug.Stack()))
			d.t.stop(endPanicked)
		}
	}()
	d.run()
}

// run carries frames until its sender has closed or the tunnel ends.
func (d *direction) run() {
	in, out := d.small[:], d.smallOut[:0]
	for r, w := 0, 0; ; {
		var n int
		var f *ws.Fault
		out, n, f = d.s.Append(out[:0], in[r:w], d.t.eng.clock.Coarse())
		r += n
		if len(out) > 0 {
			if err := d.to.write(out); err != nil {
				d.dead = true
				d.t.stop(d.broken)
				return
			}
			d.out.Add(int64(len(out)))
			d.messages.Store(d.s.Messages)
		}
		if f != nil {
			d.t.stop(d.fault(f))
			return
		}
		if _, closed := d.s.Closed(); closed {
			d.told = true
			d.t.closing.CompareAndSwap(0, d.t.eng.clock.Coarse()+int64(closeWait))
			return
		}
		if w = copy(in, in[r:w]); w == 0 && d.big != nil && !d.s.Partial() {
			d.t.eng.streams.Put(d.big)
			d.big, in, out = nil, d.small[:], d.smallOut[:0]
		} else if w == len(in) {
			in, out = d.grow(in[:w])
		}
		r = 0
		n, err := d.from.Read(in[w:])
		if n == 0 && err != nil {
			d.t.stop(d.lost)
			return
		}
		d.in.Add(int64(n))
		d.t.eng.cfg.Guard.Charge(&d.t.gw.Org.Share, costOfMessage+int64(n)/bytesPerNano)
		d.t.moved.Store(d.t.eng.clock.Coarse())
		w += n
	}
}

// grow takes a large buffer for a large frame: one half holds what comes, the
// other what goes.
func (d *direction) grow(have []byte) (in, out []byte) {
	if d.big == nil {
		d.big = d.t.eng.streams.Get().(*[streamBuf]byte)
	}
	in = d.big[:relayRoom:relayRoom]
	copy(in, have)
	return in, d.big[relayRoom:relayRoom]
}

// fault is the ending for a sender that broke a rule.
func (d *direction) fault(f *ws.Fault) *ending {
	if d.toClient {
		return &ending{ws.CodeInternal, f.Code, "the backend's frames: " + f.Reason, policy.EndedByUpstream}
	}
	return &ending{f.Code, ws.CodeGoingAway, f.Reason, policy.EndedByEdge}
}

// tell closes the receiving side: with the code of the Close frame that it sent
// itself, if it did and has no answer yet.
func (d *direction) tell(code uint16, other *direction, reason string) {
	if d.told || d.dead {
		return
	}
	if c, closed := other.s.Closed(); closed && other.told {
		if code, reason = c, ""; code == 0 {
			code = ws.CodeNormal
		}
	}
	if code == 0 {
		return
	}
	b := ws.AppendClose(nil, code, reason, !d.toClient, [4]byte{0x6d, 0x1f, 0x93, 0xc4})
	if d.to.write(b) == nil {
		d.out.Add(int64(len(b)))
	}
}

// originPeer is the backend's side.
type originPeer struct {
	u     *upstream1
	ahead []byte // came with the head
}

// Read reads what the backend sends.
func (p *originPeer) Read(b []byte) (int, error) {
	if len(p.ahead) > 0 {
		n := copy(b, p.ahead)
		p.ahead = p.ahead[n:]
		return n, nil
	}
	return p.u.c.Read(b)
}

func (p *originPeer) write(b []byte) error {
	u := p.u
	t := u.j.timers
	t.up.arm(phaseUpstream, u.j.eng.clock.Coarse()+u.timeout)
	_, err := u.c.Write(b)
	if !t.up.clear() && err == nil {
		err = errUpstreamSlow
	}
	return err
}

func (p *originPeer) stopReading() { _ = p.u.c.SetReadDeadline(past) }

// closeWrite says that nothing follows.
func (p *originPeer) closeWrite() {
	if c, ok := p.u.c.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// maxDrained bounds what is read of a backend that does not end.
const maxDrained = 4 << 20

// drain reads and drops what the backend sends, to its end or for d at most.
func (p *originPeer) drain(d time.Duration) {
	buf := p.u.j.eng.streams.Get().(*[streamBuf]byte)
	defer p.u.j.eng.streams.Put(buf)
	_ = p.u.c.SetReadDeadline(time.Now().Add(d))
	for n := 0; n < maxDrained; {
		m, err := p.u.c.Read(buf[:])
		if n += m; err != nil {
			return
		}
	}
}

// connPeer is a client of HTTP/1.1.
type connPeer struct {
	c     *conn
	ahead []byte // came with the head; of the job's buffer
}

// open is client.open.
func (c *conn) open(j *job) (peer, error) {
	c.length, c.bodied, c.chunked, c.close = -1, false, false, false
	out := c.appendHead(j, j.out[:0])
	j.out = out
	err := c.send(j, out)
	c.close = true // nothing can follow
	if err != nil {
		return nil, err
	}
	return &connPeer{c, j.body.rest(j.buf[c.r:c.w])}, nil
}

// Read reads what the client sends.
func (p *connPeer) Read(b []byte) (int, error) {
	if len(p.ahead) > 0 {
		n := copy(b, p.ahead)
		p.ahead = p.ahead[n:]
		return n, nil
	}
	return p.c.nc.Read(b)
}

func (p *connPeer) write(b []byte) error {
	c := p.c
	if c.broken || !c.armWrite() {
		return errClientGone
	}
	_, err := c.nc.Write(b)
	if c.broken = !c.timers.client.clear() || err != nil; c.broken {
		return errClientGone
	}
	return nil
}

func (p *connPeer) stopReading() { p.c.stopReading() }

// streamPeer is a client of HTTP/2 or HTTP/3.
type streamPeer struct {
	s *stream
	j *job
}

// open is client.open.
func (s *stream) open(j *job) (peer, error) {
	s.begin(j, -1, true)
	if err := s.write(j, nil, false); err != nil {
		return nil, err
	}
	return &streamPeer{s, j}, nil
}

// Read reads what the client sends.
func (p *streamPeer) Read(b []byte) (int, error) { return p.s.r.Body.Read(b) }

func (p *streamPeer) write(b []byte) error {
	s := p.s
	if s.timers.gone.Load() || !s.timers.client.arm(phaseWrite, s.eng.clock.Coarse()+int64(s.eng.cfg.Limits.Write)) {
		return errClientGone
	}
	_, err := s.w.Write(b)
	if err == nil {
		err = s.rc.Flush()
	}
	if !s.timers.client.clear() || err != nil {
		return errClientGone
	}
	return nil
}

func (p *streamPeer) stopReading() { p.s.stopReading() }
