package publish

import (
	"context"
	"fmt"
	"slices"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// page is how many documents or entries are read at once.
const page = 500

// compare brings a leader and Redis together: it decides whether Redis holds
// what the database says was sent, has been emptied or set back, or belongs to a
// past that the database no longer knows, and starts what is needed.
func (l *leader) compare(ctx context.Context) error {
	l.refill = nil
	if err := l.loadIndex(ctx); err != nil {
		return err
	}
	head, top, err := l.o.Bus.Head(ctx)
	if err != nil {
		return err
	}
	l.head = head
	h, ours := l.openHead(head)
	l.told = max(l.told, h.Time)
	fresh := l.lease.Lineage == ""
	// Revisions beyond the newest one of the database: it was restored from a
	// backup, or never had them. Whatever Redis says belongs to another past.
	ahead := top > l.lease.Rev || ours && h.Lineage == l.lease.Lineage && h.Rev > l.lease.Rev || l.edgesAhead()
	if fresh || ahead {
		if err := l.begin(ctx, max(top, h.Rev), h.Epoch); err != nil {
			return err
		}
	}
	if l.lease.BuiltBy != l.built {
		if err := l.o.Store.Everything(ctx, l.lease.Epoch, l.built); err != nil {
			return err
		}
		l.lease.BuiltBy = l.built
	}
	// The head of another lineage, or one that we did not sign.
	if head != nil && (!ours || h.Lineage != l.lease.Lineage) {
		l.o.Logger.Warn("Redis holds another past; it is emptied and filled from the database", "lineage", l.lease.Lineage)
		if err := l.o.Bus.Wipe(ctx); err != nil {
			return err
		}
		l.head = nil
	}
	return l.fillWhatLacks(ctx, h)
}

// edgesAhead says whether an edge has applied revisions of this lineage that the
// database does not know: it was restored from a backup, and Redis, which would
// have told, was lost as well. Revisions are in the database before they are sent.
func (l *leader) edgesAhead() bool {
	return l.lease.Lineage != "" && slices.ContainsFunc(l.edges, func(e contract.EdgeReport) bool {
		return e.Lineage == l.lease.Lineage && e.Rev > l.lease.Rev
	})
}

// fillWhatLacks starts a refill where Redis is empty or behind what was sent.
func (l *leader) fillWhatLacks(ctx context.Context, h contract.Head) error {
	behind, err := l.behind(ctx, h)
	if err != nil {
		return err
	}
	unseeded, err := l.o.Bus.Unseeded(ctx, l.lease.Lineage)
	if err != nil {
		return err
	}
	l.inStep = true
	if !behind && len(unseeded) == 0 {
		return nil
	}
	if behind {
		unseeded = allShards()
	}
	if behind && l.head != nil {
		// A replica that was behind took over. An edge that missed a notice finds out by
		// what it is told next, and reads keys anew: not from what the replica has.
		if err := l.o.Bus.WipeKeys(ctx); err != nil {
			return l.notInStep(err)
		}
		l.head = nil
	}
	l.startRefill(behind, unseeded)
	return nil
}

// behind says whether Redis lacks something that was sent: its head is missing
// or older than the newest revision that is marked as sent.
func (l *leader) behind(ctx context.Context, h contract.Head) (bool, error) {
	if l.head == nil {
		return true, nil
	}
	first, err := l.o.Store.Unsent(ctx, 1)
	if err != nil {
		return false, err
	}
	marked := l.lease.Rev
	if len(first) > 0 {
		marked = first[0].Rev - 1
	}
	return h.Rev < marked, nil
}

func (l *leader) loadIndex(ctx context.Context) error {
	if l.index != nil {
		return nil
	}
	x := newIndex()
	for after := ""; ; {
		docs, err := l.o.Store.Entries(ctx, after, page)
		if err != nil {
			return err
		}
		for i := range docs {
			x.set(docs[i].Ref, docs[i].Entry)
		}
		if len(docs) < page {
			l.index = x
			return nil
		}
		after = docs[len(docs)-1].Ref
	}
}

// openHead reads a head; ours is false when we did not sign it.
func (l *leader) openHead(b []byte) (h contract.Head, ours bool) {
	if b == nil {
		return h, false
	}
	if _, err := contract.OpenDocument(l.o.Keys.Edge.Verifier, contract.KindHead, b, &h); err != nil {
		return contract.Head{}, false
	}
	return h, true
}

// begin starts a lineage whose revisions and epochs are above what Redis has
// seen, so that its change stream can go on.
func (l *leader) begin(ctx context.Context, rev, epoch uint64) error {
	lease, err := l.o.Store.Begin(ctx, l.lease.Epoch, Lineage{
		ID: core.NewID("lin"), Issued: l.o.Clock().UnixMilli(), Rev: rev, Epoch: epoch + 1, BuiltBy: l.lease.BuiltBy,
	})
	if err != nil {
		return err
	}
	l.o.Logger.Info("publisher begins a lineage", "lineage", lease.Lineage, "rev", lease.Rev)
	l.lease = lease
	l.unsent = false
	return nil
}

// writeHead signs the head of this moment. When somebody else has changed the
// head since, or it is gone, Redis is compared again. While documents are
// missing, there is nothing true to sign.
func (l *leader) writeHead(ctx context.Context) error {
	if l.headWaits() {
		return nil
	}
	now := l.o.Clock()
	h := contract.Head{
		Lineage: l.lease.Lineage, Rev: l.lease.Rev, Time: max(now.UnixMilli(), l.told+1), Epoch: l.lease.Epoch,
		Root: l.index.root(), Issued: l.lease.Issued,
	}
	b, err := contract.SignDocument(l.o.Keys.Signer, contract.KindHead, h.Rev, h)
	if err != nil {
		return fmt.Errorf("sign head: %w", err)
	}
	_, ok, err := l.o.Bus.SetHead(ctx, b, l.head, l.mark)
	if err != nil {
		return err
	}
	if !ok {
		l.inStep = false
		l.refill = nil
		return nil
	}
	l.head, l.told = b, h.Time
	l.stats.lastHead.Store(h.Time)
	l.stats.rev.Store(h.Rev)
	return nil
}

// repairBuckets is how many index buckets are compared each second: all of them
// in a minute.
const repairBuckets = contract.IndexBuckets/60 + 1

// repair compares some buckets of the index with what they have to be and writes
// what differs: an update that Redis lost silently is found within a minute.
func (l *leader) repair(ctx context.Context) error {
	from := l.drift
	to := min(from+repairBuckets, contract.IndexBuckets)
	l.drift = to % contract.IndexBuckets
	differ, err := l.differing(ctx, from, to)
	if err != nil {
		return err
	}
	for bucket, entries := range differ {
		l.o.Logger.Warn("an index bucket in Redis is not what was sent; it is repaired", "bucket", bucket)
		if err := l.repairBucket(ctx, bucket, entries); err != nil {
			return err
		}
	}
	return nil
}

// readBuckets is how many buckets are read at once.
const readBuckets = 256

// differing reads the buckets from (inclusive) to (exclusive) and returns those
// that are not as they have to be.
func (l *leader) differing(ctx context.Context, from, to int) (map[int]map[string]string, error) {
	out := map[int]map[string]string{}
	for ; from < to; from += readBuckets {
		buckets, err := l.o.Bus.Buckets(ctx, from, min(from+readBuckets, to))
		if err != nil {
			return nil, err
		}
		for i, entries := range buckets {
			if contract.BucketDigest(entries) != l.index.buckets[from+i] {
				out[from+i] = entries
			}
		}
	}
	return out, nil
}

func (l *leader) repairBucket(ctx context.Context, bucket int, entries map[string]string) error {
	var alien []string
	for ref := range entries {
		if _, ok := l.index.entries[ref]; !ok {
			alien = append(alien, ref)
		}
	}
	// Entries that claim more than was sent would refuse the true ones: they go first.
	var wrong []string
	for _, ref := range l.index.of(bucket) {
		if entries[ref] != l.index.entries[ref] {
			wrong = append(wrong, ref)
		}
	}
	slices.Sort(wrong)
	if err := l.o.Bus.Remove(ctx, append(alien, wrong...)); err != nil {
		return err
	}
	docs, err := l.o.Store.DocumentsOf(ctx, wrong)
	if err != nil {
		return err
	}
	return l.o.Bus.FillDocuments(ctx, docs)
}
