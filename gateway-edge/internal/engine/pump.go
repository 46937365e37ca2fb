package engine

import (
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// pump sends a long request body on, on a goroutine of its own, while the answer
// is awaited: a backend may answer before it has read all, or while it reads. The
// client's slowness is the backend's, and the other way round: there is one piece
// under way at a time.
type pump struct {
	state atomic.Int32
	done  chan struct{}
	err   error // of the client's side; read after done
	sent  bool  // the body was sent whole; read after done
	mu    sync.Mutex

	charged int64 // of bodyIn, what the organization was charged
}

// States of a pump.
const (
	pumpNone int32 = iota
	pumpRuns
	pumpLast // all is read of the client, the last piece is being written
	pumpEnded
)

// busy reports whether the client's body is still being read.
func (p *pump) busy() bool { return p.state.Load() == pumpRuns }

// lock keeps request filters and the response side apart.
func (p *pump) lock() { p.mu.Lock() }

func (p *pump) unlock() { p.mu.Unlock() }

// start sends the body to u.
func (p *pump) start(u *upstream1) {
	p.done = make(chan struct{})
	p.err, p.sent = nil, false
	p.state.Store(pumpRuns)
	go func() {
		p.err = u.sendBodyGuarded()
		p.sent = p.err == nil && !u.bodyBroken
		p.state.Store(pumpEnded)
		if p.err != nil {
			wakeUpstream(u.c) // the answer is not worth waiting for
		}
		close(p.done)
	}()
}

// lastPiece is how long a backend that has answered may take to let the last
// piece of the request go.
const lastPiece = 5 * time.Millisecond

// stop ends a pump that still runs and waits for it. clean is false when the
// backend's connection was woken for it: it has a deadline in the past and is not
// used again, even if the pump came to its end by itself meanwhile.
func (p *pump) stop(u *upstream1) (clean bool) {
	clean = true
	switch p.state.Load() {
	case pumpLast:
		t := time.NewTimer(lastPiece)
		defer t.Stop()
		select {
		case <-p.done:
			return true
		case <-t.C:
			clean = false
			wakeUpstream(u.c)
		}
	case pumpRuns:
		clean = false
		u.j.cl.stopReading()
		wakeUpstream(u.c)
	}
	<-p.done
	return clean
}

// sendBodyGuarded is sendBody with a panic turned into an error.
func (u *upstream1) sendBodyGuarded() (err error) {
	defer func() {
		if v := recover(); v != nil {
			u.j.eng.cfg.Logger.Error("engine panicked", "panic", v, "stack", string(debug.Stack()))
			err = errClientGone
		}
	}()
	return u.sendBody()
}

// sendBody reads the client's body to its end and writes it upstream. The error
// is the client's; a backend that takes no more is noted in bodyBroken, and its
// answer decides.
func (u *upstream1) sendBody() error {
	j := u.j
	filtered, _ := j.e.Filtered(policy.OnTheRequest)
	chunked := j.payload.length < 0
	left := j.payload.length
	if err := j.cl.continues(j); err != nil {
		return err
	}
	for last := false; !last; {
		var p []byte
		var err error
		if p, last, err = j.cl.read(j); err != nil {
			return err
		}
		j.pump.charge(j)
		if filtered {
			if p, err = u.pushRequest(p, last); err != nil {
				return err
			}
		}
		if !chunked {
			if left -= int64(len(p)); left < 0 || last && left > 0 {
				return errShort
			}
		}
		if last {
			j.pump.state.Store(pumpLast)
		}
		if chunked {
			u.bbuf = appendChunked(u.bbuf[:0], p, last, &j.e.ReqTrailer)
			p = u.bbuf
		}
		if len(p) == 0 {
			continue
		}
		if _, err := u.c.Write(p); err != nil {
			// The backend may have answered already: go and see. What the client
			// still sends is not read any more.
			u.bodyBroken = true
			return nil
		}
		u.extend()
	}
	return nil
}

// pushRequest sends a piece through the request's filters.
func (u *upstream1) pushRequest(p []byte, last bool) ([]byte, error) {
	j := u.j
	j.pump.lock()
	defer j.pump.unlock()
	return j.e.Push(j.x, policy.OnTheRequest, p, last, maxFiltered)
}

func appendChunked(out, p []byte, last bool, t *policy.EngineHeaders) []byte {
	if len(p) > 0 {
		out = gate.AppendChunk(out, len(p))
		out = append(out, p...)
		out = append(out, '\r', '\n')
	}
	if last {
		out = gate.AppendLast(out, t)
	}
	return out
}
