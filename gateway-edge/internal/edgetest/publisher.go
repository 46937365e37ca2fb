package edgetest

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

// Publisher writes to Redis what the control plane would. It keeps the truth in
// memory, so that it can fill an emptied Redis again.
type Publisher struct {
	Keys *contract.RootKeys

	t testing.TB

	mu      sync.Mutex
	client  redis.UniversalClient
	lineage string
	issued  int64
	rev     uint64
	docs    map[string][]byte // by Redis key
	index   map[string]string // by id
	records map[uint64][]byte
	buckets [contract.IndexBuckets][32]byte
	clock   int64 // of the newest head
}

// NewPublisher makes one with new secrets, lineage "one" and every key shard
// marked as filled.
func NewPublisher(t testing.TB, client redis.UniversalClient) *Publisher {
	t.Helper()
	keys, err := contract.NewRootKeys([]byte("an edge test's 32 bytes of secret"[:32]))
	if err != nil {
		t.Fatal(err)
	}
	p := &Publisher{
		Keys: keys, t: t, client: client, lineage: "one", issued: time.Now().UnixMilli(),
		docs: map[string][]byte{}, index: map[string]string{}, records: map[uint64][]byte{},
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seedKeys()
	p.head()
	return p
}

// Heartbeat writes a head each interval until the test ends.
func (p *Publisher) Heartbeat(every time.Duration) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(every):
				p.mu.Lock()
				p.writeHead()
				p.mu.Unlock()
			}
		}
	})
	p.t.Cleanup(func() { close(stop); wg.Wait() })
}

// Rev returns the newest revision.
func (p *Publisher) Rev() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rev
}

func (p *Publisher) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Errorf("publisher: %v", err)
	}
}

// ctx is short: a publisher never waits for a dead Redis.
func (p *Publisher) ctx() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 5*time.Second)
}

func (p *Publisher) set(key string, value any) {
	ctx, cancel := p.ctx()
	defer cancel()
	p.must(p.client.Set(ctx, key, value, 0).Err())
}

func (p *Publisher) hset(key, field string, value any) {
	ctx, cancel := p.ctx()
	defer cancel()
	p.must(p.client.HSet(ctx, key, field, value).Err())
}

// Gateway publishes a gateway's document. Schema and id must be set; the revision
// is returned.
func (p *Publisher) Gateway(g *contract.Gateway) uint64 {
	p.t.Helper()
	doc, err := contract.SignDocument(p.Keys.Signer, contract.KindGateway, g.Version, g)
	p.must(err)
	return p.Document(g.ID, contract.KindGateway, g.Version, doc)
}

// Organization publishes an organization's document.
func (p *Publisher) Organization(o *contract.Organization) uint64 {
	p.t.Helper()
	doc, err := contract.SignDocument(p.Keys.Signer, contract.KindOrganization, o.Version, o)
	p.must(err)
	return p.Document(o.ID, contract.KindOrganization, o.Version, doc)
}

// Document publishes bytes as they are under an id.
func (p *Publisher) Document(id string, kind byte, version uint64, doc []byte) uint64 {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.putDocument(id, kind, version, doc)
	n := contract.Notice{Kind: contract.NoticeGateway, Gateway: id, Version: version}
	if kind == contract.KindOrganization {
		n = contract.Notice{Kind: contract.NoticeOrganization, Organization: id, Version: version}
	}
	return p.notice(&n)
}

// Quietly stores a document without a notice, as a publisher that lost one.
func (p *Publisher) Quietly(g *contract.Gateway) {
	p.t.Helper()
	doc, err := contract.SignDocument(p.Keys.Signer, contract.KindGateway, g.Version, g)
	p.must(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.putDocument(g.ID, contract.KindGateway, g.Version, doc)
	p.head()
}

func (p *Publisher) putDocument(id string, kind byte, version uint64, doc []byte) {
	key := contract.RedisDocument(id)
	if kind == contract.KindOrganization {
		key = contract.RedisOrganization(id)
	}
	p.docs[key] = doc
	p.set(key, doc)
	entry := contract.IndexEntry(version, contract.DocumentDigest(doc))
	b := contract.IndexBucket(id)
	if old, ok := p.index[id]; ok {
		xor(&p.buckets[b], contract.EntryDigest(id, old))
	}
	xor(&p.buckets[b], contract.EntryDigest(id, entry))
	p.index[id] = entry
	p.hset(contract.RedisIndex(b), id, entry)
}

func xor(dst *[32]byte, d [32]byte) {
	for i := range dst {
		dst[i] ^= d[i]
	}
}

// Record publishes an API key's record: first the record, then the notice.
func (p *Publisher) Record(r *contract.KeyRecord) uint64 {
	p.t.Helper()
	b, err := r.Encode(&p.Keys.Edge)
	p.must(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records[r.KID] = b
	p.hset(contract.RedisKeys(contract.KeyShard(r.KID)), contract.FormatKID(r.KID), b)
	return p.notice(&contract.Notice{Kind: contract.NoticeKey, Record: b})
}

// Key makes an active key of a gateway and publishes it. It returns the key's
// text and its record.
func (p *Publisher) Key(gateway uint64) (string, *contract.KeyRecord) {
	p.t.Helper()
	key, r := p.NewKey(gateway)
	p.Record(r)
	return key, r
}

// NewKey makes a key without publishing it.
func (p *Publisher) NewKey(gateway uint64) (string, *contract.KeyRecord) {
	p.t.Helper()
	key, kid, err := contract.GenerateKey(contract.KeyPrefixLive)
	p.must(err)
	return key, &contract.KeyRecord{
		KID: kid, Version: 1, Gateway: gateway, Consumer: 7, State: contract.KeyActive,
		Pepper: contract.PepperVersion, Hash: contract.HashKey(&p.Keys.Edge.Pepper, key), ConsumerRef: "mobile-app",
	}
}

// Revoke publishes the key's revocation.
func (p *Publisher) Revoke(r *contract.KeyRecord) uint64 {
	p.t.Helper()
	r.Version++
	r.State = contract.KeyRevoked
	return p.Record(r)
}

func (p *Publisher) notice(n *contract.Notice) uint64 {
	b, err := n.Encode()
	p.must(err)
	p.rev++
	ctx, cancel := p.ctx()
	defer cancel()
	p.must(p.client.XAdd(ctx, &redis.XAddArgs{
		Stream: contract.RedisChanges, ID: fmt.Sprintf("%d-0", p.rev), Values: []any{contract.NoticeField, b},
	}).Err())
	p.head()
	return p.rev
}

// Skip uses a revision up without an entry in the stream.
func (p *Publisher) Skip() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rev++
}

func (p *Publisher) head() { p.writeHead() }

// writeHead signs and writes the head; its time always rises.
func (p *Publisher) writeHead() {
	p.clock = max(p.clock+1, time.Now().UnixMilli())
	doc := p.signHead(p.rev, p.clock)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = p.client.Set(ctx, contract.RedisHead, doc, 0).Err() // a heartbeat may fail
}

func (p *Publisher) signHead(rev uint64, at int64) []byte {
	h := contract.Head{
		Lineage: p.lineage, Rev: rev, Time: at, Epoch: 1, Issued: p.issued, Root: contract.IndexRoot(&p.buckets),
	}
	doc, err := contract.SignDocument(p.Keys.Signer, contract.KindHead, rev, h)
	p.must(err)
	return doc
}

// Expire forgets a deleted gateway, as the control plane does after a while.
func (p *Publisher) Expire(id string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	b := contract.IndexBucket(id)
	xor(&p.buckets[b], contract.EntryDigest(id, p.index[id]))
	delete(p.index, id)
	delete(p.docs, contract.RedisDocument(id))
	ctx, cancel := p.ctx()
	defer cancel()
	p.must(p.client.HDel(ctx, contract.RedisIndex(b), id).Err())
	p.must(p.client.Del(ctx, contract.RedisDocument(id)).Err())
	p.writeHead()
}

// OldHead returns a signed head of a lower revision, as a replica that was behind
// would have it.
func (p *Publisher) OldHead(rev uint64) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signHead(rev, p.clock-60_000)
}

// Restore begins a lineage, as after the database was restored from a backup that
// had revision rev and these gateways.
func (p *Publisher) Restore(lineage string, rev uint64, gateways ...*contract.Gateway) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lineage, p.issued, p.rev = lineage, p.issued+1, rev
	for _, g := range gateways {
		doc, err := contract.SignDocument(p.Keys.Signer, contract.KindGateway, g.Version, g)
		p.must(err)
		p.putDocument(g.ID, contract.KindGateway, g.Version, doc)
	}
	ctx, cancel := p.ctx()
	defer cancel()
	p.must(p.client.Del(ctx, contract.RedisChanges).Err())
	p.seedKeys()
	p.writeHead()
}

// Reseed writes everything again, as after FLUSHALL. The head comes last.
func (p *Publisher) Reseed() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, doc := range p.docs {
		p.set(key, doc)
	}
	for id, e := range p.index {
		p.hset(contract.RedisIndex(contract.IndexBucket(id)), id, e)
	}
	p.seedKeys()
	p.writeHead()
}

// seedKeys writes all records, then every shard's marker.
func (p *Publisher) seedKeys() {
	ctx, cancel := p.ctx()
	defer cancel()
	pipe := p.client.Pipeline()
	for kid, b := range p.records {
		pipe.HSet(ctx, contract.RedisKeys(contract.KeyShard(kid)), contract.FormatKID(kid), b)
	}
	for i := range contract.KeyShards {
		pipe.HSet(ctx, contract.RedisKeys(i), contract.KeysSeeded, p.lineage)
	}
	_, err := pipe.Exec(ctx)
	p.must(err)
}

// Index returns a copy of the index.
func (p *Publisher) Index() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.index)
}
