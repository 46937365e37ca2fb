package observe

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

// PushFunc does what is asked of a client's WebSocket. It must return when ctx ends.
type PushFunc func(ctx context.Context, p contract.Push) contract.Pushed

// Pusher takes what the control plane asks of the WebSockets that this edge holds.
type Pusher struct {
	Edge     string
	Self     string      // names this process; what it does not hold is passed on under it
	Others   func() bool // reports whether another process of this edge runs; nil: none does
	Keys     *contract.EdgeKeys
	Blocking redis.UniversalClient // waits for work
	Redis    redis.UniversalClient // takes answers
	Do       PushFunc
	Wall     func() time.Time // nil: time.Now
	Logger   *slog.Logger     // nil: slog.Default
}

// Bounds of pushing: at once, and how long one may take at most. A client that takes
// nothing holds one place so long.
const (
	maxPushes   = 256
	maxPushTime = 2 * time.Second
	answerTime  = 5 * time.Second
	maxPasses   = 20
	passPause   = 20 * time.Millisecond
)

// Run takes pushes until ctx ends, and ends behind those under way.
func (p *Pusher) Run(ctx context.Context) error {
	if p.Logger == nil {
		p.Logger = slog.Default()
	}
	if p.Wall == nil {
		p.Wall = time.Now
	}
	var all sync.WaitGroup
	defer all.Wait()
	places := make(chan struct{}, maxPushes)
	takeEach(ctx, p.Blocking, contract.RedisPush(p.Edge), func(msg []byte) {
		busy := false
		select {
		case places <- struct{}{}:
		default:
			busy = true
		}
		all.Go(func() {
			if !busy {
				defer func() { <-places }()
			}
			p.take(ctx, msg, busy)
		})
	})
	return nil
}

// take does one. What nobody with the edge secret asked, or is too old, gets no
// answer.
func (p *Pusher) take(ctx context.Context, msg []byte, busy bool) {
	var push contract.Push
	if err := contract.DecodeSecretMessage(p.Keys, contract.MessagePush, msg, &push); err != nil {
		p.Logger.Warn("observe: push", "error", err)
		return
	}
	left := time.UnixMilli(push.Deadline).Sub(p.Wall())
	if left < -askSlack || push.ID == "" {
		return
	}
	done := contract.Pushed{Outcome: contract.PushBusy}
	if !busy {
		limited, cancel := context.WithTimeout(ctx, min(max(left, askSlack), maxPushTime))
		done = p.do(limited, push)
		cancel()
	}
	if done.Outcome == contract.PushGone && p.pass(ctx, push) {
		return
	}
	answer, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	err := giveAnswer(answer, p.Redis, p.Keys, contract.Answer{ID: push.ID, Edge: p.Edge, Pushed: &done})
	if err != nil && ctx.Err() == nil {
		p.Logger.Warn("observe: answer a push", "error", err)
	}
}

// pass leaves a push to another process of this edge, while there is one: it may hold
// the connection. It reports false where that is known, or nobody takes it.
func (p *Pusher) pass(ctx context.Context, push contract.Push) bool {
	if p.Others == nil || !p.Others() || push.Passed != "" && push.Passed != p.Self || push.Passes == maxPasses {
		return false
	}
	if push.Passes > 0 { // it came back: the other one is busy, or does not take any yet
		t := time.NewTimer(passPause)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return false
		case <-t.C:
		}
	}
	push.Passed = p.Self
	push.Passes++
	msg, err := contract.EncodeSecretMessage(p.Keys, contract.MessagePush, push)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, backTime)
	defer cancel()
	pipe := p.Redis.Pipeline()
	pipe.RPush(ctx, contract.RedisPush(p.Edge), msg)
	pipe.PExpire(ctx, contract.RedisPush(p.Edge), backTTL)
	_, err = pipe.Exec(ctx)
	return err == nil
}

// do shields the edge from a panic.
func (p *Pusher) do(ctx context.Context, push contract.Push) (out contract.Pushed) {
	defer func() {
		if v := recover(); v != nil {
			p.Logger.Error("observe: a push panicked", "panic", v)
			out = contract.Pushed{Outcome: contract.PushBusy}
		}
	}()
	return p.Do(ctx, push)
}
