package redisbus

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/failpoint"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/usage"
)

// UsageReader takes the batches that edges ship and folds them into the ledger:
// read, merge, one transaction, acknowledge to the stream, then to the edge. A
// crash between any two of these steps repeats the ones before, which changes
// nothing. Several workers may run one.
type UsageReader struct {
	Redis    redis.UniversalClient
	Keys     *contract.EdgeKeys
	Ledger   usage.Ledger
	Consumer string        // unique among the workers that run
	Window   time.Duration // how long batches are merged; 0: 1 s
	Logger   *slog.Logger  // nil: slog.Default

	stats usageStats
}

type usageStats struct{ batches, counters, bad, failed atomic.Uint64 }

// UsageStats are totals since the start.
type UsageStats struct {
	Batches  uint64 // applied
	Counters uint64 // in them
	Bad      uint64 // dropped: malformed, forged or out of range
	Failed   uint64 // transactions that failed and were repeated
}

// Stats returns the reader's totals.
func (u *UsageReader) Stats() UsageStats {
	return UsageStats{u.stats.batches.Load(), u.stats.counters.Load(), u.stats.bad.Load(), u.stats.failed.Load()}
}

// Bounds of one transaction.
const (
	usageWindow   = time.Second
	usageEntries  = 1024
	usageCounters = 20_000
	// ackTTL is how long an acknowledgement is kept: longer than an edge's
	// files are, so that an edge which was away finds it.
	ackTTL = 7 * 24 * time.Hour
	// maxPause bounds the wait between attempts while the database is away.
	maxPause = 5 * time.Second
)

// Run reads every usage stream until ctx ends.
func (u *UsageReader) Run(ctx context.Context) error {
	if u.Logger == nil {
		u.Logger = slog.Default()
	}
	if u.Window == 0 {
		u.Window = usageWindow
	}
	var all sync.WaitGroup
	for n := range contract.UsageStreams {
		all.Go(func() {
			u.follow(ctx, &streamReader{
				redis: u.Redis, stream: contract.RedisUsage(n), group: contract.GroupUsage, consumer: u.Consumer, log: u.Logger,
			})
		})
	}
	all.Wait()
	return nil
}

// follow reads one stream.
func (u *UsageReader) follow(ctx context.Context, r *streamReader) {
	failures := 0
	for ctx.Err() == nil {
		p, err := u.gather(ctx, r)
		if err == nil {
			failures = 0
			u.settle(ctx, r, p)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if failures++; failures == 1 {
			u.Logger.Warn("usage stream can't be read", "stream", r.stream, "error", err)
		}
		// What was gathered stays with this consumer and is claimed later.
		pause(ctx, min(time.Duration(failures)*200*time.Millisecond, maxPause))
	}
}

// parcel is what was gathered for one transaction.
type parcel struct {
	entries []entry
	batches []usage.Batch
	size    int // counters
}

// gather reads until the window since the first entry has passed, or enough came.
func (u *UsageReader) gather(ctx context.Context, r *streamReader) (*parcel, error) {
	p := &parcel{}
	var since time.Time
	block := readBlock
	for {
		list, err := r.read(ctx, block)
		if err != nil && len(p.entries) == 0 {
			return nil, err
		}
		for _, e := range list {
			u.add(p, e)
		}
		if len(p.entries) == 0 {
			return p, err
		}
		if since.IsZero() {
			since = time.Now()
		}
		block = min(readBlock, u.Window-time.Since(since))
		if err != nil || ctx.Err() != nil || time.Since(since) >= u.Window || len(p.entries) >= usageEntries || p.size >= usageCounters {
			return p, nil
		}
	}
}

// add decodes an entry. A bad one is dropped with the parcel: no edge made it, or
// one that can't be helped by trying again.
func (u *UsageReader) add(p *parcel, e entry) {
	p.entries = append(p.entries, e)
	b, err := contract.DecodeBatch(u.Keys, e.payload)
	if err == nil {
		batch := usage.Batch{Batch: *b, Arrived: e.at}
		if err = batch.Check(); err == nil {
			p.batches = append(p.batches, batch)
			p.size += len(b.Counters)
			return
		}
	}
	u.stats.bad.Add(1)
	u.Logger.Error("usage batch refused", "entry", e.id, "bytes", len(e.payload), "error", err)
}

// settle applies a parcel, again and again while the database is away, and then
// acknowledges it.
func (u *UsageReader) settle(ctx context.Context, r *streamReader, p *parcel) {
	if len(p.entries) == 0 {
		return
	}
	failpoint.Hit(failpoint.WorkerAfterRead)
	var acks []usage.Ack
	for attempt := 1; len(p.batches) > 0; attempt++ {
		var err error
		if acks, err = u.Ledger.Apply(ctx, p.batches); err == nil {
			break
		}
		if ctx.Err() != nil {
			return
		}
		u.stats.failed.Add(1)
		u.Logger.Warn("usage can't be applied; it stays in the stream", "stream", r.stream, "batches", len(p.batches), "attempt", attempt, "error", err)
		if core.CodeOf(err) != core.CodeStoreUnavailable && attempt >= 3 {
			acks = u.applyEach(ctx, p)
			break
		}
		if !pause(ctx, min(time.Duration(attempt)*200*time.Millisecond, maxPause)) {
			return
		}
	}
	failpoint.Hit(failpoint.WorkerAfterCommitBeforeXack)
	u.stats.batches.Add(uint64(len(p.batches)))
	u.stats.counters.Add(uint64(p.size))
	if err := u.acknowledge(ctx, r, p.entries, acks); err != nil && ctx.Err() == nil {
		// Redelivery, or the edge's next batch, makes up for it.
		u.Logger.Warn("usage can't be acknowledged", "stream", r.stream, "error", err)
	}
}

// applyEach applies batches one by one when all of them together fail for a
// reason that is in one of them. The one that fails alone is dropped from the
// stream; its edge, never acknowledged, keeps its counts and sends them again.
func (u *UsageReader) applyEach(ctx context.Context, p *parcel) (acks []usage.Ack) {
	for i := range p.batches {
		one, err := u.Ledger.Apply(ctx, p.batches[i:i+1])
		if err != nil {
			u.stats.bad.Add(1)
			b := &p.batches[i]
			u.Logger.Error("usage batch can't be applied; its edge will send it again", "edge", b.Edge, "epoch", b.Epoch, "seq", b.Seq, "error", err)
			continue
		}
		acks = append(acks, one...)
	}
	return acks
}

// acknowledge tells the stream, then the edges.
func (u *UsageReader) acknowledge(ctx context.Context, r *streamReader, list []entry, acks []usage.Ack) error {
	pipe := u.Redis.Pipeline()
	r.done(ctx, pipe, list)
	if failpoint.On { // both go in one pipeline, of which a crash may leave any part undone
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		failpoint.Hit(failpoint.WorkerAfterXackBeforeAckKey)
	}
	for _, a := range acks {
		field := contract.AckField(a.Incarnation)
		msg, err := contract.EncodeMessage(u.Keys, contract.MessageAck, contract.UsageAck{
			Edge: a.Edge, Epoch: a.Epoch, Incarnation: field, Seq: a.Seq,
		})
		if err != nil {
			return err
		}
		key := contract.RedisUsageAck(a.Edge, a.Epoch)
		pipe.HSet(ctx, key, field, msg)
		pipe.Expire(ctx, key, ackTTL)
	}
	_, err := pipe.Exec(ctx)
	return err
}
