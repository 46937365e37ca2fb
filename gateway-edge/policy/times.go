package policy

// EngineTimes notes how long a chain's policies took, for a request that may be
// traced. Waits are always noted; hooks that never wait only where All says so, if
// they took Least: reading the clock twice costs more than most of them do.
type EngineTimes struct {
	All   bool
	Least int64 // nanoseconds
	N     int
	Of    [MaxTimes]EngineTime
	More  int // those that found no room
}

// MaxTimes bounds the times noted of one request.
const MaxTimes = 24

// EngineTime is when one policy was at work. A policy that waited has one time, from
// its hook's begin to its wait's end.
type EngineTime struct {
	Step         int // of the chain: EngineStep names it
	Side         Side
	Began, Ended int64 // CLOCK_BOOTTIME ns
}

// EngineStep is a step's policy type.
func (c *Chain) EngineStep(i int) string { return c.steps[i].typ }

// Reset forgets what was noted.
func (t *EngineTimes) Reset() { t.All, t.N, t.More = false, 0, 0 }

// note notes a time. One of the step that was noted last, on the same side, goes on
// with it.
func (t *EngineTimes) note(step int, side Side, began, ended int64) {
	if t.N > 0 {
		if last := &t.Of[t.N-1]; last.Step == step && last.Side == side {
			last.Ended = ended
			return
		}
	}
	if t.N == len(t.Of) {
		t.More++
		return
	}
	t.Of[t.N] = EngineTime{Step: step, Side: side, Began: began, Ended: ended}
	t.N++
}

// timing reports whether hooks that don't wait are timed.
func (e *EngineExchange) timing() bool { return e.Times != nil && e.Times.All }

// timedRequest is OnRequest with its time noted.
func (c *Chain) timedRequest(x *Exchange, i int) Action {
	e := &x.e
	began := e.Clock()
	a := c.steps[i].p.OnRequest(x, &e.slots[i])
	if ended := e.Clock(); ended-began >= e.Times.Least || a.k == actWait {
		e.Times.note(i, OnTheRequest, began, ended)
	}
	return a
}

// timedResponse is OnResponse with its time noted.
func (c *Chain) timedResponse(x *Exchange, i int) Action {
	e := &x.e
	began := e.Clock()
	a := c.steps[i].r.OnResponse(x, &e.slots[i])
	if ended := e.Clock(); ended-began >= e.Times.Least || a.k == actWait {
		e.Times.note(i, OnTheResponse, began, ended)
	}
	return a
}

// timedAwait is Await with its time noted.
func (c *Chain) timedAwait(b Blocking, x *Exchange, i int) Action {
	e := &x.e
	if e.Times == nil {
		return c.steps[i].w.Await(b, x, &e.slots[i])
	}
	side := OnTheRequest
	if e.responding {
		side = OnTheResponse
	}
	began := e.Clock()
	defer func() { e.Times.note(i, side, began, e.Clock()) }()
	return c.steps[i].w.Await(b, x, &e.slots[i])
}
