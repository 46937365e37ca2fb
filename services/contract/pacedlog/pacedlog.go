package pacedlog

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Every is how often one kind of line is written.
const Every = 10 * time.Second

// maxKinds bounds the kinds that are remembered; the rest counts as one.
const maxKinds = 64

// Logger paces lines by their format. It is safe for concurrent use.
type Logger struct {
	log   *slog.Logger
	name  string
	clock func() time.Time

	mu    sync.Mutex
	kinds map[string]*kind
}

// kind is one format of lines.
type kind struct {
	next time.Time
	left int // out since the last one
}

// New makes a logger of a library's lines.
func New(log *slog.Logger, library string) *Logger {
	return &Logger{log: log, name: library, clock: time.Now, kinds: map[string]*kind{}}
}

// Printf writes a line, or counts it.
func (l *Logger) Printf(ctx context.Context, format string, args ...any) {
	left, ok := l.due(format)
	if !ok {
		return
	}
	l.log.LogAttrs(ctx, slog.LevelWarn, "a library reports",
		slog.String("library", l.name), slog.String("line", fmt.Sprintf(format, args...)), slog.Int("left_out", left))
}

func (l *Logger) due(format string) (left int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	k := l.kinds[format]
	if k == nil {
		if len(l.kinds) >= maxKinds {
			format = ""
		}
		if k = l.kinds[format]; k == nil {
			k = &kind{}
			l.kinds[format] = k
		}
	}
	if now.Before(k.next) {
		k.left++
		return 0, false
	}
	left, k.left, k.next = k.left, 0, now.Add(Every)
	return left, true
}
