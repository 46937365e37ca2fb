package gate

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

var requestSeeds = []string{
	plainHead,
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.0\r\nHost: a\r\nConnection: close, X-A\r\nX-A: b\r\n\r\n",
	"GET / HTTP/1.1\nHost: a\n\n",
	"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
	"\r\nGET /%2e%2e/ HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
}

// FuzzParseRequest holds the parser to what must be true of every head: the same
// verdict however the bytes arrive, nothing accepted that could be read in two
// ways, and everything accepted serialisable to a head that net/http reads alike.
func FuzzParseRequest(f *testing.F) {
	for _, s := range requestSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, h := newExchange(), &Head{}
		n, fault := h.ParseRequest(e, b)
		if n > len(b) || n > MaxHead || fault != nil && n > 0 && fault.Code == 0 {
			t.Fatalf("n=%d of %d, %v", n, len(b), fault)
		}
		if n == 0 || fault != nil {
			return
		}
		invariants(t, e, h, b[:n])
		for cut := range n {
			e2, h2 := newExchange(), &Head{}
			if m, f2 := h2.ParseRequest(e2, b[:cut]); m != 0 || f2 != nil {
				t.Fatalf("a part of %d bytes gives %d, %v", cut, m, f2)
			}
			if cut > 300 {
				break
			}
		}
		agrees(t, e, h, b[:n])
	})
}

// invariants are what policies and the codec of the other side rely on.
func invariants(t *testing.T, e *policy.EngineExchange, h *Head, head []byte) {
	t.Helper()
	path := policy.EngineString(e.Req.Path)
	if !h.Star && (path == "" || path[0] != '/') {
		t.Fatalf("path %q", path)
	}
	for _, s := range []string{path, policy.EngineString(e.Req.Query), policy.EngineString(e.Req.Host)} {
		if strings.ContainsAny(s, " \r\n\x00#") {
			t.Fatalf("%q would break a request line", s)
		}
	}
	if h.Chunked != (e.Req.Length < 0) {
		t.Fatalf("chunked %v, length %d", h.Chunked, e.Req.Length)
	}
	for _, f := range e.ReqHeader.Fields() {
		if f.Dead {
			continue
		}
		if Odd(f.Name) || CheckField(f.Name, f.Value) != nil || f.Name == "" {
			t.Fatalf("field %q: %q", f.Name, f.Value)
		}
		if r := requestRoles[f.ID]; r == roleHost || r == roleLength || r == roleCoding || r == roleDrop || r == roleForwarded || r == roleConnection {
			t.Fatalf("field %q is not sent on", f.Name)
		}
	}
}

// agrees compares with net/http's parser: what the gate accepts, net/http must
// accept and frame alike. The reverse does not hold, and differential_test.go
// says where.
func agrees(t *testing.T, e *policy.EngineExchange, h *Head, head []byte) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimPrefix(head, []byte("\r\n")))))
	if err != nil {
		if strings.Contains(err.Error(), "invalid URL escape") || strings.Contains(err.Error(), "invalid character") {
			return // a query is sent on byte for byte: net/url reads less
		}
		t.Fatalf("net/http refuses what the gate accepts: %v\n%q", err, head)
	}
	length := r.ContentLength
	if len(r.TransferEncoding) > 0 {
		length = -1
	}
	if length != e.Req.Length {
		t.Fatalf("net/http frames it as %d, the gate as %d\n%q", length, e.Req.Length, head)
	}
	if r.Method != policy.EngineString(e.Req.Method) {
		t.Fatalf("method %q and %q", r.Method, policy.EngineString(e.Req.Method))
	}
}

// FuzzParseResponse: no crash, sane framing, and agreement with net/http on what
// is accepted.
func FuzzParseResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.0 404 Not Found\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 204\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close, X\r\nX: y\r\n\r\n",
	} {
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, head bool) {
		e, r := newExchange(), &RespHead{}
		n, fault := r.ParseResponse(e, b, head)
		if n > len(b) {
			t.Fatal(n)
		}
		if n == 0 || fault != nil {
			return
		}
		if e.Resp.Status < 100 || e.Resp.Status > 599 || r.Chunked && e.Resp.Length >= 0 || r.ToClose && !r.Close {
			t.Fatalf("%+v %d", r, e.Resp.Length)
		}
		method := "GET"
		if head {
			method = "HEAD"
		}
		std, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b[:n])), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("net/http refuses what the gate accepts: %v\n%q", err, b[:n])
		}
		if !r.NoBody && e.Resp.Length >= 0 && std.ContentLength != e.Resp.Length {
			t.Fatalf("length %d and %d\n%q", std.ContentLength, e.Resp.Length, b[:n])
		}
	})
}

// FuzzChunked decodes the same body in one piece and cut at every place: the same
// bytes or the same refusal must come out, and what is accepted is what was
// encoded, as net/http reads it.
func FuzzChunked(f *testing.F) {
	for _, s := range []string{
		"5\r\nhello\r\n0\r\n\r\n", "5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n", "a\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n",
		"0x5\r\nhello\r\n0\r\n\r\n", "5\nhello\n0\n\n", "0\r\n\r\nrest",
	} {
		f.Add([]byte(s), uint8(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		whole, used, bad := decodeChunked(b, len(b)+1)
		pieces, used2, bad2 := decodeChunked(b, int(step)+1)
		if bad != bad2 || !bad && (used != used2 || !bytes.Equal(whole, pieces)) {
			t.Fatalf("in one piece: %q %d %v; in pieces of %d: %q %d %v", whole, used, bad, step, pieces, used2, bad2)
		}
		if bad || used < 0 {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(io.MultiReader(
			strings.NewReader("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), bytes.NewReader(b[:used]))))
		if err != nil {
			t.Fatal(err)
		}
		std, err := io.ReadAll(r.Body)
		if err != nil && !strings.Contains(err.Error(), "excessive data") && !strings.Contains(err.Error(), "trailer") && !strings.Contains(err.Error(), "malformed MIME") || err == nil && !bytes.Equal(std, whole) {
			t.Fatalf("net/http reads %q %v, the gate %q", std, err, whole)
		}
		again := append(AppendChunk(nil, max(len(whole), 1)), whole...)
		if len(whole) > 0 {
			again = AppendLast(append(again, "\r\n"...), nil)
			if round, _, bad := decodeChunked(again, len(again)); bad || !bytes.Equal(round, whole) {
				t.Fatalf("%q comes back as %q", whole, round)
			}
		}
	})
}

// decodeChunked feeds b in pieces as the engine does; used is -1 for a body that
// does not end in b.
func decodeChunked(b []byte, step int) (out []byte, used int, bad bool) {
	var c Chunked
	c.Reset(contract.CodeRequestInvalid)
	e := newExchange()
	from, to := 0, 0
	for !c.Done() {
		data, n, f := c.Next(b[from:to], &e.ReqTrailer)
		if f != nil {
			return out, 0, true
		}
		out = append(out, data...)
		from += n
		if n == 0 && len(data) == 0 && !c.Done() {
			if to == len(b) {
				return out, -1, false
			}
			to = min(to+step, len(b))
		}
	}
	return out, from, false
}
