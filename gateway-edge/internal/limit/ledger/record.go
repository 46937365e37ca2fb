package ledger

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"sync/atomic"
)

// Sizes of a file's parts in bytes.
const (
	headerSize = 4096
	recordSize = 256
	wordsAt    = 192 // of a record: its last cache line
	textAt     = 80
	maxText    = wordsAt - textAt
)

// Flags of a record.
const (
	flagLocal      = 1 << iota // the counter is this edge's own
	flagNoConsumer             // only requests without a consumer
	flagNoKey                  // only requests without a key
	flagLive                   // only gateways that are billed
	flagUnrecorded             // usage rows don't tell the subject
	flagChain                  // of a key and those that it was rotated to
)

// Filter says which of the database's usage rows belong to a counter, so that it
// can be counted again when Redis was emptied. Zero numbers mean any.
type Filter struct {
	Organization, Gateway, Route, Consumer, Key uint64
	NoConsumer, NoKey                           bool
	Live                                        bool // without gateways of mode test
	Unrecorded                                  bool // subjects that usage rows don't tell apart
	Chain                                       bool // Key and the keys that it was rotated to
}

// Identity is what a record belongs to.
type Identity struct {
	Counter    string // name in Redis
	Period     string
	Start, End int64 // of the period, Unix seconds
	Local      bool
	Filter     Filter
}

// Words are a record's numbers, inside the mapping. Left units may be spent;
// Granted were granted so far, Back are on their way back to Redis, Seq numbers
// the messages. Debt was spent by a counter that never refuses without having been
// granted. Spent is Granted - Left - Back + Debt.
type Words struct {
	Left    atomic.Int64
	Granted atomic.Int64
	Back    atomic.Int64
	Seq     atomic.Int64
	settled atomic.Int64 // 1: Redis knows the last word
	Debt    atomic.Int64
	_       [2]int64
}

// Record is one counter in one period as a file has it.
type Record struct {
	Identity
	Since               int64 // Unix seconds at which this edge began to use it
	Left, Granted, Back int64
	Seq, Debt           int64
	Settled             bool
	Epoch               uint64
	// Stale: the machine lost power, and the newest words may be missing. More may
	// have been granted and spent than they say.
	Stale bool

	file string
	at   int64 // offset of its words in the file
	said bool  // Redis has heard the last word from this process, or can't be told
	lost bool  // it can't be told
}

// Spent is what was certainly or possibly spent: never less than the truth. It
// is more than Granted for a counter that never refuses and outran its lease.
func (r *Record) Spent() int64 { return max(0, r.Granted-r.Left-r.Back+r.Debt) }

var errRecord = errors.New("record is malformed")

// A record's identity part, little endian: state u32, CRC-32 of what follows up
// to its words, start, end, since i64, organization, gateway, route, consumer,
// key u64, flags u32, lengths of counter and period u16, both texts.
func encodeIdentity(b []byte, id *Identity, since int64) error {
	if len(b) < wordsAt || len(id.Counter)+len(id.Period) > maxText || id.Counter == "" {
		return errRecord
	}
	clear(b[:wordsAt])
	le := binary.LittleEndian
	f := &id.Filter
	for i, v := range [...]uint64{
		uint64(id.Start), uint64(id.End), uint64(since),
		f.Organization, f.Gateway, f.Route, f.Consumer, f.Key,
	} {
		le.PutUint64(b[8+8*i:], v)
	}
	var flags uint32
	for i, on := range [...]bool{id.Local, f.NoConsumer, f.NoKey, f.Live, f.Unrecorded, f.Chain} {
		if on {
			flags |= 1 << i
		}
	}
	le.PutUint32(b[72:], flags)
	le.PutUint16(b[76:], uint16(len(id.Counter)))
	le.PutUint16(b[78:], uint16(len(id.Period)))
	copy(b[textAt:], id.Counter)
	copy(b[textAt+len(id.Counter):], id.Period)
	le.PutUint32(b[4:], crc32.ChecksumIEEE(b[8:wordsAt]))
	return nil
}

const stateUsed = 0x5245434b // stored last, so that a half-written record is none

// decodeRecord reads one record; ok is false for an unused place. An error means
// bytes that no edge wrote.
func decodeRecord(b []byte) (r Record, ok bool, err error) {
	le := binary.LittleEndian
	if len(b) != recordSize {
		return r, false, errRecord
	}
	if le.Uint32(b) != stateUsed {
		return r, false, nil
	}
	if crc32.ChecksumIEEE(b[8:wordsAt]) != le.Uint32(b[4:]) {
		return r, false, errRecord
	}
	u := func(i int) uint64 { return le.Uint64(b[8+8*i:]) }
	flags, n, m := le.Uint32(b[72:]), int(le.Uint16(b[76:])), int(le.Uint16(b[78:]))
	if n == 0 || n+m > maxText || flags >= flagChain<<1 {
		return r, false, errRecord
	}
	r = Record{
		Identity: Identity{
			Counter: string(b[textAt : textAt+n]), Period: string(b[textAt+n : textAt+n+m]),
			Start: int64(u(0)), End: int64(u(1)), Local: flags&flagLocal != 0,
			Filter: Filter{
				Organization: u(3), Gateway: u(4), Route: u(5), Consumer: u(6), Key: u(7),
				NoConsumer: flags&flagNoConsumer != 0, NoKey: flags&flagNoKey != 0, Live: flags&flagLive != 0,
				Unrecorded: flags&flagUnrecorded != 0, Chain: flags&flagChain != 0,
			},
		},
		Since: int64(u(2)),
	}
	w := func(i int) int64 { return int64(le.Uint64(b[wordsAt+8*i:])) }
	r.Left, r.Granted, r.Back, r.Seq, r.Settled, r.Debt = w(0), w(1), w(2), w(3), w(4) == 1, w(5)
	const most = 1 << 53 // Redis' scripts count in float64
	if r.Granted < 0 || r.Granted > most || r.Left > most || r.Left < -most || r.Back < 0 || r.Back > most || r.Seq < 0 || r.Seq > most || r.Debt < 0 || r.Debt > most {
		return r, false, errRecord
	}
	return r, true, nil
}
