package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

// LogConfig is what an access log needs.
type LogConfig struct {
	Edge   string
	Keys   *contract.EdgeKeys
	Redis  redis.UniversalClient // nil: nothing is shipped
	Out    io.Writer             // one JSON line a record; nil: none
	Logger *slog.Logger          // nil: slog.Default
	// Export takes the record of a request that the operator traces, as one JSON
	// object that is valid during the call only; nil: nobody does. It must not wait.
	Export func(record []byte)
	// Buffer bounds the records that wait to be shipped, in bytes; 0 is 8 MiB.
	Buffer int
	// Every is how often records are shipped; 0 is 500 ms.
	Every time.Duration
}

// Log is the access log.
type Log struct {
	cfg     LogConfig
	pool    sync.Pool // *[]byte
	stripes [stripes]stripe
	limit   int // bytes of one of a stripe's buffers

	served, important, exports budget

	written, dropped, limited, shipped, failed, unexported atomic.Uint64
}

// budget bounds how many records are taken between two flushes, and how many of
// one gateway: logging must not cost what serving does, and one tenant's flood
// must not hide another's records.
type budget struct {
	all, each int64
	used      atomic.Int64
	gateways  [256]atomic.Int64 // by the gateway's number
}

func (b *budget) take(gateway uint64) bool {
	return b.gateways[gateway%uint64(len(b.gateways))].Add(1) <= b.each && b.used.Add(1) <= b.all
}

// spent says that take would refuse.
func (b *budget) spent(gateway uint64) bool {
	return b.gateways[gateway%uint64(len(b.gateways))].Load() >= b.each || b.used.Load() >= b.all
}

func (b *budget) refill() {
	b.used.Store(0)
	for i := range b.gateways {
		b.gateways[i].Store(0)
	}
}

// Records that are taken each second: served ones of one gateway, of all, and
// twice as many refused and failed ones.
const (
	recordsEach = 1000
	recordsAll  = 2000
	// Traced requests that are exported each second: of one gateway, of all.
	exportsEach = 200
	exportsAll  = 500
)

// Bounds of the log.
const (
	stripes       = 8
	defaultBuffer = 8 << 20
	defaultEvery  = 500 * time.Millisecond
	shipTimeout   = 2 * time.Second
	// maxLine is the longest record that is kept; a trace may be long.
	maxLine = 128 << 10
	// streamLen caps a log stream, in batches.
	streamLen = 4000
	// batchBytes closes a batch before it is too large to be accepted.
	batchBytes = contract.MaxLogBatchBytes / 2
)

// stripe is one of several places that records are put into, so that cores
// seldom meet. Important records have a buffer of their own: a flood of served
// requests can't push out those that were refused or failed.
type stripe struct {
	mu        sync.Mutex // guards both; held for a copy of one line
	important []byte
	served    []byte
	_         [64]byte // a cache line of its own
}

// NewLog makes a Log; Run ships what Write takes.
func NewLog(c LogConfig) *Log {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Buffer == 0 {
		c.Buffer = defaultBuffer
	}
	if c.Every == 0 {
		c.Every = defaultEvery
	}
	l := &Log{cfg: c, limit: c.Buffer / (2 * stripes)}
	per := func(n int64) int64 { return max(1, n*int64(c.Every)/int64(time.Second)) }
	l.served.all, l.served.each = per(recordsAll), per(recordsEach)
	l.important.all, l.important.each = per(2*recordsAll), per(2*recordsEach)
	l.exports.all, l.exports.each = per(exportsAll), per(exportsEach)
	l.pool.New = func() any { b := make([]byte, 0, 1024); return &b }
	return l
}

// Write encodes a record and leaves it to Run. It never waits for I/O, and
// allocates nothing unless the record has a Trace. Past some thousand records a
// second the rest is left out, unless there is a local log to be filled.
func (l *Log) Write(r *Record) {
	b := &l.served
	if r.important() {
		b = &l.important
	}
	keep, export := !r.Unlogged, r.Export && l.cfg.Export != nil
	if keep && l.cfg.Out == nil && !b.take(r.Gateway) {
		l.limited.Add(1)
		keep = false
	}
	if export && !l.exports.take(r.Gateway) {
		l.unexported.Add(1)
		export = false
	}
	if !keep && !export {
		return
	}
	p := l.pool.Get().(*[]byte)
	line := append(appendRecord((*p)[:0], l.cfg.Edge, r), '\n')
	if export {
		l.cfg.Export(line[:len(line)-1])
	}
	if keep {
		l.put(r, line)
	}
	if cap(line) <= 16<<10 {
		*p = line
		l.pool.Put(p)
	}
}

// put leaves a record's line to Run.
func (l *Log) put(r *Record, line []byte) {
	s := &l.stripes[rand.Uint32()%stripes]
	s.mu.Lock()
	buf := &s.served
	if r.important() {
		buf = &s.important
	}
	ok := len(*buf)+len(line) <= l.limit && len(line) <= maxLine
	if ok {
		*buf = append(*buf, line...)
	}
	s.mu.Unlock()
	if ok {
		l.written.Add(1)
	} else {
		l.dropped.Add(1)
	}
}

// Full reports that Write would leave a record of the gateway out, so that it
// need not be made: refused says that it is of a refused or failed request.
func (l *Log) Full(gateway uint64, refused bool) bool {
	b := &l.served
	if refused {
		b = &l.important
	}
	if l.cfg.Out != nil || !b.spent(gateway) {
		return false
	}
	l.limited.Add(1)
	return true
}

// LogStats are totals since the start.
type LogStats struct {
	Written    uint64
	Dropped    uint64 // found no room, or could not be shipped
	Limited    uint64 // left out by the bound on records a second
	Shipped    uint64
	ShipErrors uint64
	Unexported uint64 // traced requests left out by the bound on exports a second
}

// Stats returns the log's totals.
func (l *Log) Stats() LogStats {
	return LogStats{l.written.Load(), l.dropped.Load(), l.limited.Load(), l.shipped.Load(), l.failed.Load(), l.unexported.Load()}
}

// Run writes and ships records until ctx ends, then what is left.
func (l *Log) Run(ctx context.Context) error {
	t := time.NewTicker(l.cfg.Every)
	defer t.Stop()
	warned := false
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shipTimeout)
			defer cancel()
			if err := l.flush(last); err != nil {
				l.cfg.Logger.Warn("observe: the last access log records were not shipped", "error", err)
			}
			return nil
		case <-t.C:
		}
		err := l.flush(ctx)
		if err != nil && !warned {
			l.cfg.Logger.Warn("observe: access log can't be written", "error", err)
		}
		warned = err != nil
	}
}

// flush empties the stripes: important records are shipped first. What can't be
// shipped is dropped and counted; the local log has it.
func (l *Log) flush(ctx context.Context) error {
	l.served.refill()
	l.important.refill()
	l.exports.refill()
	var important, served []byte
	for i := range l.stripes {
		s := &l.stripes[i]
		s.mu.Lock()
		important, served = append(important, s.important...), append(served, s.served...)
		s.important, s.served = s.important[:0], s.served[:0]
		s.mu.Unlock()
	}
	err := l.print(important, served)
	return errors.Join(err, l.ship(ctx, important), l.ship(ctx, served))
}

// print writes lines to the local log.
func (l *Log) print(parts ...[]byte) error {
	if l.cfg.Out == nil {
		return nil
	}
	for _, p := range parts {
		if len(p) == 0 {
			continue
		}
		if _, err := l.cfg.Out.Write(p); err != nil {
			return fmt.Errorf("write access log: %w", err)
		}
	}
	return nil
}

// ship puts lines into the log stream.
func (l *Log) ship(ctx context.Context, lines []byte) error {
	if l.cfg.Redis == nil || len(lines) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, shipTimeout)
	defer cancel()
	pipe := l.cfg.Redis.Pipeline()
	total := 0
	for len(lines) > 0 {
		var msg []byte
		n := 0
		msg, lines, n = l.batch(lines)
		total += n
		pipe.XAdd(ctx, &redis.XAddArgs{
			Stream: contract.RedisLogs(contract.LogStream(l.cfg.Edge)), MaxLen: streamLen, Approx: true,
			Values: []any{contract.BatchField, contract.SealMessage(l.cfg.Keys, contract.MessageLog, msg)},
		})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		l.failed.Add(1)
		l.dropped.Add(uint64(total))
		return fmt.Errorf("ship access log: %w", err)
	}
	l.shipped.Add(uint64(total))
	return nil
}

// batch makes a contract.LogBatch of as many lines as it may hold. The lines are
// JSON already and are not read again.
func (l *Log) batch(lines []byte) (js, rest []byte, n int) {
	js = append(js, `{"edge":"`...)
	js = appendSafe(js, l.cfg.Edge, maxName)
	js = append(js, `","dropped":`...)
	js = strconv.AppendUint(js, l.dropped.Load()+l.limited.Load(), 10)
	js = append(js, `,"records":[`...)
	for len(lines) > 0 && n < contract.MaxLogRecords && len(js) < batchBytes {
		var line []byte
		line, lines = cutLine(lines)
		if n > 0 {
			js = append(js, ',')
		}
		js = append(js, line...)
		n++
	}
	return append(js, "]}"...), lines, n
}

func cutLine(b []byte) (line, rest []byte) {
	for i, c := range b {
		if c == '\n' {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}
