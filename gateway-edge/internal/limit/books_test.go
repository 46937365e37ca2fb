package limit

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// TestBrokenBooksRefuseNothing: of two former epochs the later one's file can't be
// written. Its units stay spent; requests are served all the same.
func TestBrokenBooksRefuseNothing(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	dir := t.TempDir()
	start := func(epoch uint64) stepped {
		e := s.epoch(dir, epoch)
		e.link.seen.Store(true)
		return e
	}
	one := start(1).quota(1000)
	one.hungry.Store(true)
	stepped{one.l, t}.say(one, nil)
	e := start(2)
	two := e.quota(1000)
	two.former = true // as if the first epoch's word was lost on its way
	two.hungry.Store(true)
	e.say(two, nil)
	e = start(3)
	if err := os.Remove(filepath.Join(dir, "2-1.tgl")); err != nil {
		t.Fatal(err)
	}
	e.refill.settle()
	for range 2 {
		for _, st := range e.refill.settlements {
			if c := st.ask(e.now()); c != nil {
				e.Limits.link.pipeline(t.Context(), []*call{c})
				st.hear(c, e.now())
			}
		}
	}
	l := e.quota(1000)
	l.hungry.Store(true)
	if l.ask(e.now()) == nil {
		t.Error("a lease waits for ever for an epoch that can't be settled")
	}
	for _, st := range e.refill.settlements {
		if st.check(e.now()) != 0 {
			t.Error("a settlement that can't be made is tried for ever")
		}
	}
}

// TestEdgesAreCountedOnce: an edge that stops in order, again and again, takes part
// once.
func TestEdgesAreCountedOnce(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	other := s.edge("edge-b", 1)
	serve(other.Limits, quotaFamily(t, other.Limits, 1000), testKey())
	dir := t.TempDir()
	for epoch := range uint64(4) {
		e := boot(t, s.client(), "edge-a", dir, epoch+1)
		serve(e.Limits, quotaFamily(t, e.Limits, 1000), testKey())
		n, err := s.rdb.HGet(t.Context(), contract.RedisBudget(contract.BudgetQuota, quotaCounter, thisMonth()), "n").Int()
		if err != nil || n != 2 {
			t.Errorf("in epoch %d %d edges of 2 take part (%v)", epoch+1, n, err)
		}
		e.halt()
	}
}

// epoch is one run of edge-a on a directory, without its senders.
func (s *store) epoch(dir string, epoch uint64) stepped {
	s.t.Helper()
	l, err := New(Config{Dir: dir, Edge: "edge-a", Epoch: epoch, Redis: s.rdb, Now: func() int64 { return int64(time.Hour) }})
	if err != nil {
		s.t.Fatal(err)
	}
	return stepped{l, s.t}
}

// TestAdoptedWhileAsking: an edge that was started while Redis is away takes over
// what its former epoch held, with its first message still under way. The former
// epoch is not settled before that is said.
func TestAdoptedWhileAsking(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	dir := t.TempDir()
	e := s.epoch(dir, 1)
	e.link.seen.Store(true)
	one := e.quota(100)
	one.hungry.Store(true)
	e.say(one, nil)
	held := one.Left.Load()
	e = s.epoch(dir, 2)
	two := e.quota(100)
	two.former = true // its word is on its way as well
	two.hungry.Store(true)
	c := e.sent(two)
	e.link.away.Store(true) // the answer is not there yet
	e.link.seen.Store(false)
	n := takeAll(e, two)
	if int64(n) != held {
		t.Fatalf("took over %d of %d", n, held)
	}
	e.link.away.Store(false)
	e.link.seen.Store(true)
	two.hear(c, e.now())
	e.refill.settle()
	last := e.refill.settlements[0]
	if last.ask(e.now()) != nil {
		t.Error("the former epoch is settled before Redis has heard who took over its units")
	}
	n += takeAll(e, two)
	for range 3 {
		for _, a := range []asker{two, last} {
			if c := a.ask(e.now()); c != nil {
				e.Limits.link.pipeline(t.Context(), []*call{c})
				a.hear(c, e.now())
			}
		}
	}
	if !last.r.Settled {
		t.Error("the former epoch is not settled")
	}
	if u := s.used("g1.changed0.o", two.period); u != int64(n)+two.Left.Load() {
		t.Errorf("Redis counts %d, %d were spent and %d are held", u, n, two.Left.Load())
	}
}

// TestPowerFailureTakesGrantsFromTheBooks: the power fails before the kernel has
// written what an edge was granted and spent last. Nothing of that is given back.
func TestPowerFailureTakesGrantsFromTheBooks(t *testing.T) {
	t.Parallel()
	for name, emptied := range map[string]bool{"Redis has it": false, "Redis was emptied": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startRedis(t)
			dir := t.TempDir()
			e := s.epoch(dir, 1)
			e.link.seen.Store(true)
			l := e.quota(1000)
			l.hungry.Store(true)
			e.say(l, nil)
			old := books(t, dir, 1)
			n := e.spentOf(l, 600)
			powerFails(t, dir, 1, old)

			e = s.epoch(dir, 2)
			e.link.seen.Store(true)
			if emptied {
				s.rdb.FlushAll(t.Context())
				var claims []*contract.BudgetClaim
				for _, c := range e.claims() {
					claims = append(claims, &c)
				}
				// The ledger has what was admitted, from the meter's own books.
				s.rdb.HSet(t.Context(), contract.RedisBudget(contract.BudgetQuota, "g1.changed0.o", l.period),
					contract.RestoreBudget(claims, []contract.BudgetSum{{Writer: "edge-a.1", Admitted: int64(n)}}))
				s.seed("second", time.Now().Unix())
			}
			e.refill.settle()
			for _, st := range e.refill.settlements {
				e.say(st, nil)
			}
			n += e.spent(e.quota(1000))
			if n > 1000 {
				t.Errorf("%d of 1000", n)
			}
			if !e.quota(1000).exhausted() {
				t.Error("units that nobody has count as held by others")
			}
		})
	}
}

// books are an epoch's file as it is now.
func books(t *testing.T, dir string, epoch int) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(epoch)+"-1.tgl"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// powerFails leaves an epoch's file as it was, of another boot of the machine.
func powerFails(t *testing.T, dir string, epoch int, b []byte) {
	t.Helper()
	copy(b[168:], "00000000-0000-0000-0000-000000000000") // the boot id
	binary.LittleEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[12:2048]))
	name := filepath.Join(dir, strconv.Itoa(epoch)+"-1.tgl")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
