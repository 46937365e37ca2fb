package publish

import (
	"context"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// refill is the filling of an emptied Redis while publishing goes on: documents
// first and at once, then the key shards, a few at a time, each with its marker.
type refill struct {
	began  time.Time
	shards []int // that are still to be written
	keys   int
}

// refillShards is how many shards are written between two looks at the outbox.
const refillShards = 64

func allShards() []int {
	out := make([]int, contract.KeyShards)
	for i := range out {
		out[i] = i
	}
	return out
}

// startRefill writes the documents and the head, so that edges know where they
// stand, and leaves the shards to refillSome.
func (l *leader) startRefill(ctx context.Context, shards []int) error {
	began := l.o.Clock()
	l.stats.refills.Add(1)
	n := 0
	if len(shards) == contract.KeyShards {
		for after := ""; ; {
			docs, err := l.o.Store.Documents(ctx, after, page)
			if err != nil {
				return l.notInStep(err)
			}
			if err := l.o.Bus.FillDocuments(ctx, docs); err != nil {
				return l.notInStep(err)
			}
			if n += len(docs); len(docs) < page {
				break
			}
			after = docs[len(docs)-1].Ref
		}
	}
	l.o.Logger.Info("Redis is filled from the database", "documents", n, "shards", len(shards))
	l.refill = &refill{began: began, shards: shards}
	return nil
}

func (l *leader) notInStep(err error) error {
	l.inStep = false
	return err
}

// refillSome writes the next shards.
func (l *leader) refillSome(ctx context.Context) error {
	r := l.refill
	n := 0
	// Neighbours are read with one query.
	for n < len(r.shards) && n < refillShards && r.shards[n] == r.shards[0]+n {
		n++
	}
	if n == 0 {
		return l.finishRefill(ctx)
	}
	from := r.shards[0]
	records, err := l.o.Store.ShardRecords(ctx, from, from+n)
	if err != nil {
		return l.notInStep(err)
	}
	shards := make([]Shard, n)
	for i := range shards {
		shards[i].Number = from + i
	}
	for _, rec := range records {
		b, err := rec.Encode(&l.o.Keys.Edge)
		if err != nil {
			return fmt.Errorf("encode key %s: %w", contract.FormatKID(rec.KID), err)
		}
		s := &shards[contract.KeyShard(rec.KID)-from]
		s.Records = append(s.Records, Record{KID: rec.KID, Bytes: b})
	}
	if err := l.o.Bus.FillKeys(ctx, l.lease.Lineage, shards); err != nil {
		return l.notInStep(err)
	}
	r.keys += len(records)
	if r.shards = r.shards[n:]; len(r.shards) > 0 {
		return nil
	}
	return l.finishRefill(ctx)
}

func (l *leader) finishRefill(ctx context.Context) error {
	r := l.refill
	l.refill = nil
	l.o.Logger.Info("Redis is filled", "keys", r.keys, "took", l.o.Clock().Sub(r.began))
	if l.unsent {
		return nil
	}
	return l.writeHead(ctx)
}
