package respcache_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/respcache"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

func store(t testing.TB, all, each int64) *respcache.Store {
	s, err := respcache.New(respcache.Config{Max: all, PerOrganization: each, Now: func() int64 { return 1000 }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func item(key string, size int64) *policy.CacheItem {
	return &policy.CacheItem{Key: key, Base: uint64(len(key)), Path: "/" + key, Size: size, Began: 5000, Expires: 1 << 60}
}

func count(g *respcache.Gateway, prefix string, n int) (found int) {
	for i := range n {
		found += len(g.Peek([]byte(fmt.Sprint(prefix, i))))
	}
	return found
}

// TestBudgets: an organization over its own budget loses its own; over the edge's
// the one that holds most loses.
func TestBudgets(t *testing.T) {
	t.Parallel()
	s := store(t, 10_000, 6_000)
	small, large := s.Of("gw_1", 1), s.Of("gw_2", 2)
	for i := range 20 {
		small.Put(item(fmt.Sprint("s", i), 100), nil)
	}
	for i := range 100 {
		large.Put(item(fmt.Sprint("l", i), 100), nil)
	}
	if n := count(large, "l", 100); n != 60 {
		t.Errorf("the large one has %d, its budget is 60", n)
	}
	for i := range 100 {
		s.Of("gw_3", 3).Put(item(fmt.Sprint("m", i), 100), nil)
	}
	if n := count(small, "s", 20); n != 20 {
		t.Errorf("the small one was left %d of 20", n)
	}
	if st := s.Stats(); st.Bytes > 10_000 || st.Items*100 != st.Bytes {
		t.Errorf("%+v", st)
	}
	if large.Put(item("huge", 2_000), nil) {
		t.Error("one item may not take a quarter of everything")
	}
}

// TestSieve: what is asked for again survives a scan of what never is.
func TestSieve(t *testing.T) {
	t.Parallel()
	s := store(t, 1<<20, 20_000)
	g := s.Of("gw_1", 1)
	for i := range 10 {
		g.Put(item(fmt.Sprint("hot", i), 100), nil)
	}
	for i := range 5_000 {
		g.Put(item(fmt.Sprint("scan", i), 100), nil)
		for _, it := range g.Peek([]byte(fmt.Sprint("hot", i%10))) {
			it.Touch()
		}
	}
	if n := count(g, "hot", 10); n < 9 {
		t.Errorf("%d of 10 survived", n)
	}
}

// TestVariants: a key has so many, and the newest stay.
func TestVariants(t *testing.T) {
	t.Parallel()
	g := store(t, 1<<20, 1<<20).Of("gw_1", 1)
	var last *policy.CacheItem
	for range 2 * policy.MaxVariants {
		last = item("k", 100)
		g.Put(last, nil)
	}
	list := g.Peek([]byte("k"))
	if len(list) != policy.MaxVariants || list[0] != last {
		t.Errorf("%d variants", len(list))
	}
	next := item("k", 100)
	g.Put(next, last)
	if list = g.Peek([]byte("k")); len(list) != policy.MaxVariants || list[0] != next || list[1] == last {
		t.Error("the old one was not replaced")
	}
}

// TestInvalidate: a resource's items go, whatever their keys, and what began before
// does not come back.
func TestInvalidate(t *testing.T) {
	t.Parallel()
	g := store(t, 1<<20, 1<<20).Of("gw_1", 1)
	for i := range 200 {
		it := item(fmt.Sprint("k", i), 100)
		it.Base = uint64(i % 2)
		g.Put(it, nil)
	}
	g.Invalidate(1, 6000)
	if n := count(g, "k", 200); n != 100 {
		t.Errorf("%d left, want 100", n)
	}
	late := item("late", 100)
	late.Base = 1
	if g.Put(late, nil) {
		t.Error("an answer from before came in after")
	}
	if late.Began = 6001; !g.Put(late, nil) {
		t.Error("an answer from after is refused")
	}
	g.Invalidate(1+1024, 7000) // the same place among those remembered
	if late.Began = 5500; g.Put(late, nil) {
		t.Error("an invalidation that lost its place is forgotten")
	}
}

// TestTenants: gateways never see one another's items, whatever their keys.
func TestTenants(t *testing.T) {
	t.Parallel()
	s := store(t, 1<<20, 1<<20)
	s.Of("gw_1", 1).Put(item("k", 100), nil)
	if s.Of("gw_2", 1).Peek([]byte("k")) != nil || s.Of("gw_3", 2).Peek([]byte("k")) != nil {
		t.Error("another gateway sees it")
	}
	if s.Of("gw_1", 1).Peek([]byte("k")) == nil {
		t.Error("its own does not")
	}
}

// TestReserve: bodies under way are bounded, and given back.
func TestReserve(t *testing.T) {
	t.Parallel()
	g := store(t, 4_000, 4_000).Of("gw_1", 1)
	if !g.Reserve(1_000) || g.Reserve(1) {
		t.Error("a quarter is for bodies under way")
	}
	if g.Reserve(-1_000); !g.Reserve(1_000) {
		t.Error("it was not given back")
	}
}

// TestSweep frees what is past its use.
func TestSweep(t *testing.T) {
	t.Parallel()
	s := store(t, 1<<20, 1<<20)
	g := s.Of("gw_1", 1)
	old := item("old", 100)
	old.Expires = 999
	g.Put(old, nil)
	g.Put(item("new", 100), nil)
	if s.Sweep(); g.Peek([]byte("old")) != nil || g.Peek([]byte("new")) == nil || s.Stats().Expired != 1 {
		t.Errorf("%+v", s.Stats())
	}
}

// TestTogether: everything at once keeps the books right.
func TestTogether(t *testing.T) {
	t.Parallel()
	s := store(t, 50_000, 30_000)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			g := s.Of(fmt.Sprint("gw_", w%3), uint64(w%2))
			for i := range 3_000 {
				key := fmt.Sprint("k", i*7%400)
				list := g.Peek([]byte(key))
				var old *policy.CacheItem
				if len(list) > 0 {
					old = list[0]
					old.Touch()
				}
				it := item(key, int64(50+i%100))
				it.Base, it.Began = uint64(i%50), 1<<50
				g.Put(it, old)
				switch i % 100 {
				case 10:
					g.Invalidate(uint64(i%50), 1)
				case 20:
					s.Purge(fmt.Sprint("gw_", w%3), &contract.Purge{Prefix: "/k1"})
				}
			}
		})
	}
	wg.Wait()
	if st := s.Stats(); st.Bytes > 50_000 || st.Bytes < 0 || st.Items <= 0 {
		t.Errorf("%+v", st)
	}
	for w := range 3 {
		s.Purge(fmt.Sprint("gw_", w), &contract.Purge{All: true})
	}
	if st := s.Stats(); st.Bytes != 0 || st.Items != 0 {
		t.Errorf("after purging everything: %+v", st)
	}
}

func BenchmarkPeek(b *testing.B) {
	g := store(b, 1<<30, 1<<30).Of("gw_1", 1)
	keys := make([][]byte, 4096)
	for i := range keys {
		keys[i] = []byte(fmt.Sprint("a key of some length, as they are: ", i))
		g.Put(item(string(keys[i]), 1000), nil)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			for _, it := range g.Peek(keys[i%len(keys)]) {
				it.Touch()
			}
		}
	})
}

// TestLaterIsShared: an organization whose backends hang does not keep what others
// want done in the background waiting.
func TestLaterIsShared(t *testing.T) {
	t.Parallel()
	s := store(t, 1<<20, 1<<20)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() {
		cancel()
		<-ended
	}()
	hung, release := s.Of("gw_1", 1), make(chan struct{})
	taken := 0
	for range 1000 {
		if hung.Later(func(context.Context) { <-release }) {
			taken++
		}
	}
	done := make(chan struct{})
	if !s.Of("gw_2", 2).Later(func(context.Context) { close(done) }) {
		t.Error("another organization's task was not taken")
	}
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("another organization's task waits for those that hang")
	}
	close(release)
	if taken == 0 || taken > 100 {
		t.Errorf("%d tasks of the organization that hangs were taken", taken)
	}
	for end := time.Now().Add(10 * time.Second); !hung.Later(func(context.Context) { panic("and is counted") }); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("its room never comes back")
		}
	}
}

// TestForget: what a gateway held is free when it is gone, for others of its
// organization too; what is still under way for it stores nothing, and one of its name
// that comes later begins empty.
func TestForget(t *testing.T) {
	t.Parallel()
	s := store(t, 1<<20, 10_000)
	gone, stays := s.Of("gw_1", 1), s.Of("gw_2", 1)
	for i := range 50 {
		gone.Put(item(fmt.Sprint("g", i), 100), nil)
		stays.Put(item(fmt.Sprint("s", i), 100), nil)
	}
	s.Forget("gw_1")
	s.Forget("gw_never")
	if st := s.Stats(); st.Bytes != 5_000 || st.Items != 50 {
		t.Errorf("after it is gone: %+v", st)
	}
	if gone.Put(item("late", 100), nil) || len(gone.Peek([]byte("late"))) > 0 {
		t.Error("something is stored for a gateway that is gone")
	}
	gone.Invalidate(4, 6000)
	if n := s.Purge("gw_1", &contract.Purge{All: true}); n != 0 {
		t.Errorf("%d items of it are purged", n)
	}
	for i := range 200 { // over the organization's budget: only what is there is evicted
		stays.Put(item(fmt.Sprint("m", i), 100), nil)
	}
	if st := s.Stats(); st.Bytes != 10_000 {
		t.Errorf("with the others at their budget: %+v", st)
	}
	again := s.Of("gw_1", 1)
	if again == gone || count(again, "g", 50) != 0 || !again.Put(item("g1", 100), nil) {
		t.Error("the next one of its name does not begin empty")
	}
	s.Forget("gw_1")
	s.Forget("gw_2")
	if st := s.Stats(); st.Bytes != 0 || st.Items != 0 {
		t.Errorf("when all are gone: %+v", st)
	}

	// Whatever comes while it goes leaves nothing behind.
	for range 50 {
		g := s.Of("gw_3", 3)
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 50 {
					g.Put(item(fmt.Sprint("w", w, i), 100), nil)
				}
			})
		}
		s.Forget("gw_3")
		wg.Wait()
		if st := s.Stats(); st.Bytes != 0 || st.Items != 0 {
			t.Fatalf("left behind: %+v", st)
		}
	}
}
