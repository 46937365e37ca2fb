package shed

import (
	"math"
	"time"
)

// Reading is what is sensed over one step of the loop.
type Reading struct {
	// Delay is what nine of ten goroutines that got a processor since the last step had
	// waited for it at most; negative: none was seen. The median would not do: the
	// scheduler lets those that a timer woke go first.
	Delay time.Duration
	// Queue is the number of goroutines that wait for a processor now, a processor.
	Queue float64
	// Busy is the share of its processors' time that the process used since the last
	// step.
	Busy float64
	// Memory is the share of the memory limit in use; 0: there is no limit.
	Memory float64
}

// step is the loop's period.
const step = 20 * time.Millisecond

// What the processors' control holds to.
const (
	// ready is how many goroutines wait at least, a processor, where a wait is more
	// than one goroutine's bad luck.
	ready = 3
	// standing steps in a row begin an overload; one is enough where the wait is twice
	// what begins it. A steep wait counts at once, others by their mean.
	standing = 5
	steep    = 24 * time.Millisecond
	// full is from where the processors are used up. A queue that stands beside idle
	// processors is somebody else's doing, who took them away or stopped them: it is
	// taken for an overload only after starved steps.
	full    = 0.8
	starved = 25
	// calm steps in a row in which nobody is limited end it.
	calm = int(time.Second / step)

	// drain is the time in which a queue that stands is to be gone: while it lasts, so
	// much less is admitted, but never less than least of what was. Nothing is decided
	// anew before the effect can be seen.
	drain = 100 * time.Millisecond
	least = 0.3
	// A step without a queue moves the budget towards processors that are busy for a
	// certain share: spare is what one processor is left of itself, several together
	// need less by the square root of their number. On a processor that is never idle
	// the scheduler hardly looks at the sockets, and what waits there is not seen.
	grow = 0.15
)

// bounds are what is held to.
type bounds struct {
	// begin is the wait at which an overload begins, target the one that is worked
	// towards from then on. A request waits for a processor about four times, twice
	// unseen in the kernel's list of ready sockets.
	begin, target time.Duration
	// While a queue is longer than it should be, for whatever reason, the paces are
	// slower for the moment: down to a tenth at eased beyond the target. The budget
	// need not change for what passes.
	eased time.Duration
	spare float64
}

var (
	// shared holds while several organizations are served. Processors that are used up
	// are no overload yet: the line behind them must be one that the others notice.
	shared = bounds{begin: 10 * time.Millisecond, target: 2 * time.Millisecond, eased: 8 * time.Millisecond, spare: 0.4}
	// sole holds while one organization has the edge to itself: it slows nobody but
	// itself, and rather waits than is refused, up to where its callers give up.
	sole = bounds{begin: 250 * time.Millisecond, target: 100 * time.Millisecond, eased: 200 * time.Millisecond}
)

// control finds how much work a second the processors can do without a standing
// queue, from how the queue follows the work: a budget in ns of cost a second. It
// grows slowly, and shrinks by what the queue's end takes.
type control struct {
	on     bool
	bounds bounds
	budget float64 // while on
	long   int     // steps in a row with a standing queue
	quiet  int     // steps in a row with nobody limited
	wait   int     // steps until the budget may shrink again
	delay  time.Duration
	busy   float64
}

// update takes a step's reading: used is the cost a second of what was admitted,
// wanted what would have been with nobody limited, all what the processors have, b
// what is held to.
func (c *control) update(r Reading, used, wanted, all float64, b bounds) {
	c.smooth(r)
	c.bounds = b
	bound := b.begin
	if c.on {
		bound = b.target
	}
	stands := c.delay > bound && r.Queue >= ready
	if stands {
		c.long++
	} else {
		c.long = 0
	}
	ours := stands && (max(c.busy, r.Busy) >= full || c.long >= starved)
	if !c.on {
		if !ours || c.long < standing && c.delay <= 2*bound {
			return
		}
		// What was admitted made the queue: the beginning is at what is worked towards.
		*c = control{on: true, bounds: b, budget: min(used, all) * c.aim(all), long: c.long, delay: c.delay, busy: c.busy}
	}
	if c.wait--; ours && c.wait < 0 {
		c.budget *= max(least, 1-float64(c.delay)/float64(drain))
		c.wait = int(drain / step)
	} else if !stands {
		c.budget *= 1 + grow*(c.aim(all)-c.busy)
	}
	c.budget = max(all/10, min(c.budget, 2*all))
	if c.budget < wanted || stands {
		c.quiet = 0
	} else if c.quiet++; c.quiet >= calm {
		*c = control{bounds: b, delay: c.delay, busy: c.busy}
	}
}

// aim is the share of the processors that is worked towards.
func (c *control) aim(all float64) float64 { return 1 - c.bounds.spare/math.Sqrt(all/1e9) }

// ease is the part of its share that a limited organization gets at the moment.
func (c *control) ease() float64 {
	return max(0.1, 1-max(0, float64(c.delay-c.bounds.target)/float64(c.bounds.eased)))
}

// smooth takes a step's wait and work; a steep wait counts at once.
func (c *control) smooth(r Reading) {
	c.busy = 0.75*c.busy + 0.25*r.Busy
	if r.Delay > steep {
		c.delay = r.Delay
		return
	}
	c.delay = (c.delay + max(r.Delay, 0)) / 2
}
