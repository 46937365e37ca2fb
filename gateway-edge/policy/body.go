package policy

import (
	"context"
	"errors"
	"io"
	"iter"
)

// BodyFilter changes a body on its way. It is pushed chunks of at most 32 KiB;
// in is valid for the call only; last comes with the final chunk, which may be
// empty, when trailers have been filled. An error ends the exchange: with 400 on
// the request's side while nothing is written, else by closing.
type BodyFilter interface {
	Filter(x *Exchange, in []byte, last bool, out *Out) error
}

// ErrBodyBudget is what Out.Write returns past the side's budget.
var ErrBodyBudget = errors.New("the filtered body is larger than allowed")

// Out takes what a filter puts out.
type Out struct {
	b    []byte
	left int64
	over bool
}

// Write takes p. It fails past the side's byte budget.
func (o *Out) Write(p []byte) (int, error) {
	if int64(len(p)) > o.left {
		o.over = true
		return 0, ErrBodyBudget
	}
	o.left -= int64(len(p))
	o.b = append(o.b, p...)
	return len(p), nil
}

// Body is a whole body, for policies with NeedWhole.
type Body struct{ b *EngineBody }

// Len returns the number of bytes.
func (b Body) Len() int64 {
	if b.b == nil {
		return 0
	}
	return b.b.size
}

// Chunks yields the bytes in order. They are valid until the exchange's last
// OnDone returned.
func (b Body) Chunks() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if b.b == nil {
			return
		}
		for _, c := range b.b.chunks {
			if !yield(c) {
				return
			}
		}
	}
}

// Blocking is the right to wait. Only an engine makes one, and every call of the
// SDK that may wait takes one.
type Blocking struct{ b EngineBlocking }

// Context ends with the client, the phase's time limit, or the edge's drain.
func (b Blocking) Context() context.Context { return b.b.Context() }

// Reader pulls the body of a side with back-pressure. It is for integrations
// that answer by themselves.
func (b Blocking) Reader(s Side) io.Reader { return b.b.Reader(s) }

// Writer streams an answer of an origin; FromEdge is the edge's own and never
// billed. It runs the response side of the chain, writes the head and returns a
// writer whose Write waits for the client; an empty first Write sends the head.
// From then on Context has no time limit of the phase's: ask for it again. It ends
// when the client goes away, the credential is revoked, or the edge's drain is over.
// Return x.Streamed() after Close, or without it where the answer can't be
// finished: the client then sees that it is not complete.
func (b Blocking) Writer(o Origin, status int) (io.WriteCloser, error) { return b.b.Writer(o, status) }

// Streamed says that the answer was written through Blocking.Writer.
func (x *Exchange) Streamed() Action { return Action{actStreamed} }

// EngineBlocking is what an engine puts behind a Blocking.
type EngineBlocking interface {
	Context() context.Context
	Reader(s Side) io.Reader
	Writer(o Origin, status int) (io.WriteCloser, error)
}

// EngineMayBlock makes the right to wait.
func EngineMayBlock(b EngineBlocking) Blocking { return Blocking{b} }

// EngineBody is a collected body.
type EngineBody struct {
	chunks [][]byte
	size   int64
}

// Add appends a chunk, which must live as long as the exchange.
func (b *EngineBody) Add(chunk []byte) {
	b.chunks = append(b.chunks, chunk)
	b.size += int64(len(chunk))
}

// Chunks returns the chunks in order.
func (b *EngineBody) Chunks() [][]byte { return b.chunks }

// Size returns the number of bytes.
func (b *EngineBody) Size() int64 { return b.size }

// Reset empties the body.
func (b *EngineBody) Reset() {
	clear(b.chunks)
	b.chunks, b.size = b.chunks[:0], 0
}

type filterStep struct {
	f    BodyFilter
	same bool
	out  Out
}

// EngineFilterChunk is the largest chunk that a filter is given.
const EngineFilterChunk = 32 << 10

// Filtered reports whether a side's body goes through filters, and whether all
// of them keep its length.
func (e *EngineExchange) Filtered(s Side) (filtered, sameLength bool) {
	sameLength = true
	for i := range e.filters[s] {
		sameLength = sameLength && e.filters[s][i].same
	}
	return len(e.filters[s]) > 0, sameLength
}

// Push sends a chunk through a side's filters and returns what comes out, valid
// until the next call. The budget bounds what each filter may put out over the
// whole body; it is set by the first call.
func (e *EngineExchange) Push(x *Exchange, s Side, in []byte, last bool, budget int64) (out []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			e.Panic = v
			out, err = nil, errFilterPanic
		}
	}()
	for i := range e.filters[s] {
		st := &e.filters[s][i]
		if st.out.left == 0 && !st.out.over && st.out.b == nil {
			st.out.left, st.out.b = budget, make([]byte, 0, EngineFilterChunk)
		}
		st.out.b = st.out.b[:0]
		for {
			n := min(len(in), EngineFilterChunk)
			if err := st.f.Filter(x, in[:n:n], last && n == len(in), &st.out); err != nil {
				return nil, err
			}
			if in = in[n:]; len(in) == 0 {
				break
			}
		}
		if st.out.over {
			return nil, ErrBodyBudget
		}
		in = st.out.b
	}
	return in, nil
}

var errFilterPanic = errors.New("a body filter panicked")
