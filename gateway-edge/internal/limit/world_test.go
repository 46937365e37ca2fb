package limit

import (
	"container/heap"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// world is a few edges, a Redis and the network between them, on a clock that only
// the test moves: hours pass in no time, and a seed says all that happens. Its edges
// have no refiller and no senders: the world turns their wheels and moves their
// messages as those would.
type world struct {
	t      testing.TB
	rnd    *rand.Rand
	redis  *miniredis.Miniredis
	rdb    *redis.Client
	now    int64 // ns
	events events
	placed int // events so far
	edges  []*virtual
	net    network
	log    []string

	// sending is called for each message, which is a plain one if it arrives and is
	// answered at once; told for each answer, and each message that is given up.
	sending func(e *virtual, c *call, plain bool)
	told    func(e *virtual, c *call, sent int64)
	ran     func(c *call) // its script
}

// network is how many messages of a thousand do not simply arrive.
type network struct{ lost, unanswered, late, twice, slow int }

var (
	calm  = network{}
	rough = network{lost: 40, unanswered: 40, late: 30, twice: 60, slow: 80}
)

// arrives is what half of a round trip may last that nothing happens to.
const arrives = 2 * time.Millisecond

func newWorld(t testing.TB, seed uint64, edges int) *world {
	w := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), redis: miniredis.NewMiniRedis(), now: int64(time.Hour), ran: func(*call) {}}
	w.setClock()
	w.redis.ClockTTL(true)
	if err := w.redis.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.redis.Close)
	w.rdb = redis.NewClient(&redis.Options{Addr: w.redis.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = w.rdb.Close() })
	for _, s := range []*script{shareScript, directScript, slotsScript} {
		if err := w.rdb.ScriptLoad(t.Context(), s.source).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range edges {
		e := &virtual{w: w, id: "edge-" + strconv.Itoa(i), offset: w.rnd.Int64N(int64(time.Hour))}
		w.edges = append(w.edges, e)
		e.boot()
	}
	return w
}

// seeds runs a model with as many seeds, always the same; with TOLLGATE_LONG with many
// that nobody saw before, and with TOLLGATE_SEED with one.
func seeds(t *testing.T, short int, run func(t *testing.T, seed uint64)) {
	first, n := uint64(1), short
	if os.Getenv("TOLLGATE_LONG") != "" {
		first, n = rand.Uint64(), 20*short
	}
	if s := os.Getenv("TOLLGATE_SEED"); s != "" {
		first, n = parseSeed(t, s), 1
	}
	for i := range n {
		seed := first + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			run(t, seed)
		})
	}
}

func parseSeed(t *testing.T, s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("TOLLGATE_SEED: %v", err)
	}
	return n
}

func (w *world) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf("%10.3f ", float64(w.now)/1e9)+fmt.Sprintf(format, args...))
}

// fail says what went wrong and what had happened.
func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("at %.3f s: %s; after:\n%s", float64(w.now)/1e9, fmt.Sprintf(format, args...), strings.Join(w.log[max(0, len(w.log)-60):], "\n"))
}

// event is something that happens later.
type event struct {
	at    int64
	order int
	do    func()
}

type events []event

func (h events) Len() int { return len(h) }
func (h events) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}
func (h events) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *events) Push(x any)   { *h = append(*h, x.(event)) }
func (h *events) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}

// after lets something happen in a while.
func (w *world) after(d time.Duration, do func()) {
	w.placed++
	heap.Push(&w.events, event{w.now + int64(d), w.placed, do})
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	end, idle := w.now+int64(d), 0
	for len(w.events) > 0 && w.events[0].at <= end {
		e := heap.Pop(&w.events).(event)
		if idle++; e.at > w.now {
			idle = 0
		}
		if w.now = e.at; idle > 100_000 {
			w.fail("edges run in circles")
		}
		e.do()
	}
	w.now = end
}

// between draws a duration, the short ones as likely as the long.
func (w *world) between(least, most time.Duration) time.Duration {
	return time.Duration(float64(least) * math.Exp(w.rnd.Float64()*math.Log(float64(most)/float64(least))))
}

func (w *world) setClock() { w.redis.SetTime(time.Unix(1_800_000_000, 0).Add(time.Duration(w.now))) }

// deliver runs a message's script.
func (w *world) deliver(c *call) {
	w.setClock()
	if gen := c.keys[1]; !w.redis.Exists(gen) {
		_ = w.redis.Set(gen, contract.BudgetGen("fresh", 0))
	}
	c.reply, c.err = w.rdb.EvalSha(w.t.Context(), c.script.sha, c.keys[:], c.args...).Slice()
	if c.err != nil {
		w.fail("script %s: %v", c.script.name, c.err)
	}
	w.ran(c)
}

// virtual is an edge of a world.
type virtual struct {
	w      *world
	id     string
	epoch  uint64
	offset int64 // its clock less the world's
	l      *Limits
	p      *policy.Principal
	up     bool // the process runs
	cut    bool // no message of it reaches Redis

	watches bool // it finds out by itself that Redis answers again
	ticking bool
	row     int   // messages without an answer, in a row
	probe   int64 // while Redis is away: not before
	pending []*node
	waits   []*waiter
}

// boot starts the process; what ran before is gone.
func (e *virtual) boot() {
	e.kill()
	e.epoch++
	l, err := New(Config{
		Dir: e.w.t.TempDir(), Edge: e.id, Epoch: e.epoch, Redis: e.w.rdb,
		Now:    func() int64 { return e.w.now + e.offset },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		e.w.t.Fatal(err)
	}
	l.link.seen.Store(true)
	l.SetEdges(len(e.w.edges))
	l.refill.cursor = l.now() / int64(wheelTick)
	e.l, e.p, e.up, e.watches = l, testKey(), true, true
}

func (e *virtual) kill() {
	if e.l != nil {
		_ = e.l.ledger.Close()
	}
	e.l, e.up, e.ticking, e.row, e.pending, e.waits = nil, false, false, 0, nil, nil
}

// later lets something happen if the process still runs then.
func (e *virtual) later(d time.Duration, do func()) {
	l := e.l
	e.w.after(d, func() {
		if e.l == l && e.up {
			do()
		}
	})
}

// stir is called whenever cells may have asked for something.
func (e *virtual) stir() {
	r := e.l.refill
	select {
	case <-r.bell:
		e.later(0, func() { e.dispatch(); e.stir() })
	default:
	}
	if e.ticking || r.head.Load() == nil && r.fresh.Load() == nil && r.active.Load() == 0 && len(e.pending) == 0 {
		return
	}
	e.ticking = true
	e.later(wheelTick-time.Duration(e.l.now()%int64(wheelTick)), func() {
		e.ticking = false
		e.l.refill.turn()
		e.dispatch()
		e.stir()
	})
}

// dispatch does what the refiller's does, with as many senders as it takes.
func (e *virtual) dispatch() {
	e.pending = e.l.refill.collect(e.pending)
	for _, n := range e.pending {
		if e.l.link.down() {
			if e.w.now < e.probe {
				n.state.Store(idle)
				e.open(n)
				continue
			}
			e.probe = e.w.now + int64(250*time.Millisecond) + e.w.rnd.Int64N(int64(250*time.Millisecond))
		}
		e.flight(n)
	}
	e.pending = e.pending[:0]
}

func (e *virtual) flight(n *node) {
	n.state.Store(flying)
	c := n.cell.ask(e.l.now())
	if c == nil {
		n.landed()
		e.open(n)
		return
	}
	e.w.send(e, c)
}

var errNoAnswer = errors.New("no answer")

// send lets a message meet its fate.
func (w *world) send(e *virtual, c *call) {
	sent := w.now
	there, back := time.Duration(w.rnd.Int64N(int64(arrives))), time.Duration(w.rnd.Int64N(int64(arrives)))
	timeout := defaultCallBudget
	if w.rnd.IntN(2) == 0 {
		timeout = arrives // refused at once
	}
	arrive := func(d time.Duration) {
		again := *c
		w.after(d, func() { w.deliver(&again) })
	}
	lost := func() { e.later(timeout, func() { e.hear(c, sent, errNoAnswer) }) }
	answered := func() {
		l := e.l
		w.after(there, func() {
			w.deliver(c)
			if e.l == l {
				e.later(back, func() { e.hear(c, sent, nil) })
			}
		})
	}
	n, fate := w.net, w.rnd.IntN(1000)
	w.sending(e, c, !e.cut && fate >= n.lost+n.unanswered+n.late+n.twice+n.slow)
	is := func(of int) bool { fate -= of; return fate < 0 }
	switch {
	case e.cut, is(n.lost):
		w.note("%s: message lost", e.id)
		lost()
	case is(n.unanswered):
		w.note("%s: answer lost", e.id)
		arrive(there)
		lost()
	case is(n.late):
		d := w.between(timeout, 10*time.Second)
		w.note("%s: message comes %v late", e.id, d)
		arrive(d)
		lost()
	case is(n.twice):
		arrive(there + w.between(time.Millisecond, 10*time.Second))
		answered()
	case is(n.slow):
		there += w.between(time.Millisecond, 180*time.Millisecond)
		back += w.between(time.Millisecond, 180*time.Millisecond)
		answered()
	default:
		answered()
	}
}

// hear is what a sender does after a round trip.
func (e *virtual) hear(c *call, sent int64, err error) {
	c.err = err
	if err != nil {
		e.row++
		e.probe = e.w.now + int64(100*time.Millisecond) + e.w.rnd.Int64N(int64(200*time.Millisecond))
		if e.row >= awayAfter && !e.l.link.away.Swap(true) {
			e.watch()
		}
	} else {
		e.row = 0
		e.l.link.away.Store(false)
	}
	c.cell.hear(c, e.l.now())
	e.w.told(e, c, sent)
	n := c.cell.link()
	n.landed()
	e.open(n)
	e.stir()
}

// watch finds out, as the limits' watch does, that Redis answers again.
func (e *virtual) watch() {
	e.later(time.Second, func() {
		switch {
		case !e.l.link.away.Load():
		case e.cut || !e.watches:
			e.watch()
		default:
			e.row = 0
			e.l.link.away.Store(false)
		}
	})
}

// waiter is a request that waits, as in node.wait.
type waiter struct {
	*waiting
	n    *node
	done func(policy.Verdict)
}

// patient is a cell that requests may wait for.
type patient interface {
	policy.Cell
	asker
	waiting() *waiting
}

// request plays one request and calls done with what becomes of it, at once or later.
func (e *virtual) request(f *family, done func(policy.Verdict, policy.Cell)) {
	c := f.of(e.p, nil, e.l.now())
	v := c.Take(e.l.now())
	if v == policy.Dry {
		e.wait(c.(patient), func(v policy.Verdict) { done(v, c) })
	} else {
		done(v, c)
	}
	e.stir()
}

func (e *virtual) wait(c patient, done func(policy.Verdict)) {
	x := &waiter{waiting: c.waiting(), n: c.link(), done: done}
	if v := x.take(e.l.now()); v != policy.Dry {
		done(v)
		return
	}
	long, most := e.l.patience, int32(maxWaiters)
	if x.last {
		long, most = lastPatience, lastWaiters
	}
	if x.n.waiters.Add(1) > most {
		x.n.waiters.Add(-1)
		done(x.late())
		return
	}
	e.waits = append(e.waits, x)
	e.look(x, false)
	e.later(long, func() { e.look(x, true) })
}

// look lets a request that waits try again.
func (e *virtual) look(x *waiter, late bool) {
	at := -1
	for i := range e.waits {
		if e.waits[i] == x {
			at = i
		}
	}
	if at < 0 {
		return
	}
	v := x.take(e.l.now())
	switch {
	case v == policy.Dry && late:
		v = x.late()
	case v == policy.Dry:
		x.n.wake()
		x.n.r.ring()
		e.stir()
		return
	}
	e.waits = append(e.waits[:at:at], e.waits[at+1:]...)
	x.n.waiters.Add(-1)
	x.done(v)
	e.stir()
}

// open lets those that wait for a cell look again.
func (e *virtual) open(n *node) {
	for _, x := range e.waits {
		if x.n == n {
			e.later(0, func() { e.look(x, false) })
		}
	}
}
