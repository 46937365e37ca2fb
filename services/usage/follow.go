package usage

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Timing and bounds of Follow.
const (
	followEvery = 500 * time.Millisecond
	// followQuiet is shorter than proxies wait before they close a silent answer.
	followQuiet = 10 * time.Second
	followBatch = 500
	// followBehind is how many full batches are read at once before what is older
	// than the newest is left out.
	followBehind = 6
	// followOverlap is how far back each look goes: of two transactions the one
	// with the lower ids may become visible last.
	followOverlap = 200
	// How many may follow at once: each asks the database twice a second.
	followsEach = 20  // of one organization
	followsAll  = 200 // of this process
)

// FollowInput asks for records as they come.
type FollowInput struct {
	Gateway string // id or name
	Filter  LogFilter
	After   int64 // id of the last record seen; 0: from now on
}

// Tail is what Follow emits. Without entries it is a sign of life. Gap says that
// records before the entries were left out, since there were too many.
type Tail struct {
	Entries []LogEntry
	Gap     bool
}

// follows counts who follows.
type follows struct {
	mu   sync.Mutex // guards the rest
	all  int
	each map[core.OrganizationID]int
}

func (f *follows) begin(org core.OrganizationID) (end func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all >= followsAll || f.each[org] >= followsEach {
		e := core.Errorf(core.CodeThrottled, "the log is followed %d times already: close one", f.each[org])
		e.RetryAfter = 5 * time.Second
		return nil, e
	}
	if f.each == nil {
		f.each = map[core.OrganizationID]int{}
	}
	f.all++
	f.each[org]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.all--
		if f.each[org]--; f.each[org] == 0 {
			delete(f.each, org)
		}
	}, nil
}

// Follow calls emit with the records stored after a point, oldest first, until
// ctx ends (nil) or emit returns an error, which it returns. A call without
// records is a sign of life: the first call, which says that from here on nothing
// is missed, and one every 10 s of silence.
func (s *Service) Follow(ctx context.Context, org core.OrganizationID, in FollowInput, emit func(Tail) error) error {
	g, err := s.gatewayOf(ctx, org, in.Gateway)
	if err != nil {
		return err
	}
	q, err := in.Filter.check(g.Num, followBatch)
	if err != nil {
		return err
	}
	end, err := s.follows.begin(org)
	if err != nil {
		return err
	}
	defer end()
	t := tail{s: s, org: org, q: q, seen: map[int64]bool{}}
	if err := t.begin(ctx, in.After); err != nil {
		return err
	}
	if err := emit(Tail{}); err != nil {
		return err
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	quiet := time.Duration(0)
	for {
		got, err := t.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if quiet += followEvery; len(got.Entries) > 0 || got.Gap || quiet >= followQuiet {
			quiet = 0
			if err := emit(got); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// tail remembers what was seen of the newest records.
type tail struct {
	s    *Service
	org  core.OrganizationID
	q    LogQuery
	last int64
	from int64 // nothing up to it is emitted
	seen map[int64]bool
}

// begin sets where the tail begins: after a record, or now.
func (t *tail) begin(ctx context.Context, after int64) error {
	t.last, t.from = after, after
	if after > 0 {
		return nil
	}
	var err error
	if t.last, err = t.s.cfg.Store.LastLog(ctx, t.org, t.q.Gateway); err != nil {
		return err
	}
	old, err := t.s.cfg.Store.LogsAfter(ctx, t.org, t.q, t.last-followOverlap)
	t.fresh(old)
	return err
}

// look reads what is new. Behind by more than some full batches, it goes on with
// the newest and says so.
func (t *tail) look(ctx context.Context) (out Tail, err error) {
	for range followBehind {
		items, err := t.s.cfg.Store.LogsAfter(ctx, t.org, t.q, t.last-followOverlap)
		if err != nil {
			return out, err
		}
		full := len(items) == followBatch
		out.Entries = append(out.Entries, t.fresh(items)...)
		if !full {
			return out, nil
		}
	}
	newest, err := t.s.cfg.Store.Logs(ctx, t.org, t.q, LogPlace{})
	slices.SortFunc(newest, func(a, b LogEntry) int { return cmp.Compare(a.ID, b.ID) })
	if err != nil || len(newest) == 0 || newest[0].ID <= t.last {
		return out, err
	}
	return Tail{Entries: t.fresh(newest), Gap: true}, nil
}

// fresh returns the items not seen before that the filter wants, and marks them.
func (t *tail) fresh(items []LogEntry) []LogEntry {
	out := items[:0]
	for _, e := range items {
		if t.seen[e.ID] || e.ID <= t.from {
			continue
		}
		t.seen[e.ID] = true
		t.last = max(t.last, e.ID)
		if t.q.Filter.holds(&e.LogRecord) {
			out = append(out, e)
		}
	}
	for id := range t.seen {
		if id <= t.last-followOverlap {
			delete(t.seen, id)
		}
	}
	return out
}
