package keystore

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// hasher is a reusable HMAC state with the buffers it works on, so that checking a
// key does not allocate.
type hasher struct {
	mac hash.Hash
	key [contract.MaxKeyLen]byte
	n   int
	sum [sha256.Size]byte
}

func newHasher(pepper *[32]byte) *hasher {
	return &hasher{mac: hmac.New(sha256.New, pepper[:])}
}

// parse copies the key and reads its parts; false for what is not a well-formed key.
func (h *hasher) parse(t policy.Text) (contract.ParsedKey, bool) {
	if t.Len() > len(h.key) {
		return contract.ParsedKey{}, false
	}
	h.n = len(t.AppendTo(h.key[:0]))
	return contract.ParseKey(h.key[:h.n])
}

// hash returns contract.HashKey of the parsed key.
func (h *hasher) hash() []byte {
	h.mac.Reset()
	h.mac.Write(contract.KeyHashInput(h.key[:h.n]))
	return h.mac.Sum(h.sum[:0])
}
