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
	answer, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	err := giveAnswer(answer, p.Redis, p.Keys, contract.Answer{ID: push.ID, Edge: p.Edge, Pushed: &done})
	if err != nil && ctx.Err() == nil {
		p.Logger.Warn("observe: answer a push", "error", err)
	}
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
