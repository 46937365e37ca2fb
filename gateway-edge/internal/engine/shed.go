package engine

import (
	"math/rand/v2"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/shed"
	"github.com/tollgate/tollgate/services/contract"
)

// What a request is taken to cost, in ns of a processor: its reading, writing and
// accounting, and so many bytes of bodies a nanosecond. What deciding it takes is
// measured, for one request of so many of each organization.
const (
	costOfRequest = 30_000
	costOfMessage = 8_000
	bytesPerNano  = 4
	weighShare    = 16
)

// scale is the beginning of a measurement.
type scale struct {
	thread int
	began  int64 // its processor time, ns; 0: nothing is measured
}

// scale begins to measure what deciding the request takes, if it is one of those.
func (j *job) scale() (s scale) {
	if j.random%weighShare == 0 {
		s.thread, s.began = threadTime()
	}
	return s
}

// weigh ends the measurement. A goroutine that was moved to another thread meanwhile
// can't tell.
func (j *job) weigh(s scale) {
	if s.began == 0 || j.share == nil {
		return
	}
	if thread, now := threadTime(); thread == s.thread {
		j.share.Weigh(now - s.began)
	}
}

// enter asks whether the request is let in: before a route is looked for, and
// anything else that costs. It is the organization that answers for it.
func (j *job) enter() bool {
	if j.e.Dry {
		return true
	}
	g, t := j.eng.cfg.Guard, &j.gw.Org.Share
	if s := j.info.Seat; s != nil && !s.Take(g, t) {
		j.alone = true
		j.shut(shed.Connections)
		return false
	}
	if r := g.Enter(t, j.began, costOfRequest); r != shed.Admitted {
		j.shut(r)
		return false
	}
	j.share = t
	return true
}

// shut refuses the request.
func (j *job) shut(r shed.Reason) {
	j.shed = true
	j.refuse(contract.CodeOverloaded, r.Detail())
}

// exit ends what enter began, and charges what is left of the bodies.
func (j *job) exit() {
	t := j.share
	if t == nil {
		return
	}
	j.share = nil
	bodies := j.bodyIn + j.bodyOut - j.charged - j.pump.charged
	j.charged, j.pump.charged = j.bodyOut, j.bodyIn
	if bodies >= bytesPerNano {
		j.eng.cfg.Guard.Charge(t, bodies/bytesPerNano)
	}
	j.eng.cfg.Guard.Leave(t)
}

// charge charges what a long answer has cost so far.
func (j *job) charge() {
	if t := j.share; t != nil {
		j.eng.cfg.Guard.Charge(t, (j.bodyOut-j.charged)/bytesPerNano)
		j.charged = j.bodyOut
	}
}

// charge charges what a long request has cost so far. It is the pump's.
func (p *pump) charge(j *job) {
	if t := j.share; t != nil {
		j.eng.cfg.Guard.Charge(t, (j.bodyIn-p.charged)/bytesPerNano)
		p.charged = j.bodyIn
	}
}

// Refusals by overload that are logged: so many between two ticks of the sweeper, and
// one of so many of the rest. All are counted.
const (
	shedLogged = 20
	shedShare  = 64
)

// sampled reports whether a refusal by overload is logged.
func (j *job) sampled() bool {
	return j.random%shedShare == 0 || j.eng.shedLogs.Load() < shedLogged && j.eng.shedLogs.Add(1) <= shedLogged
}

// A connection whose request was refused because there is too much to do is not read
// for a moment, longer each time: a caller that asks again at once, against
// Retry-After, must not cost what it would have cost to serve it.
// At the longest it is what Retry-After says.
const (
	firstRest = 40 * time.Millisecond
	longRest  = time.Second
)

// rest waits after a refusal. Those who share a trusted proxy's connection don't pay
// for one another.
func (c *conn) rest(refused bool) {
	if !refused || c.info.Trusted {
		c.refusals = 0
		return
	}
	d := min(firstRest<<min(c.refusals, 8), longRest)
	// Connections that were refused together must not come back together: a herd of
	// them is a queue of its own.
	d = d/2 + rand.N(d/2)
	c.refusals++
	if c.r == c.w {
		c.drop()
	}
	time.Sleep(d)
}
