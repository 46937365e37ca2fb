package memo

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// key is what entries of the test die with.
type key struct{ until atomic.Int64 }

func (k *key) alive(now int64) bool {
	until := k.until.Load()
	return until == 0 || now < until
}

type entry struct {
	hash    [32]byte
	key     *key
	expires int64
	weight  int
	ended   bool
}

func (e *entry) Hash() *[32]byte            { return &e.hash }
func (e *entry) Good(boot, unix int64) bool { return unix <= e.expires && e.key.alive(boot) }
func (e *entry) Weight() int                { return e.weight }

type table = Table[entry, *entry]

func dropDead(c *table, now int64) {
	c.Drop(func(e *entry) bool {
		e.ended = !e.key.alive(now)
		return e.ended
	})
}

func entryOf(n uint64, k *key, expires int64, weight int) *entry {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return &entry{hash: sha256.Sum256(b[:]), key: k, expires: expires, weight: weight}
}

func TestKeepsAndBounds(t *testing.T) {
	t.Parallel()
	c, k := &table{}, &key{}
	const many = 3000
	for n := range uint64(many) {
		c.Put(entryOf(n, k, 1000, 1000), 1, 1)
	}
	found := 0
	for n := range uint64(many) {
		e := entryOf(n, k, 0, 0)
		if got := c.Get(&e.hash); got != nil {
			if got.hash != e.hash {
				t.Fatal("another token's verdict")
			}
			found++
		}
	}
	if found < many*9/10 || c.used != found || c.weight != found*1000 {
		t.Fatalf("%d of %d kept, used %d, weight %d", found, many, c.used, c.weight)
	}
	heavy := entryOf(1<<40, k, 1000, MaxWeight/2)
	c.Put(heavy, 1, 1)
	c.Put(entryOf(1<<41, k, 1000, MaxWeight/2), 1, 1)
	if c.weight > MaxWeight {
		t.Fatalf("weight %d is over the bound %d", c.weight, MaxWeight)
	}
	if n := len(*c.list.Load()); n > maxEntries {
		t.Fatalf("%d places", n)
	}
}

// TestModel runs random operations against the sums that the cache keeps.
func TestModel(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	c := &table{}
	ring := []*key{{}, {}, {}}
	for now := int64(1); now < 20_000; now++ {
		c.Put(entryOf(rnd.Uint64N(400), ring[rnd.IntN(len(ring))], now+rnd.Int64N(500), 1+rnd.IntN(9)), now, now)
		if now%1000 == 0 {
			n := rnd.IntN(len(ring))
			ring[n].until.Store(now)
			ring[n] = &key{}
			dropDead(c, now)
		}
		if now%500 == 0 {
			used, weight := 0, 0
			places := *c.list.Load()
			for i := range places {
				if e := places[i].Load(); e != nil {
					used, weight = used+1, weight+e.weight
					if got := c.Get(&e.hash); got != e {
						t.Fatal("an entry stands where it is not found")
					}
					if now%1000 == 0 && !e.key.alive(now) {
						t.Fatal("a dead key's entry was left")
					}
				}
			}
			if used != c.used || weight != c.weight {
				t.Fatalf("used %d weight %d, kept %d %d", used, weight, c.used, c.weight)
			}
		}
	}
}

func TestDropKills(t *testing.T) {
	t.Parallel()
	c, dead, live := &table{}, &key{}, &key{}
	a, b := entryOf(1, dead, 1000, 1), entryOf(2, live, 1000, 1)
	c.Put(a, 1, 1)
	c.Put(b, 1, 1)
	dead.until.Store(5)
	if a.Good(5, 1) || !a.Good(4, 1) || !b.Good(5, 1000) || b.Good(5, 1001) {
		t.Fatal("good is wrong at its edges")
	}
	dropDead(c, 5)
	if c.Get(&a.hash) != nil || c.Get(&b.hash) == nil || !a.ended || b.ended {
		t.Fatal("drop took the wrong entry")
	}
}

func TestConcurrently(t *testing.T) {
	t.Parallel()
	c, k := &table{}, &key{}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for n := range uint64(500) {
				e := entryOf(n%200, k, 1000, 1)
				if g%2 == 0 {
					c.Put(e, 1, 1)
				} else if got := c.Get(&e.hash); got != nil && got.hash != e.hash {
					t.Error("another token's verdict")
				}
			}
		})
	}
	wg.Wait()
}
