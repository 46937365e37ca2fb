package coding

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

func packed(w io.WriteCloser, b *bytes.Buffer, s string) []byte {
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return slices.Clone(b.Bytes())
}

// encoders make a body of each coding.
var encoders = map[Coding]func(s string) []byte{
	Gzip:    func(s string) []byte { var b bytes.Buffer; return packed(gzip.NewWriter(&b), &b, s) },
	Deflate: func(s string) []byte { var b bytes.Buffer; return packed(zlib.NewWriter(&b), &b, s) },
	Brotli:  func(s string) []byte { var b bytes.Buffer; return packed(brotli.NewWriter(&b), &b, s) },
	Zstd: func(s string) []byte {
		var b bytes.Buffer
		w, _ := zstd.NewWriter(&b)
		return packed(w, &b, s)
	},
}

// decode decodes a body cut into pieces of n bytes.
func decode(c Coding, body []byte, n int, limit int64) (string, error) {
	var out strings.Builder
	err := Decode(c, slices.Chunk(body, n), limit, func(p []byte) bool { out.Write(p); return true })
	return out.String(), err
}

func TestDecode(t *testing.T) {
	const text = "hello, hello, hello, good morning to everybody"
	for c, encode := range encoders {
		good := encode(text)
		for _, n := range []int{1, 7, 1 << 20} {
			if got, err := decode(c, good, n, 100); err != nil || got != text {
				t.Errorf("%d: %q %v", c, got, err)
			}
			for name, bad := range map[string]struct {
				body  []byte
				limit int64
				want  error
			}{
				"over the limit":  {good, 10, ErrTooLarge},
				"over the ratio":  {encode(strings.Repeat("\x00", 20<<20)), 1 << 30, ErrTooLarge},
				"cut off":         {good[:len(good)-3], 100, ErrMalformed},
				"something else":  {[]byte("\x3fhello"), 100, ErrMalformed},
				"empty":           {nil, 100, ErrMalformed},
				"text behind":     {append(slices.Clone(good), 'x'), 100, ErrMalformed},
				"a second member": {append(slices.Clone(good), good...), 100, ErrMalformed},
			} {
				got, err := decode(c, bad.body, n, bad.limit)
				if !errors.Is(err, bad.want) {
					t.Errorf("%d, %s in pieces of %d: %v, want %v", c, name, n, err, bad.want)
				}
				if most := slack + maxRatio*(len(bad.body)+4<<10) + piece; len(got) > most {
					t.Errorf("%d, %s: %d bytes came out, at most %d may", c, name, len(got), most)
				}
			}
		}
		large := strings.Repeat("abcdefgh", 40<<10)
		if got, err := decode(c, encode(large[:1000]), 100, 1<<20); err != nil || got != large[:1000] {
			t.Errorf("%d: a decoder that failed is not used again well: %v", c, err)
		}
		seen := 0
		if err := Decode(c, slices.Chunk(encode(large), 100), 1<<20, func([]byte) bool { seen++; return false }); err != nil || seen != 1 {
			t.Errorf("%d: %v after %d pieces", c, err, seen)
		}
	}
}

// TestRefused: forms of codings that decoders read in different ways, and those
// that ask for much room.
func TestRefused(t *testing.T) {
	var bare bytes.Buffer
	w, _ := flate.NewWriter(&bare, 6)
	wide := encoders[Zstd]("hello")
	huge := append([]byte{0x28, 0xB5, 0x2F, 0xFD, 0x00, 14 << 3}, 0x29, 0, 0, 'h', 'e', 'l', 'l', 'o') // 16 MiB
	skip := append([]byte{0x50, 0x2A, 0x4D, 0x18, 1, 0, 0, 0, 'x'}, wide...)
	for name, c := range map[string]struct {
		c    Coding
		body []byte
		want error
	}{
		"deflate without an envelope":  {Deflate, packed(w, &bare, "hello"), ErrMalformed},
		"a wrong checksum of gzip":     {Gzip, append(encoders[Gzip]("hello")[:17], 1, 2, 3, 4, 5, 0, 0, 0), ErrMalformed},
		"a brotli window of 16 MiB":    {Brotli, []byte{0x0F, 0, 0, 0}, ErrMalformed},
		"a large window of brotli":     {Brotli, []byte{0x11, 0x1E, 0, 0}, ErrMalformed},
		"a skippable frame of zstd":    {Zstd, skip, ErrMalformed},
		"a skippable frame behind it":  {Zstd, append(bytes.Clone(wide), skip[:9]...), ErrMalformed},
		"a zstd window of 16 MiB":      {Zstd, huge, ErrMalformed},
		"zstd of another checksum":     {Zstd, append(bytes.Clone(wide)[:len(wide)-1], wide[len(wide)-1]^1), ErrMalformed},
		"a coding that nobody told of": {Unknown, wide, ErrUnknown},
		"plain and too long":           {Plain, make([]byte, 101), ErrTooLarge},
	} {
		if _, err := decode(c.c, c.body, 5, 100); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := decode(Plain, []byte("hello"), 2, 5); err != nil || got != "hello" {
		t.Errorf("%q %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	for c, encode := range encoders {
		f.Add(uint8(c), encode("hello, hello"))
	}
	f.Fuzz(func(t *testing.T, c uint8, body []byte) {
		got, err := decode(Coding(c%uint8(Unknown)), body, 3, 1<<20)
		if err == nil && len(got) > 1<<20 {
			t.Errorf("%d bytes", len(got))
		}
	})
}

func TestOf(t *testing.T) {
	for want, values := range map[Coding][][]string{
		Plain:   {nil, {"identity"}, {""}},
		Gzip:    {{"gzip"}, {" GZIP "}, {"x-gzip"}},
		Deflate: {{"deflate"}},
		Brotli:  {{"br"}, {"BR"}},
		Zstd:    {{"zstd"}},
		Unknown: {{"compress"}, {"gzip, gzip"}, {"gzip", "gzip"}, {"identity", "gzip"}, {"gzip, identity"}, {"brotli"}},
	} {
		for _, v := range values {
			x := policy.EngineNew(func() int64 { return 0 }, match.CanonPath)
			for _, s := range v {
				policy.EngineOf(x).ReqHeader.AppendString("Content-Encoding", s)
			}
			if got := Of(x.Request().Header); got != want {
				t.Errorf("%q: %d, want %d", v, got, want)
			}
		}
	}
}
