package contract

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"hash/crc32"
)

// API keys are tg_live_<kid 10><secret 32><crc 6> with an underscore between
// kid and secret; management tokens are tgm_<kid 10>_<secret 32><crc 6>. All
// parts are base62 over 0-9A-Za-z; the checksum is CRC-32 (IEEE) over all
// before it, and only filters typing errors: it is no secret.
const (
	KeyPrefixLive  = "tg_live_"
	KeyPrefixTest  = "tg_test_"
	TokenPrefix    = "tgm_"
	kidLen         = 10
	secretLen      = 32
	crcLen         = 6
	keyTail        = kidLen + 1 + secretLen + crcLen
	MaxKeyLen      = len(KeyPrefixLive) + keyTail
	base62Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// ErrKeyFormat says that a text is not a well-formed key.
var ErrKeyFormat = errors.New("not a well-formed key")

var base62Value = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i := range base62Alphabet {
		t[base62Alphabet[i]] = int8(i)
	}
	return
}()

// ParsedKey is a key's parts. KID fits in 60 bits.
type ParsedKey struct {
	KID  uint64
	Test bool
}

// ParseKey checks length, prefix, alphabet and checksum of an API key without a
// lookup and without allocating (about 100 ns).
func ParseKey[S ~string | ~[]byte](s S) (ParsedKey, bool) {
	return parseKey(s, KeyPrefixLive, KeyPrefixTest)
}

// ParseToken does the same for a management token.
func ParseToken[S ~string | ~[]byte](s S) (ParsedKey, bool) {
	return parseKey(s, TokenPrefix, TokenPrefix)
}

func parseKey[S ~string | ~[]byte](s S, live, test string) (p ParsedKey, ok bool) {
	n := len(live)
	if len(s) != n+keyTail {
		return p, false
	}
	switch string(s[:n]) {
	case live:
	case test:
		p.Test = true
	default:
		return p, false
	}
	if s[n+kidLen] != '_' {
		return p, false
	}
	for i := n; i < len(s); i++ {
		if i != n+kidLen && base62Value[s[i]] < 0 {
			return p, false
		}
	}
	for i := n; i < n+kidLen; i++ {
		p.KID = p.KID*62 + uint64(base62Value[s[i]])
	}
	var want uint32
	var over uint64
	for i := len(s) - crcLen; i < len(s); i++ {
		over = over*62 + uint64(base62Value[s[i]])
	}
	want = uint32(over)
	return p, over>>32 == 0 && want == checksum(s[:len(s)-crcLen])
}

func checksum[S ~string | ~[]byte](s S) uint32 {
	// crc32.ChecksumIEEE takes bytes only; the table walk avoids a copy of a
	// string and is fast enough for 50 bytes.
	c := ^uint32(0)
	for i := 0; i < len(s); i++ {
		c = crc32.IEEETable[byte(c)^s[i]] ^ (c >> 8)
	}
	return ^c
}

// FormatKID writes a kid as its 10 base62 characters.
func FormatKID(kid uint64) string {
	var b [kidLen]byte
	for i := kidLen - 1; i >= 0; i-- {
		b[i] = base62Alphabet[kid%62]
		kid /= 62
	}
	return string(b[:])
}

// ParseKID reads what FormatKID wrote.
func ParseKID(s string) (kid uint64, ok bool) {
	if len(s) != kidLen {
		return 0, false
	}
	for i := range kidLen {
		v := base62Value[s[i]]
		if v < 0 {
			return 0, false
		}
		kid = kid*62 + uint64(v)
	}
	return kid, true
}

// GenerateKey makes a new key with 190 bits of secret: prefix is KeyPrefixLive,
// KeyPrefixTest or TokenPrefix.
func GenerateKey(prefix string) (key string, kid uint64, err error) {
	b := make([]byte, 0, MaxKeyLen)
	b = append(b, prefix...)
	if b, err = appendRandom62(b, kidLen); err != nil {
		return "", 0, err
	}
	kid, _ = ParseKID(string(b[len(prefix):]))
	b = append(b, '_')
	if b, err = appendRandom62(b, secretLen); err != nil {
		return "", 0, err
	}
	c := crc32.ChecksumIEEE(b)
	var crc [crcLen]byte
	for i := crcLen - 1; i >= 0; i-- {
		crc[i] = base62Alphabet[c%62]
		c /= 62
	}
	return string(append(b, crc[:]...)), kid, nil
}

// appendRandom62 appends n characters by rejection sampling: every character is
// equally likely.
func appendRandom62(b []byte, n int) ([]byte, error) {
	var buf [64]byte
	for n > 0 {
		if _, err := rand.Read(buf[:]); err != nil {
			return nil, err
		}
		for _, r := range buf {
			if r < 248 && n > 0 { // 4 × 62
				b = append(b, base62Alphabet[r%62])
				n--
			}
		}
	}
	return b, nil
}

// HashKey is the stored form of a key: HMAC-SHA-256 under the pepper over the
// whole text but its checksum.
func HashKey(pepper *[32]byte, key string) (out [32]byte) {
	h := hmac.New(sha256.New, pepper[:])
	h.Write([]byte(key[:max(0, len(key)-crcLen)]))
	h.Sum(out[:0])
	return out
}

// KeyHashInput returns the part of a well-formed key that HashKey hashes, for
// edges that keep a reusable HMAC state.
func KeyHashInput[S ~string | ~[]byte](key S) S { return key[:len(key)-crcLen] }

// RedactKey returns what may be shown of a key in logs: everything up to the
// kid. Anything that is not a well-formed key becomes "[redacted]".
func RedactKey(key string) string {
	for _, p := range []string{KeyPrefixLive, KeyPrefixTest, TokenPrefix} {
		if len(key) == len(p)+keyTail && key[:len(p)] == p {
			return key[:len(p)+kidLen] + "_…"
		}
	}
	return "[redacted]"
}
