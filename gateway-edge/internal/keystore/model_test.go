package keystore

import (
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// checksum62 is a key's checksum in base62.
func checksum62(s string) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	c := crc32.ChecksumIEEE([]byte(s))
	var out [6]byte
	for i := 5; i >= 0; i-- {
		out[i] = alphabet[c%62]
		c /= 62
	}
	return string(out[:])
}

// TestEveryInterleaving runs the store's own steps in every order that the
// protocol allows: the control plane (record, then notice, whose two steps are the
// reader's) against one fill (note, read, install or begin anew). In none may the
// revoked key be alive in the end.
func TestEveryInterleaving(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	orders := interleavings(3, 3)
	if len(orders) != 20 {
		t.Fatalf("%d orders", len(orders))
	}
	for _, order := range orders {
		text, rec := b.key()
		b.store(rec)
		dead := revoked(rec)
		record := b.encode(dead)
		plane := []func(){
			func() { b.source.put(rec.KID, record) },
			func() { b.announce(rec.KID) },
			func() {
				if err := b.take(dead, record); err != nil {
					t.Error(err)
				}
			},
		}
		var f fillState
		var got []byte
		retry := false
		fill := []func(){
			func() { f = b.begin(rec.KID) },
			func() { got, _, _ = b.source.Get(t.Context(), rec.KID) },
			func() {
				_, done := b.finish(b.shard(rec.KID), f, got, "one")
				retry = !done
			},
		}
		for _, who := range order {
			if who == 0 {
				plane[0]()
				plane = plane[1:]
			} else {
				fill[0]()
				fill = fill[1:]
			}
		}
		if retry {
			b.read(t.Context(), b.shard(rec.KID), rec.KID)
		}
		b.want("in the end", b.peek(text), policy.KeyRevoked)
		b.restart()
		b.want("after a restart", b.peek(text), policy.KeyRevoked)
	}
}

// interleavings returns every order of a steps of 0 and b steps of 1.
func interleavings(a, b int) [][]int {
	if a == 0 && b == 0 {
		return [][]int{nil}
	}
	var out [][]int
	if a > 0 {
		for _, rest := range interleavings(a-1, b) {
			out = append(out, append([]int{0}, rest...))
		}
	}
	if b > 0 {
		for _, rest := range interleavings(a, b-1) {
			out = append(out, append([]int{1}, rest...))
		}
	}
	return out
}

// TestRandomHistories plays random histories of a few keys against what must hold:
// a key whose revocation was applied is never good again, whatever is lost, late,
// repeated, stale or restarted; and a key that was never revoked is never refused
// while Redis tells the truth.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := newBench(t)
		type key struct {
			text    string
			history []*contract.KeyRecord // all versions
			told    bool                  // the revocation was applied
		}
		ks := make([]*key, 5)
		for i := range ks {
			text, rec := b.key()
			ks[i] = &key{text: text, history: []*contract.KeyRecord{rec}}
			b.store(rec)
		}
		stale := false // a replica that is behind answers
		for range 120 {
			k := ks[r.IntN(len(ks))]
			last := k.history[len(k.history)-1]
			switch op := r.IntN(12); op {
			case 0, 1: // the key changes or is revoked, and the notice comes
				next := *last
				next.Version++
				if r.IntN(3) == 0 {
					next.State = contract.KeyRevoked
				}
				k.history = append(k.history, &next)
				b.publish(&next)
				stale = false
				k.told = k.told || next.State == contract.KeyRevoked
			case 2: // an old notice comes again
				old := k.history[r.IntN(len(k.history))]
				if err := b.Apply(b.encode(old)); err != nil {
					t.Fatal(err)
				}
			case 3: // the notice of a change is lost, and the gap is seen
				next := *last
				next.Version++
				next.Scopes = append(next.Scopes, "more")
				if len(next.Scopes) > 4 {
					next.Scopes = next.Scopes[:1]
				}
				k.history = append(k.history, &next)
				b.store(&next)
				b.Invalidate()
			case 4: // a replica that was behind takes over, and the gap is seen
				b.store(k.history[r.IntN(len(k.history))])
				b.Invalidate()
				stale = true
			case 5: // the truth is written again
				for _, k := range ks {
					b.store(k.history[len(k.history)-1])
				}
				stale = false
			case 6:
				b.restart()
			case 7:
				b.sweepTable()
			default:
				got := b.load(k.text)
				active := last.State == contract.KeyActive
				if got.State == policy.KeyOK && k.told && !active {
					t.Fatalf("seed %d: a revoked key is good", seed)
				}
				if got.State != policy.KeyOK && active && !stale && !everRevoked(k.history) {
					t.Fatalf("seed %d: a key that was never revoked is in state %d", seed, got.State)
				}
			}
		}
	}
}

func everRevoked(history []*contract.KeyRecord) bool {
	for _, r := range history {
		if r.State != contract.KeyActive {
			return true
		}
	}
	return false
}

// TestDamagedSlab flips bytes all over the file: what is found is right or gone.
func TestDamagedSlab(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	for range 30 {
		b := newBench(t)
		var texts []string
		for range 50 {
			text, rec := b.key()
			b.publish(rec)
			texts = append(texts, text)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(b.cfg.Dir, "keys.tgk")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + r.IntN(40) {
			data[r.IntN(slabHead+50*160)] ^= byte(1 << r.IntN(8))
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		b.open()
		b.source.fail(errAway)
		for _, text := range texts {
			if st := b.peek(text).State; st != policy.KeyOK && st != policy.KeyCold {
				t.Fatalf("state %d of a good key in a damaged file", st)
			}
		}
		text, rec := b.key()
		b.publish(rec)
		b.want("new key in a damaged file", b.peek(text), policy.KeyOK)
	}
}

// FuzzSlab opens any bytes as the key file.
func FuzzSlab(f *testing.F) {
	b := newBench(f)
	text, rec := b.key()
	b.publish(rec)
	data, err := os.ReadFile(filepath.Join(b.cfg.Dir, "keys.tgk"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[slabHead : slabHead+512])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, blocks []byte) {
		x := newBench(t)
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		file := make([]byte, slabHead+chunkSize)
		copy(file, data[:slabHead])
		copy(file[slabHead:], blocks)
		if err := os.WriteFile(filepath.Join(x.cfg.Dir, "keys.tgk"), file, 0o600); err != nil {
			t.Fatal(err)
		}
		x.open()
		x.source.fail(errAway)
		if st := x.peek(text).State; st == policy.KeyOK && x.Stats().Keys == 0 {
			t.Error("a key out of nothing")
		}
		other, rec2 := x.key()
		x.publish(rec2)
		x.want("new key", x.peek(other), policy.KeyOK)
	})
}

// FuzzTombstones opens any bytes as the file of tombstones, and appends.
func FuzzTombstones(f *testing.F) {
	f.Add(tombstone{1, 2, 1_700_000_000}.append(nil))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "t")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		ts, err := openTombstones(path, 1_700_000_000, func(tombstone) {})
		if err != nil {
			t.Fatal(err)
		}
		if err := ts.add(tombstone{77, 8, 1_700_000_000}); err != nil {
			t.Fatal(err)
		}
		if err := ts.close(); err != nil {
			t.Fatal(err)
		}
		found := false
		again, err := openTombstones(path, 1_700_000_000, func(x tombstone) { found = found || x.kid == 77 && x.version == 8 })
		if err != nil || !found {
			t.Errorf("the tombstone is lost: %v", err)
		}
		if err := again.close(); err != nil {
			t.Fatal(err)
		}
	})
}
