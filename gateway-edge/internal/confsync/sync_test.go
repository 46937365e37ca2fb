package confsync_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// keyState asks for a key as a request does.
func (r *rig) keyState(gateway uint64, text string) policy.KeyState {
	keys := r.keys.Gateway(gateway, false, nil)
	res := keys.Peek(policy.Static(text), r.clock.Boot())
	if res.State == policy.KeyCold {
		res = keys.Load(policy.EngineMayBlock(waiting{r.t.Context()}), policy.Static(text), netip.MustParseAddr("192.0.2.1"))
	}
	return res.State
}

func TestPropagation(t *testing.T) {
	t.Parallel()
	r := newRig(t).start()
	r.org()
	r.pub.Gateway(gateway(1, 1))
	r.caughtUp()
	if v := r.serving(1); v != 1 {
		t.Fatalf("version %d is served", v)
	}
	var worst, worstReport, all time.Duration
	for v := uint64(2); v <= 20; v++ {
		rev := r.pub.Gateway(gateway(1, v))
		force := r.wait("in force", func() bool { return r.serving(1) == v })
		reported := r.wait("reported", func() bool { return r.report().Rev >= rev })
		worst, worstReport, all = max(worst, force), max(worstReport, reported), all+force+reported
	}
	if all > time.Minute { // they are told of, not found
		t.Errorf("19 changes took %s", all)
	}
	t.Logf("in force after at most %s, reported after at most %s more", worst, worstReport)
	rep := r.report()
	if n := len(rep.Applied); n == 0 || rep.Applied[n-1].Rev != rep.Rev || rep.Lineage != "one" || !rep.Ready {
		t.Errorf("report %+v", rep)
	}
	g := gateway(1, 21)
	g.Deleted, g.Hosts, g.Routes = true, nil, nil
	r.pub.Gateway(g)
	r.wait("gone", func() bool { return r.serving(1) == 0 })
	r.restart()
	if r.serving(1) != 0 {
		t.Error("a deleted gateway came back with a restart")
	}
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	r := newRig(t).start()
	r.caughtUp()
	var worst, all time.Duration
	for range 50 {
		text, rec := r.pub.Key(11)
		r.wait("good", func() bool { return r.keyState(11, text) == policy.KeyOK })
		r.pub.Revoke(rec)
		took := r.wait("revoked", func() bool { return r.keyState(11, text) == policy.KeyRevoked })
		worst, all = max(worst, took), all+took
	}
	if all > time.Minute { // they are told of, not found
		t.Errorf("50 revocations took %s", all)
	}
	t.Logf("revoked after at most %s", worst)
	r.caughtUp()
}

// TestFlushAll is R03: an emptied Redis deletes nothing, and everything agrees
// again when it is filled.
func TestFlushAll(t *testing.T) {
	t.Parallel()
	r := newRig(t).start()
	r.org()
	r.pub.Gateway(gateway(1, 1))
	r.pub.Gateway(gateway(2, 1))
	text, _ := r.pub.Key(11)
	r.caughtUp()
	r.must(r.raw.FlushAll(t.Context()).Err())
	until := time.Now().Add(1500 * time.Millisecond)
	for time.Now().Before(until) {
		if r.serving(1) != 1 || r.serving(2) != 1 || r.keyState(11, text) != policy.KeyOK {
			t.Fatal("a tenant lost something to FLUSHALL")
		}
		time.Sleep(5 * time.Millisecond)
	}
	cold, _ := r.pub.NewKey(11)
	if st := r.keyState(11, cold); st != policy.KeyUnavailable {
		t.Errorf("key never seen, shard not filled: state %d", st)
	}
	r.pub.Reseed()
	r.pub.Gateway(gateway(2, 2))
	r.caughtUp()
	r.equal()
	if r.serving(2) != 2 {
		t.Error("a change after FLUSHALL did not arrive")
	}
}

// TestFailover is R04: a replica that was behind takes over.
func TestFailover(t *testing.T) {
	t.Parallel()
	r := newRig(t).start()
	r.org()
	r.pub.Gateway(gateway(1, 1))
	ctx := t.Context()
	old, err := r.raw.Get(ctx, contract.RedisDocument("gw_1")).Bytes()
	r.must(err)
	text, rec := r.pub.Key(11)
	oldKey, err := r.raw.HGet(ctx, contract.RedisKeys(contract.KeyShard(rec.KID)), contract.FormatKID(rec.KID)).Result()
	r.must(err)
	oldRev := r.pub.Rev()
	r.pub.Gateway(gateway(1, 2))
	r.pub.Revoke(rec)
	r.caughtUp()
	r.wait("the newest head was seen", func() bool { return r.sync.Stats().HeadRev == r.pub.Rev() })
	head := r.pub.OldHead(oldRev)
	for range 20 {
		r.must(r.raw.Set(ctx, contract.RedisHead, head, 0).Err())
		r.must(r.raw.Set(ctx, contract.RedisDocument("gw_1"), old, 0).Err())
		r.must(r.raw.HSet(ctx, contract.RedisKeys(contract.KeyShard(rec.KID)), contract.FormatKID(rec.KID), oldKey).Err())
		r.keys.Invalidate()
		if r.keyState(11, text) == policy.KeyOK {
			t.Fatal("a revoked key came back")
		}
		if v := r.serving(1); v != 2 {
			t.Fatalf("version %d is served", v)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if s := r.sync.Stats(); s.HeadRev < r.pub.Rev() {
		t.Errorf("the head went back to %d", s.HeadRev)
	}
	r.pub.Reseed()
	r.caughtUp()
	r.equal()
}

// TestTrimmed is R14: a stream trimmed past this edge is noticed, not skipped.
func TestTrimmed(t *testing.T) {
	t.Parallel()
	r := newRig(t).start()
	r.org()
	r.pub.Gateway(gateway(1, 1))
	text, rec := r.pub.Key(11)
	r.caughtUp()
	if r.keyState(11, text) != policy.KeyOK {
		t.Fatal("key is not good")
	}
	r.halt()
	r.pub.Gateway(gateway(1, 2))
	r.pub.Revoke(rec)
	r.pub.Gateway(gateway(2, 1))
	r.must(r.raw.XTrimMaxLen(t.Context(), contract.RedisChanges, 1).Err())
	r.start()
	r.caughtUp()
	r.equal()
	if r.serving(1) != 2 || r.serving(2) != 1 {
		t.Errorf("versions %d and %d are served", r.serving(1), r.serving(2))
	}
	if st := r.keyState(11, text); st != policy.KeyRevoked {
		t.Errorf("a revocation in the gap: state %d", st)
	}
	if r.sync.Stats().Gaps == 0 {
		t.Error("no gap was counted")
	}

	// The whole stream goes, and a revision with it, while the edge reads on.
	r.must(r.raw.Del(t.Context(), contract.RedisChanges).Err())
	r.pub.Skip()
	r.pub.Quietly(gateway(1, 3))
	r.caughtUp()
	r.equal()
}

// TestHostileWriter is R15: somebody writes to Redis without the control plane's
// keys.
func TestHostileWriter(t *testing.T) {
	t.Parallel()
	r := newRig(t).start()
	r.org()
	r.pub.Gateway(gateway(1, 5))
	r.pub.Gateway(gateway(2, 9))
	r.caughtUp()
	ctx := t.Context()
	doc1, err := r.raw.Get(ctx, contract.RedisDocument("gw_1")).Bytes()
	r.must(err)
	doc2, err := r.raw.Get(ctx, contract.RedisDocument("gw_2")).Bytes()
	r.must(err)
	higher := bytes.Clone(doc1)
	higher[12] = 200 // the version in clear
	flipped := bytes.Clone(doc1)
	flipped[len(flipped)-1] ^= 1
	other, err := contract.NewRootKeys(bytes.Repeat([]byte{9}, 32))
	r.must(err)
	evil := gateway(1, 300)
	forged, err := contract.SignDocument(other.Signer, contract.KindGateway, 300, evil)
	r.must(err)
	for name, doc := range map[string][]byte{
		"version raised": higher, "bit flipped": flipped, "signed by another": forged, "another gateway's": doc2,
		"empty": {}, "junk": []byte("junk"),
	} {
		r.must(r.raw.Set(ctx, contract.RedisDocument("gw_1"), doc, 0).Err())
		before := r.sync.Stats().Tampered
		rev := r.pub.Rev()
		n := contract.Notice{Kind: contract.NoticeGateway, Gateway: "gw_1", Version: 300}
		b, err := n.Encode()
		r.must(err)
		r.pub.Skip()
		r.must(r.raw.XAdd(ctx, &redis.XAddArgs{Stream: contract.RedisChanges, ID: fmt.Sprintf("%d-0", rev+1), Values: []any{contract.NoticeField, b}}).Err())
		r.wait(name+" is noticed", func() bool { return r.sync.Stats().Tampered > before })
		if r.serving(1) != 5 || r.serving(2) != 9 {
			t.Fatalf("%s: versions %d and %d are served", name, r.serving(1), r.serving(2))
		}
	}
	// A forged head, a forged key notice.
	h, err := contract.SignDocument(other.Signer, contract.KindHead, 9, contract.Head{Lineage: "evil", Rev: 1e9, Issued: 1e15, Time: 1e15})
	r.must(err)
	r.must(r.raw.Set(ctx, contract.RedisHead, h, 0).Err())
	r.must(r.raw.Set(ctx, contract.RedisDocument("gw_1"), doc1, 0).Err())
	r.pub.Gateway(gateway(1, 6))
	r.caughtUp()
	if r.serving(1) != 6 || r.sync.Lineage() != "one" {
		t.Errorf("version %d of lineage %s", r.serving(1), r.sync.Lineage())
	}
}

// TestHostileStream: entries far ahead of the signed head do not lead the edge
// away from what the publisher writes.
func TestHostileStream(t *testing.T) {
	t.Parallel()
	r := newRig(t).start()
	r.org()
	r.pub.Gateway(gateway(1, 1))
	r.caughtUp()
	for i, id := range []string{"18446744073709551615-0", "1000000-0", "next-7"} {
		id = strings.Replace(id, "next", fmt.Sprint(r.pub.Rev()+1), 1)
		n := contract.Notice{Kind: contract.NoticePurge}
		b, err := n.Encode()
		r.must(err)
		r.must(r.raw.XAdd(t.Context(), &redis.XAddArgs{Stream: contract.RedisChanges, ID: id, Values: []any{contract.NoticeField, b}}).Err())
		time.Sleep(50 * time.Millisecond)
		r.must(r.raw.Del(t.Context(), contract.RedisChanges).Err()) // the publisher mends its stream
		v := uint64(i + 2)
		r.pub.Gateway(gateway(1, v))
		r.wait(id+": the next change arrives", func() bool { return r.serving(1) == v })
		r.caughtUp()
		text, rec := r.pub.Key(11)
		r.wait("new key", func() bool { return r.keyState(11, text) == policy.KeyOK })
		r.pub.Revoke(rec)
		r.wait("revoked key", func() bool { return r.keyState(11, text) == policy.KeyRevoked })
	}
	if r.sync.Stats().Tampered == 0 {
		t.Error("no tampering was counted")
	}
}

// TestPoison is C01, C02 and C08: what can't be compiled stays out of force, is
// reported, and holds up nobody else.
func TestPoison(t *testing.T) {
	t.Parallel()
	r := newRig(t).start()
	r.org()
	r.pub.Gateway(gateway(1, 1))
	r.pub.Gateway(gateway(2, 1))
	r.caughtUp()
	bad := gateway(1, 2, "bad")
	regex := gateway(1, 3)
	regex.Routes[0].Match.Path = "~^/(unclosed"
	unknown := gateway(1, 4, "from_the_future")
	blank := gateway(1, 5)
	blank.Routes[0].Public = false
	const newer = contract.SchemaVersion + 1
	for _, c := range []struct {
		name, reason string
		publish      func() uint64
		version      uint64
	}{
		{"constructor refuses", "it is bad", func() uint64 { return r.pub.Gateway(bad) }, 2},
		{"bad regular expression", "unclosed", func() uint64 { return r.pub.Gateway(regex) }, 3},
		{"unknown policy", "from_the_future", func() uint64 { return r.pub.Gateway(unknown) }, 4},
		{"open without saying so", "public", func() uint64 { return r.pub.Gateway(blank) }, 5},
		{"panic", "panics", func() uint64 { return r.pub.Gateway(gateway(1, 6, "panic")) }, 6},
		{"unknown field", "future", func() uint64 { return r.pub.Document("gw_1", contract.KindGateway, 7, r.future(7, 1)) }, 7},
		{"newer schema", fmt.Sprintf("schema %d", newer), func() uint64 { g := gateway(1, 8); g.Schema = newer; return r.pub.Gateway(g) }, 8},
	} {
		rev := c.publish()
		r.pub.Gateway(gateway(2, c.version))
		r.wait(c.name+": the other gateway goes on", func() bool { return r.serving(2) == c.version })
		r.wait(c.name+": the revision goes on", func() bool { return r.report().Rev > rev })
		f := r.failed(1)
		if r.serving(1) != 1 || f.Version != c.version || f.Serving != 1 || !strings.Contains(f.Reason, c.reason) {
			t.Errorf("%s: version %d serves, failure %+v", c.name, r.serving(1), f)
		}
		r.equal()
	}
	if rep := r.report(); len(rep.Failed) != 1 || rep.Failed[0].Gateway != "gw_1" {
		t.Errorf("report says %+v", rep.Failed)
	}
	// The last good version is still there after a restart with Redis gone.
	r.redis.Kill()
	r.restart()
	if r.serving(1) != 1 || r.serving(2) != 8 {
		t.Errorf("after a restart versions %d and %d are served", r.serving(1), r.serving(2))
	}
}

// future is a signed document with a field that this version does not know.
func (r *rig) future(version uint64, schema int) []byte {
	doc, err := contract.SignDocument(r.pub.Keys.Signer, contract.KindGateway, version, map[string]any{
		"schema": schema, "id": "gw_1", "version": version, "field_of_the_future": true,
	})
	r.must(err)
	return doc
}

// TestOddNotices is C07: notices that come twice, late or out of order.
func TestOddNotices(t *testing.T) {
	t.Parallel()
	r := newRig(t).start()
	r.org()
	for v := uint64(1); v <= 3; v++ {
		r.pub.Gateway(gateway(1, v))
	}
	doc, err := contract.SignDocument(r.pub.Keys.Signer, contract.KindGateway, 3, gateway(1, 3))
	r.must(err)
	for _, v := range []uint64{3, 3, 1, 2, 3} {
		r.pub.Document("gw_1", contract.KindGateway, v, doc)
	}
	r.pub.Document("gw_1", contract.KindGateway, 3, doc) // the index says the truth again
	r.caughtUp()
	r.equal()
	if r.serving(1) != 3 {
		t.Errorf("version %d is served", r.serving(1))
	}
}

// TestDrift: a change that was lost without a trace is found by its digest.
func TestDrift(t *testing.T) {
	t.Parallel()
	r := newRig(t).start()
	r.org()
	r.pub.Gateway(gateway(1, 1))
	r.caughtUp()
	r.pub.Quietly(gateway(1, 2))
	r.wait("repaired", func() bool { return r.serving(1) == 2 })
	if r.sync.Stats().Drifts == 0 {
		t.Error("no drift was counted")
	}
}

// TestRestore: a new lineage, of a database restored from a backup, is taken with
// its lower versions and revisions; an older one is not.
func TestRestore(t *testing.T) {
	t.Parallel()
	r := newRig(t).start()
	r.org()
	r.pub.Gateway(gateway(1, 7))
	r.pub.Gateway(gateway(2, 3))
	r.caughtUp()
	text, rec := r.pub.NewKey(11)
	rec.Version = 7
	r.pub.Record(rec)
	r.caughtUp()
	if st := r.keyState(11, text); st != policy.KeyOK {
		t.Fatalf("a new key is in state %d", st)
	}
	old := r.pub.OldHead(r.pub.Rev() + 100)
	r.pub.Restore("two", 1, gateway(1, 4))
	r.wait("the restored version serves", func() bool { return r.serving(1) == 4 })
	rec.Version = 4 // as the backup had it
	r.pub.Revoke(rec)
	r.wait("a key is revoked at a version below the one that was known", func() bool { return r.keyState(11, text) == policy.KeyRevoked })
	r.pub.Gateway(gateway(1, 5))
	r.caughtUp()
	r.equal()
	if r.serving(1) != 5 || r.serving(2) != 3 {
		t.Errorf("versions %d and %d are served", r.serving(1), r.serving(2))
	}
	r.wait("reported", func() bool { rep := r.report(); return rep.Lineage == "two" && rep.Rev == 3 })
	for range 10 {
		r.must(r.raw.Set(t.Context(), contract.RedisHead, old, 0).Err())
		time.Sleep(20 * time.Millisecond)
	}
	if r.sync.Lineage() != "two" {
		t.Error("an older lineage was taken")
	}
	r.restart()
	r.caughtUp()
	if r.serving(1) != 5 {
		t.Errorf("after a restart version %d is served", r.serving(1))
	}
}

// TestErrorReplies is R11: a store that answers every command with an error is
// away, and nothing that it says is "not found".
func TestErrorReplies(t *testing.T) {
	t.Parallel()
	r := newRig(t).start()
	r.org()
	r.pub.Gateway(gateway(1, 1))
	text, _ := r.pub.Key(11)
	cold, rec := r.pub.NewKey(11)
	r.caughtUp()
	// Caught up by the index instead of the notices, it has no key before one is used.
	if st := r.keyState(11, text); st != policy.KeyOK {
		t.Fatalf("a new key is in state %d", st)
	}
	r.halt()
	for _, reply := range []string{
		"-LOADING Redis is loading the dataset in memory", "-READONLY You can't write against a read only replica.",
		"-BUSY Redis is busy running a script.", "-MASTERDOWN Link with MASTER is down",
	} {
		r.addr = stubbornServer(t, reply)
		r.start()
		if r.serving(1) != 1 || r.keyState(11, text) != policy.KeyOK {
			t.Errorf("%s: known gateway or key is gone", reply)
		}
		for range 5 {
			if st := r.keyState(11, cold); st != policy.KeyUnavailable {
				t.Errorf("%s: unknown key in state %d", reply, st)
			}
		}
		time.Sleep(150 * time.Millisecond)
		if r.sync.Up() {
			t.Errorf("%s: counts as up", reply)
		}
		r.halt()
	}
	r.addr = ""
	r.pub.Record(rec)
	r.start()
	r.caughtUp()
	if r.keyState(11, cold) != policy.KeyOK {
		t.Error("the key does not work when Redis is back")
	}
}

// stubbornServer answers every command with one error.
func stubbornServer(t *testing.T, reply string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				buf := make([]byte, 64<<10)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					// One answer a command: each begins with an array's head.
					for range strings.Count(string(buf[:n]), "*") {
						if _, err := c.Write([]byte(reply + "\r\n")); err != nil {
							return
						}
					}
				}
			})
		}
	})
	return l.Addr().String()
}

// waiting lets a test call what may block.
type waiting struct{ ctx context.Context }

func (w waiting) Context() context.Context   { return w.ctx }
func (waiting) Reader(policy.Side) io.Reader { return strings.NewReader("") }
func (waiting) Writer(policy.Origin, int) (io.WriteCloser, error) {
	return nil, errors.New("nothing is written here")
}

// TestOutage is R01, R02 and R07 as far as configuration goes: Redis is killed,
// restarted empty, and frozen.
func TestOutage(t *testing.T) {
	t.Parallel()
	r := newRig(t).start()
	r.org()
	r.pub.Gateway(gateway(1, 1))
	r.caughtUp()
	r.redis.Freeze()
	r.wait("a frozen Redis is noticed", func() bool { return !r.sync.Up() })
	if r.serving(1) != 1 {
		t.Error("gateway gone while Redis is frozen")
	}
	r.redis.Thaw()
	r.wait("in contact again", r.sync.Up)
	r.redis.Kill()
	r.wait("a dead Redis is noticed", func() bool { return !r.sync.Up() })
	r.restart()
	if r.serving(1) != 1 || !r.sync.Ready() {
		t.Error("a restart without Redis does not serve from disk")
	}
	r.redis.Start(t)
	r.pub.Reseed()
	r.pub.Gateway(gateway(1, 2))
	r.caughtUp()
	if r.serving(1) != 2 {
		t.Error("a change after the outage did not arrive")
	}
}

// TestFreshness: only a heartbeat makes the edge fresh.
func TestFreshness(t *testing.T) {
	t.Parallel()
	r := newRig(t).start()
	r.caughtUp()
	fresh := r.snap.Fresh()
	r.wait("fresh", func() bool { return !fresh.Stale(r.clock.Boot(), int64(2*time.Second)) })
	r.redis.Kill()
	at := fresh.At()
	time.Sleep(100 * time.Millisecond)
	if fresh.At() > at+int64(time.Second) || fresh.Stale(r.clock.Boot(), int64(time.Minute)) {
		t.Error("freshness moved without a heartbeat")
	}
}

// TestRandomChanges plays random changes, losses, trims and restarts: in the end
// the edge holds exactly what the publisher has.
func TestRandomChanges(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(11, 12))
	r := newRig(t).start()
	r.org()
	versions := map[int]uint64{}
	publish := func(f func(*contract.Gateway)) {
		n := rnd.IntN(12)
		versions[n]++
		f(gateway(n, versions[n]))
	}
	for range 150 {
		switch rnd.IntN(14) {
		case 0:
			publish(r.pub.Quietly) // its notice is lost
			r.pub.Skip()
		case 1:
			r.must(r.raw.XTrimMaxLen(t.Context(), contract.RedisChanges, int64(rnd.IntN(3))).Err())
		case 2:
			r.restart()
		case 3:
			r.must(r.raw.FlushAll(t.Context()).Err())
			r.pub.Reseed()
		case 4:
			time.Sleep(time.Duration(rnd.IntN(30)) * time.Millisecond)
		default:
			publish(func(g *contract.Gateway) { r.pub.Gateway(g) })
		}
	}
	r.pub.Gateway(gateway(50, 1))
	r.caughtUp()
	r.equal()
	for n, v := range versions {
		if got := r.serving(n); got != v {
			t.Errorf("gateway %d: version %d is served, want %d", n, got, v)
		}
	}
}
