package limit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// TestQuotaConserved drives leases of three edges step by step through everything
// that a network, a power button and a control plane can do: messages that are lost,
// whose answer is lost, that come late or twice, or are under way while all else
// happens; edges that are killed and come back; limits that rise and fall, refuse and
// stop refusing; a Redis that is emptied and seeded; periods that end. At every step
// what was admitted stays within the quota; in the end, when all is said,
//
//	used = spent + outstanding
//
// and what is left can be spent to the last unit.
func TestQuotaConserved(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	for range 40 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) { newModel(t, s, seed).run() })
	}
}

const modelQuota = 60

type model struct {
	t      *testing.T
	s      *store
	rnd    *rand.Rand
	name   string
	edges  []*modelEdge
	late   []*call        // messages that Redis will get at some time
	flying []flight       // those that are not answered yet
	net    map[string]int // by period: admitted less credited
	peak   map[string]int // the most that it was
	asleep int            // an edge that does nothing for a while
	log    []string

	limit   int64
	soft    bool // the newest version never refuses
	wasSoft bool // an earlier one did not
	changed bool // there is an earlier one
	softens bool // some versions never refuse
	start   time.Time
	emptied bool
	seeding int
}

// flight is a message under way.
type flight struct {
	a    asker
	c    *call
	x    *modelEdge
	done bool // Redis has it
}

type modelEdge struct {
	l      *Limits
	dir    string
	epoch  uint64
	f      *family
	leases []*lease
	e      *lease // the present one
	taken  int    // of it, that may still be credited
	clock  int64
	wall   time.Duration // since the model's start
	owed   []*settlement
	told   bool // it has published since Redis was emptied
}

func newModel(t *testing.T, s *store, seed uint64) *model {
	m := emptyModel(t, s, seed)
	m.softens = m.rnd.IntN(3) == 0
	for range 3 {
		x := &modelEdge{dir: t.TempDir()}
		m.edges = append(m.edges, x)
		m.boot(x)
	}
	return m
}

func emptyModel(t *testing.T, s *store, seed uint64) *model {
	return &model{
		t: t, s: s, rnd: rand.New(rand.NewPCG(seed, 1)), name: fmt.Sprintf("model%d", seed), limit: modelQuota,
		net: map[string]int{}, peak: map[string]int{}, start: time.Now().Truncate(time.Hour).Add(10 * time.Minute),
	}
}

// counter is the quota's name in Redis.
func (m *model) counter() string { return "g9." + m.name }

// boot starts an edge without its refiller: the model moves the messages.
func (m *model) boot(x *modelEdge) {
	m.flying = slices.DeleteFunc(m.flying, func(f flight) bool {
		if f.x == x && !f.done { // it may yet come
			m.late = append(m.late, f.c)
		}
		return f.x == x
	})
	x.epoch++
	l, err := New(Config{
		Dir: x.dir, Edge: "e" + x.dir[len(x.dir)-1:], Epoch: x.epoch, Redis: m.s.rdb,
		Now:  func() int64 { return int64(time.Hour) + x.clock },
		Wall: func() time.Time { return m.start.Add(x.wall) },
	})
	if err != nil {
		m.t.Fatal(err)
	}
	x.l, x.leases, x.e, x.taken, x.told = l, nil, nil, 0, false
	m.adopt(x)
	x.owed = nil
	for _, rec := range l.ledger.Old() {
		x.owed = append(x.owed, l.refill.newSettlement(rec))
	}
	// Half of the starts find Redis away: then the edge lives on what its former
	// epochs left, which is of the limit of then.
	away := m.rnd.IntN(2) == 0 && !m.changed
	l.link.away.Store(away)
	l.link.seen.Store(!away)
}

// adopt has an edge go over to the newest limit.
func (m *model) adopt(x *modelEdge) {
	x.f = x.l.family(&plan{
		kind: policy.CountQuota, by: policy.ByOrganization, name: m.counter(), limit: m.limit, soft: m.soft, length: contract.PeriodHour,
	})
	m.present(x)
}

// present looks which lease is the present one, as each request does.
func (m *model) present(x *modelEdge) {
	e := x.f.of(nil, nil, x.l.now()).(*lease)
	if e != x.e {
		x.e, x.taken = e, 0
	}
	for _, e := range append(e.q.leases(), e) {
		if !slices.Contains(x.leases, e) {
			x.leases = append(x.leases, e)
		}
	}
}

func (m *model) note(format string, args ...any) { m.log = append(m.log, fmt.Sprintf(format, args...)) }

// send lets a message of a cell meet its fate.
func (m *model) send(x *modelEdge, a asker, c *call) {
	if c == nil {
		return
	}
	if c.cell != a {
		m.t.Fatal("a message of another cell")
	}
	lost := func() { a.hear(&call{cell: a, err: errors.New("timeout")}, x.l.now()) }
	switch fate := m.rnd.IntN(14); {
	case fate < 6:
		m.deliver(c)
		a.hear(c, x.l.now())
		if m.rnd.IntN(8) == 0 { // and once more
			m.deliver(c)
		}
	case fate < 8:
		m.note("answer lost")
		m.deliver(c)
		lost()
	case fate < 9:
		m.note("message lost")
		lost()
	case fate < 10:
		m.note("message late")
		m.late = append(m.late, c)
		lost()
	default:
		m.note("message under way")
		f := flight{a: a, c: c, x: x, done: fate < 13}
		if f.done {
			m.deliver(c)
		}
		m.flying = append(m.flying, f)
	}
}

// land brings the answer of a message that is under way.
func (m *model) land(i int) {
	f := m.flying[i]
	m.flying = slices.Delete(m.flying, i, i+1)
	if !f.done {
		m.deliver(f.c)
	}
	m.note("answer of %T came: %v", f.a, f.c.reply)
	f.a.hear(f.c, f.x.l.now())
}

// ask has a cell speak, unless its last message is under way.
func (m *model) ask(x *modelEdge, a asker) {
	if !slices.ContainsFunc(m.flying, func(f flight) bool { return f.a == a }) {
		m.send(x, a, a.ask(x.l.now()))
	}
}

func (m *model) deliver(c *call) {
	c.reply, c.err = m.s.rdb.Eval(m.t.Context(), c.script.source, c.keys[:], c.args...).Slice()
	if c.err != nil {
		m.t.Fatalf("script: %v", c.err)
	}
}

func (m *model) run() {
	for i := range 1500 {
		if i%60 == 0 {
			m.asleep = m.rnd.IntN(len(m.edges)) // others may spend everything meanwhile
		}
		m.step()
	}
	m.quiesce()
}

// take has an edge admit a request, if it does.
func (m *model) take(x *modelEdge) bool {
	m.present(x)
	if x.e.Take(x.l.now()) != policy.Took {
		return false
	}
	m.net[x.e.period]++
	x.taken++
	most := m.peak[x.e.period] // what is credited after the limit fell may be spent once more
	for _, o := range m.edges {
		most = max(most, int(o.f.plan.limit))
	}
	n := m.net[x.e.period]
	m.peak[x.e.period] = max(n, m.peak[x.e.period])
	if n > most && !m.wasSoft { // else those that did not refuse went beyond what others hold
		m.t.Fatalf("%d of %d admitted after:\n%s", n, most, strings.Join(m.log, "\n"))
	}
	return true
}

func (m *model) step() {
	i := m.rnd.IntN(len(m.edges))
	x := m.edges[i]
	switch op := m.rnd.IntN(300); {
	case op < 4:
		m.change()
	case op < 7 && !m.emptied:
		m.empty()
	case op < 30:
		m.tell(x)
	case op < 40:
		m.work()
	case op == 40:
		m.start = m.start.Add(time.Hour)
		m.note("the period ends")
	case op < 60 && len(m.flying) > 0:
		m.land(m.rnd.IntN(len(m.flying)))
	case op < 80:
		m.learn(i, x)
	}
	if i != m.asleep {
		m.serve(i, x)
	}
}

// serve is a step of one edge.
func (m *model) serve(i int, x *modelEdge) {
	if x.l.link.away.Load() && m.rnd.IntN(20) == 0 {
		m.note("edge %d reaches Redis", i)
		x.l.link.away.Store(false)
		x.l.link.seen.Store(true)
	}
	x.l.tell()
	m.present(x)
	up := !x.l.link.away.Load()
	e := x.leases[m.rnd.IntN(len(x.leases))]
	switch op := m.rnd.IntN(22); {
	case op < 5:
		for range m.rnd.IntN(12) {
			m.take(x)
		}
	case op < 6 && x.taken > 0:
		x.e.Credit()
		x.taken--
		m.net[x.e.period]--
	case op < 14 && up:
		x.clock += int64(time.Duration(m.rnd.IntN(300)) * time.Millisecond)
		e.hungry.Store(m.rnd.IntN(4) > 0)
		m.ask(x, e)
	case op < 17 && up:
		e.hungry.Store(false)
		e.notice(x.l.now())
		x.clock += 3 * int64(time.Second) // what is left goes back
		m.ask(x, e)
	case op < 18 && len(m.late) > 0:
		c := m.late[0]
		m.late = m.late[1:]
		m.deliver(c)
	case op > 19 && up && len(x.owed) > 0:
		m.ask(x, x.owed[m.rnd.IntN(len(x.owed))])
	case op == 19:
		switch m.rnd.IntN(3) {
		case 0:
			m.note("kill %d", i)
			m.boot(x) // nothing of the process is left but its mapped file
		case 1:
			x.e.q.ahead()
		}
	}
}

// change makes another version of the limit. Edges learn of it one by one, or all at
// once.
func (m *model) change() {
	m.limit = []int64{modelQuota / 3, modelQuota, 2 * modelQuota}[m.rnd.IntN(3)]
	m.soft = m.softens && m.rnd.IntN(2) == 0
	m.changed, m.wasSoft = true, m.wasSoft || m.soft
	m.note("the limit is %d, soft %t", m.limit, m.soft)
	if m.rnd.IntN(2) == 0 {
		for i, x := range m.edges {
			m.learn(i, x)
		}
	}
}

// learn brings an edge the newest limit. It comes by way of Redis.
func (m *model) learn(i int, x *modelEdge) {
	if !x.l.link.away.Load() && (x.f.plan.limit != m.limit || x.f.plan.soft != m.soft) {
		m.note("edge %d has limit %d, soft %t", i, m.limit, m.soft)
		m.adopt(x)
	}
}

// empty loses the shard of the quota, and what the edges had said of it.
func (m *model) empty() {
	m.note("Redis is emptied")
	shard := contract.BudgetShard(m.counter())
	ctx := m.t.Context()
	keys, err := m.s.rdb.Keys(ctx, contract.RedisBudget(contract.BudgetQuota, m.counter(), "")+":*").Result()
	if err != nil {
		m.t.Fatal(err)
	}
	m.s.rdb.Del(ctx, append(keys, contract.RedisBudgetGen(shard), contract.RedisBudgetClaims(shard))...)
	m.emptied = true
	for _, x := range m.edges {
		x.told = false
	}
}

// tell has an edge publish what it holds, where that is asked for.
func (m *model) tell(x *modelEdge) {
	if x.l.link.away.Load() {
		return
	}
	if _, err := x.l.publish(m.t.Context(), m.emptied); err != nil {
		m.t.Fatal(err)
	}
	if m.emptied && !x.told {
		m.note("an edge has told its claims")
		x.told = true
	}
}

// work is the worker: it seeds when every edge has told its claims.
func (m *model) work() {
	for _, x := range m.edges {
		if m.emptied && !x.told {
			return
		}
	}
	ctx := m.t.Context()
	shard := contract.BudgetShard(m.counter())
	all, err := m.s.rdb.HGetAll(ctx, contract.RedisBudgetClaims(shard)).Result()
	if err != nil {
		m.t.Fatal(err)
	}
	group := map[string][]*contract.BudgetClaim{}
	for field, value := range all {
		c, err := contract.DecodeBudgetClaim(field, value)
		if err != nil {
			m.t.Fatal(err)
		}
		if c.Counter == m.counter() {
			key := contract.RedisBudget(contract.BudgetQuota, c.Counter, c.Period)
			group[key] = append(group[key], c)
		}
	}
	for key, claims := range group {
		if m.s.rdb.HExists(ctx, key, "u").Val() {
			continue
		}
		m.note("%s is restored from %d claims", key, len(claims))
		if err := m.s.rdb.HSet(ctx, key, contract.RestoreBudget(claims, nil)).Err(); err != nil {
			m.t.Fatal(err)
		}
	}
	m.s.rdb.Del(ctx, contract.RedisBudgetClaims(shard))
	if m.emptied {
		m.seeding++
		m.note("Redis is seeded")
		gen := contract.BudgetGen(fmt.Sprintf("%s.%d", m.name, m.seeding), m.start.Unix())
		if err := m.s.rdb.Set(ctx, contract.RedisBudgetGen(shard), gen, 0).Err(); err != nil {
			m.t.Fatal(err)
		}
		m.emptied = false
	}
}

// quiesce delivers everything, lets every edge say its last word, and counts.
func (m *model) quiesce() {
	for _, c := range m.late {
		m.deliver(c)
	}
	m.late = nil
	for len(m.flying) > 0 {
		m.land(0)
	}
	m.soft = false
	for _, x := range m.edges {
		x.l.link.away.Store(false)
		x.l.link.seen.Store(true)
		x.l.tell()
		m.adopt(x)
	}
	for range 4 {
		for _, x := range m.edges {
			m.tell(x)
		}
		m.work()
		for _, x := range m.edges {
			m.lastWords(x)
		}
	}
	outstanding, period := int64(0), m.edges[0].e.period
	for i, x := range m.edges {
		for _, rec := range x.l.ledger.Former() {
			if !rec.Settled {
				m.t.Errorf("edge %d: epoch %d is not settled", i, rec.Epoch)
			}
		}
		if back := x.e.Back.Load(); back != 0 {
			m.t.Errorf("edge %d: %d units are still on their way", i, back)
		}
		outstanding += x.e.Left.Load()
	}
	used := m.s.used(m.counter(), period)
	if used != int64(m.net[period])+outstanding {
		m.t.Errorf("used %d, spent %d, outstanding %d; after:\n%s", used, m.net[period], outstanding, strings.Join(m.log, "\n"))
	}
	m.exhaust(period, int(outstanding))
}

// lastWords has an edge say all that it has to say of the present period.
func (m *model) lastWords(x *modelEdge) {
	say := func(a asker) {
		if c := a.ask(x.l.now()); c != nil {
			m.deliver(c)
			a.hear(c, x.l.now())
		}
	}
	speak := func() {
		x.e.unsure.Store(true)
		x.e.hungry.Store(false)
		x.e.usedAt = x.l.now()
		say(x.e)
	}
	speak()
	for range len(x.owed) { // the newest epoch speaks first
		for _, st := range x.owed {
			say(st)
		}
	}
	speak()
}

func (m *model) exhaust(period string, outstanding int) {
	before := m.net[period] + outstanding
	for dry := 0; dry < 3; {
		dry = 0
		for _, x := range m.edges {
			got := false
			for m.take(x) {
				got = true
			}
			x.clock += int64(time.Second)
			x.e.hungry.Store(true)
			if c := x.e.ask(x.l.now()); c != nil {
				m.deliver(c)
				x.e.hear(c, x.l.now())
				got = got || x.e.Left.Load() > 0
			}
			if !got {
				dry++
			}
		}
	}
	if n, want := m.net[period], max(before, int(m.limit)); n != want {
		m.t.Errorf("in the end %d of %d were admitted; after:\n%s", n, want, strings.Join(m.log, "\n"))
	}
}
