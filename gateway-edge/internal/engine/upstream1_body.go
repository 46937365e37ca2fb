package engine

import (
	"io"

	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/services/contract"
)

// startBody prepares for the answer's body.
func (u *upstream1) startBody() {
	j := u.j
	u.timeout = int64(j.upstream().Timeouts.Idle)
	u.buf, u.br, u.bw = j.rbuf, u.r, u.w
	u.left = j.e.Resp.Length
	if u.head.Chunked {
		u.dec.Reset(contract.CodeUpstreamProtocol)
		u.left = -1
	}
	if u.head.NoBody || u.left == 0 {
		u.left, u.done = 0, true
	}
}

// ready is origin.ready.
func (u *upstream1) ready() bool { return u.done || u.bw > u.br }

// next is origin.next.
func (u *upstream1) next() (p []byte, last bool, err error) {
	for {
		if u.done {
			return nil, true, nil
		}
		if u.bw > u.br {
			if p, last, err = u.take(); err != nil || last || len(p) > 0 {
				return p, last, err
			}
		}
		if end, err := u.fill(); err != nil {
			return nil, false, err
		} else if end {
			u.done = true
			return nil, true, nil
		}
	}
}

// take takes the next piece from what was read. Neighbouring chunks come
// together, so that they are written together.
func (u *upstream1) take() (p []byte, last bool, err error) {
	switch {
	case u.head.Chunked:
		from, to := -1, 0
		for !u.done && u.bw > u.br {
			data, n, f := u.dec.Next(u.buf[u.br:u.bw], &u.j.e.RespTrailer)
			if f != nil {
				return nil, false, f
			}
			if u.br += n; n == 0 {
				break
			}
			if len(data) > 0 {
				if from < 0 {
					from = cap(u.buf) - cap(data) // where it lies in buf
					to = from + len(data)
				} else {
					to += copy(u.buf[to:], data)
				}
			}
			u.done = u.dec.Done()
		}
		if from >= 0 {
			p = u.buf[from:to]
		}
		return p, u.done, nil
	case u.left >= 0:
		p = u.buf[u.br:min(int64(u.bw), int64(u.br)+u.left)]
		u.br += len(p)
		u.left -= int64(len(p))
		u.done = u.left == 0
		return p, u.done, nil
	}
	p = u.buf[u.br:u.bw]
	u.br = u.bw
	return p, false, nil
}

// fill reads more of the body; end says that it ended with the connection.
func (u *upstream1) fill() (end bool, err error) {
	j := u.j
	if u.own == nil {
		u.own = j.eng.streams.Get().(*[streamBuf]byte)
		u.bw = copy(u.own[:], u.buf[u.br:u.bw])
		u.buf, u.br = u.own[:], 0
	} else if u.br > 0 {
		u.bw = copy(u.buf, u.buf[u.br:u.bw])
		u.br = 0
	}
	if u.bw == len(u.buf) {
		return false, &gate.Fault{Code: contract.CodeUpstreamProtocol, At: -1, Detail: "a piece of the framing is too long"}
	}
	if j.timers != nil && !j.timers.up.arm(phaseUpstream, j.eng.clock.Coarse()+u.timeout) {
		return false, u.bodyError()
	}
	n, err := u.c.Read(u.buf[u.bw:])
	if n > 0 {
		u.bw += n
		return false, nil
	}
	if err == io.EOF && u.head.ToClose {
		return true, nil
	}
	return false, u.bodyError()
}

func (u *upstream1) bodyError() error {
	j := u.j
	switch {
	case j.timers != nil && j.timers.gone.Load():
		return errClientGone
	case j.timers != nil && j.timers.up.expired():
		return errUpstreamSlow
	}
	return errUpstreamEnd
}
