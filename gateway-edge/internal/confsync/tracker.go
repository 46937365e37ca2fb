package confsync

import (
	"slices"
	"sync"

	"github.com/tollgate/tollgate/services/contract"
)

// maxApplied bounds the list of recently applied revisions in a report.
const maxApplied = 128

// tracker knows which revisions were read and which are in force.
type tracker struct {
	mu      sync.Mutex
	items   []item // in order of revision
	applied uint64 // this revision and all before it are in force
	turn    uint64 // raised by reset: what was under way before says nothing
	times   []contract.Applied
	wall    func() int64
}

// item is a revision that was read, or the end of a run that was missed.
type item struct {
	rev  uint64
	done bool
}

// reset begins anew at a revision that is in force.
func (t *tracker) reset(applied, turn uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.items, t.applied, t.times, t.turn = nil, applied, nil, turn
}

// add notes that rev must come into force: it was read, or revisions up to it
// were missed. Revisions are added in rising order.
func (t *tracker) add(rev uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.items = append(t.items, item{rev: rev})
}

// done notes that revisions of a turn are in force. It reports whether applied rose.
func (t *tracker) done(turn uint64, revs ...uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if turn != t.turn {
		return false
	}
	for _, rev := range revs {
		i, ok := slices.BinarySearchFunc(t.items, rev, func(a item, rev uint64) int {
			switch {
			case a.rev < rev:
				return -1
			case a.rev > rev:
				return 1
			}
			return 0
		})
		if ok {
			t.items[i].done = true
		}
	}
	return t.advance()
}

// resynced notes that everything up to rev is in force, however it came. What was
// not read yet is not counted: the reader will come by.
func (t *tracker) resynced(turn, rev uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if turn != t.turn {
		return false
	}
	for i := range t.items {
		if t.items[i].rev <= rev {
			t.items[i].done = true
		}
	}
	return t.advance()
}

// advance moves applied over what is done. mu is held.
func (t *tracker) advance() bool {
	n := 0
	for n < len(t.items) && t.items[n].done {
		n++
	}
	if n == 0 {
		return false
	}
	now := t.wall()
	for _, it := range t.items[:n] {
		t.times = append(t.times, contract.Applied{Rev: it.rev, Time: now})
	}
	if extra := len(t.times) - maxApplied; extra > 0 {
		t.times = slices.Delete(t.times, 0, extra)
	}
	t.applied = t.items[n-1].rev
	t.items = slices.Delete(t.items, 0, n)
	return true
}

// state returns the applied revision and whether nothing beyond it is open.
func (t *tracker) state() (applied uint64, idle bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.applied, len(t.items) == 0
}

// recent returns the newest applied revisions with their times.
func (t *tracker) recent() []contract.Applied {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.times)
}
