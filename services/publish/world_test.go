package publish_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/redisbus"
	"github.com/tollgate/tollgate/services/internal/redistest"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/publish"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Of a closed client whose Redis was away: it sees that after its pause of a second.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"),
		goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"),
		goleak.IgnoreTopFunction("modernc.org/sqlite.(*conn).interruptOnDone"))
}

// world is a database, a Redis and the services over them.
type world struct {
	*storetest.Domain
	server *redistest.Server
	redis  *redis.Client
	org    core.OrganizationID
}

func newWorld(t testing.TB, databaseURL string) *world {
	t.Helper()
	db := storetest.Open(t, databaseURL, nil)
	w := &world{Domain: storetest.NewDomain(t, db), server: redistest.Start(t)}
	w.redis = w.server.Client()
	t.Cleanup(func() { _ = w.redis.Close() })
	w.org = storetest.Organization(t, db, "acme")
	return w
}

// organizations makes documents without a plan.
type organizations struct{}

func (organizations) Document(_ context.Context, org core.OrganizationID) (contract.Organization, error) {
	return contract.Organization{ID: string(org), Num: 1, Version: 1, Plan: "free", PlanNum: 1}, nil
}

func (w *world) bus() *redisbus.Writer { return redisbus.NewWriter(w.redis, &w.Root.Edge) }

// publisher starts one and returns how to end it.
func (w *world) publisher(t testing.TB, name string, change func(*publish.Options)) (p *publish.Publisher, stop func()) {
	t.Helper()
	o := publish.Options{
		Store: store.Publisher{DB: w.DB}, Bus: w.bus(), Organizations: organizations{}, Keys: w.Root,
		EdgeDomain: storetest.EdgeDomain, Holder: name, Logger: slog.New(slog.DiscardHandler), Changed: w.DB.Changed(),
	}
	if change != nil {
		change(&o)
	}
	p, err := publish.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return p, stop
}

// until waits for something that has to come true, however slow the machine is.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// drained waits until nothing waits in the outbox and the head says so.
func (w *world) drained(t testing.TB) {
	t.Helper()
	until(t, "an empty outbox and a head", func() bool {
		_, ok := w.head(t)
		return ok && storetest.Count(t, w.DB, "outbox", "sent_at = 0") == 0
	})
}

// head reads and verifies the head.
func (w *world) head(t testing.TB) (h contract.Head, ok bool) {
	t.Helper()
	b, err := w.redis.Get(t.Context(), contract.RedisHead).Bytes()
	if errors.Is(err, redis.Nil) {
		return h, false
	}
	if err != nil {
		return h, false
	}
	if _, err := contract.OpenDocument(w.Root.Edge.Verifier, contract.KindHead, b, &h); err != nil {
		t.Fatal(err)
	}
	return h, true
}

// notices reads the change stream and checks that revisions rise by one.
func (w *world) notices(t testing.TB) (out []contract.Notice) {
	t.Helper()
	entries, err := w.redis.XRange(t.Context(), contract.RedisChanges, "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	var last uint64
	for _, e := range entries {
		var rev uint64
		if _, err := fmt.Sscanf(e.ID, "%d-0", &rev); err != nil {
			t.Fatalf("entry %q", e.ID)
		}
		if last != 0 && rev != last+1 {
			t.Errorf("revision %d follows %d", rev, last)
		}
		last = rev
		n, err := contract.DecodeNotice([]byte(e.Values[contract.NoticeField].(string)))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, *n)
	}
	return out
}

// document reads and verifies a gateway's document, nil for none.
func (w *world) document(t testing.TB, id string) *contract.Gateway {
	t.Helper()
	b, err := w.redis.Get(t.Context(), contract.RedisDocument(id)).Bytes()
	if err != nil {
		return nil
	}
	g := &contract.Gateway{}
	if _, err := contract.OpenDocument(w.Root.Edge.Verifier, contract.KindGateway, b, g); err != nil {
		t.Fatal(err)
	}
	return g
}

// key reads and verifies a key's record, nil for none.
func (w *world) key(t testing.TB, kid uint64) *contract.KeyRecord {
	t.Helper()
	b, err := w.redis.HGet(t.Context(), contract.RedisKeys(contract.KeyShard(kid)), contract.FormatKID(kid)).Bytes()
	if err != nil {
		return nil
	}
	r, err := contract.DecodeKeyRecord(&w.Root.Edge, b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// checkIndex compares the index, the documents and the head's root.
func (w *world) checkIndex(t testing.TB) {
	t.Helper()
	// The index is written before the head that signs it: a reader may come between.
	var fault string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if fault = w.indexFault(t); fault == "" {
			return
		}
	}
	t.Error(fault)
}

// indexFault says where head, index and documents do not fit one another.
func (w *world) indexFault(t testing.TB) string {
	t.Helper()
	h, ok := w.head(t)
	if !ok {
		return "there is no head"
	}
	var digests [contract.IndexBuckets][32]byte
	buckets, err := w.bus().Buckets(t.Context(), 0, contract.IndexBuckets)
	if err != nil {
		t.Fatal(err)
	}
	for i, entries := range buckets {
		digests[i] = contract.BucketDigest(entries)
		for id, e := range entries {
			key := contract.RedisDocument(id)
			if id[:4] == "org_" {
				key = contract.RedisOrganization(id)
			}
			doc, err := w.redis.Get(t.Context(), key).Bytes()
			if err != nil {
				return fmt.Sprintf("the index lists %s, which is missing: %v", id, err)
			}
			if _, v, _ := contract.DocumentVersion(doc); contract.IndexEntry(v, contract.DocumentDigest(doc)) != e {
				return fmt.Sprintf("entry of %s is %q and does not fit its document", id, e)
			}
		}
	}
	if !slices.Equal(h.Root, contract.IndexRoot(&digests)) {
		return "the head's root is not the index's"
	}
	return ""
}

// seeded counts the shards that are marked with the head's lineage.
func (w *world) seeded(t testing.TB) int {
	t.Helper()
	h, ok := w.head(t)
	if !ok {
		return 0
	}
	missing, err := w.bus().Unseeded(t.Context(), h.Lineage)
	if err != nil {
		return 0
	}
	return contract.KeyShards - len(missing)
}

// report writes an edge's report, from the future: however slow the machine is, the
// edge can be reached for a minute.
func (w *world) report(t testing.TB, r contract.EdgeReport) {
	t.Helper()
	r.Time = time.Now().Add(time.Minute).UnixMilli()
	b, err := contract.EncodeMessage(&w.Root.Edge, contract.MessageReport, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.redis.HSet(t.Context(), contract.RedisEdges, r.ID, b).Err(); err != nil {
		t.Fatal(err)
	}
}

// putRoute adds a public route and returns the version.
func (w *world) putRoute(t testing.TB, g *gateway.Gateway, name string) uint64 {
	t.Helper()
	r, err := w.Gateways.Routes.Put(t.Context(), w.org, gateway.Put[contract.Route]{
		Gateway: g.ID, Name: name, Value: contract.Route{Match: contract.Match{Path: "/" + name}, Upstream: "backend", Public: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Version
}

type redisPipe = redis.Pipeliner
