package jwt

import (
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/gateway-edge/policy/provider"
)

const noConsumerText = "The token's caller is not a consumer of this gateway"

// entry is the verdict on one token under one configuration. It is immutable but
// for what is known of the caller's consumer.
type entry struct {
	hash    [32]byte
	key     *provider.Key // it dies with it
	expires int64         // Unix seconds, with the leeway
	weight  int
	granted grant.Granted
	known   caller.Known // set unless granted is a refusal
}

// Hash implements memo.Entry.
func (e *entry) Hash() *[32]byte { return &e.hash }

// Good implements memo.Entry.
func (e *entry) Good(boot, unix int64) bool { return unix <= e.expires && e.key.Alive(boot) }

// Weight implements memo.Entry.
func (e *entry) Weight() int { return e.weight }

// verdicts are those on one issuer's tokens.
type verdicts = memo.Table[entry, *entry]
