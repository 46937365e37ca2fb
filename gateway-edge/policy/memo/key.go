package memo

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// small is the longest input that is hashed on a small stack frame.
const small = 2 << 10

// MaxSecret is the longest credential that Key takes, in bytes.
const MaxSecret = 8 << 10

// Key is the hash of a credential under a configuration, whose own hash is print:
// of a fixed length, so that no two pairs read alike. The credential has at most
// MaxSecret bytes; a longer one gives the hash of its beginning. It does not
// allocate.
func Key(print *[32]byte, credential policy.Text) [32]byte {
	if credential.Len() <= small {
		var buf [sha256.Size + small]byte
		return sha256.Sum256(credential.AppendTo(append(buf[:0], print[:]...)))
	}
	return keyLarge(print, credential)
}

//go:noinline
func keyLarge(print *[32]byte, credential policy.Text) [32]byte {
	var buf [sha256.Size + MaxSecret]byte
	if credential.Len() > MaxSecret {
		credential = credential.Slice(0, MaxSecret)
	}
	return sha256.Sum256(credential.AppendTo(append(buf[:0], print[:]...)))
}

// KeyJoined is Key of a credential that stands in pieces: at most MaxSecret bytes of
// them count.
//
//go:noinline
func KeyJoined(print *[32]byte, pieces []policy.Text) [32]byte {
	var buf [sha256.Size + MaxSecret]byte
	b := append(buf[:0], print[:]...)
	for _, t := range pieces {
		b = t.Slice(0, min(t.Len(), len(buf)-len(b))).AppendTo(b)
	}
	return sha256.Sum256(b)
}

// Print is the hash of a configuration's parts, each with its length before it.
func Print(parts ...string) [32]byte {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return [32]byte(h.Sum(nil))
}

// Display is what may be shown of a credential by its hash: twelve hexadecimal
// digits behind a prefix.
func Display(prefix string, h *[32]byte) string {
	const hex = "0123456789abcdef"
	b := append(make([]byte, 0, len(prefix)+12), prefix...)
	for i := range 6 {
		b = append(b, hex[h[i]>>4], hex[h[i]&15])
	}
	return string(b)
}
