package contract

import (
	"encoding/hex"
	"math"
)

// UsageAck says up to which batch the database has an edge's epoch. It stands,
// as a message of purpose MessageAck, in the hash RedisUsageAck under the
// incarnation's AckField, so that two edges that were given one identity never
// take each other's acknowledgements, and so that somebody who can only write
// to Redis can't make an edge throw usage away.
type UsageAck struct {
	Edge        string `json:"edge"`
	Epoch       uint64 `json:"epoch"`
	Incarnation string `json:"incarnation"` // AckField
	Seq         uint64 `json:"seq"`
}

// MessageAck is the purpose of a UsageAck.
const MessageAck = "ack"

// AckField is the hash field and text form of an incarnation.
func AckField(incarnation [16]byte) string { return hex.EncodeToString(incarnation[:]) }

// SealedAll is the Sealed of an epoch's very last batch: no hour of it changes
// any more.
const SealedAll = math.MaxUint32

// LogBatch is what an edge puts into a log stream, as a message of purpose
// MessageLog.
type LogBatch struct {
	Edge    string      `json:"edge"`
	Dropped uint64      `json:"dropped"` // records that found no room, since the edge's start
	Records []LogRecord `json:"records"`
}

// Bounds of a LogBatch.
const (
	MaxLogRecords    = 512
	MaxLogBatchBytes = 1 << 20
)

// SealMessage is EncodeMessage for a value that is JSON already. It trusts js to
// be one whole JSON value; DecodeMessage does not.
func SealMessage(keys *EdgeKeys, purpose string, js []byte) []byte {
	m := mac(&keys.RecordMAC, "message "+purpose, js)
	return append(m[:16:16], js...)
}
