package keystore

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// A closed client of go-redis whose Redis was away wakes once more, after a second,
// before its dialling goroutine sees that it is closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// TestStates is KEY01 to KEY05 as far as the store decides them.
func TestStates(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	good, rec := b.key()
	b.publish(rec)
	r := b.peek(good)
	b.want("good key", r, policy.KeyOK)
	p := r.Principal
	if p.Consumer != 5 || p.ConsumerName != "mobile" || p.Key != rec.KID || !p.HasScope("read") || p.KeyDisplay != good[:len("tg_live_")+10] {
		t.Errorf("principal %+v", p)
	}
	if again := b.peek(good).Principal; again != p {
		t.Error("a second request got another principal")
	}
	other, foreign := b.key(func(r *contract.KeyRecord) { r.Gateway = 12 })
	b.publish(foreign)
	expired, exp := b.key(func(r *contract.KeyRecord) { r.Expires = b.wall.Load() })
	b.publish(exp)
	early, soon := b.key(func(r *contract.KeyRecord) { r.NotBefore = b.wall.Load() + 1 })
	b.publish(soon)
	dead, gone := b.key()
	b.publish(gone)
	b.publish(revoked(gone))
	deleted, del := b.key(func(r *contract.KeyRecord) { r.State = contract.KeyDeleted })
	b.publish(del)
	test, _, _ := contract.GenerateKey(contract.KeyPrefixTest)
	wrong := resign(good[:30] + flip(good[30:42]))
	for _, c := range []struct {
		name, key string
		want      policy.KeyState
	}{
		{"of another gateway", other, policy.KeyInvalid},
		{"expired this millisecond", expired, policy.KeyExpired},
		{"not yet valid", early, policy.KeyInvalid},
		{"revoked", dead, policy.KeyRevoked},
		{"deleted", deleted, policy.KeyRevoked},
		{"of test mode on a live gateway", test, policy.KeyInvalid},
		{"wrong secret", wrong, policy.KeyInvalid},
		{"wrong secret of a revoked key", resign(dead[:30] + flip(dead[30:42])), policy.KeyInvalid},
		{"bad checksum", good[:len(good)-1] + flip(good[len(good)-1:]), policy.KeyInvalid},
		{"empty", "", policy.KeyInvalid},
		{"too long", good + good, policy.KeyInvalid},
	} {
		b.want(c.name, b.peek(c.key), c.want)
		b.want(c.name+", loaded", b.load(c.key), c.want)
	}
	// Only who holds the secret of a dead key is told apart, and nobody lets it in.
	for name, key := range map[string]string{"revoked": dead, "expired": expired, "deleted": deleted} {
		if r := b.peek(key); r.Owner == nil || r.Owner.Key == 0 || r.Owner.ConsumerName == "" || r.Principal != nil {
			t.Errorf("%s: its owner is %+v, the principal %+v", name, r.Owner, r.Principal)
		}
	}
	if r := b.peek(resign(dead[:30] + flip(dead[30:42]))); r.Owner != nil {
		t.Errorf("a wrong secret names the key's owner")
	}
	if b.source.reads.Load() != 0 {
		t.Errorf("%d reads for keys that are known or malformed", b.source.reads.Load())
	}
	b.wall.Add(1)
	b.want("valid from now on", b.peek(early), policy.KeyOK)
}

func flip(s string) string {
	out := []byte(s)
	for i, c := range out {
		if out[i] = 'a'; c == 'a' {
			out[i] = 'b'
		}
	}
	return string(out)
}

// resign puts the right checksum behind 42 or more bytes of a key.
func resign(s string) string {
	const body = 8 + 10 + 1 + 32
	for len(s) < body {
		s += "A"
	}
	sum := checksum62(s)
	return s + sum
}

func TestFill(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, rec := b.key()
	b.want("never seen", b.peek(text), policy.KeyCold)
	b.store(rec)
	b.want("loaded", b.load(text), policy.KeyOK)
	b.want("known now", b.peek(text), policy.KeyOK)

	unknownKey, _ := b.key()
	b.want("unknown", b.load(unknownKey), policy.KeyInvalid)
	reads := b.source.reads.Load()
	b.want("unknown again, from memory", b.peek(unknownKey), policy.KeyInvalid)
	b.want("unknown loaded again", b.load(unknownKey), policy.KeyInvalid)
	if n := b.source.reads.Load() - reads; n != 0 {
		t.Errorf("%d reads of a key that is known to be unknown", n)
	}
	b.now.Add(int64(3 * time.Second))
	b.want("forgotten", b.peek(unknownKey), policy.KeyCold)
}

// TestCreatedWhileUnknown: a key that was just found unknown works as soon as its
// notice came.
func TestCreatedWhileUnknown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, rec := b.key()
	b.want("before", b.load(text), policy.KeyInvalid)
	b.publish(rec)
	b.want("after", b.peek(text), policy.KeyOK)
}

// TestAway is R11 and R03: an error reply or an emptied shard is never "unknown".
func TestAway(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	known, rec := b.key()
	b.publish(rec)
	cold, rec2 := b.key()
	b.store(rec2)
	b.source.fail(errAway)
	b.want("known key while Redis is loading", b.peek(known), policy.KeyOK)
	b.want("cold key while Redis is loading", b.load(cold), policy.KeyUnavailable)
	b.source.fail(nil)
	b.source.mu.Lock()
	b.source.records, b.source.seeded = map[uint64][]byte{}, false
	b.source.mu.Unlock()
	b.want("cold key of an emptied shard", b.load(cold), policy.KeyUnavailable)
	b.want("known key of an emptied shard", b.load(known), policy.KeyOK)
	b.Invalidate()
	b.want("known key of an emptied shard, to be confirmed", b.load(known), policy.KeyOK)
}

// TestInvalidate: after a gap each record is confirmed once before it is used.
func TestInvalidate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, rec := b.key()
	b.publish(rec)
	b.want("known", b.peek(text), policy.KeyOK)
	principal := b.peek(text).Principal
	b.store(revoked(rec)) // the notice was lost
	b.Invalidate()
	b.want("after a gap", b.peek(text), policy.KeyCold)
	b.want("confirmed", b.load(text), policy.KeyRevoked)
	if principal.Alive() {
		t.Error("the principal outlived the revocation")
	}
}

// TestInvalidateWhileAway: with Redis down `available` accepts, `strict` refuses.
func TestInvalidateWhileAway(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, rec := b.key()
	b.publish(rec)
	b.source.fail(errAway)
	b.Invalidate()
	b.want("available", b.peek(text), policy.KeyOK)
	strict := b.Gateway(gateway, false, func() bool { return true }).(*keys)
	b.want("strict", strict.load(t.Context(), policy.Static(text), client), policy.KeyUnavailable)
	b.restart()
	b.want("available after a restart", b.peek(text), policy.KeyOK)
}

// TestStaleReplica is R04: what a replica that was behind says does not bring a
// revoked key back, not after a restart either.
func TestStaleReplica(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, rec := b.key()
	b.publish(rec)
	b.publish(revoked(rec))
	b.store(rec)
	b.Invalidate()
	b.want("stale replica", b.load(text), policy.KeyRevoked)
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	// The slab is lost, as after a power failure; the tombstone was synced.
	if err := os.Remove(filepath.Join(b.cfg.Dir, "keys.tgk")); err != nil {
		t.Fatal(err)
	}
	b.open()
	b.want("stale replica after the slab was lost", b.load(text), policy.KeyUnavailable)
	if err := b.Apply(b.encode(rec)); err != nil {
		t.Fatal(err)
	}
	b.want("old notice delivered again", b.load(text), policy.KeyUnavailable)
}

// TestHostileWriter is R15 and KEY13.
func TestHostileWriter(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, rec := b.key()
	forged := b.encode(rec)
	forged[len(forged)-1] ^= 1
	if err := b.Apply(forged); !errors.Is(err, ErrTampered) {
		t.Errorf("forged notice: %v", err)
	}
	b.source.put(rec.KID, forged)
	b.want("forged record", b.load(text), policy.KeyUnavailable)
	_, swapped := b.key()
	b.source.put(rec.KID, b.encode(swapped))
	b.want("another key's record", b.load(text), policy.KeyUnavailable)
	if n := b.Stats().Tampered; n != 3 {
		t.Errorf("%d tamperings counted, want 3", n)
	}
}

// TestFlood is KEY08: unknown keys are held back, known and cold good ones are not.
func TestFlood(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	known, rec := b.key()
	b.publish(rec)
	throttled := 0
	for range 100 {
		k, _ := b.key()
		if b.load(k).State == policy.KeyThrottled {
			throttled++
		}
	}
	if reads := b.source.reads.Load(); reads > missesPerClient+1 || throttled != 100-int(reads) {
		t.Errorf("%d reads and %d throttled of 100 unknown keys", reads, throttled)
	}
	b.want("known key during the flood", b.peek(known), policy.KeyOK)
	cold, rec2 := b.key()
	b.store(rec2)
	other := netip.MustParseAddr("2001:db8::1")
	b.want("cold key of another client", b.view().load(t.Context(), policy.Static(cold), other), policy.KeyOK)
	b.now.Add(int64(11 * time.Second))
	k, _ := b.key()
	b.want("unknown key when it is over", b.load(k), policy.KeyInvalid)
}

func TestColdStartOfOneClientIsNotThrottled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 500 {
		k, rec := b.key()
		b.store(rec)
		b.want("cold good key", b.load(k), policy.KeyOK)
	}
}

// TestKilled: every principal a key ever had dies with it, wherever it went.
func TestKilled(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) { c.MaxActive = -1 })
	text, rec := b.key()
	b.publish(rec)
	first := b.peek(text).Principal
	changed := *rec
	changed.Version, changed.Scopes = 2, []string{"read", "write"}
	b.publish(&changed)
	second := b.peek(text).Principal
	if second == first || !second.HasScope("write") || !first.Alive() {
		t.Fatal("a change must make another principal and leave the old one alive")
	}
	for range 2 { // unused since the last sweep, twice: evicted
		b.sweepTable()
	}
	if b.Stats().Active != 0 {
		t.Fatalf("%d keys active after the sweep", b.Stats().Active)
	}
	if again := b.peek(text).Principal; again != second {
		t.Error("an evicted key that a tunnel still holds came back as another principal")
	}
	b.sweepTable()
	b.sweepTable()
	b.publish(revoked(&changed))
	if first.Alive() || second.Alive() {
		t.Errorf("alive after the revocation: first %v, second %v", first.Alive(), second.Alive())
	}
	runtime.KeepAlive(first)
	runtime.KeepAlive(second)
}

func TestForgetParked(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) { c.MaxActive = -1 })
	for range 20 {
		text, rec := b.key()
		b.publish(rec)
		b.peek(text)
	}
	b.sweepTable()
	b.sweepTable()
	runtime.GC()
	b.forgetParked()
	n := 0
	for i := range b.shards {
		n += len(b.shards[i].parked)
	}
	if b.Stats().Active != 0 || n != 0 {
		t.Errorf("%d principals that nobody holds are remembered", n)
	}
}

// TestSlabBound: a full slab forgets keys not in use, and they can be loaded again.
func TestSlabBound(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) { c.MaxBytes = chunkSize })
	var texts []string
	for range 8000 {
		text, rec := b.key()
		b.publish(rec)
		texts = append(texts, text)
		if b.slab.full() {
			b.sweepSlab()
		}
	}
	if st := b.Stats(); st.Bytes > chunkSize {
		t.Errorf("slab holds %d bytes, bound is %d", st.Bytes, chunkSize)
	}
	b.want("oldest key", b.load(texts[0]), policy.KeyOK)
	b.want("newest key", b.load(texts[len(texts)-1]), policy.KeyOK)
	b.restart()
	b.want("newest key after a restart", b.load(texts[len(texts)-1]), policy.KeyOK)
}

func TestRestart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const n = 20_000
	texts := make([]string, n)
	for i := range texts {
		text, rec := b.key(func(r *contract.KeyRecord) { r.ConsumerRef = fmt.Sprint("consumer-", i) })
		texts[i] = text
		b.publish(rec)
	}
	b.source.fail(errAway)
	began := time.Now()
	b.restart()
	took := time.Since(began)
	for i := 0; i < n; i += 97 {
		r := b.peek(texts[i])
		b.want("after a restart with Redis away", r, policy.KeyOK)
		if r.Principal != nil && r.Principal.ConsumerName != fmt.Sprint("consumer-", i) {
			t.Fatalf("key %d belongs to %s", i, r.Principal.ConsumerName)
		}
	}
	st := b.Stats()
	t.Logf("%d keys: open in %s, %d bytes a key", n, took, st.Bytes/n)
	if st.Keys != n || st.Bytes/n > 160 {
		t.Errorf("%d keys of %d bytes", st.Keys, st.Bytes/n)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.Run(ctx) })
	defer wg.Wait()
	defer stop()
	type keyOf struct {
		text string
		rec  *contract.KeyRecord
	}
	ks := make([]keyOf, 64)
	for i := range ks {
		ks[i].text, ks[i].rec = b.key()
		b.store(ks[i].rec)
	}
	var users sync.WaitGroup
	for n := range 4 {
		users.Go(func() {
			v := b.view()
			refused := map[int]bool{}
			for i := range 4000 {
				k := (i*7 + n) % len(ks)
				r := v.load(t.Context(), policy.Static(ks[k].text), client)
				switch {
				case r.State == policy.KeyRevoked:
					refused[k] = true
				case r.State == policy.KeyOK && refused[k]:
					t.Errorf("key %d was accepted after it was refused", k)
					return
				}
			}
		})
	}
	users.Go(func() {
		for i := range ks {
			b.publish(revoked(ks[i].rec))
			if i%16 == 0 {
				b.Invalidate()
			}
		}
	})
	users.Wait()
	for i := range ks {
		b.want("in the end", b.load(ks[i].text), policy.KeyRevoked)
	}
}

func BenchmarkPeek(b *testing.B) {
	x := newBench(b)
	text, rec := x.key()
	x.publish(rec)
	v, k := x.view(), policy.Static(text)
	b.ReportAllocs()
	for b.Loop() {
		v.Peek(k, 1)
	}
}

// BenchmarkOpen is a restart with 100,000 keys on disk, to the first key served.
func BenchmarkOpen(b *testing.B) {
	x := newBench(b)
	var text string
	for range 100_000 {
		t, rec := x.key()
		x.publish(rec)
		text = t
	}
	x.source.fail(errAway)
	for b.Loop() {
		x.restart()
		x.want("after the restart", x.peek(text), policy.KeyOK)
	}
	st := x.Stats()
	b.ReportMetric(float64(st.Bytes)/float64(st.Keys), "B/key")
}
