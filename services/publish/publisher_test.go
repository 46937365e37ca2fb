package publish_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/publish"
)

// both runs a test over SQLite and PostgreSQL, each with a Redis of its own.
func both(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, newWorld(t, migrationstest.SQLite(t))) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, newWorld(t, migrationstest.Postgres(t))) })
}

func TestChangesReachRedisInOrder(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		g := w.Gateway(t, w.org, "shop")
		w.Consumer(t, w.org, g, "ann")
		_, stop := w.publisher(t, "a", nil)
		w.drained(t)
		k := w.Key(t, w.org, g, "ann").Key
		if _, err := w.Keys.Revoke(t.Context(), w.org, apikey.Target{Gateway: g.ID, ID: k.ID}); err != nil {
			t.Fatal(err)
		}
		version := w.putRoute(t, g, "new")
		w.drained(t)
		stop()
		doc := w.document(t, g.ID)
		if doc == nil || doc.Version != version || len(doc.Routes) != 3 || doc.Hosts[0] != "shop."+storetest.EdgeDomain || doc.OrganizationNum == 0 || doc.Routes[0].Num == 0 {
			t.Fatalf("document %+v", doc)
		}
		if r := w.key(t, k.KID); r == nil || r.State != contract.KeyRevoked || r.Version != 2 {
			t.Errorf("record %+v", r)
		}
		kinds := map[string]int{}
		var newest uint64
		for _, n := range w.notices(t) {
			kinds[n.Kind]++
			if n.Kind == contract.NoticeKey {
				r, err := contract.DecodeKeyRecord(&w.Root.Edge, n.Record)
				if err == nil && r.Kind == contract.RecordIdentity {
					continue // the consumer's
				}
				if err != nil || r.KID != k.KID || r.Version < newest {
					t.Errorf("inline record %+v, %v", r, err)
				} else {
					newest = r.Version
				}
			}
		}
		if kinds[contract.NoticeGateway] < 2 || newest != 2 {
			t.Errorf("notices %v, newest record version %d", kinds, newest)
		}
		h, _ := w.head(t)
		if n := len(w.notices(t)); h.Rev != uint64(n) || h.Epoch != 1 || h.Lineage == "" {
			t.Errorf("head %+v after %d notices", h, n)
		}
		w.checkIndex(t)
	})
}

func TestDeletionIsASignedTombstone(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		g := w.Gateway(t, w.org, "shop")
		w.publisher(t, "a", nil)
		w.drained(t)
		if err := w.Gateways.Delete(t.Context(), w.org, g.ID, core.IfMatch{}); err != nil {
			t.Fatal(err)
		}
		until(t, "a tombstone", func() bool {
			doc := w.document(t, g.ID)
			return doc != nil && doc.Deleted && len(doc.Hosts) == 0 && doc.Version == g.Version+1
		})
	})
}

func TestManyChangesOfOneGatewayAreFew(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		g := w.Gateway(t, w.org, "shop")
		w.publisher(t, "a", nil)
		w.drained(t)
		before := len(w.notices(t))
		began := time.Now()
		var version uint64
		for i := range 40 {
			version = w.putRoute(t, g, fmt.Sprintf("r%d", i))
		}
		w.drained(t)
		took := time.Since(began)
		sent := len(w.notices(t)) - before
		if most := int(took/(100*time.Millisecond)) + 2; sent > most {
			t.Errorf("40 changes in %s were sent as %d documents, at most %d are allowed", took, sent, most)
		}
		if doc := w.document(t, g.ID); doc.Version != version {
			t.Errorf("document version %d, want %d", doc.Version, version)
		}
	})
}

// brake is a Bus that can be held before it sends.
type brake struct {
	publish.Bus
	mu   sync.Mutex
	held chan struct{} // receives when somebody waits
	free chan struct{} // closed to let go; nil: not braking
	fail error
}

func (b *brake) Send(ctx context.Context, batch publish.Batch) error {
	b.mu.Lock()
	free, fail := b.free, b.fail
	b.mu.Unlock()
	if fail != nil {
		return fail
	}
	if free != nil {
		b.held <- struct{}{}
		<-free // as if the process was stopped: not even its context helps
	}
	return b.Bus.Send(context.WithoutCancel(ctx), batch)
}

func (b *brake) set(free chan struct{}, fail error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free, b.fail = free, fail
}

// TestPausedLeaderDoesNoHarm is row C06: a leader that stops between its
// transaction and Redis, and goes on after another one has taken over.
func TestPausedLeaderDoesNoHarm(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		g := w.Gateway(t, w.org, "shop")
		w.Consumer(t, w.org, g, "ann")
		slow := &brake{Bus: w.bus(), held: make(chan struct{}, 1)}
		p, stopSlow := w.publisher(t, "slow", func(o *publish.Options) { o.Bus = slow })
		w.drained(t)

		free := make(chan struct{})
		slow.set(free, nil)
		k := w.Key(t, w.org, g, "ann").Key
		old := w.putRoute(t, g, "old")
		<-slow.held
		fast, _ := w.publisher(t, "fast", nil)
		until(t, "the other publisher to lead", func() bool { return fast.Stats().Leading })
		if _, err := w.Keys.Revoke(t.Context(), w.org, apikey.Target{Gateway: g.ID, ID: k.ID}); err != nil {
			t.Fatal(err)
		}
		version := w.putRoute(t, g, "new")
		w.drained(t)
		slow.set(nil, nil)
		close(free)
		until(t, "the paused leader to notice", func() bool { return p.Stats().Deposed == 1 })
		stopSlow()
		if doc := w.document(t, g.ID); doc.Version != version || version <= old {
			t.Errorf("document version %d, want %d", doc.Version, version)
		}
		if r := w.key(t, k.KID); r.State != contract.KeyRevoked {
			t.Errorf("the paused leader brought a revoked key back: %+v", r)
		}
		w.notices(t)
		w.checkIndex(t)
		if h, _ := w.head(t); h.Epoch != 2 {
			t.Errorf("head of epoch %d", h.Epoch)
		}
	})
}

// TestLeaderDiesBeforeRedis is row C05: what was committed and given a revision
// is sent by the next leader.
func TestLeaderDiesBeforeRedis(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		g := w.Gateway(t, w.org, "shop")
		dying := &brake{Bus: w.bus()}
		p, stop := w.publisher(t, "dying", func(o *publish.Options) { o.Bus = dying })
		w.drained(t)
		dying.set(nil, errors.New("cut off"))
		version := w.putRoute(t, g, "new")
		until(t, "a revision that was not sent", func() bool {
			return p.Stats().Failures > 0 && storetest.Count(t, w.DB, "outbox", "rev > 0 AND sent_at = 0") == 1
		})
		stop()
		w.publisher(t, "next", nil)
		w.drained(t)
		if doc := w.document(t, g.ID); doc.Version != version {
			t.Errorf("document version %d, want %d", doc.Version, version)
		}
		w.notices(t)
		w.checkIndex(t)
	})
}

// TestEmptiedRedisIsFilledAgain is row R03, with FLUSHALL and with a restart.
func TestEmptiedRedisIsFilledAgain(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		g := w.Gateway(t, w.org, "shop")
		w.Consumer(t, w.org, g, "ann")
		var keys []uint64
		for range 30 {
			keys = append(keys, w.Key(t, w.org, g, "ann").Key.KID)
		}
		p, _ := w.publisher(t, "a", nil)
		w.drained(t)
		until(t, "all shards", func() bool { return w.seeded(t) == contract.KeyShards })
		rev := p.Stats().Rev
		for name, empty := range map[string]func(){
			"flush":   func() { w.redis.FlushAll(t.Context()) },
			"restart": func() { w.server.Kill(t); w.server.Run(t) },
		} {
			refills := p.Stats().Refills
			empty()
			until(t, name+" noticed", func() bool { return p.Stats().Refills > refills })
			until(t, name+": all shards", func() bool { return w.seeded(t) == contract.KeyShards })
			w.checkIndex(t)
			for _, kid := range keys {
				if w.key(t, kid) == nil {
					t.Fatalf("after a %s key %d is missing", name, kid)
				}
			}
			if doc := w.document(t, g.ID); doc == nil || doc.Version != g.Version {
				t.Errorf("after a %s the document is %+v", name, doc)
			}
		}
		h, _ := w.head(t)
		if h.Rev != rev {
			t.Errorf("revision %d after the refill, was %d", h.Rev, rev)
		}
		w.putRoute(t, g, "new")
		w.drained(t)
		if n := w.notices(t); len(n) != 1 {
			t.Errorf("%d notices after the refill and one change", len(n))
		}
	})
}

// emptying is a bus whose Redis is emptied right before the first head of a refill.
type emptying struct {
	publish.Bus
	once  sync.Once
	empty func()
}

func (e *emptying) SetHead(ctx context.Context, head, last []byte, mark string) ([]byte, bool, error) {
	if last == nil {
		e.once.Do(e.empty)
	}
	return e.Bus.SetHead(ctx, head, last, mark)
}

// TestEmptiedBeforeTheHead: Redis is emptied once more when all documents are
// there and looked at, and only the head is missing.
func TestEmptiedBeforeTheHead(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		g := w.Gateway(t, w.org, "shop")
		_, stop := w.publisher(t, "a", nil)
		w.drained(t)
		stop()
		w.redis.FlushAll(t.Context())
		w.publisher(t, "b", func(o *publish.Options) {
			o.Bus = &emptying{Bus: w.bus(), empty: func() { w.redis.FlushAll(t.Context()) }}
		})
		until(t, "a head and all shards", func() bool { return w.seeded(t) == contract.KeyShards })
		if doc := w.document(t, g.ID); doc == nil || doc.Version != g.Version {
			t.Errorf("the head tells of a document that is %+v", doc)
		}
		w.checkIndex(t)
	})
}

// TestOlderRedisIsRepaired is row R04 as the publisher sees it: a replica that
// lacks the last writes becomes the master.
func TestOlderRedisIsRepaired(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		g := w.Gateway(t, w.org, "shop")
		w.Consumer(t, w.org, g, "ann")
		k := w.Key(t, w.org, g, "ann").Key
		w.publisher(t, "a", nil)
		w.drained(t)
		until(t, "all shards", func() bool { return w.seeded(t) == contract.KeyShards })
		ctx := t.Context()
		shard, field := contract.RedisKeys(contract.KeyShard(k.KID)), contract.FormatKID(k.KID)
		head, doc, rec := w.redis.Get(ctx, contract.RedisHead).Val(), w.redis.Get(ctx, contract.RedisDocument(g.ID)).Val(), w.redis.HGet(ctx, shard, field).Val()
		bucket := contract.RedisIndex(contract.IndexBucket(g.ID))
		entry := w.redis.HGet(ctx, bucket, g.ID).Val()
		if _, err := w.Keys.Revoke(ctx, w.org, apikey.Target{Gateway: g.ID, ID: k.ID}); err != nil {
			t.Fatal(err)
		}
		version := w.putRoute(t, g, "new")
		w.drained(t)
		_, err := w.redis.TxPipelined(ctx, func(p redisPipe) error {
			p.Set(ctx, contract.RedisHead, head, 0)
			p.Set(ctx, contract.RedisDocument(g.ID), doc, 0)
			p.HSet(ctx, shard, field, rec)
			p.HSet(ctx, bucket, g.ID, entry)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		until(t, "the key to be revoked and the document to be new again", func() bool {
			d, r := w.document(t, g.ID), w.key(t, k.KID)
			return r != nil && r.State == contract.KeyRevoked && d != nil && d.Version == version
		})
		until(t, "a new head", func() bool { return w.redis.Get(ctx, contract.RedisHead).Val() != head })
		w.checkIndex(t)
	})
}

// telling is a bus that calls told whenever something new was told to edges.
type telling struct {
	publish.Bus
	told func()
}

func (b *telling) SetHead(ctx context.Context, head, last []byte, mark string) ([]byte, bool, error) {
	current, ok, err := b.Bus.SetHead(ctx, head, last, mark)
	if ok && err == nil {
		b.told()
	}
	return current, ok, err
}

func (b *telling) Send(ctx context.Context, batch publish.Batch) error {
	err := b.Bus.Send(ctx, batch)
	if err == nil && len(batch.Notices) > 0 {
		b.told()
	}
	return err
}

// TestOlderRecordsAreGoneFirst: a replica that lacks a revocation becomes the master.
// Edges that missed the notice find a gap by what they are told next, and then ask for
// the key: by then its old record must not be there.
func TestOlderRecordsAreGoneFirst(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		g := w.Gateway(t, w.org, "shop")
		w.Consumer(t, w.org, g, "ann")
		k := w.Key(t, w.org, g, "ann").Key
		_, stop := w.publisher(t, "a", nil)
		w.drained(t)
		until(t, "all shards", func() bool { return w.seeded(t) == contract.KeyShards })
		ctx := t.Context()
		shard, field := contract.RedisKeys(contract.KeyShard(k.KID)), contract.FormatKID(k.KID)
		head, rec := w.redis.Get(ctx, contract.RedisHead).Val(), w.redis.HGet(ctx, shard, field).Val()
		if _, err := w.Keys.Revoke(ctx, w.org, apikey.Target{Gateway: g.ID, ID: k.ID}); err != nil {
			t.Fatal(err)
		}
		w.drained(t)
		stop()
		w.redis.Set(ctx, contract.RedisHead, head, 0)
		w.redis.HSet(ctx, shard, field, rec)
		w.putRoute(t, g, "new") // a notice comes before the records are filled again
		w.publisher(t, "b", func(o *publish.Options) {
			o.Bus = &telling{w.bus(), func() {
				if r := w.key(t, k.KID); r != nil && r.State != contract.KeyRevoked {
					t.Error("edges are told of news while the old record is there")
				}
			}}
		})
		w.drained(t)
		until(t, "the key to be there, revoked", func() bool { r := w.key(t, k.KID); return r != nil && r.State == contract.KeyRevoked })
		until(t, "all shards", func() bool { return w.seeded(t) == contract.KeyShards })
	})
}

// TestHeadsTimeRises: a publisher whose clock was set back, or is behind that of the
// one before it, still gives signs of life.
func TestHeadsTimeRises(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		_, stop := w.publisher(t, "a", func(o *publish.Options) {
			o.Clock = func() time.Time { return time.Now().Add(time.Hour) }
		})
		w.drained(t)
		stop()
		before, _ := w.head(t)
		w.publisher(t, "b", nil)
		until(t, "another head", func() bool { h, ok := w.head(t); return ok && h.Epoch != before.Epoch })
		if h, _ := w.head(t); h.Time <= before.Time {
			t.Errorf("a head of %d follows one of %d", h.Time, before.Time)
		}
	})
}

// TestRestoredDatabaseBeginsALineage: Redis knows revisions that the database
// has lost.
func TestRestoredDatabaseBeginsALineage(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		g := w.Gateway(t, w.org, "shop")
		w.Consumer(t, w.org, g, "ann")
		_, stop := w.publisher(t, "a", nil)
		w.drained(t)
		old, _ := w.head(t)
		was, err := store.Publisher{DB: w.DB}.DocumentsOf(t.Context(), []string{g.ID})
		if err != nil {
			t.Fatal(err)
		}
		lost := w.Key(t, w.org, g, "ann").Key
		w.putRoute(t, g, "lost")
		w.drained(t)
		stop()
		top, _ := w.head(t)
		// As a backup of before the last two changes would have it.
		exec := func(sql string, args ...any) {
			t.Helper()
			if err := w.DB.Tx(t.Context(), func(tx *store.Txn) error { return tx.Exec(sql, args...).Error }); err != nil {
				t.Fatal(err)
			}
		}
		exec("DELETE FROM api_keys WHERE kid = ?", lost.KID)
		exec("DELETE FROM routes WHERE name = 'lost'")
		exec("DELETE FROM gateway_versions WHERE version > ?", g.Version)
		exec("UPDATE gateways SET version = ?", g.Version)
		exec("DELETE FROM outbox")
		exec("UPDATE published SET version = ?, entry = ?, document = ? WHERE ref = ?", was[0].Version, was[0].Entry, was[0].Bytes, g.ID)
		exec("UPDATE publisher SET rev = ?, epoch = 0", old.Rev)
		w.publisher(t, "b", nil)
		w.drained(t)
		until(t, "a new lineage with all shards", func() bool {
			h, ok := w.head(t)
			return ok && h.Lineage != old.Lineage && h.Rev >= top.Rev && h.Epoch > top.Epoch && w.seeded(t) == contract.KeyShards
		})
		if r := w.key(t, lost.KID); r != nil {
			t.Errorf("a key that the database does not know is still there: %+v", r)
		}
		if doc := w.document(t, g.ID); doc.Version != g.Version {
			t.Errorf("document version %d, want %d", doc.Version, g.Version)
		}
		w.checkIndex(t)
		w.notices(t)
	})
}

// TestRestoredDatabaseIsKnownByItsEdges: Redis was lost together with the
// database, and only an edge remembers revisions that the backup lacks.
func TestRestoredDatabaseIsKnownByItsEdges(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		g := w.Gateway(t, w.org, "shop")
		w.publisher(t, "a", nil)
		w.drained(t)
		old, _ := w.head(t)
		said := contract.EdgeReport{ID: "edge-a", Lineage: old.Lineage, Rev: old.Rev, Schema: contract.SchemaVersion, Policies: []string{"api_key"}}
		w.report(t, said)
		until(t, "another head", func() bool { h, ok := w.head(t); return ok && h.Time > old.Time })
		if h, _ := w.head(t); h.Lineage != old.Lineage {
			t.Fatalf("an edge that is in step began lineage %s", h.Lineage)
		}
		said.Rev += 3
		w.report(t, said)
		until(t, "a new lineage with all shards", func() bool {
			h, ok := w.head(t)
			return ok && h.Lineage != old.Lineage && h.Epoch > old.Epoch && w.seeded(t) == contract.KeyShards
		})
		begun, _ := w.head(t)
		w.putRoute(t, g, "later")
		w.drained(t)
		if h, _ := w.head(t); h.Lineage != begun.Lineage {
			t.Errorf("what the edge said of the past began yet another lineage %s after %s", h.Lineage, begun.Lineage)
		}
		w.checkIndex(t)
	})
}

func TestPoisonHoldsUpNobodyElse(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		bad := w.Gateway(t, w.org, "bad")
		good := w.Gateway(t, w.org, "good")
		w.publisher(t, "a", nil)
		w.drained(t)
		if err := w.DB.Tx(t.Context(), func(tx *store.Txn) error {
			return tx.Exec("UPDATE routes SET document = '{' WHERE gateway_id = ?", bad.ID).Error
		}); err != nil {
			t.Fatal(err)
		}
		if err := w.DB.Tx(t.Context(), func(tx *store.Txn) error {
			return tx.Record(t.Context(), w.org, core.Change{Action: "x", ResourceType: "x", Publish: []core.Publish{{Kind: core.PublishGateway, ID: bad.ID, Gateway: bad.ID, Version: bad.Version + 1}}})
		}); err != nil {
			t.Fatal(err)
		}
		version := w.putRoute(t, good, "new")
		until(t, "the good gateway's version", func() bool { return w.document(t, good.ID).Version == version })
		if doc := w.document(t, bad.ID); doc.Version != bad.Version {
			t.Errorf("the bad gateway's document is version %d", doc.Version)
		}
		until(t, "the reason", func() bool {
			p, err := store.Publisher{DB: w.DB}.Published(t.Context(), w.org, bad.ID, bad.Version+1)
			return err == nil && p.Rev == 0 && p.Failure != nil && strings.Contains(p.Failure.Reason, "could not be compiled")
		})
	})
}

// TestCapabilityGate holds a version back that a live edge could not run.
func TestCapabilityGate(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		g, err := w.Gateways.Create(t.Context(), w.org, gateway.Create{Name: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		old := contract.EdgeReport{ID: "old", Version: "0.1", Schema: contract.SchemaVersion, Policies: []string{"cors"}, Ready: true}
		w.report(t, old)
		w.publisher(t, "a", nil)
		w.drained(t) // it leads, and the first thing that a leader does is to read the reports
		done, err := w.Gateways.PutConfig(t.Context(), w.org, gateway.PutConfig{Gateway: g.ID, Config: storetest.Config()})
		if err != nil {
			t.Fatal(err)
		}
		status, err := publish.NewStatus(store.Publisher{DB: w.DB}, w.bus(), nil)
		if err != nil {
			t.Fatal(err)
		}
		until(t, "a reason that names edge and policy", func() bool {
			l, err := status.Live(t.Context(), w.org, publish.LiveInput{Gateway: g.ID, Version: done.Version})
			return err == nil && !l.Published && strings.Contains(l.Reason, "edge old") && strings.Contains(l.Reason, "api_key")
		})
		old.Policies = append(old.Policies, "api_key")
		w.report(t, old)
		until(t, "the version to be sent", func() bool {
			doc := w.document(t, g.ID)
			return doc != nil && doc.Version == done.Version
		})
	})
}

func TestAnotherProgramCompilesEverythingAnew(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		g := w.Gateway(t, w.org, "shop")
		_, stop := w.publisher(t, "a", nil)
		w.drained(t)
		stop()
		before := len(w.notices(t))
		w.publisher(t, "b", func(o *publish.Options) { o.EdgeDomain = "other.test" })
		until(t, "the new host name", func() bool { return w.document(t, g.ID).Hosts[0] == "shop.other.test" })
		w.drained(t)
		if n := len(w.notices(t)); n <= before {
			t.Errorf("%d notices, were %d", n, before)
		}
		w.checkIndex(t)
	})
}

// TestSilentLossIsRepaired: an entry and a document vanish without the head.
func TestSilentLossIsRepaired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, migrationstest.SQLite(t))
	// The clock runs 60 times as fast, so that all buckets are looked at in a second.
	began := time.Now()
	fast := func() time.Time { return began.Add(60 * time.Since(began)) }
	g := w.Gateway(t, w.org, "shop")
	w.publisher(t, "a", func(o *publish.Options) { o.Clock = fast })
	w.drained(t)
	until(t, "all shards", func() bool { return w.seeded(t) == contract.KeyShards })
	ctx := t.Context()
	w.redis.HDel(ctx, contract.RedisIndex(contract.IndexBucket(g.ID)), g.ID)
	w.redis.Del(ctx, contract.RedisDocument(g.ID))
	w.redis.HSet(ctx, contract.RedisIndex(contract.IndexBucket("gw_alien")), "gw_alien", "9 00112233445566778899aabbccddeeff")
	until(t, "the document to be back", func() bool { return w.document(t, g.ID) != nil })
	until(t, "the alien entry to be gone", func() bool {
		return !w.redis.HExists(ctx, contract.RedisIndex(contract.IndexBucket("gw_alien")), "gw_alien").Val()
	})
	w.checkIndex(t)
}

// TestNewestOfGateways tells an organization how its gateways went out last, and
// nothing of another's.
func TestNewestOfGateways(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		g := w.Gateway(t, w.org, "shop")
		w.publisher(t, "a", nil)
		version := w.putRoute(t, g, "new")
		w.drained(t)
		h, _ := w.head(t)
		s := store.Publisher{DB: w.DB}
		got, err := s.Newest(t.Context(), w.org, []string{g.ID, "gw_none"})
		if p := got[g.ID]; err != nil || len(got) != 1 || p.Newest != version || p.Rev == 0 || p.Lineage != h.Lineage {
			t.Errorf("%+v, %v", got, err)
		}
		other := storetest.Organization(t, w.DB, "other")
		if got, err := s.Newest(t.Context(), other, []string{g.ID}); err != nil || len(got) != 0 {
			t.Errorf("the other organization is told %+v, %v", got, err)
		}
	})
}
