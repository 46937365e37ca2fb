package coding

import (
	"bytes"
	"compress/gzip"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

func zip(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}

// decode decodes a body cut into pieces of n bytes.
func decode(body []byte, n int, limit int64) (string, error) {
	var out strings.Builder
	err := Decode(slices.Chunk(body, n), limit, func(p []byte) bool { out.Write(p); return true })
	return out.String(), err
}

func TestDecode(t *testing.T) {
	good := zip("hello, hello, hello")
	bomb := zip(strings.Repeat("\x00", 20<<20))
	for _, n := range []int{1, 7, 1 << 20} {
		if got, err := decode(good, n, 100); err != nil || got != "hello, hello, hello" {
			t.Errorf("%q %v", got, err)
		}
		for name, c := range map[string]struct {
			body  []byte
			limit int64
			want  error
		}{
			"over the limit":   {good, 10, ErrTooLarge},
			"over the ratio":   {bomb, 1 << 30, ErrTooLarge},
			"cut off":          {good[:len(good)-3], 100, ErrMalformed},
			"not gzip":         {[]byte("hello"), 100, ErrMalformed},
			"empty":            {nil, 100, ErrMalformed},
			"text behind":      {append(slices.Clone(good), 'x'), 100, ErrMalformed},
			"a second member":  {append(slices.Clone(good), good...), 100, ErrMalformed},
			"a wrong checksum": {append(slices.Clone(good[:len(good)-8]), 1, 2, 3, 4, 5, 6, 7, 8), 100, ErrMalformed},
		} {
			got, err := decode(c.body, n, c.limit)
			if !errors.Is(err, c.want) {
				t.Errorf("%s in pieces of %d: %v, want %v", name, n, err, c.want)
			}
			if most := slack + maxRatio*len(c.body) + piece; len(got) > most {
				t.Errorf("%s: %d bytes came out, at most %d may", name, len(got), most)
			}
		}
	}
	seen := 0
	if err := Decode(slices.Chunk(zip(strings.Repeat("ab", 40<<10)), 100), 1<<20, func([]byte) bool { seen++; return false }); err != nil || seen != 1 {
		t.Errorf("%v after %d pieces", err, seen)
	}
}

func TestOf(t *testing.T) {
	for want, values := range map[Coding][][]string{
		Plain:   {nil, {"identity"}, {""}},
		Gzip:    {{"gzip"}, {" GZIP "}, {"x-gzip"}},
		Unknown: {{"br"}, {"gzip, gzip"}, {"gzip", "gzip"}, {"identity", "gzip"}, {"gzip, identity"}},
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
