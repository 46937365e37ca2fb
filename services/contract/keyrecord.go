package contract

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// States of an API key.
const (
	KeyActive  byte = 1
	KeyRevoked byte = 2
	// KeyDeleted is what a key of a deleted consumer or gateway becomes.
	KeyDeleted byte = 3
)

// Bounds of a record's variable parts, in bytes.
const (
	MaxConsumerName = 128
	MaxScopes       = 1024
)

// KeyRecord is what an edge knows of one API key.
type KeyRecord struct {
	KID         uint64
	Version     uint64 // rises with every change; an edge never goes back
	Gateway     uint64 // numeric gateway: a key is good on no other
	Consumer    uint64
	UsagePlan   uint64 // 0: none
	NotBefore   int64  // Unix milliseconds; 0: no bound
	Expires     int64  // Unix milliseconds; 0: never
	State       byte
	Test        bool
	Pepper      uint8
	Hash        [32]byte // HashKey under the pepper
	ConsumerRef string   // the consumer's name, sent to backends and logged
	Scopes      []string // no spaces inside
	// Rotated is true for the old key of a rotation: answers carry
	// Tollgate-Key-Expires-In.
	Rotated bool

	// What follows needs schema 2; a record without it is written as schema 1.

	// Kind says what proves the identity: a key's secret, or a token.
	Kind byte
	// Limits are the key's own: each that is set stands in for the usage plan's of
	// its kind.
	Limits KeyLimits
	// LimitsOf is the kid under which Limits are counted; 0: its own. A key that
	// was rotated and its successor share what is left.
	LimitsOf uint64
}

// Kinds of records.
const (
	RecordKey      byte = 0 // an API key
	RecordIdentity byte = 1 // an OIDC identity: Hash is IdentityHash, KID IdentityKID
)

const (
	recMagic = 0xA1             // schema 1
	recMore  = 0xA2             // schema 2: more stands after the scopes
	recFixed = 1 + 8*7 + 4 + 32 // magic, numbers, state/test/pepper/rotated, hash
	recMAC   = 16
)

// ErrBadRecord says that a record is malformed or its MAC does not verify.
var ErrBadRecord = errors.New("key record is malformed or was tampered with")

// Encode writes the record with its MAC. The version stands big-endian at
// offset 9, for the script that refuses to go back.
func (r *KeyRecord) Encode(keys *EdgeKeys) ([]byte, error) {
	scopes := strings.Join(r.Scopes, " ")
	if len(r.ConsumerRef) > MaxConsumerName || len(scopes) > MaxScopes {
		return nil, fmt.Errorf("key record: consumer name over %d or scopes over %d bytes", MaxConsumerName, MaxScopes)
	}
	b := make([]byte, 0, recFixed+4+len(r.ConsumerRef)+len(scopes)+recExtra+recMAC)
	magic := byte(recMagic)
	if r.extended() {
		magic = recMore
	}
	b = append(b, magic)
	be := binary.BigEndian
	for _, v := range [...]uint64{r.KID, r.Version, r.Gateway, r.Consumer, r.UsagePlan, uint64(r.NotBefore), uint64(r.Expires)} {
		b = be.AppendUint64(b, v)
	}
	b = append(b, r.State, boolByte(r.Test), r.Pepper, boolByte(r.Rotated))
	b = append(b, r.Hash[:]...)
	b = be.AppendUint16(b, uint16(len(r.ConsumerRef)))
	b = append(b, r.ConsumerRef...)
	b = be.AppendUint16(b, uint16(len(scopes)))
	b = append(b, scopes...)
	if magic == recMore {
		var err error
		if b, err = r.appendExtra(b); err != nil {
			return nil, err
		}
	}
	m := mac(&keys.RecordMAC, "key record", b)
	return append(b, m[:recMAC]...), nil
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// DecodeKeyRecord checks the MAC and reads a record.
func DecodeKeyRecord(keys *EdgeKeys, b []byte) (*KeyRecord, error) {
	if len(b) < recFixed+4+recMAC || b[0] != recMagic && b[0] != recMore {
		return nil, ErrBadRecord
	}
	body, sum := b[:len(b)-recMAC], b[len(b)-recMAC:]
	if m := mac(&keys.RecordMAC, "key record", body); subtle.ConstantTimeCompare(m[:recMAC], sum) != 1 {
		return nil, ErrBadRecord
	}
	be := binary.BigEndian
	u := func(i int) uint64 { return be.Uint64(body[1+8*i:]) }
	o := 1 + 8*7
	r := &KeyRecord{
		KID: u(0), Version: u(1), Gateway: u(2), Consumer: u(3), UsagePlan: u(4),
		NotBefore: int64(u(5)), Expires: int64(u(6)),
		State: body[o], Test: body[o+1] == 1, Pepper: body[o+2], Rotated: body[o+3] == 1,
		Hash: [32]byte(body[o+4:]),
	}
	rest := body[recFixed:]
	name, rest, ok := cutBytes(rest)
	if !ok || len(name) > MaxConsumerName {
		return nil, ErrBadRecord
	}
	scopes, rest, ok := cutBytes(rest)
	if !ok || len(scopes) > MaxScopes {
		return nil, ErrBadRecord
	}
	if b[0] == recMore {
		if rest, ok = r.cutExtra(rest); !ok {
			return nil, ErrBadRecord
		}
	}
	if len(rest) != 0 {
		return nil, ErrBadRecord
	}
	r.ConsumerRef = string(name)
	if len(scopes) > 0 {
		r.Scopes = strings.Split(string(scopes), " ")
	}
	return r, nil
}

func cutBytes(b []byte) (part, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}
