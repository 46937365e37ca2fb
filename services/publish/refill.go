package publish

import (
	"context"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// refill is the filling of an emptied Redis while publishing goes on: a page of
// documents or a few key shards at a time. The head is written when all documents
// are there and the shards follow, each with its marker: until then nobody takes
// what is missing for something that does not exist.
type refill struct {
	began     time.Time
	documents bool   // are still to be written
	after     string // the last one that was
	shards    []int  // that are still to be written
	again     int    // times that documents were written from the start once more
	wrote     int
	keys      int
}

// fewBuckets is how many buckets are repaired one by one.
const fewBuckets = 64

// refillShards is how many shards are written between two looks at the outbox.
const refillShards = 64

func allShards() []int {
	out := make([]int, contract.KeyShards)
	for i := range out {
		out[i] = i
	}
	return out
}

// startRefill begins to write all documents, unless only shards lack, and the
// shards.
func (l *leader) startRefill(documents bool, shards []int) {
	l.stats.refills.Add(1)
	l.refill = &refill{began: l.o.Clock(), documents: documents, shards: shards}
	l.o.Logger.Info("Redis is filled from the database", "documents", documents, "shards", len(shards))
}

// headWaits says that documents are still missing, so that no head may tell of
// them.
func (l *leader) headWaits() bool { return l.refill != nil && l.refill.documents }

// refillDocuments writes the next page of documents, and after the last one the
// head.
func (l *leader) refillDocuments(ctx context.Context) error {
	r := l.refill
	docs, err := l.o.Store.Documents(ctx, r.after, page)
	if err != nil {
		return l.notInStep(err)
	}
	if err := l.o.Bus.FillDocuments(ctx, docs); err != nil {
		return l.notInStep(err)
	}
	if r.wrote += len(docs); len(docs) == page {
		r.after = docs[len(docs)-1].Ref
		return nil
	}
	// Without a head nobody would notice that Redis was emptied once more on the
	// way. What is there now has to be all of it, else it is written again; and when
	// it is emptied from here on, the mark is lost with it, and no head is written.
	l.mark = core.NewID("mark")
	if err := l.o.Bus.Mark(ctx, l.mark); err != nil {
		return l.notInStep(err)
	}
	differ, err := l.differing(ctx, 0, contract.IndexBuckets)
	if err != nil {
		return l.notInStep(err)
	}
	if len(differ) > fewBuckets && r.again < 3 {
		r.after, r.wrote, r.again = "", 0, r.again+1
		return nil
	}
	for bucket, entries := range differ {
		if err := l.repairBucket(ctx, bucket, entries); err != nil {
			return l.notInStep(err)
		}
	}
	r.documents = false
	return l.writeHead(ctx)
}

// notInStep gives a refill up; the next comparison finds what still lacks.
func (l *leader) notInStep(err error) error {
	l.inStep = false
	l.refill = nil
	return err
}

// refillSome writes the next documents or shards.
func (l *leader) refillSome(ctx context.Context) error {
	r := l.refill
	if r.documents {
		return l.refillDocuments(ctx)
	}
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
	l.o.Logger.Info("Redis is filled", "documents", r.wrote, "keys", r.keys, "took", l.o.Clock().Sub(r.began))
	if l.unsent {
		return nil
	}
	return l.writeHead(ctx)
}
