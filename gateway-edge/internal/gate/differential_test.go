package gate

import (
	"bufio"
	"bytes"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// disagreements explains every class of request head that net/http's parser
// accepts and the gate refuses: the gate's reason (a part of its detail), why it
// refuses, and one example. The reverse, accepted here and refused there, has
// one class only: a query with an escape that net/url can't decode, which is sent
// on byte for byte (URI14).
var disagreements = []struct{ detail, why, example string }{
	{"ends without a carriage return", "HDR01: a bare line feed ends a line for some servers and not for others", "GET / HTTP/1.1\nHost: a\r\n\r\n"},
	{"or with a bare line feed", "HDR01, HDR03: the same inside a field's name", "GET / HTTP/1.1\r\nHost: a\r\nX\n\r\n\r\n"},
	{"carriage return without a line feed", "HDR03: some servers end the line there", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\r\n\r\n"},
	{"a folded line", "HDR02: unfolding is not done alike (RFC 9112 5.2)", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n"},
	{"a control character", "HDR03: net/http checks values only later, in its server", "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n"},
	{"not allowed in a field's name", "HDR03: only a token is a name", "GET / HTTP/1.1\r\nHost: a\r\n(): y\r\n\r\n"},
	{"white space in a field's name", "SMG05", "GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n"},
	{"without a name", "HDR03", "GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n"},
	{"disguised form", "HDR13: some servers read \"_\" and \".\" as \"-\"", "GET / HTTP/1.1\r\nHost: a\r\nX_Api_Key: k\r\n\r\n"},
	{"repeated", "HDR12: servers take the first or the last", "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: b\r\nAuthorization: c\r\n\r\n"},
	{"more than one Host", "HST01: net/http refuses it only in its server", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
	{"Host is missing", "HST01: net/http refuses it only in its server", "GET / HTTP/1.1\r\nX: y\r\n\r\n"},
	{"host: ", "HST01 to HST04: one canonical host name", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
	{"name different hosts", "URI13: the target's host wins in net/http", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"neither a path nor a URL", "URI13: other schemes and the authority form", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"the target has no path", "URI13", "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"the target is empty", "HDR05", ""},
	{"path: ", "URI03 to URI09: escapes and characters that servers read differently", "GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"query: ", "URI14, HDR10: characters that no query may hold, and too many parameters", "GET /?a#b HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"longer than 8192 bytes", "HDR10", "GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a space in the target", "HDR05: net/http takes the rest of the line for the version", ""},
	{"has not three parts", "HDR05", ""},
	{"does not end in a version", "HDR04", ""},
	{"the versions spoken", "HDR04: net/http's parser takes any 1.x and 2.0", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
	{"the method is not known", "HDR06: a list of methods", "XGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"the method is never allowed", "HDR07", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"not allowed in a method", "HDR06", ""},
	{"both Content-Length and", "SMG01: net/http drops the length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"more than one Content-Length", "SMG10: net/http takes two equal ones for one", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"},
	{"more than one Transfer-Encoding", "SMG03", ""},
	{"Content-Length is not", "SMG11: net/http reads an empty one as absent, and trims more white space", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n"},
	{"Transfer-Encoding in HTTP/1.0", "SMG08: net/http ignores it", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"Transfer-Encoding is empty", "SMG02", ""},
	{"the only transfer coding", "SMG02: in HTTP/1.0 net/http ignores it", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"},
	{"can be expected", "SMG21: net/http leaves Expect to its server", "POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 1\r\n\r\n"},
	{"this protocol is not spoken", "CON13: net/http leaves Upgrade to handlers", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n"},
	{"Connection names a field", "HOP01, HOP03", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Host\r\n\r\n"},
	{"Connection holds what", "HOP01", "GET / HTTP/1.1\r\nHost: a\r\nConnection: (\r\n\r\n"},
	{"may not be forwarded", "HDR07", "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n"},
	{"more than 100 header fields", "HDR09", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 101) + "\r\n"},
	{"longer than 256 bytes", "HDR09", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X", 300) + ": y\r\n\r\n"},
	{"longer than 65536 bytes", "HDR09", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 70000) + "\r\n\r\n"},
}

func explained(detail string) bool {
	for _, d := range disagreements {
		if strings.Contains(detail, d.detail) {
			return true
		}
	}
	return false
}

// TestDisagreements: every example is refused by the gate for the reason that the
// table gives, and accepted by net/http's parser.
func TestDisagreements(t *testing.T) {
	for _, d := range disagreements {
		if d.example == "" {
			continue
		}
		t.Run(d.detail, func(t *testing.T) {
			e, h := newExchange(), &Head{}
			_, f := h.ParseRequest(e, []byte(d.example))
			if f == nil || !strings.Contains(f.Detail, d.detail) {
				t.Errorf("the gate says %v", f)
			}
		})
	}
}

// pieces are what heads are put together from: well-formed parts and every trick
// of the matrix.
var pieces = [][]string{
	{"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "get", "XGET", "TRACE", "PRI", "G ET", ""},
	{" ", " ", " ", "  ", "\t"},
	{"/", "/a/b", "/a?b=c", "/a%2fb", "/../a", "//", "*", "http://a/", "http://b/", "a:80", "/a b", "/é", "/?a=%zz", "/#", "/a;b", "/%41"},
	{" HTTP/1.1", " HTTP/1.1", " HTTP/1.1", " HTTP/1.0", " HTTP/1.2", " HTTP/2.0", " http/1.1", "", " HTTP/1.1 "},
}

var fieldPieces = []string{
	"Host: a", "Host: a", "Host: b", "Host: A.", "Host:", "Host: a:80", "Host: a,b", "Content-Length: 5", "Content-Length: 5", "Content-Length: 05", "Content-Length: +5",
	"Content-Length: 5, 5", "content-length:5", "Content-Length : 5", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Transfer-Encoding: Chunked",
	"Transfer_Encoding: chunked", "Transfer-Encoding:\tchunked", "X-A: b", "X-A: b\x00", "X-A: b\x7f", "X-Ä: b", " X-A: b", "X-A", ": b", "X A: b", "X-A: \xff",
	"Connection: close", "Connection: X-A", "Connection: Host", "Expect: 100-continue", "Expect: x", "Upgrade: h2c", "Upgrade: foo", "X_B: c", "X.Api.Key: k",
	"Authorization: a", "Authorization: b", "Max-Forwards: 0", "Trailer: X-A", "TE: trailers", "X-A: b\r\n c", "Cookie: a=b",
}

var lineEnds = []string{"\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n"}

// TestDifferential puts 60,000 heads together at random and asks both parsers.
// What the gate accepts, net/http accepts and frames alike; what only net/http
// accepts is a class of the table.
func TestDifferential(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	accepted, refused, classes := 0, 0, map[string]int{}
	for range 60_000 {
		var b bytes.Buffer
		end := "\r\n"
		for _, p := range pieces {
			if r.IntN(4) > 0 {
				b.WriteString(p[0])
			} else {
				b.WriteString(pick(p))
			}
		}
		b.WriteString(end)
		b.WriteString("Host: a\r\n")
		for range r.IntN(4) {
			b.WriteString(pick(fieldPieces))
			b.WriteString(pick(lineEnds))
		}
		b.WriteString("\r\n")
		head := b.Bytes()
		e, h := newExchange(), &Head{}
		n, f := h.ParseRequest(e, head)
		std, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
		switch {
		case f == nil && n > 0:
			accepted++
			if err != nil {
				if !strings.Contains(err.Error(), "invalid URL escape") {
					t.Fatalf("net/http refuses what the gate accepts: %v\n%q", err, head)
				}
				continue
			}
			want := std.ContentLength
			if len(std.TransferEncoding) > 0 {
				want = -1
			}
			if want != e.Req.Length || std.Method != policy.EngineString(e.Req.Method) {
				t.Fatalf("net/http reads %s with a body of %d, the gate %s with %d\n%q",
					std.Method, want, policy.EngineString(e.Req.Method), e.Req.Length, head)
			}
		case f != nil && err == nil:
			refused++
			if !explained(f.Detail) {
				t.Fatalf("a disagreement that the table does not explain: %v\n%q", f, head)
			}
			classes[f.Detail]++
		}
	}
	if accepted < 1000 || refused < 1000 || len(classes) < 15 {
		t.Errorf("%d accepted, %d refused by the gate alone in %d classes: the generator is too narrow", accepted, refused, len(classes))
	}
	t.Logf("%d accepted by both, %d by net/http alone, in %d classes", accepted, refused, len(classes))
}
