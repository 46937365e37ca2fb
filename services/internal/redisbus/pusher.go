package redisbus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// holders is which edge the ids of connections lead to, as it was a moment ago.
type holders struct {
	mu    sync.Mutex
	byTag map[string]string // guarded by mu
	read  time.Time         // guarded by mu
}

// How long it may be used without asking again: for an edge that is in it, and for
// one that is not, which may have come since.
const (
	holderAge   = time.Second
	holderPause = 100 * time.Millisecond
)

// Push asks the edge that holds a connection, and waits for its answer or for ctx.
// An edge that is gone took its connections with it: contract.PushGone. One that is
// there and says nothing is core.CodeUnavailable.
func (a *Asker) Push(ctx context.Context, push contract.Push) (contract.Pushed, error) {
	tag, ok := contract.ConnectionEdge(push.Connection)
	if !ok {
		return contract.Pushed{Outcome: contract.PushGone}, nil
	}
	edge, err := a.holder(ctx, tag)
	if err != nil {
		return contract.Pushed{}, core.Wrap(core.CodeUnavailable, err, "the edges can't be reached at the moment")
	}
	if edge == "" {
		return contract.Pushed{Outcome: contract.PushGone}, nil
	}
	msg, err := contract.EncodeSecretMessage(a.Keys, contract.MessagePush, push)
	if err != nil {
		return contract.Pushed{}, err
	}
	pipe := a.Redis.Pipeline()
	pipe.RPush(ctx, contract.RedisPush(edge), msg)
	pipe.PExpire(ctx, contract.RedisPush(edge), askTTL)
	if _, err := pipe.Exec(ctx); err != nil {
		return contract.Pushed{}, core.Wrap(core.CodeUnavailable, err, "the edges can't be reached at the moment")
	}
	answer, err := a.wait(ctx, push.ID, askTTL)
	switch {
	case errors.Is(err, redis.Nil), err == nil && answer.Pushed == nil:
		return contract.Pushed{}, core.Errorf(core.CodeUnavailable, "the edge that holds the connection did not answer in time; the message may have been sent")
	case err != nil:
		return contract.Pushed{}, err
	}
	return *answer.Pushed, nil
}

// holder finds the edge that a tag stands for; "": it is not there.
func (a *Asker) holder(ctx context.Context, tag string) (string, error) {
	clock := a.Clock
	if clock == nil {
		clock = core.SystemClock
	}
	h, now := &a.holders, clock()
	h.mu.Lock()
	edge, age := h.byTag[tag], now.Sub(h.read)
	fresh := h.byTag != nil && age >= 0 && (age < holderPause || age < holderAge && edge != "")
	h.mu.Unlock()
	if fresh {
		return edge, nil
	}
	edges, err := a.present(ctx, func(*contract.EdgeReport) bool { return true })
	if err != nil {
		return "", err
	}
	byTag := make(map[string]string, len(edges))
	for _, e := range edges {
		byTag[a.Keys.EdgeTag(e)] = e
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.byTag, h.read = byTag, now
	return byTag[tag], nil
}
