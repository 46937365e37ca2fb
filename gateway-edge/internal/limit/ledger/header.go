package ledger

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"strings"
)

// header is the first 4 KiB of a file, written once but for the clean mark.
type header struct {
	Edge   string
	Epoch  uint64
	Boot   string // of the machine: another one means the page cache was lost
	Number uint64
	Clean  bool // closed in order: every word is on disk
}

const (
	magic   = "TGLEASE1"
	cleanAt = 2048
	maxID   = 128
)

var errHeader = errors.New("not a ledger of this version")

func (h *header) encode() ([]byte, error) {
	if len(h.Edge) > maxID || len(h.Boot) > maxID {
		return nil, errHeader
	}
	b := make([]byte, headerSize)
	copy(b, magic)
	le := binary.LittleEndian
	le.PutUint32(b[12:], recordSize)
	le.PutUint64(b[16:], h.Epoch)
	le.PutUint64(b[24:], h.Number)
	le.PutUint16(b[32:], uint16(len(h.Edge)))
	le.PutUint16(b[34:], uint16(len(h.Boot)))
	copy(b[40:], h.Edge)
	copy(b[40+maxID:], h.Boot)
	le.PutUint32(b[8:], crc32.ChecksumIEEE(b[12:cleanAt]))
	if h.Clean {
		b[cleanAt] = 1
	}
	return b, nil
}

func decodeHeader(b []byte) (h header, err error) {
	le := binary.LittleEndian
	if len(b) < headerSize || string(b[:8]) != magic || le.Uint32(b[12:]) != recordSize ||
		le.Uint32(b[8:]) != crc32.ChecksumIEEE(b[12:cleanAt]) {
		return h, errHeader
	}
	n, m := int(le.Uint16(b[32:])), int(le.Uint16(b[34:]))
	if n > maxID || m > maxID {
		return h, errHeader
	}
	return header{
		Edge: string(b[40 : 40+n]), Boot: string(b[40+maxID : 40+maxID+m]),
		Epoch: le.Uint64(b[16:]), Number: le.Uint64(b[24:]), Clean: b[cleanAt] == 1,
	}, nil
}

// DecodeFile reads a whole file: its header's edge and epoch, and every record.
// bad counts records whose checksum fails. It bounds nothing but the input.
func DecodeFile(b []byte) (edge string, epoch uint64, records []Record, bad int, err error) {
	h, err := decodeHeader(b)
	if err != nil {
		return "", 0, nil, 0, err
	}
	for at := headerSize; at+recordSize <= len(b); at += recordSize {
		r, ok, err := decodeRecord(b[at : at+recordSize])
		if err != nil {
			bad++
			continue
		}
		if !ok {
			continue
		}
		r.Epoch, r.at = h.Epoch, int64(at+wordsAt)
		records = append(records, r)
	}
	return h.Edge, h.Epoch, records, bad, nil
}

// bootID names this boot of the machine; "" where it can't be known, which then
// never equals another.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
