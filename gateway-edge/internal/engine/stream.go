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
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// infoKey is the context key under which a connection's Info travels.
type infoKey struct{}

// WithInfo puts what the listener knows of a connection into the context of its
// requests.
func WithInfo(ctx context.Context, info Info) context.Context {
	return context.WithValue(ctx, infoKey{}, info)
}

// Handler serves requests that net/http's server has parsed: HTTP/2. Connections
// must come with WithInfo.
func (e *Engine) Handler() http.Handler { return http.HandlerFunc(e.serveHTTP) }

// stream is an HTTP/2 request's client side, over net/http.
type stream struct {
	eng *Engine
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
}

func (e *Engine) serveHTTP(w http.ResponseWriter, r *http.Request) {
	info, _ := r.Context().Value(infoKey{}).(Info)
	s := &stream{eng: e, w: w, r: r, rc: http.NewResponseController(w)}
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
	own := j.body.own
	j.reset()
	j.cl, j.timers = nil, nil
	e.jobs.Put(j)
	if own != nil {
		e.streams.Put(own)
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

// head fills the exchange from net/http's request, through the same checks that
// HTTP/1.1 goes through. Its strings are the collector's and not copied.
func (s *stream) head(j *job) *gate.Fault {
	r, h := s.r, &j.head
	h.Begin(j.e)
	h.Size = len(r.Method) + len(r.RequestURI) + len(r.Host)
	j.body.done = r.Body == nil || r.Body == http.NoBody
	kind := r.Header["Content-Type"] // first of all: a caller of gRPC must understand every refusal
	if len(kind) == 1 {
		if f := h.Field("Content-Type", kind[0], false); f != nil {
			return f
		}
	}
	protocol := r.Header[":protocol"] // extended CONNECT: net/http puts it there
	webSocket := r.Method == http.MethodConnect && len(protocol) == 1 && protocol[0] == "websocket" && len(r.Header["Content-Length"]) == 0
	method := r.Method
	if webSocket {
		method = http.MethodGet // what it is matched as, and sent on as
	}
	if f := h.SetMethod(method); f != nil {
		return f
	}
	if len(protocol) > 0 && !webSocket {
		return &gate.Fault{Code: contract.CodeRequestInvalid, At: -1, Detail: "a :protocol without CONNECT"}
	}
	if f := h.SetTarget(r.RequestURI); f != nil {
		return f
	}
	if f := h.Field("Host", r.Host, false); f != nil {
		return f
	}
	for name, values := range r.Header {
		for _, v := range values {
			h.Size += len(name) + len(v) + 4
			if h.Size > gate.MaxHead {
				return &gate.Fault{Code: contract.CodeHeadersTooLarge, At: -1, Detail: "the head is longer than 65536 bytes"}
			}
			switch name {
			case ":protocol":
				continue
			case "Content-Type":
				if len(kind) == 1 {
					continue
				}
			case "Content-Length": // net/http holds the body to it, but takes the first of several, and 0 for what is no number
				if len(values) > 1 || v != strconv.FormatInt(r.ContentLength, 10) {
					return &gate.Fault{Code: contract.CodeRequestInvalid, At: -1, Detail: "Content-Length is not one number"}
				}
				continue
			case "Host":
				if v != r.Host {
					return &gate.Fault{Code: contract.CodeRequestInvalid, At: -1, Detail: ":authority and Host name different hosts"}
				}
				continue
			}
			if f := h.Field(name, v, gate.Odd(name)); f != nil {
				return f
			}
		}
	}
	if len(r.Trailer) > 0 { // net/http has taken the field away
		if f := h.Field("Trailer", announced(r.Trailer), false); f != nil {
			return f
		}
	}
	j.e.Req.Length = r.ContentLength
	s.rpc = rpc(policy.Static(r.Header.Get("Content-Type")))
	if h.WebSocket = webSocket; webSocket {
		j.body.done = true // what follows is no body
	}
	if j.body.done {
		j.e.Req.Length = 0
	}
	return h.Finish()
}

// announced lists the trailers that may go on.
func announced(t http.Header) string {
	var names []string
	for name := range t {
		if gate.TrailerField(name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
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
		for name, values := range s.r.Trailer {
			for _, v := range values {
				if gate.TrailerField(name) {
					j.e.ReqTrailer.AppendString(name, v)
				}
			}
		}
		return b.own[:n], true, nil
	}
	if err != nil {
		return nil, false, errClientGone
	}
	return b.own[:n], false, nil
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

func (s *stream) protocol() protocol { return protocolHTTP2 }

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
		Handler:           e.Handler(),
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
