package limit

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// defaultCallBudget is Config.CallBudget where that is 0.
const defaultCallBudget = 400 * time.Millisecond

// awayAfter is how many round trips in a row fail before Redis counts as away.
const awayAfter = 2

// link is the way to Redis and what is known of its state. Once it is away, one
// probe at a time is made, at most four a second, until a call succeeds, so that
// a dead Redis costs next to nothing.
type link struct {
	rdb    redis.UniversalClient
	budget time.Duration // for one round trip
	log    *slog.Logger

	away  atomic.Bool
	row   atomic.Int32 // failures in a row
	seen  atomic.Bool  // it has answered in this process
	trips atomic.Uint64
	fails atomic.Uint64

	mu    sync.Mutex // guards probe
	probe time.Time  // not before: the next try while away
}

func newLink(rdb redis.UniversalClient, budget time.Duration, log *slog.Logger) *link {
	return &link{rdb: rdb, budget: budget, log: log}
}

// down reports whether Redis is known not to answer.
func (l *link) down() bool { return l.rdb == nil || l.away.Load() }

// mayTry reports whether a call makes sense now; while Redis is away it says yes
// once in each pause.
func (l *link) mayTry() bool {
	if l.rdb == nil {
		return false
	}
	if !l.away.Load() {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Before(l.probe) {
		return false
	}
	l.probe = now.Add(250*time.Millisecond + rand.N(250*time.Millisecond))
	return true
}

// failed and answered move the state; both say it once.
func (l *link) failed(err error) {
	l.fails.Add(1)
	l.mu.Lock()
	l.probe = time.Now().Add(100*time.Millisecond + rand.N(200*time.Millisecond))
	l.mu.Unlock()
	if l.row.Add(1) >= awayAfter && !l.away.Swap(true) {
		l.log.Warn("limits: Redis is away: leases and shares are spent as far as they reach", "error", err)
	}
}

func (l *link) answered() {
	if !l.seen.Load() {
		l.seen.Store(true)
	}
	if l.row.Load() != 0 {
		l.row.Store(0)
	}
	if l.away.Load() && l.away.Swap(false) {
		l.log.Info("limits: Redis answers again")
	}
}

// greet asks until Redis has answered once, so that at the start it is soon known
// whether it is there.
func (l *link) greet(ctx context.Context) {
	for !l.seen.Load() && ctx.Err() == nil {
		l.ping(ctx)
		if l.seen.Load() {
			return
		}
		t := time.NewTimer(25 * time.Millisecond)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// ping looks whether Redis answers, if a call makes sense now.
func (l *link) ping(ctx context.Context) {
	if !l.mayTry() {
		return
	}
	c, cancel := context.WithTimeout(ctx, l.budget)
	defer cancel()
	if err := l.rdb.Ping(c).Err(); err == nil {
		l.answered()
	} else if ctx.Err() == nil {
		l.failed(err)
	}
}

// pipeline sends scripts in one round trip and returns each one's reply or error.
// A server that forgot a script gets it again.
func (l *link) pipeline(ctx context.Context, calls []*call) {
	ctx, cancel := context.WithTimeout(ctx, l.budget)
	defer cancel()
	l.send(ctx, calls, false)
	var again []*call
	for _, c := range calls {
		if c.err != nil && strings.HasPrefix(c.err.Error(), "NOSCRIPT") {
			again = append(again, c)
		}
	}
	if len(again) > 0 {
		l.send(ctx, again, true)
	}
	var worst error
	good := false
	for _, c := range calls {
		if c.err == nil {
			good = true
		} else {
			worst = c.err
		}
	}
	switch {
	case worst == nil, good && !isNetwork(worst):
		l.answered()
	default:
		l.failed(worst)
	}
}

func (l *link) send(ctx context.Context, calls []*call, whole bool) {
	l.trips.Add(1)
	p := l.rdb.Pipeline()
	cmds := make([]*redis.Cmd, len(calls))
	for i, c := range calls {
		if whole {
			cmds[i] = p.Eval(ctx, c.script.source, c.keys[:], c.args...)
		} else {
			cmds[i] = p.EvalSha(ctx, c.script.sha, c.keys[:], c.args...)
		}
	}
	_, _ = p.Exec(ctx)
	for i, c := range calls {
		c.reply, c.err = cmds[i].Slice()
		if c.err == nil && len(c.reply) < 2 {
			c.err = errReply
		}
	}
}

var errReply = errors.New("a script's reply is malformed")

// isNetwork tells a failed connection from an error that the server answered.
func isNetwork(err error) bool {
	var answered redis.Error
	return !errors.As(err, &answered)
}

// number reads an integer of a reply.
func (c *call) number(i int) int64 {
	if i >= len(c.reply) {
		return 0
	}
	n, _ := c.reply[i].(int64)
	return n
}

// text reads a string of a reply.
func (c *call) text(i int) string {
	if i >= len(c.reply) {
		return ""
	}
	s, _ := c.reply[i].(string)
	return s
}

// seq reads the number of a "seq" refusal.
func (c *call) seq() int64 {
	n, _ := strconv.ParseInt(c.text(2), 10, 64)
	return n
}
