package coding

import (
	"iter"

	"github.com/klauspost/compress/zstd"
)

// oneFrame joins a body and reports whether it is one frame of zstd and nothing
// else (RFC 8878 3.1.1). Decoders differ on what follows the first frame: some read
// it, some leave it.
func oneFrame(chunks iter.Seq[[]byte]) (whole []byte, ok bool) {
	n := 0
	for p := range chunks {
		n++
		if n == 1 {
			whole = p[:len(p):len(p)]
		} else {
			whole = append(whole, p...)
		}
	}
	var h zstd.Header
	rest, err := h.DecodeAndStrip(whole)
	if err != nil || h.Skippable || h.DictionaryID != 0 {
		return nil, false
	}
	for last := false; !last; {
		if len(rest) < 3 {
			return nil, false
		}
		b := int(rest[0]) | int(rest[1])<<8 | int(rest[2])<<16
		size := b >> 3
		if b>>1&3 == 1 { // one byte, repeated
			size = 1
		}
		if last = b&1 == 1; len(rest)-3 < size {
			return nil, false
		}
		rest = rest[3+size:]
	}
	if h.HasCheckSum {
		if len(rest) < 4 {
			return nil, false
		}
		rest = rest[4:]
	}
	return whole, len(rest) == 0
}
