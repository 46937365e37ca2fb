package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/failpoint"
	"github.com/tollgate/tollgate/tests/harness"
)

// failing is a point, and what brings a process to it.
type failing struct {
	point failpoint.Point
	what  string // told from other rows of the point
	role  string // edge, worker or portal
	// action is kill where it is empty; the process lives through any other.
	action string
	// The process dies at hit first+1 to first+most, by the seed; most 0 is 1.
	first, most int
	// do is done while the load is on and the process is to die; nil: the load is
	// enough. It must have waited for what it wants of a process that lives.
	do func(r *failRun)
	// dead is done while the process is dead, and after when it is back.
	dead, after func(r *failRun)
	// start is for a process that dies while it starts: do is done instead of all
	// that.
	start bool
	// mayBe are answers that the load may have had beside 200.
	mayBe string
}

func (f *failing) may(what string) bool { return f.mayBe != "" && strings.HasPrefix(what, f.mayBe) }

// failings are all points. What is written of each is what holds beside the books.
var failings = []failing{
	{point: failpoint.EdgeAfterHeaderWrite, role: "edge", most: 400},
	{point: failpoint.EdgeBeforeAdd, role: "edge", most: 400},
	{point: failpoint.EdgeSlotDirAppend, role: "edge", most: 12},
	{point: failpoint.EdgeAfterXaddBeforeMark, role: "edge", most: 5, dead: withoutRedis},
	{point: failpoint.EdgeEpochBump, role: "edge", most: 2, start: true, do: dieAtStart},
	{point: failpoint.EdgeSeal, what: " at the start", role: "edge"},
	{point: failpoint.EdgeSeal, what: " of an hour", role: "edge", first: 1, do: nextHour},
	{point: failpoint.EdgeInPolicy, what: " (E04)", role: "edge", action: "panic", most: 200, do: onePanic, mayBe: "500 internal"},

	{point: failpoint.ConfigApplyStart, role: "edge", do: change, dead: withoutRedis, after: live},
	{point: failpoint.ConfigApplyMid, what: " (C03)", role: "edge", first: 2, do: change, dead: withoutRedis, after: quarantined},
	{point: failpoint.ConfigApplyMid, what: " (C02)", role: "edge", action: "panic", first: 2, do: compilerPanics},
	{point: failpoint.ConfigApplyEnd, role: "edge", do: change, dead: withoutRedis, after: live},
	{point: failpoint.LKGAfterTmp, role: "edge", do: largeChanges, dead: withoutRedis, after: small},
	{point: failpoint.LKGAfterRename, role: "edge", do: largeChanges, dead: withoutRedis, after: small},

	{point: failpoint.WorkerAfterRead, role: "worker", most: 3},
	{point: failpoint.WorkerTxBeforeCommit, role: "worker", most: 3},
	{point: failpoint.WorkerTxBeforeCommit, what: " (P02)", role: "worker", action: "sleep=1500", most: 3, do: postgresDies},
	{point: failpoint.WorkerAfterCommitBeforeXack, role: "worker", most: 3},
	{point: failpoint.WorkerAfterXackBeforeAckKey, role: "worker", most: 3},
	{point: failpoint.RollupMid, role: "worker", most: 3},
	{point: failpoint.ProjAfterPostBeforeStore, what: " (S08)", role: "worker", most: 2, do: (*failRun).jump, after: posted},
	{point: failpoint.OutboxAssignedBeforePublish, what: " (C05)", role: "worker", most: 2, do: newKey, after: keysInForce},
	{point: failpoint.OutboxPublishBeforeMark, role: "worker", most: 2, do: newKey, after: keysInForce},
	{point: failpoint.HookAfterPostBeforeStore, role: "worker", do: tell, after: toldTwice},

	{point: failpoint.WebhookAfterCommitBefore200, what: " (S07)", role: "portal", do: subscriptionChanges, after: eventOnce},
	{point: failpoint.PortalKeyBeforeCommit, what: " (X01)", role: "portal", do: issueKey, after: keyAgain},
	{point: failpoint.PortalKeyAfterCommitBeforeReply, what: " (X01)", role: "portal", do: issueKey, after: keyReplayed},
}

// TestFailpoints has a process die at every step between two writes, by the seed
// sooner or later, under load, and start again. Then what is billed is what callers
// received, by organization, hour, route and key: exactly where another process than an
// edge died, and else but for what that edge had in flight. At the end a billing period
// passes, and Stripe's totals and invoices are the ledger's.
func TestFailpoints(t *testing.T) {
	seeds := uint64(2)
	if os.Getenv("TOLLGATE_LONG") != "" {
		seeds = 20
	}
	s := newFailSite(t)
	for i := range failings {
		f := &failings[i]
		t.Run(string(f.point)+f.what, func(t *testing.T) {
			for seed := range seeds {
				if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { s.once(t, f, seed) }) {
					t.FailNow() // what the next runs begin with is not known
				}
			}
		})
	}
	t.Run("books", func(t *testing.T) {
		s.to(t)
		s.books()
	})
	s.to(t)
	s.table()
}

// to makes a test the one that fails.
func (s *failSite) to(t *testing.T) {
	s.t, s.T = t, t
	for _, o := range s.tenants {
		o.T = t
	}
}

// once has a process die once.
func (s *failSite) once(t *testing.T, f *failing, seed uint64) {
	s.to(t)
	s.whole()
	t.Cleanup(func() {
		for _, p := range []*harness.Process{s.Edges[0].Process, s.Worker, s.Portal} {
			if log := p.Log(); t.Failed() {
				t.Logf("---- %s\n%s", p.Name, log[max(0, len(log)-3000):])
			}
		}
	})
	if s.now().Minute() > 56 {
		s.jump() // the hour must not end in a run by itself
	}
	r := s.begin(f, seed)
	p, _ := s.role(f.role)
	n := f.first + 1 + rand.New(rand.NewPCG(seed, uint64(f.first))).IntN(max(f.most, 1))
	action := f.action
	if action == "" {
		action = "kill"
	}
	r.fp = fmt.Sprintf("%s:%s:%d", f.point, action, n)
	t.Log(r.fp)
	if !f.start {
		r.arm()
		if f.first > 0 {
			r.warm(0) // gateways are compiled when they are asked for
		}
	}
	r.load()
	t.Cleanup(r.halt) // where the run ends early
	r.pause(time.Second)
	switch {
	case f.start:
		f.do(r)
	case f.action != "":
		f.do(r)
		if n := r.hits(p); n != 1 {
			t.Errorf("%d times at %s\n%s", n, f.point, p.Log())
		}
		select {
		case <-p.Exited():
			t.Fatalf("%s died\n%s", p.Name, p.Log())
		default:
		}
		set(p, "")
	default:
		if f.do != nil {
			f.do(r)
		}
		r.died()
		r.pause(300 * time.Millisecond)
		if f.dead != nil {
			f.dead(r)
		} else {
			r.revive()
		}
	}
	time.Sleep(time.Second)
	if f.after != nil {
		f.after(r)
	}
	r.halt()
	r.judge()
}

// TestEveryFailpoint holds the list of runs against the points that there are.
func TestEveryFailpoint(t *testing.T) {
	have := map[failpoint.Point]bool{}
	for i := range failings {
		have[failings[i].point] = true
	}
	for _, p := range failpoint.Points {
		if !have[p] {
			t.Errorf("no process dies at %s", p)
		}
	}
}
