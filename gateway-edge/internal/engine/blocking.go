package engine

import (
	"context"
	"errors"
	"io"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// blocking is the right to wait that a policy's Await is given.
type blocking struct {
	j       *job
	ctx     context.Context
	long    context.Context // ctx without the phase's time limit
	release func()          // gives back the place among those who wait; may be called again
}

// Context ends with the client, the phase's time limit, or the edge's drain. Once an
// answer streams it has no time limit.
func (b *blocking) Context() context.Context { return b.ctx }

// Reader reads the request's body; the response's is not at hand before its
// response side has run.
func (b *blocking) Reader(s policy.Side) io.Reader {
	if s != policy.OnTheRequest {
		return errReader{}
	}
	return &bodyReader{j: b.j}
}

type errReader struct{}

var errNoReader = errors.New("the response's body can't be read here")

func (errReader) Read([]byte) (int, error) { return 0, errNoReader }

// bodyReader pulls the request's body.
type bodyReader struct {
	j    *job
	rest []byte
	last bool
	err  error
}

// Read reads the next bytes of the body.
func (r *bodyReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if r.last {
			return 0, io.EOF
		}
		r.rest, r.last, r.err = r.j.cl.read(r.j)
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Writer begins an answer: it runs the response side and returns a writer for the
// body. From then on the request is a stream like one that a backend answers: no
// longer counted among those who wait, and ended when its caller's credential is
// revoked. Who closes their half of a stream of events has gone away: nobody reads
// one and means to say more.
func (b *blocking) Writer(o policy.Origin, status int) (io.WriteCloser, error) {
	j := b.j
	if status < 200 || status > 599 {
		return nil, errors.New("an answer's status is between 200 and 599")
	}
	j.e.Resp.Status, j.e.Resp.Origin, j.e.Resp.Length = status, o, -1
	j.foreign(o)
	if st := j.chain.EngineRespond(j.x); st != policy.EngineGo {
		return nil, errors.New("a policy does not let the answer pass")
	}
	j.streamed, j.unended = true, true
	b.release()
	b.ctx = b.long
	if ct, _ := j.e.Resp.Header.Get(policy.ContentType); ct.HasPrefixFold("text/event-stream") {
		if c, ok := j.cl.(*conn); ok {
			c.abortFIN.Store(true) // until the connection's next request
		}
	}
	j.watch()
	has := !j.e.CameMethod().Is("HEAD") && status != 204 && status != 304
	on, _ := j.e.Filtered(policy.OnTheResponse)
	j.cl.begin(j, -1, has)
	return &answerWriter{j: j, filtered: on && has}, nil
}

// answerWriter streams an answer's body; Close ends it.
type answerWriter struct {
	j        *job
	begun    bool
	closed   bool
	filtered bool // through the response's filters
}

// put sends a piece on, through the filters.
func (w *answerWriter) put(p []byte, last bool) error {
	j := w.j
	if w.filtered && (len(p) > 0 || last) {
		var err error
		if p, err = j.e.Push(j.x, policy.OnTheResponse, p, last, maxFiltered); err != nil {
			j.panicked()
			j.ended = policy.EndedByEdge
			j.cl.abort(j)
			return err
		}
	}
	if !j.put(p, last) {
		return errClientGone
	}
	j.charge()
	return nil
}

// Write waits until the client took p. The first call writes the head too, and
// may have nothing else to write.
func (w *answerWriter) Write(p []byte) (int, error) {
	if w.closed {
		return 0, io.ErrClosedPipe
	}
	if len(p) == 0 && w.begun {
		return 0, nil
	}
	w.begun = true
	if err := w.put(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close ends the answer.
func (w *answerWriter) Close() error {
	if w.closed {
		return nil
	}
	w.closed, w.j.unended = true, false
	return w.put(nil, true)
}
