package limit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// TestQuotaConserved drives leases of three edges step by step through everything
// a network and a power button can do: messages that are lost, whose answer is
// lost, that come late or twice; edges that are killed and come back. At every
// step what was admitted stays within the quota; in the end, when all is said,
//
//	used = spent + outstanding
//
// and what is left can be spent to the last unit.
func TestQuotaConserved(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	for range 20 {
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
	late   []*call // messages that Redis will get at some time
	net    int     // admitted less credited
	asleep int     // an edge that does nothing for a while
	log    []string
}

type modelEdge struct {
	l     *Limits
	dir   string
	epoch uint64
	e     *lease
	taken int // that may still be credited
	clock int64
	owed  []*settlement
}

func newModel(t *testing.T, s *store, seed uint64) *model {
	m := &model{t: t, s: s, rnd: rand.New(rand.NewPCG(seed, 1)), name: fmt.Sprintf("model%d", seed)}
	for range 3 {
		x := &modelEdge{dir: t.TempDir()}
		m.edges = append(m.edges, x)
		m.boot(x)
	}
	return m
}

// boot starts an edge without its refiller: the model moves the messages.
func (m *model) boot(x *modelEdge) {
	x.epoch++
	x.taken = 0
	l, err := New(Config{
		Dir: x.dir, Edge: "e" + x.dir[len(x.dir)-1:], Epoch: x.epoch, Redis: m.s.rdb,
		Now: func() int64 { return int64(time.Hour) + x.clock },
	})
	if err != nil {
		m.t.Fatal(err)
	}
	x.l = l
	f, err := l.Family(policy.CounterSpec{
		Kind: policy.CountQuota, Name: m.name, By: policy.ByOrganization, Limit: modelQuota, Period: "month", Scope: policy.Scope{GatewayNum: 9},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	x.e = f.(*family).of(nil, nil, l.now()).(*lease)
	x.owed = nil
	for _, rec := range l.ledger.Old() {
		x.owed = append(x.owed, l.refill.newSettlement(rec))
	}
	// Half of the starts find Redis away: then the edge lives on what its former
	// epochs left.
	away := m.rnd.IntN(2) == 0
	l.link.away.Store(away)
	l.link.seen.Store(!away)
}

func (m *model) note(format string, args ...any) { m.log = append(m.log, fmt.Sprintf(format, args...)) }

// send lets a message of a cell meet its fate.
func (m *model) send(a asker, c *call) {
	if c == nil {
		return
	}
	if c.cell != a {
		m.t.Fatal("a message of another cell")
	}
	switch fate := m.rnd.IntN(10); {
	case fate < 6:
		m.deliver(c)
		a.hear(c, int64(time.Hour))
		if m.rnd.IntN(8) == 0 { // and once more
			m.deliver(c)
		}
	case fate < 8:
		m.note("answer lost")
		m.deliver(c)
		a.hear(&call{cell: a, err: errors.New("timeout")}, int64(time.Hour))
	case fate < 9:
		m.note("message lost")
		a.hear(&call{cell: a, err: errors.New("timeout")}, int64(time.Hour))
	default:
		m.note("message late")
		m.late = append(m.late, c)
		a.hear(&call{cell: a, err: errors.New("timeout")}, int64(time.Hour))
	}
}

func (m *model) deliver(c *call) {
	c.reply, c.err = m.s.rdb.Eval(m.t.Context(), c.script.source, c.keys[:], c.args...).Slice()
	if c.err != nil {
		m.t.Fatalf("script: %v", c.err)
	}
}

func (m *model) run() {
	for i := range 1200 {
		if i%60 == 0 {
			m.asleep = m.rnd.IntN(len(m.edges)) // others may spend everything meanwhile
		}
		m.step()
		if m.net > modelQuota {
			m.t.Fatalf("%d of %d admitted after:\n%s", m.net, modelQuota, strings.Join(m.log, "\n"))
		}
	}
	m.quiesce()
}

func (m *model) step() {
	i := m.rnd.IntN(len(m.edges))
	if i == m.asleep {
		return
	}
	x := m.edges[i]
	if x.l.link.away.Load() && m.rnd.IntN(20) == 0 {
		m.note("edge %d reaches Redis", i)
		x.l.link.away.Store(false)
		x.l.link.seen.Store(true)
	}
	up := !x.l.link.away.Load()
	switch op := m.rnd.IntN(22); {
	case op < 5:
		for range m.rnd.IntN(12) {
			if x.e.Take(x.l.now()) == policy.Took {
				m.net++
				x.taken++
			}
		}
	case op < 6 && x.taken > 0:
		x.e.Credit()
		x.taken--
		m.net--
	case op < 14 && up:
		x.clock += int64(time.Duration(m.rnd.IntN(300)) * time.Millisecond)
		x.e.hungry.Store(m.rnd.IntN(4) > 0)
		m.send(x.e, x.e.ask(x.l.now()))
	case op < 17 && up:
		x.e.hungry.Store(false)
		x.e.notice(x.l.now())
		x.clock += 3 * int64(time.Second) // what is left goes back
		m.send(x.e, x.e.ask(x.l.now()))
	case op < 18 && len(m.late) > 0:
		c := m.late[0]
		m.late = m.late[1:]
		m.deliver(c)
	case op > 19 && up && len(x.owed) > 0:
		st := x.owed[m.rnd.IntN(len(x.owed))]
		m.send(st, st.ask(x.l.now()))
	case op == 19 && m.rnd.IntN(2) == 0:
		m.note("kill %d", i)
		m.boot(x) // nothing of the process is left but its mapped file
	}
}

// quiesce delivers everything, lets every edge say its last word, and counts.
func (m *model) quiesce() {
	for _, c := range m.late {
		m.deliver(c)
	}
	m.late = nil
	outstanding := int64(0)
	for i, x := range m.edges {
		x.l.link.away.Store(false)
		x.l.link.seen.Store(true)
		x.e.unsure.Store(true)
		x.e.hungry.Store(false)
		x.e.usedAt = x.l.now()
		say := func(a asker) {
			if c := a.ask(x.l.now()); c != nil {
				m.deliver(c)
				a.hear(c, x.l.now())
			}
		}
		say(x.e)
		for range len(x.owed) { // the newest epoch speaks first
			for _, st := range x.owed {
				say(st)
			}
		}
		x.e.unsure.Store(true)
		say(x.e)
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
	used := m.s.used("g9."+m.name+"0.o", thisMonth())
	if used != int64(m.net)+outstanding {
		m.t.Errorf("used %d, spent %d, outstanding %d; after:\n%s", used, m.net, outstanding, strings.Join(m.log, "\n"))
	}
	m.exhaust()
}

func (m *model) exhaust() {
	for dry := 0; dry < 3; {
		dry = 0
		for _, x := range m.edges {
			got := false
			for x.e.Take(x.l.now()) == policy.Took {
				m.net++
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
	if m.net != modelQuota {
		m.t.Errorf("in the end %d of %d were admitted; after:\n%s", m.net, modelQuota, strings.Join(m.log, "\n"))
	}
}
