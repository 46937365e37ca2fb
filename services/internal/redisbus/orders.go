package redisbus

import (
	"context"
	"crypto/ed25519"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/operator"
)

// Commander tells edges what to do. It implements operator.Commander.
type Commander struct {
	Asker
	Signer ed25519.PrivateKey
}

// Order signs an order and waits until the edge has carried it out or ctx ends.
func (c *Commander) Order(ctx context.Context, o contract.Order) error {
	clock := c.Clock
	if clock == nil {
		clock = core.SystemClock
	}
	b, err := contract.SignOrder(c.Signer, &o, clock())
	if err != nil {
		return err
	}
	pipe := c.Redis.Pipeline()
	pipe.RPush(ctx, contract.RedisOrders(o.Edge), b)
	pipe.PExpire(ctx, contract.RedisOrders(o.Edge), askTTL)
	if _, err := pipe.Exec(ctx); err != nil {
		return core.Wrap(core.CodeUnavailable, err, "the edges can't be reached at the moment")
	}
	answer, err := c.wait(ctx, o.ID, askTTL)
	switch {
	case errors.Is(err, redis.Nil), err == nil && !answer.Done:
		return core.Errorf(core.CodeUnavailable, "the edge did not confirm it in time; look at its state and repeat it")
	case err != nil:
		return err
	case answer.Edge != o.Edge:
		return core.Errorf(core.CodeUnavailable, "the edge's answer can't be trusted")
	}
	return nil
}

// Streams says how long the streams are through which edges report, and how far
// behind their readers are.
func (c *Commander) Streams(ctx context.Context) ([]operator.Stream, error) {
	var out []operator.Stream
	add := func(name, group string) error {
		s := operator.Stream{Name: name}
		n, err := c.Redis.XLen(ctx, name).Result()
		if err != nil {
			return unavailable("read the length of a stream", err)
		}
		s.Length = n
		groups, err := c.Redis.XInfoGroups(ctx, name).Result()
		if err == nil { // else nobody has written or read it yet
			for _, g := range groups {
				if g.Name == group {
					s.Pending = g.Pending
				}
			}
		}
		oldest, err := c.Redis.XRangeN(ctx, name, "-", "+", 1).Result()
		if err != nil {
			return unavailable("read the head of a stream", err)
		}
		if len(oldest) > 0 {
			s.Oldest = core.FromMillis(entryTime(oldest[0].ID))
		}
		out = append(out, s)
		return nil
	}
	for i := range contract.UsageStreams {
		if err := add(contract.RedisUsage(i), contract.GroupUsage); err != nil {
			return nil, err
		}
	}
	for i := range contract.LogStreams {
		if err := add(contract.RedisLogs(i), contract.GroupLogs); err != nil {
			return nil, err
		}
	}
	return out, nil
}

var _ operator.Commander = (*Commander)(nil)
