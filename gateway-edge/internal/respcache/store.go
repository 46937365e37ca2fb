package respcache

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Config is what a Store needs.
type Config struct {
	// Max bounds all items and bodies under way, PerOrganization those of one
	// organization, in bytes.
	Max, PerOrganization int64
	// Now is CLOCK_BOOTTIME in nanoseconds.
	Now func() int64
}

// Store is the edge's response cache.
type Store struct {
	cfg      Config
	seed     maphash.Seed
	used     atomic.Int64 // bytes of items
	filling  atomic.Int64 // bytes of bodies under way
	mu       sync.Mutex   // held while orgs or gateways change
	orgs     sync.Map     // numeric organization → *organization
	gateways sync.Map     // gateway's id → *Gateway
	counts   counts
	later    chan task
}

type counts struct{ items, puts, evicted, expired, purged, panics atomic.Int64 }

// Stats is what the store tells of itself.
type Stats struct {
	Bytes, Filling, Items          int64 // now
	Puts, Evicted, Expired, Purged int64 // since the start
	Panics                         int64 // of what ran in the background
}

// New makes a store.
func New(cfg Config) (*Store, error) {
	if cfg.Max <= 0 || cfg.PerOrganization <= 0 || cfg.Now == nil {
		return nil, errors.New("respcache: budgets and a clock are needed")
	}
	return &Store{cfg: cfg, seed: maphash.MakeSeed(), later: make(chan task, waiting)}, nil
}

// task is what one organization wants done in the background.
type task struct {
	of *organization
	do func(context.Context)
}

// organization is what one organization holds.
type organization struct {
	later  atomic.Int32 // tasks that wait or are under way
	used   atomic.Int64
	turn   atomic.Uint64
	num    uint64
	own    int        // gateways; guarded by the store's lock
	mu     sync.Mutex // guards changes of shards
	shards atomic.Pointer[[]*shard]
}

// Of returns the cache of a gateway: id is the gateway's, num its organization's
// number.
func (s *Store) Of(id string, num uint64) *Gateway {
	if g, ok := s.gateways.Load(id); ok {
		return g.(*Gateway)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, _ := s.orgs.LoadOrStore(num, &organization{num: num})
	o := v.(*organization)
	g, there := s.gateways.LoadOrStore(id, &Gateway{s: s, org: o})
	if !there {
		o.own++
	}
	return g.(*Gateway)
}

// Forget frees what a gateway holds that is gone for good. Requests of it that are
// still under way store nothing any more.
func (s *Store) Forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.gateways.LoadAndDelete(id)
	if !ok {
		return
	}
	g := v.(*Gateway)
	if r := g.end(); r != nil {
		g.remove(func(*policy.CacheItem) bool { return true })
		g.org.disown(r)
	}
	if g.org.own--; g.org.own == 0 {
		s.orgs.Delete(g.org.num)
	}
}

// adopt makes a gateway's shards part of what the organization evicts from.
func (o *organization) adopt(r *room) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []*shard
	if old := o.shards.Load(); old != nil {
		list = append(list, *old...)
	}
	for i := range r.shards {
		list = append(list, &r.shards[i])
	}
	o.shards.Store(&list)
}

// disown takes them out again.
func (o *organization) disown(r *room) {
	o.mu.Lock()
	defer o.mu.Unlock()
	old := o.shards.Load()
	if old == nil {
		return
	}
	list := make([]*shard, 0, len(*old))
	for _, sh := range *old {
		if sh.g != r.shards[0].g {
			list = append(list, sh)
		}
	}
	o.shards.Store(&list)
}

// Stats returns the counts.
func (s *Store) Stats() Stats {
	c := &s.counts
	return Stats{
		Bytes: s.used.Load(), Filling: s.filling.Load(), Items: c.items.Load(),
		Puts: c.puts.Load(), Evicted: c.evicted.Load(), Expired: c.expired.Load(), Purged: c.purged.Load(),
		Panics: c.panics.Load(),
	}
}

// shrink evicts until the budgets hold. No lock is held.
func (s *Store) shrink(o *organization) {
	s.evict(o, func() bool { return o.used.Load() > s.cfg.PerOrganization })
	if s.used.Load() <= s.cfg.Max {
		return
	}
	goal := s.cfg.Max - s.cfg.Max/128 // some room, so that the search for the largest pays
	for range 64 {
		if s.used.Load() <= goal {
			return
		}
		l := s.largest()
		floor := l.used.Load() - max(s.cfg.Max/64, 1)
		s.evict(l, func() bool { return s.used.Load() > goal && l.used.Load() > floor })
	}
}

// largest is the organization that holds most.
func (s *Store) largest() (out *organization) {
	most := int64(-1)
	s.orgs.Range(func(_, v any) bool {
		o := v.(*organization)
		if n := o.used.Load(); n > most {
			out, most = o, n
		}
		return true
	})
	return out
}

// evict takes items of an organization while over says so, one shard after the
// other. A shard where everything is in use is spared for a round.
func (s *Store) evict(o *organization, over func() bool) {
	list := o.shards.Load()
	if list == nil {
		return
	}
	for empty := 0; len(*list) > 0 && empty <= 2*len(*list) && over(); {
		sh := (*list)[o.turn.Add(1)%uint64(len(*list))]
		if sh.evictOne() {
			empty = 0
			s.counts.evicted.Add(1)
			continue
		}
		empty++
	}
}

// sweepEvery is how often items past their use are looked for.
const sweepEvery = 30 * time.Second

// Bounds of what is done in the background: how many at once, how many of one
// organization at once and waiting, how many wait, and for how long each may go on.
const (
	workers  = 64
	share    = workers / 4
	waiting  = 1024
	workTime = 30 * time.Second
)

// Run does what is to be done later, and frees what is past its use, until ctx
// ends.
func (s *Store) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for range workers {
		wg.Go(func() { s.work(ctx) })
	}
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			s.Sweep()
		}
	}
}

func (s *Store) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-s.later:
			s.one(ctx, t)
		}
	}
}

// one runs a task; what it panics with ends nothing else.
func (s *Store) one(ctx context.Context, t task) {
	defer t.of.later.Add(-1)
	ctx, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			s.counts.panics.Add(1)
		}
	}()
	t.do(ctx)
}

// Sweep frees what is past its use.
func (s *Store) Sweep() {
	now := s.cfg.Now()
	s.gateways.Range(func(_, v any) bool {
		n := v.(*Gateway).remove(func(i *policy.CacheItem) bool { return i.Expires <= now })
		s.counts.expired.Add(int64(n))
		return true
	})
}
