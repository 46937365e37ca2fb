package billing

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Digest is a SHA-256 (FIPS 180-4).
type Digest [sha256.Size]byte

// String is the digest as 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads what String writes.
func ParseDigest(s string) (d Digest, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(d) {
		return d, fmt.Errorf("%q is no digest of %d hexadecimal digits", s, 2*len(d))
	}
	return Digest(b), nil
}

// Entry says what an hour's total was at a moment: when the hour was closed, and
// again whenever it rose later. Each holds the hash of the entry before it, so that
// a change after the fact shows in every later hash.
type Entry struct {
	Organization uint64
	Seq          uint64 // from 1, without a gap
	Hour         int64
	Plan         uint32
	Total        int64
	At           time.Time // milliseconds
	Prev, Hash   Digest
}

// Head is the newest entry's number and hash.
type Head struct {
	Seq  uint64
	Hash Digest
}

// chainForm begins every entry's bytes; another layout gets another one.
const chainForm = "tollgate billing chain 1\n"

// Sum is the hash that the entry must have: SHA-256 over the form, the previous
// hash, and organization, number, hour, plan, total and moment (Unix milliseconds)
// as 64-bit big-endian integers.
func (e *Entry) Sum() Digest {
	b := make([]byte, 0, len(chainForm)+len(e.Prev)+6*8)
	b = append(append(b, chainForm...), e.Prev[:]...)
	for _, v := range []uint64{e.Organization, e.Seq, uint64(e.Hour), uint64(e.Plan), uint64(e.Total), uint64(core.Millis(e.At))} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return sha256.Sum256(b)
}

// Append makes the entry the one after the head, which moves on to it.
func (h *Head) Append(e *Entry) {
	e.Seq, e.Prev = h.Seq+1, h.Hash
	e.Hash = e.Sum()
	h.Seq, h.Hash = e.Seq, e.Hash
}

// Follow checks that the entry is the one after the head, and moves on to it. The
// error says what is wrong with it.
func (h *Head) Follow(e *Entry) error {
	switch {
	case e.Seq != h.Seq+1:
		return fmt.Errorf("entry %d is missing", h.Seq+1)
	case e.Prev != h.Hash:
		return fmt.Errorf("entry %d does not follow the one before it", e.Seq)
	case e.Hash != e.Sum():
		return fmt.Errorf("entry %d is not what its hash says", e.Seq)
	}
	h.Seq, h.Hash = e.Seq, e.Hash
	return nil
}

// Chain is what a check of an organization's chain found.
type Chain struct {
	First, Last Digest // of the oldest and the newest entry
	Entries     uint64
	Broken      string // what is wrong, empty for a chain that is whole
}

// chainPage is how many entries are read at once.
const chainPage = 1000

// checkChain walks an organization's whole chain, calling each for every entry.
func checkChain(ctx context.Context, s HourStore, org core.OrganizationID, each func(*Entry)) (Chain, error) {
	var c Chain
	var at Head
	for {
		entries, head, err := s.Chain(ctx, org, at.Seq, chainPage)
		if err != nil {
			return c, err
		}
		for i := range entries {
			e := &entries[i]
			if err := at.Follow(e); err != nil {
				c.Broken = err.Error()
				return c, nil
			}
			if e.Seq == 1 {
				c.First = e.Hash
			}
			c.Last, c.Entries = e.Hash, e.Seq
			each(e)
		}
		if len(entries) == chainPage {
			continue
		}
		if at != head {
			c.Broken = fmt.Sprintf("entry %d, the newest, is missing", head.Seq)
		}
		return c, nil
	}
}
