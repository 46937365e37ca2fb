package redisbus

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

// EdgeCertificate gives edges the certificate of the edge domain.
type EdgeCertificate struct {
	Redis redis.UniversalClient
	Keys  *contract.EdgeKeys
}

// Publish writes the certificate unless it is there already.
func (c *EdgeCertificate) Publish(ctx context.Context, v contract.EdgeCertificate) error {
	b, err := c.Redis.Get(ctx, contract.RedisEdgeCertificate).Bytes()
	if err != nil && !errors.Is(err, redis.Nil) {
		return unavailable("read the edge domain's certificate", err)
	}
	var has contract.EdgeCertificate
	if err == nil && contract.DecodeSecretMessage(c.Keys, contract.MessageCertificate, b, &has) == nil && has == v {
		return nil
	}
	if b, err = contract.EncodeSecretMessage(c.Keys, contract.MessageCertificate, v); err != nil {
		return err
	}
	if err := c.Redis.Set(ctx, contract.RedisEdgeCertificate, b, 0).Err(); err != nil {
		return unavailable("write the edge domain's certificate", err)
	}
	return nil
}
