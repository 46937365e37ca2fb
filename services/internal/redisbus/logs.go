package redisbus

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/usage"
)

// LogReader takes access log records from the streams and stores them. Logs are
// lossy: while the database is away the capped stream forgets the oldest.
type LogReader struct {
	Redis    redis.UniversalClient
	Keys     *contract.EdgeKeys
	Store    usage.LogStore
	Consumer string       // unique among the workers that run
	Logger   *slog.Logger // nil: slog.Default
}

// logRecords bounds the records of one transaction.
const logRecords = 4096

// Run reads every log stream until ctx ends.
func (l *LogReader) Run(ctx context.Context) error {
	if l.Logger == nil {
		l.Logger = slog.Default()
	}
	var all sync.WaitGroup
	for n := range contract.LogStreams {
		all.Go(func() {
			l.follow(ctx, &streamReader{
				redis: l.Redis, stream: contract.RedisLogs(n), group: contract.GroupLogs, consumer: l.Consumer, log: l.Logger,
			})
		})
	}
	all.Wait()
	return nil
}

func (l *LogReader) follow(ctx context.Context, r *streamReader) {
	failures := 0
	for ctx.Err() == nil {
		list, err := r.read(ctx, readBlock)
		if err == nil {
			err = l.store(ctx, r, list)
		}
		if err == nil || ctx.Err() != nil {
			failures = 0
			continue
		}
		if failures++; failures == 1 {
			l.Logger.Warn("access logs can't be stored", "stream", r.stream, "error", err)
		}
		pause(ctx, min(time.Duration(failures)*200*time.Millisecond, maxPause))
	}
}

// store stores what entries hold and acknowledges them. Entries that fail stay
// with this consumer until they are claimed or forgotten.
func (l *LogReader) store(ctx context.Context, r *streamReader, list []entry) error {
	if len(list) == 0 {
		return nil
	}
	var records []contract.LogRecord
	flush := func() error {
		err := l.Store.AppendLogs(ctx, records)
		records = records[:0]
		return err
	}
	for _, e := range list {
		var b contract.LogBatch
		if err := contract.DecodeMessage(l.Keys, contract.MessageLog, e.payload, &b); err != nil {
			l.Logger.Error("log batch refused", "entry", e.id, "error", err)
			continue
		}
		for i := range b.Records {
			b.Records[i].Edge = b.Edge
		}
		records = append(records, b.Records...)
		if len(records) >= logRecords {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	pipe := l.Redis.Pipeline()
	r.done(ctx, pipe, list)
	_, err := pipe.Exec(ctx)
	return err
}
