package jwt

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

func entryOf(n uint64, k *key, expires int64, weight int) *entry {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return &entry{hash: sha256.Sum256(b[:]), key: k, expires: expires, weight: weight, principal: &policy.Principal{}}
}

func TestCacheKeepsAndBounds(t *testing.T) {
	t.Parallel()
	c, k := &cache{}, &key{}
	const many = 3000
	for n := range uint64(many) {
		c.put(entryOf(n, k, 1000, 1000), 1, 1)
	}
	found := 0
	for n := range uint64(many) {
		e := entryOf(n, k, 0, 0)
		if got := c.get(&e.hash); got != nil {
			if got.hash != e.hash {
				t.Fatal("another token's verdict")
			}
			found++
		}
	}
	if found < many*9/10 || c.used != found || c.weight != found*1000 {
		t.Fatalf("%d of %d kept, used %d, weight %d", found, many, c.used, c.weight)
	}
	heavy := entryOf(1<<40, k, 1000, maxWeight/2)
	c.put(heavy, 1, 1)
	c.put(entryOf(1<<41, k, 1000, maxWeight/2), 1, 1)
	if c.weight > maxWeight {
		t.Fatalf("weight %d is over the bound %d", c.weight, maxWeight)
	}
	if n := len(*c.table.Load()); n > maxEntries {
		t.Fatalf("%d places", n)
	}
}

// TestCacheModel runs random operations against the sums that the cache keeps.
func TestCacheModel(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	c := &cache{}
	ring := []*key{{}, {}, {}}
	for now := int64(1); now < 20_000; now++ {
		c.put(entryOf(rnd.Uint64N(400), ring[rnd.IntN(len(ring))], now+rnd.Int64N(500), 1+rnd.IntN(9)), now, now)
		if now%1000 == 0 {
			n := rnd.IntN(len(ring))
			ring[n].until.Store(now)
			ring[n] = &key{}
			c.drop(now)
		}
		if now%500 == 0 {
			used, weight := 0, 0
			table := *c.table.Load()
			for i := range table {
				if e := table[i].Load(); e != nil {
					used, weight = used+1, weight+e.weight
					if got := c.get(&e.hash); got != e {
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
	c, dead, live := &cache{}, &key{}, &key{}
	a, b := entryOf(1, dead, 1000, 1), entryOf(2, live, 1000, 1)
	c.put(a, 1, 1)
	c.put(b, 1, 1)
	dead.until.Store(5)
	if a.good(5, 1) || !a.good(4, 1) || !b.good(5, 1000) || b.good(5, 1001) {
		t.Fatal("good is wrong at its edges")
	}
	c.drop(5)
	if c.get(&a.hash) != nil || c.get(&b.hash) == nil || a.principal.Alive() || !b.principal.Alive() {
		t.Fatal("drop took the wrong entry")
	}
}

func TestCacheConcurrently(t *testing.T) {
	t.Parallel()
	c, k := &cache{}, &key{}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for n := range uint64(500) {
				e := entryOf(n%200, k, 1000, 1)
				if g%2 == 0 {
					c.put(e, 1, 1)
				} else if got := c.get(&e.hash); got != nil && got.hash != e.hash {
					t.Error("another token's verdict")
				}
			}
		})
	}
	wg.Wait()
}
