package confsync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/clock"
	"github.com/tollgate/tollgate/gateway-edge/internal/confsync/disklog"
	"github.com/tollgate/tollgate/gateway-edge/internal/edgetest"
	"github.com/tollgate/tollgate/gateway-edge/internal/keystore"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// These tests move the edge's messages by hand, so that an answer can arrive after
// the world has changed.

type answers struct{}

func (answers) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Next() }

// stepped is a Syncer whose loops do not run.
type stepped struct {
	*Syncer
	t     *testing.T
	raw   *redis.Client
	pub   *edgetest.Publisher
	snap  *snapshot.Store
	keys  *keystore.Store
	dir   string
	wall  int64
	after map[string]func() // once, after the last pipeline of such commands was answered
}

func newStepped(t *testing.T) *stepped {
	t.Helper()
	server := edgetest.StartRedis(t)
	x := &stepped{Syncer: &Syncer{}, t: t, dir: t.TempDir(), raw: server.Client(), after: map[string]func(){}, wall: time.Now().UnixMilli()}
	t.Cleanup(func() { x.raw.Close() })
	x.pub = edgetest.NewPublisher(t, x.raw)
	client := server.Client()
	client.AddHook(x)
	t.Cleanup(func() { client.Close() })
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	now, wall := clock.New().Boot, func() int64 { return x.wall }
	var err error
	x.keys, err = keystore.Open(keystore.Config{
		Dir: t.TempDir(), Keys: &x.pub.Keys.Edge, Now: now, Wall: wall, Logger: log,
		Source: keystore.NewRedisSource(client, func() string { return x.Lineage() }, now),
	})
	x.must(err)
	t.Cleanup(func() { x.must(errors.Join(x.cfg.Disk.Close(), x.keys.Close())) })
	x.cfg.Redis, x.cfg.Now, x.cfg.Wall, x.cfg.Logger = client, now, wall, log
	x.open()
	x.pub.Organization(&contract.Organization{Schema: 1, ID: "org_1", Num: 1, Version: 1})
	return x
}

// open makes a Syncer over what is on the disk.
func (x *stepped) open() {
	x.t.Helper()
	cfg := Config{
		Redis: x.cfg.Redis, Keys: &x.pub.Keys.Edge, KeyStore: x.keys, Now: x.cfg.Now, Wall: x.cfg.Wall, Logger: x.cfg.Logger,
		Report: func() contract.EdgeReport { return contract.EdgeReport{ID: "edge-a"} },
	}
	ups, err := balance.New(balance.Config{Guard: &match.Guard{AllowPrivate: true}, Now: cfg.Now, Wall: cfg.Wall})
	x.must(err)
	cfg.Disk, err = disklog.Open(disklog.Config{Dir: x.dir, EdgeID: "edge-a", Key: x.pub.Keys.Edge.Sealing, Logger: cfg.Logger})
	x.must(err)
	x.snap = snapshot.New(snapshot.Config{
		Keys: &x.pub.Keys.Edge, Disk: cfg.Disk, Upstreams: ups, Now: cfg.Now, Logger: cfg.Logger,
		Lookup: func(typ string) (*policy.Descriptor, bool) {
			return &policy.Descriptor{Type: typ, Phase: policy.PhaseTransform, Answers: true, New: func(json.RawMessage, policy.Deps) (policy.Policy, error) {
				return answers{}, nil
			}}, true
		},
		Fetch: func(ctx context.Context, kind byte, id string) ([]byte, error) { return x.Fetch(ctx, kind, id) },
	})
	cfg.Snapshot = x.snap
	var pos Position
	var loc *disklog.Loc
	loader := x.snap.Loader()
	x.must(cfg.Disk.Scan(func(rec *disklog.Record, l *disklog.Loc) {
		if !loader.Take(rec, l) {
			pos, err = DecodePosition(rec.Doc)
			loc = l
		}
	}))
	x.must(err)
	loader.Done()
	x.Syncer = New(cfg, pos, loc)
}

func (x *stepped) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *stepped) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (x *stepped) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (x *stepped) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		what := cmds[0].Name()
		last := what != "hgetall" || cmds[len(cmds)-1].Args()[1] == contract.RedisIndex(contract.IndexBuckets-1)
		if f := x.after[what]; f != nil && last {
			delete(x.after, what)
			f()
		}
		return err
	}
}

// doc is a gateway's document; it answers by itself.
func doc(n int, version uint64) *contract.Gateway {
	return &contract.Gateway{
		Schema: 1, ID: fmt.Sprintf("gw_%d", n), Num: uint64(100 + n), Name: "g", Organization: "org_1", OrganizationNum: 1,
		Mode: contract.ModeLive, Version: version, Hosts: []string{fmt.Sprintf("g%d.edge.test", n)},
		Policies: []contract.Policy{{Type: "pass"}},
		Routes:   []contract.Route{{ID: "rt", Num: 1, Name: "r", Public: true, Match: contract.Match{Path: "/"}}},
	}
}

// head reads the head.
func (x *stepped) head() {
	x.t.Helper()
	_, err := x.readHead(x.t.Context())
	x.must(err)
}

// read reads the change stream once.
func (x *stepped) read() {
	x.t.Helper()
	next, turn, head, ok := x.reading()
	if !ok {
		x.t.Fatal("there was no head")
	}
	res, err := x.cfg.Stream.XRead(x.t.Context(), &redis.XReadArgs{
		Streams: []string{contract.RedisChanges, fmt.Sprint(next-1) + "-0"}, Count: readCount, Block: -1,
	}).Result()
	if errors.Is(err, redis.Nil) {
		x.take(nil, turn, head)
		return
	}
	x.must(err)
	x.take(res[0].Messages, turn, head)
}

// follow takes what was published, but compares nothing.
func (x *stepped) follow() {
	x.t.Helper()
	x.head()
	x.read()
	for {
		if _, idle := x.fetchNext(x.t.Context()); idle {
			break
		}
	}
	x.settleNow()
}

// again starts the edge again with what it finds on its disk.
func (x *stepped) again() {
	x.t.Helper()
	x.savePosition()
	x.must(x.cfg.Disk.Close())
	x.open()
	x.head()
}

// compare compares everything, until it succeeds.
func (x *stepped) compare() {
	x.t.Helper()
	for range 5 {
		if x.resynchronise(x.t.Context(), false) == nil {
			x.settleNow()
			return
		}
	}
	x.t.Fatal("comparing everything does not succeed")
}

// start brings the edge up to date.
func (x *stepped) start() {
	x.t.Helper()
	x.follow()
	x.compare()
	if rev, _ := x.tracker.state(); rev != x.pub.Rev() {
		x.t.Fatalf("revision %d of %d is in force", rev, x.pub.Rev())
	}
}

func (x *stepped) serving(n int) uint64 {
	e := x.snap.Table().FindString(fmt.Sprintf("g%d.edge.test", n))
	if e == nil {
		return 0
	}
	c, err := e.Load(x.t.Context())
	if err != nil {
		return 0
	}
	return c.Version()
}

// claims returns the revision that the edge says is in force, with its lineage.
func (x *stepped) claims(lineage string) uint64 {
	r := x.report()
	if r.Lineage != lineage {
		return 0
	}
	return r.Rev
}

// TestNewerWhileComparing: while documents are compared, a newer version of one
// comes by its notice.
func TestNewerWhileComparing(t *testing.T) {
	t.Parallel()
	x := newStepped(t)
	x.pub.Gateway(doc(1, 1))
	x.start()
	x.pub.Quietly(doc(1, 2))
	x.after["get"] = func() { // version 2 is on its way
		x.pub.Gateway(doc(1, 3))
		x.follow()
		if v := x.serving(1); v != 3 {
			t.Errorf("version %d is served after the notice of 3", v)
		}
	}
	_ = x.resynchronise(t.Context(), false)
	if v := x.serving(1); v != 3 {
		t.Errorf("version %d is served after 3", v)
	}
	x.compare()
	x.inStep()
}

// inStep is about the end of a test.
func (x *stepped) inStep() {
	x.t.Helper()
	x.head()
	x.mu.Lock()
	root := x.Syncer.head.Root
	x.mu.Unlock()
	if !bytes.Equal(x.snap.Root(), root) {
		x.t.Error("what is held differs from the signed head")
	}
}

// TestChangedRightAfterTheRestore: after a restore versions are lower. A change that
// is made while the edge compares everything is in force when it says so.
func TestChangedRightAfterTheRestore(t *testing.T) {
	t.Parallel()
	for i, when := range []string{"hgetall", "get", "hgetall", "get"} {
		again := i >= 2 // the edge is started again before it has compared anything
		t.Run(fmt.Sprint(when, again), func(t *testing.T) {
			x := newStepped(t)
			x.pub.Gateway(doc(1, 8))
			x.start()
			x.pub.Restore("two", x.pub.Rev()+10, doc(1, 5))
			x.head()
			if again {
				x.again()
			}
			var rev uint64
			x.after[when] = func() {
				rev = x.pub.Gateway(doc(1, 6))
				x.follow()
			}
			for range 5 {
				err := x.resynchronise(t.Context(), false)
				x.settleNow()
				if v := x.serving(1); x.claims("two") >= rev && v != 6 {
					t.Fatalf("revision %d is said to be in force, and version %d is served, not 6", rev, v)
				}
				if err == nil {
					break
				}
			}
			if x.serving(1) != 6 || x.claims("two") != rev {
				t.Errorf("version %d, revision %d of %d", x.serving(1), x.claims("two"), rev)
			}
			x.inStep()
		})
	}
}

// TestFetchedBeforeTheRestore: what was under way when the lineage changed says
// nothing of the new one.
func TestFetchedBeforeTheRestore(t *testing.T) {
	t.Parallel()
	restore := func(x *stepped, rev uint64) {
		x.pub.Restore("two", rev, doc(1, 1))
		x.head()
	}
	t.Run("a document that a notice named", func(t *testing.T) {
		x := newStepped(t)
		x.pub.Gateway(doc(1, 3))
		x.start()
		rev := x.pub.Gateway(doc(1, 4))
		x.after["get"] = func() { restore(x, rev) }
		x.follow()
		if got := x.claims("two"); got != 0 {
			t.Errorf("revision %d of the new lineage is said to be in force", got)
		}
		x.compare()
		if v := x.serving(1); v != 1 {
			t.Errorf("version %d is served, not the restored one", v)
		}
		x.inStep()
	})
	t.Run("one that Redis could not give", func(t *testing.T) {
		x := newStepped(t)
		x.pub.Gateway(doc(1, 3))
		x.start()
		rev := x.pub.Gateway(doc(1, 4))
		x.must(x.raw.Del(t.Context(), contract.RedisDocument("gw_1")).Err())
		x.head()
		x.read()
		x.after["get"] = func() { restore(x, rev) }
		x.fetchNext(t.Context())
		for range 3 {
			for _, w := range x.queue.byID {
				w.at = time.Time{}
			}
			x.fetchNext(t.Context())
		}
		x.settleNow()
		if got := x.claims("two"); got != 0 {
			t.Errorf("revision %d of the new lineage is said to be in force", got)
		}
	})
	t.Run("a comparison", func(t *testing.T) {
		x := newStepped(t)
		x.pub.Gateway(doc(1, 3))
		x.start()
		x.pub.Quietly(doc(1, 4))
		x.after["get"] = func() { restore(x, x.pub.Rev()) }
		_ = x.resynchronise(t.Context(), false)
		if got := x.claims("two"); got != 0 {
			t.Errorf("revision %d of the new lineage is said to be in force", got)
		}
		x.compare()
		if v := x.serving(1); v != 1 {
			t.Errorf("version %d is served, not the restored one", v)
		}
		x.inStep()
	})
}

func (x *stepped) key(text string) policy.KeyState {
	keys := x.keys.Gateway(11, false, nil)
	r := keys.Peek(policy.Static(text), x.cfg.Now())
	if r.State == policy.KeyCold {
		r = keys.Load(policy.EngineMayBlock(blocking{x.t.Context()}), policy.Static(text), netip.MustParseAddr("192.0.2.1"))
	}
	return r.State
}

type blocking struct{ ctx context.Context }

func (b blocking) Context() context.Context   { return b.ctx }
func (blocking) Reader(policy.Side) io.Reader { return strings.NewReader("") }
func (blocking) Writer(policy.Origin, int) (io.WriteCloser, error) {
	return nil, errors.New("nothing is written here")
}

// TestConfirmedByAReplica: a replica that was behind takes over while the edge waits
// for a notice of which it knows by the head. What the replica confirms until it is
// filled again counts for nothing.
func TestConfirmedByAReplica(t *testing.T) {
	t.Parallel()
	x := newStepped(t)
	text, rec := x.pub.Key(11)
	x.start()
	if st := x.key(text); st != policy.KeyOK {
		t.Fatalf("a new key is in state %d", st)
	}
	ctx := t.Context()
	kept, err := x.raw.HGet(ctx, contract.RedisKeys(contract.KeyShard(rec.KID)), contract.FormatKID(rec.KID)).Result()
	x.must(err)
	old := x.pub.OldHead(x.pub.Rev())
	rev := x.pub.Revoke(rec)
	x.head()
	dead, err := x.raw.HGet(ctx, contract.RedisKeys(contract.KeyShard(rec.KID)), contract.FormatKID(rec.KID)).Result()
	x.must(err)
	put := func(record string) {
		x.must(x.raw.HSet(ctx, contract.RedisKeys(contract.KeyShard(rec.KID)), contract.FormatKID(rec.KID), record).Err())
	}
	// The replica has neither the record nor the notice nor the head.
	put(kept)
	x.must(x.raw.XTrimMaxLen(ctx, contract.RedisChanges, 0).Err())
	x.must(x.raw.Set(ctx, contract.RedisHead, old, 0).Err())
	x.read()
	x.key(text)
	if err := x.resynchronise(ctx, false); err == nil {
		t.Error("a head that is behind counts")
	}
	// The control plane fills it.
	put(dead)
	x.pub.Reseed()
	x.compare()
	if st := x.key(text); st != policy.KeyRevoked || x.claims("one") < rev {
		t.Errorf("the key is in state %d, revision %d of %d is said to be in force", st, x.claims("one"), rev)
	}
}

// TestForgottenGateway: the control plane forgets a deleted gateway after a while;
// that the edge still knows of it is no difference.
func TestForgottenGateway(t *testing.T) {
	t.Parallel()
	x := newStepped(t)
	x.pub.Gateway(doc(1, 1))
	g := doc(2, 2)
	g.Deleted, g.Hosts, g.Routes = true, nil, nil
	x.pub.Gateway(g)
	x.start()
	x.inStep()
	x.pub.Expire("gw_2")
	x.after["hgetall"] = func() { // one that is new is not in the index that was read
		x.pub.Gateway(doc(3, 1))
		x.follow()
	}
	_ = x.resynchronise(t.Context(), false)
	if x.serving(3) != 1 {
		t.Error("a new gateway is forgotten")
	}
	x.compare()
	x.inStep()
	if x.serving(1) != 1 || x.serving(2) != 0 {
		t.Errorf("versions %d and %d are served", x.serving(1), x.serving(2))
	}
}

// TestClockSetBack: a publisher whose clock was ahead is put right. Its heads with
// new revisions are news all the same.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	x := newStepped(t)
	x.start()
	x.mu.Lock()
	h := x.Syncer.head
	x.mu.Unlock()
	h.Time += 3_600_000
	x.takeHead(h)
	h.Rev, h.Time = h.Rev+1, h.Time-3_599_000
	x.tracker.add(h.Rev)
	x.settle.add(x.turn, []uint64{h.Rev})
	x.settleNow()
	before := x.snap.Fresh().At()
	x.takeHead(h)
	if x.Stats().HeadRev != h.Rev || x.snap.Fresh().At() <= before {
		t.Errorf("head of revision %d, fresh %t; want revision %d and fresh", x.Stats().HeadRev, x.snap.Fresh().At() > before, h.Rev)
	}
	// The same once more is no sign of life, and neither is an older one.
	before = x.snap.Fresh().At()
	x.takeHead(h)
	h.Rev--
	h.Time += 7_200_000
	x.takeHead(h)
	if x.Stats().HeadRev != h.Rev+1 || x.snap.Fresh().At() != before {
		t.Error("an old head is a sign of life")
	}
}

// TestSpoiledNotice: a notice that can't be read, or is not the control plane's, stands
// where a revocation was announced. The revision does not count as in force before
// everything was compared, and the key is asked for.
func TestSpoiledNotice(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(notice, record []byte) []byte{
		"unreadable": func([]byte, []byte) []byte { return []byte("from the future") },
		"forged": func(notice, record []byte) []byte {
			i := bytes.Index(notice, record)
			if i < 0 {
				n, err := contract.DecodeNotice(notice)
				if err != nil {
					return nil
				}
				n.Record[len(n.Record)-1] ^= 1
				notice, _ = n.Encode()
				return notice
			}
			notice[i+len(record)-1] ^= 1
			return notice
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := newStepped(t)
			text, rec := x.pub.Key(11)
			x.start()
			if st := x.key(text); st != policy.KeyOK {
				t.Fatalf("a new key is in state %d", st)
			}
			dead := *rec
			dead.Version, dead.State = rec.Version+1, contract.KeyRevoked
			record, err := dead.Encode(&x.pub.Keys.Edge)
			x.must(err)
			x.must(x.raw.HSet(t.Context(), contract.RedisKeys(contract.KeyShard(rec.KID)), contract.FormatKID(rec.KID), record).Err())
			n := contract.Notice{Kind: contract.NoticeKey, Record: record}
			notice, err := n.Encode()
			x.must(err)
			x.pub.Skip()
			rev := x.pub.Rev()
			x.must(x.raw.XAdd(t.Context(), &redis.XAddArgs{
				Stream: contract.RedisChanges, ID: fmt.Sprintf("%d-0", rev), Values: []any{contract.NoticeField, spoil(notice, record)},
			}).Err())
			x.pub.Quietly(doc(1, 1)) // a head of that revision
			x.follow()
			if st := x.key(text); st != policy.KeyRevoked {
				t.Errorf("the key is in state %d", st)
			}
			if got := x.claims("one"); got >= rev {
				t.Errorf("revision %d is said to be in force before everything was compared", got)
			}
			x.compare()
			if got := x.claims("one"); got != rev {
				t.Errorf("revision %d of %d is said to be in force", got, rev)
			}
		})
	}
}
