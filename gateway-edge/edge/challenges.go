package edge

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

// Bounds of looking challenges up: anybody can ask for any token.
const (
	challengeLookups = 32 // at once
	challengeTime    = 2 * time.Second
)

// challenges looks up what is answered to ACME authorities. The worker writes it
// before it asks the authority to look, so that it is there on every edge at once.
type challenges struct {
	redis  redis.UniversalClient
	keys   *contract.EdgeKeys
	places chan struct{}
}

func newChallenges(r redis.UniversalClient, keys *contract.EdgeKeys) *challenges {
	return &challenges{redis: r, keys: keys, places: make(chan struct{}, challengeLookups)}
}

// KeyAuth is what is answered for a host's token, or with "" to its TLS-ALPN-01
// challenge. What can't be looked up is none of ours.
func (c *challenges) KeyAuth(ctx context.Context, host, token string) (string, bool) {
	ctx, cancel := context.WithTimeout(ctx, challengeTime)
	defer cancel()
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	case <-ctx.Done():
		return "", false
	}
	b, err := c.redis.Get(ctx, contract.RedisChallenge(host, token)).Bytes()
	if err != nil {
		return "", false
	}
	var v contract.Challenge
	if err := contract.DecodeSecretMessage(c.keys, contract.MessageChallenge, b, &v); err != nil || v.Host != host || v.Type == contract.ChallengeHTTP && v.Token != token {
		return "", false
	}
	return v.KeyAuth, true
}
