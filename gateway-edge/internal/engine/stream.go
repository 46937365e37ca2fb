package engine

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	_ "github.com/tollgate/tollgate/gateway-edge/internal/xconnect" // WebSockets over HTTP/2
)

// infoKey is the context key under which a connection's Info travels.
type infoKey struct{}

// WithInfo puts what the listener knows of a connection into the context of its
// requests.
func WithInfo(ctx context.Context, info Info) context.Context {
	return context.WithValue(ctx, infoKey{}, info)
}

// handler serves requests that net/http's server has parsed: HTTP/2. Connections
// must come with WithInfo.
func (e *Engine) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info, _ := r.Context().Value(infoKey{}).(Info)
		e.serveStream(w, r, info, protocolHTTP2)
	})
}

// ServeHTTP3 serves a request that quic-go's server has parsed. It panics with
// http.ErrAbortHandler when the client must see that the answer is not whole.
func (e *Engine) ServeHTTP3(w http.ResponseWriter, r *http.Request, info Info) {
	e.serveStream(w, r, info, protocolHTTP3)
}

// stream is the client side of a request of HTTP/2 or HTTP/3, over what their
// servers give handlers.
type stream struct {
	eng *Engine
	is  protocol
	w   http.ResponseWriter
	r   *http.Request
	rc  *http.ResponseController
	timers
	rpc     bool // the request's body may rest for as long as the answer moves
	length  int64
	left    int64
	bodied  bool
	begun   bool
	aborted bool
	ahead1  [1]byte // of the body, read to learn whether one comes
	peeked  bool    // it holds one
}

func (e *Engine) serveStream(w http.ResponseWriter, r *http.Request, info Info, is protocol) {
	s := &stream{eng: e, is: is, w: w, r: r, rc: http.NewResponseController(w)}
	s.timers.owner = s
	e.sweep.add(&s.timers)
	stop := context.AfterFunc(r.Context(), s.cut)
	j := e.jobs.Get().(*job)
	j.cl, j.info, j.timers = s, info, &s.timers
	j.head.Trusted, j.head.TLS = info.Trusted, info.TLS
	whole := s.guarded(j)
	stop()
	e.sweep.remove(&s.timers)
	if !whole {
		panic(http.ErrAbortHandler)
	}
	own, refused := j.body.own, j.shed && !info.Trusted
	j.reset()
	j.cl, j.timers = nil, nil
	e.jobs.Put(j)
	if own != nil {
		e.streams.Put(own)
	}
	if refused {
		time.Sleep(firstRest) // the stream's place is taken meanwhile
	}
	if s.aborted || !s.begun {
		// The client must see that the answer is not whole.
		panic(http.ErrAbortHandler)
	}
}

// guarded serves the request; false when the engine itself panicked.
func (s *stream) guarded(j *job) (whole bool) {
	defer func() {
		if v := recover(); v != nil {
			s.eng.cfg.Logger.Error("engine panicked", "panic", v, "stack", string(debug.Stack()))
			j.wreck()
			whole = false
		}
	}()
	if f := s.head(j); f != nil {
		j.serveFault(s.r.Context(), f)
	} else {
		j.serve(s.r.Context())
	}
	s.discard(j)
	return true
}

// discardTime bounds the wait for a small body that was not wanted.
const discardTime = 100 * time.Millisecond

// discard reads what is left of a small body that was announced, before the
// stream ends: net/http holds it to its length then, and need not reset the
// stream under a client that is still sending.
func (s *stream) discard(j *job) {
	if j.body.done || j.head.Continue || s.aborted || s.r.ContentLength <= 0 || s.r.ContentLength > maxDiscard || s.timers.gone.Load() {
		return
	}
	if j.body.own == nil {
		j.body.own = s.eng.streams.Get().(*[streamBuf]byte)
	}
	if !s.timers.body.arm(phaseBody, s.eng.clock.Coarse()+int64(discardTime)) {
		return
	}
	for {
		if _, err := s.r.Body.Read(j.body.own[:]); err != nil {
			break
		}
	}
	s.timers.body.clear()
}

// read is client.read.
func (s *stream) read(j *job) ([]byte, bool, error) {
	b := &j.body
	if b.done {
		return nil, true, nil
	}
	if b.own == nil {
		b.own = s.eng.streams.Get().(*[streamBuf]byte)
	}
	if s.peeked {
		s.peeked = false
		j.bodyIn = 1
		return append(b.own[:0], s.ahead1[0]), false, nil
	}
	l := &s.eng.cfg.Limits
	now := s.eng.clock.Coarse()
	if !s.rpc && !s.timers.body.arm(phaseBody, now+int64(l.BodyGrace)+j.bodyIn*1_000_000_000/l.BodyRate-b.spent) {
		return nil, false, errClientSlow
	}
	n, err := s.r.Body.Read(b.own[:])
	b.spent += s.eng.clock.Coarse() - now
	if !s.timers.body.clear() {
		return nil, false, errClientSlow
	}
	if j.bodyIn += int64(n); j.maxBody > 0 && j.bodyIn > j.maxBody {
		return nil, false, errBodyOver
	}
	if err == nil && s.r.ContentLength >= 0 && j.bodyIn >= s.r.ContentLength && len(s.r.Trailer) == 0 {
		b.done = true // its end need not be waited for
		return b.own[:n], true, nil
	}
	if err == io.EOF {
		b.done = true
		s.takeTrailers(j)
		return b.own[:n], true, nil
	}
	if err != nil {
		return nil, false, errClientGone
	}
	return b.own[:n], false, nil
}

// takeTrailers takes the request's trailers, which stand there once its body has
// ended.
func (s *stream) takeTrailers(j *job) {
	for name, values := range s.r.Trailer {
		for _, v := range values {
			if gate.TrailerField(name) {
				j.e.ReqTrailer.AppendString(name, v)
			}
		}
	}
}

// ahead is client.ahead: net/http does not tell what has come.
func (s *stream) ahead(*job) ([]byte, bool, error) { return nil, false, nil }

// continues is client.continues: net/http does it when the body is read.
func (s *stream) continues(*job) error { return nil }

func (s *stream) stopReading() { _ = s.rc.SetReadDeadline(past) }

// begin is client.begin.
func (s *stream) begin(_ *job, length int64, body bool) {
	s.length, s.left, s.bodied = length, length, body
}

// write is client.write.
func (s *stream) write(j *job, p []byte, last bool) error {
	if !s.begun {
		s.writeHead(j)
	}
	if s.bodied {
		if s.length >= 0 {
			if s.left -= int64(len(p)); s.left < 0 || last && s.left > 0 {
				return errShort
			}
		}
		if !s.timers.client.arm(phaseWrite, s.eng.clock.Coarse()+int64(s.eng.cfg.Limits.Write)) {
			return errClientSlow
		}
		if err := s.writeBody(j, p, last); err != nil {
			return err
		}
	}
	if !s.begun {
		s.begun = true
		j.commit()
	}
	if last {
		s.writeTrailers(j)
		if s.is == protocolHTTP3 {
			return s.finish()
		}
	}
	return nil
}

// finish makes quic-go's server ready to end the answer after the handler has
// returned: it must not wait for ever then, and must not say of an answer to HEAD
// that it would have no body.
func (s *stream) finish() error {
	_ = s.rc.SetWriteDeadline(time.Now().Add(s.eng.cfg.Limits.Write))
	if !s.bodied && s.length < 0 {
		if s.rc.Flush() != nil {
			return errClientGone
		}
	}
	return nil
}

func (s *stream) writeBody(j *job, p []byte, last bool) error {
	_, err := s.w.Write(p)
	if err == nil && !last {
		err = s.rc.Flush()
	}
	if !s.timers.client.clear() {
		return errClientSlow
	}
	if err != nil {
		return errClientGone
	}
	j.bodyOut += int64(len(p))
	return nil
}

// writeHead hands the head to net/http. It may look at it after the handler has
// returned, so the values are copied: into one string.
func (s *stream) writeHead(j *job) {
	h := s.w.Header()
	fields := j.e.RespHeader.Fields()
	mem := j.out[:0]
	for i := range fields {
		if f := &fields[i]; !f.Dead && !ownResponse[f.ID] {
			mem = append(append(mem, f.Name...), f.Value...)
		}
	}
	j.out = mem
	all := string(mem)
	j.headOut = int64(len(all)) + 64
	for i := range fields {
		f := &fields[i]
		if f.Dead || ownResponse[f.ID] {
			continue
		}
		name := http.CanonicalHeaderKey(all[:len(f.Name)])
		h[name] = append(h[name], all[len(f.Name):len(f.Name)+len(f.Value)])
		all = all[len(f.Name)+len(f.Value):]
	}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // not guessed
	}
	h["X-Request-Id"] = []string{j.idText.Clone()}
	if s.is == protocolHTTP3 {
		if _, ok := h["Date"]; !ok {
			h["Date"] = []string{*s.eng.date.Load()}
		}
	} else if a := s.eng.alternative(j); a != nil {
		h["Alt-Svc"] = a.values
	}
	switch {
	case !j.alone:
	case s.is != protocolHTTP3:
		h["Connection"] = []string{"close"} // net/http says so by GOAWAY
	case j.info.Leave != nil:
		j.info.Leave()
	}
	if st := j.e.Resp.Status; s.length >= 0 && st != http.StatusNoContent {
		h["Content-Length"] = []string{strconv.FormatInt(s.length, 10)}
	}
	s.w.WriteHeader(j.e.Resp.Status)
}

func (s *stream) writeTrailers(j *job) {
	fields := j.e.RespTrailer.Fields()
	for i := range fields {
		if f := &fields[i]; !f.Dead {
			s.w.Header().Add(http.TrailerPrefix+f.Name, strings.Clone(f.Value))
		}
	}
}

// abort is client.abort.
func (s *stream) abort(*job) { s.aborted = true }

func (s *stream) protocol() protocol { return s.is }

// wake is watched.wake.
func (s *stream) wake() {
	_ = s.rc.SetReadDeadline(past)
	_ = s.rc.SetWriteDeadline(past)
}

// away is watched.away: net/http ends the request's context instead.
func (s *stream) away() bool { return false }

// cut is called when the client cancels the request or its connection breaks.
func (s *stream) cut() {
	s.timers.gone.Store(true)
	if c := s.timers.cancel.Load(); c != nil {
		(*c)(errClientGone)
	}
	if up := s.timers.upConn.Load(); up != nil && s.timers.up.expire(1<<62) {
		wakeUpstream(up)
	}
}

// StdServer returns an http.Server for HTTP/2 with the engine's handler and
// limits; the caller feeds it connections.
func (e *Engine) StdServer() *http.Server {
	p := new(http.Protocols)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           e.handler(),
		Protocols:         p,
		ReadHeaderTimeout: e.cfg.Limits.Head,
		IdleTimeout:       e.cfg.Limits.Idle,
		MaxHeaderBytes:    gate.MaxHead,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          250,
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     256 << 10,
			MaxReadFrameSize:              16 << 10, // the protocol's own default: a larger one only delays what stands behind it
			SendPingTimeout:               30 * time.Second,
			PingTimeout:                   15 * time.Second,
			WriteByteTimeout:              e.cfg.Limits.Write,
		},
		ErrorLog: slog.NewLogLogger(e.cfg.Logger.Handler(), slog.LevelDebug),
	}
}
