package disklog

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Kind says what a record holds.
type Kind byte

// Kinds of records.
const (
	Gateway      Kind = 'g' // a gateway's signed document
	Organization Kind = 'o' // an organization's signed document
	Position     Kind = 'p' // how far the change stream was applied
	Quarantine   Kind = 'q' // a version that must not be compiled again
	Failure      Kind = 'f' // a version that did not compile
)

// Bounds of a record's clear part, and of a whole record, in bytes.
const (
	maxID     = 256
	maxHosts  = 4096
	maxHost   = 255
	maxRecord = 32 << 20
)

// Record is one entry of the log.
type Record struct {
	Kind    Kind
	Deleted bool // a tombstone: the id is gone
	Version uint64
	Digest  [16]byte // of Doc, for the index
	ID      string
	Hosts   []string
	Doc     []byte
}

// ErrDamaged says that bytes on disk are not what was written there.
var ErrDamaged = errors.New("record is damaged")

// mark stands before every record so that a reader can find the next one behind
// a damaged one.
const mark = "\xf1TGr"

const recordHead = len(mark) + 4 + 4 // mark, length, CRC

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode writes r with its document sealed under aead and nonce.
func (r *Record) encode(aead cipher.AEAD, nonce []byte) ([]byte, error) {
	if len(r.ID) == 0 || len(r.ID) > maxID || len(r.Hosts) > maxHosts {
		return nil, fmt.Errorf("record %q: id or hosts out of bounds", r.ID)
	}
	clear := 1 + 1 + 8 + 16 + 2 + len(r.ID) + 2
	for _, h := range r.Hosts {
		if len(h) > maxHost {
			return nil, fmt.Errorf("record %q: host of %d bytes", r.ID, len(h))
		}
		clear += 1 + len(h)
	}
	b := make([]byte, recordHead, recordHead+4+clear+len(nonce)+len(r.Doc)+aead.Overhead())
	copy(b, mark)
	be := binary.BigEndian
	b = be.AppendUint32(b, uint32(clear))
	b = append(b, byte(r.Kind), flag(r.Deleted))
	b = be.AppendUint64(b, r.Version)
	b = append(b, r.Digest[:]...)
	b = be.AppendUint16(b, uint16(len(r.ID)))
	b = append(b, r.ID...)
	b = be.AppendUint16(b, uint16(len(r.Hosts)))
	for _, h := range r.Hosts {
		b = append(b, byte(len(h)))
		b = append(b, h...)
	}
	ad := b[recordHead:]
	b = append(b, nonce...)
	b = aead.Seal(b, nonce, r.Doc, ad)
	body := b[recordHead:]
	if len(body) > maxRecord {
		return nil, fmt.Errorf("record %q is %d bytes, at most %d are allowed", r.ID, len(body), maxRecord)
	}
	be.PutUint32(b[len(mark):], uint32(len(body)))
	be.PutUint32(b[len(mark)+4:], crc32.Checksum(body, castagnoli))
	return b, nil
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// decode opens what encode wrote; body is everything behind the head, whose CRC
// was checked.
func decode(aead cipher.AEAD, body []byte) (*Record, error) {
	be := binary.BigEndian
	if len(body) < 4 {
		return nil, ErrDamaged
	}
	end := 4 + uint64(be.Uint32(body))
	if end > uint64(len(body)) {
		return nil, ErrDamaged
	}
	ad, sealed := body[:end], body[end:]
	r, err := decodeClear(ad[4:])
	if err != nil {
		return nil, err
	}
	n := aead.NonceSize()
	if len(sealed) < n {
		return nil, ErrDamaged
	}
	if r.Doc, err = aead.Open(nil, sealed[:n], sealed[n:], ad); err != nil {
		return nil, fmt.Errorf("%w: record %q does not open with this edge's key", ErrDamaged, r.ID)
	}
	return r, nil
}

// decodeClear reads the part that is not encrypted.
func decodeClear(b []byte) (*Record, error) {
	be := binary.BigEndian
	const fixed = 1 + 1 + 8 + 16 + 2
	if len(b) < fixed {
		return nil, ErrDamaged
	}
	r := &Record{Kind: Kind(b[0]), Deleted: b[1] == 1, Version: be.Uint64(b[2:]), Digest: [16]byte(b[10:])}
	n := int(be.Uint16(b[fixed-2:]))
	b = b[fixed:]
	if n > maxID || len(b) < n+2 {
		return nil, ErrDamaged
	}
	r.ID = string(b[:n])
	hosts := int(be.Uint16(b[n:]))
	b = b[n+2:]
	if hosts > maxHosts {
		return nil, ErrDamaged
	}
	for range hosts {
		if len(b) < 1 || len(b) < 1+int(b[0]) {
			return nil, ErrDamaged
		}
		r.Hosts = append(r.Hosts, string(b[1:1+int(b[0])]))
		b = b[1+int(b[0]):]
	}
	if len(b) != 0 {
		return nil, ErrDamaged
	}
	return r, nil
}
