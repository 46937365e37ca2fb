package redisbus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/publish"
)

// changesKept is about how many notices the change stream keeps: an edge that is
// further behind reads everything again.
const changesKept = 100_000

// pipelined is how many commands go to Redis in one round trip.
const pipelined = 256

// Writer writes documents, records, notices and the head: publish.Bus over
// Redis. It is safe for concurrent use, though one publisher leads at a time.
type Writer struct {
	client redis.UniversalClient
	keys   *contract.EdgeKeys
}

var _ publish.Bus = (*Writer)(nil)

// NewWriter makes a Writer over an open client; keys open the edges' reports.
func NewWriter(client redis.UniversalClient, keys *contract.EdgeKeys) *Writer {
	return &Writer{client: client, keys: keys}
}

// Head reads the head and the newest revision in the change stream.
func (w *Writer) Head(ctx context.Context) (head []byte, top uint64, err error) {
	pipe := w.client.Pipeline()
	get := pipe.Get(ctx, contract.RedisHead)
	last := pipe.XRevRangeN(ctx, contract.RedisChanges, "+", "-", 1)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, 0, unavailable("read head", err)
	}
	if get.Err() == nil {
		head = []byte(get.Val())
	}
	if entries := last.Val(); len(entries) > 0 {
		if _, err := fmt.Sscanf(entries[0].ID, "%d-", &top); err != nil {
			return nil, 0, fmt.Errorf("the change stream has an entry %q that is no revision", entries[0].ID)
		}
	}
	return head, top, nil
}

// Mark leaves a mark beside the head.
func (w *Writer) Mark(ctx context.Context, mark string) error {
	if err := w.client.Set(ctx, contract.RedisHeadMark, mark, 0).Err(); err != nil {
		return unavailable("mark what is filled", err)
	}
	return nil
}

// SetHead replaces the head if it is still last, and for a first one the mark is
// there.
func (w *Writer) SetHead(ctx context.Context, head, last []byte, mark string) (current []byte, ok bool, err error) {
	v, err := setHead.Run(ctx, w.client, []string{contract.RedisHead, contract.RedisHeadMark}, head, last, mark).Result()
	if errors.Is(err, redis.Nil) {
		return nil, false, nil // there is none any more
	}
	if err != nil {
		return nil, false, unavailable("write head", err)
	}
	if s, is := v.(string); is {
		return []byte(s), false, nil
	}
	return head, true, nil
}

// Send writes documents and records, and only when all of them are there the
// notices, in order.
func (w *Writer) Send(ctx context.Context, b publish.Batch) error {
	if err := w.FillDocuments(ctx, b.Documents); err != nil {
		return err
	}
	err := w.batches(ctx, len(b.Records), func(pipe redis.Pipeliner, i int) {
		r := &b.Records[i]
		setKey.EvalSha(ctx, pipe, []string{contract.RedisKeys(contract.KeyShard(r.KID))}, contract.FormatKID(r.KID), r.Bytes)
	}, setKey)
	if err != nil {
		return unavailable("write key records", err)
	}
	return w.notices(ctx, b.Notices)
}

// notices adds entries with their revisions as ids. Redis refuses one that is
// not greater than the last: it was added before, or another publisher is ahead.
func (w *Writer) notices(ctx context.Context, list []publish.Notice) error {
	for len(list) > 0 {
		n := min(pipelined, len(list))
		pipe := w.client.Pipeline()
		for _, e := range list[:n] {
			pipe.XAdd(ctx, &redis.XAddArgs{
				Stream: contract.RedisChanges, MaxLen: changesKept, Approx: true,
				ID: fmt.Sprintf("%d-0", e.Rev), Values: []any{contract.NoticeField, e.Bytes},
			})
		}
		cmds, err := pipe.Exec(ctx)
		if err != nil && len(cmds) == 0 {
			return unavailable("add notices", err)
		}
		for _, c := range cmds {
			if err := c.Err(); err != nil && !strings.Contains(err.Error(), "equal or smaller than the target stream top item") {
				return unavailable("add notices", err)
			}
		}
		list = list[n:]
	}
	return nil
}

// FillDocuments writes documents, and then their index entries.
func (w *Writer) FillDocuments(ctx context.Context, docs []publish.Document) error {
	for _, d := range docs {
		if d.Kind != core.PublishGateway && d.Kind != core.PublishOrganization {
			return fmt.Errorf("document %s is of unknown kind %q", d.Ref, d.Kind)
		}
	}
	err := w.batches(ctx, len(docs), func(pipe redis.Pipeliner, i int) {
		setDocument.EvalSha(ctx, pipe, []string{documentKey(docs[i].Ref)}, docs[i].Bytes)
	}, setDocument)
	if err != nil {
		return unavailable("write documents", err)
	}
	err = w.batches(ctx, len(docs), func(pipe redis.Pipeliner, i int) {
		d := &docs[i]
		setEntry.EvalSha(ctx, pipe, []string{contract.RedisIndex(contract.IndexBucket(d.Ref))}, d.Ref, d.Entry, d.Version)
	}, setEntry)
	if err != nil {
		return unavailable("write index", err)
	}
	return nil
}

// documentKey tells gateways and organizations apart by their ids.
func documentKey(ref string) string {
	if strings.HasPrefix(ref, core.PrefixOrganization+"_") {
		return contract.RedisOrganization(ref)
	}
	return contract.RedisDocument(ref)
}

// Remove deletes documents and their index entries, the entries first.
func (w *Writer) Remove(ctx context.Context, refs []string) error {
	if err := w.batches(ctx, len(refs), func(pipe redis.Pipeliner, i int) {
		pipe.HDel(ctx, contract.RedisIndex(contract.IndexBucket(refs[i])), refs[i])
	}); err != nil {
		return unavailable("remove index entries", err)
	}
	if err := w.batches(ctx, len(refs), func(pipe redis.Pipeliner, i int) {
		pipe.Del(ctx, documentKey(refs[i]))
	}); err != nil {
		return unavailable("remove documents", err)
	}
	return nil
}

// Buckets reads index buckets.
func (w *Writer) Buckets(ctx context.Context, from, to int) ([]map[string]string, error) {
	out := make([]map[string]string, 0, to-from)
	pipe := w.client.Pipeline()
	cmds := make([]*redis.MapStringStringCmd, 0, to-from)
	for b := from; b < to; b++ {
		cmds = append(cmds, pipe.HGetAll(ctx, contract.RedisIndex(b)))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, unavailable("read index", err)
	}
	for _, c := range cmds {
		out = append(out, c.Val())
	}
	return out, nil
}

// FillKeys writes whole shards, each with its marker in the same step.
func (w *Writer) FillKeys(ctx context.Context, lineage string, shards []publish.Shard) error {
	err := w.batches(ctx, len(shards), func(pipe redis.Pipeliner, i int) {
		s := &shards[i]
		args := make([]any, 0, 2+2*len(s.Records))
		args = append(args, contract.KeysSeeded, lineage)
		for _, r := range s.Records {
			args = append(args, contract.FormatKID(r.KID), r.Bytes)
		}
		fillShard.EvalSha(ctx, pipe, []string{contract.RedisKeys(s.Number)}, args...)
	}, fillShard)
	if err != nil {
		return unavailable("fill key shards", err)
	}
	return nil
}

// Unseeded lists the shards without the lineage's marker.
func (w *Writer) Unseeded(ctx context.Context, lineage string) ([]int, error) {
	var out []int
	for from := 0; from < contract.KeyShards; from += pipelined {
		pipe := w.client.Pipeline()
		cmds := make([]*redis.StringCmd, pipelined)
		for i := range cmds {
			cmds[i] = pipe.HGet(ctx, contract.RedisKeys(from+i), contract.KeysSeeded)
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return nil, unavailable("read seed markers", err)
		}
		for i, c := range cmds {
			if c.Err() != nil && !errors.Is(c.Err(), redis.Nil) {
				return nil, unavailable("read seed markers", c.Err())
			}
			if c.Val() != lineage {
				out = append(out, from+i)
			}
		}
	}
	return out, nil
}

// Wipe removes what another lineage left: documents, also those that no index
// lists, the index, key records, and at last the head, so that a publisher that
// dies on the way makes the next one begin again.
func (w *Writer) Wipe(ctx context.Context) error {
	for _, pattern := range []string{contract.RedisDocument("*"), contract.RedisOrganization("*")} {
		// Braces are no special characters of patterns; the star is.
		if err := w.scan(ctx, pattern); err != nil {
			return err
		}
	}
	if err := w.batches(ctx, contract.IndexBuckets, func(pipe redis.Pipeliner, i int) {
		pipe.Del(ctx, contract.RedisIndex(i))
	}); err != nil {
		return unavailable("remove index", err)
	}
	return w.WipeKeys(ctx)
}

// WipeKeys removes key records that may be old, and at last the head, as Wipe does.
func (w *Writer) WipeKeys(ctx context.Context) error {
	if err := w.batches(ctx, contract.KeyShards, func(pipe redis.Pipeliner, i int) {
		pipe.Del(ctx, contract.RedisKeys(i))
	}); err != nil {
		return unavailable("remove key records", err)
	}
	if err := w.client.Del(ctx, contract.RedisHead).Err(); err != nil {
		return unavailable("remove head", err)
	}
	return nil
}

// scan deletes all keys of a pattern, on every master of a cluster.
func (w *Writer) scan(ctx context.Context, pattern string) error {
	each := func(ctx context.Context, c redis.Cmdable) error {
		for cursor := uint64(0); ; {
			keys, next, err := c.Scan(ctx, cursor, pattern, 1000).Result()
			if err != nil {
				return unavailable("look for documents", err)
			}
			if err := w.batches(ctx, len(keys), func(pipe redis.Pipeliner, i int) { pipe.Del(ctx, keys[i]) }); err != nil {
				return unavailable("remove documents", err)
			}
			if cursor = next; cursor == 0 {
				return nil
			}
		}
	}
	if cluster, ok := w.client.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return each(ctx, c) })
	}
	return each(ctx, w.client)
}

// batches runs n commands in pipelines and returns the first error. When Redis
// has lost the scripts (it was restarted), they are loaded and all of it is done
// again: every command of a writer may run twice.
func (w *Writer) batches(ctx context.Context, n int, add func(pipe redis.Pipeliner, i int), scripts ...*redis.Script) error {
	for from := 0; from < n; from += pipelined {
		for attempt := 0; ; attempt++ {
			err := w.pipeline(ctx, from, min(from+pipelined, n), add)
			if err == nil {
				break
			}
			if attempt > 0 || !strings.Contains(err.Error(), "NOSCRIPT") {
				return err
			}
			for _, s := range scripts {
				if err := w.load(ctx, s); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (w *Writer) pipeline(ctx context.Context, from, to int, add func(pipe redis.Pipeliner, i int)) error {
	pipe := w.client.Pipeline()
	for i := from; i < to; i++ {
		add(pipe, i)
	}
	_, err := pipe.Exec(ctx)
	return err
}

// load puts a script on every master.
func (w *Writer) load(ctx context.Context, s *redis.Script) error {
	if cluster, ok := w.client.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return s.Load(ctx, c).Err() })
	}
	return s.Load(ctx, w.client).Err()
}

// unavailable wraps an error of Redis.
func unavailable(doing string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return core.Wrap(core.CodeUnavailable, fmt.Errorf("%s: %w", doing, err), "Redis can't be reached at the moment; try again")
}
