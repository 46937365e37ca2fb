package redisbus

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

// challengeFor is how long an order's challenge stays answerable.
const challengeFor = 15 * time.Minute

// Challenges has every edge answer ACME challenges. It implements acme.Challenges.
type Challenges struct {
	Redis redis.UniversalClient
	Keys  *contract.EdgeKeys
}

// Present makes a challenge answerable: edges look it up when they are asked, so
// that it holds on all of them at once.
func (c *Challenges) Present(ctx context.Context, v contract.Challenge) error {
	msg, err := contract.EncodeSecretMessage(c.Keys, contract.MessageChallenge, v)
	if err != nil {
		return err
	}
	if err := c.Redis.Set(ctx, v.RedisKey(), msg, challengeFor).Err(); err != nil {
		return unavailable("write challenge", err)
	}
	return nil
}

// CleanUp takes a challenge away.
func (c *Challenges) CleanUp(ctx context.Context, v contract.Challenge) error {
	if err := c.Redis.Del(ctx, v.RedisKey()).Err(); err != nil {
		return unavailable("delete challenge", err)
	}
	return nil
}
