package engine_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
)

// row is one row of the bad-input matrix: what is sent, and what must come of it
// at the client and at the backend.
type row struct {
	id, name string
	send     string
	status   []int  // any of these; empty: a backend's 200
	code     string // the edge's; "" with a 200
	// reaches says that the request may reach the backend; otherwise not one byte
	// of it may.
	reaches bool
	open    bool // the connection may stay open
	// sent must and unsent must not be in what the backend got.
	sent, unsent []string
}

const host = "Host: demo.localhost\r\n"

func req(line, fields string) string { return line + "\r\n" + host + fields + "\r\n" }

func repeat(s string, n int) string { return strings.Repeat(s, n) }

// smuggled is a whole request that hides in a body.
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: demo.localhost\r\n\r\n"

var framingRows = []row{
	{id: "SMG01", name: "length then coding", send: req("POST / HTTP/1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", status: []int{400}},
	{id: "SMG01", name: "coding then length", send: req("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + "0\r\n\r\n", status: []int{400}},
	{id: "SMG02", name: "xchunked", send: req("POST / HTTP/1.1", "Transfer-Encoding: xchunked\r\n"), status: []int{501}},
	{id: "SMG02", name: "comma first", send: req("POST / HTTP/1.1", "Transfer-Encoding: ,chunked\r\n"), status: []int{501}},
	{id: "SMG02", name: "comma last", send: req("POST / HTTP/1.1", "Transfer-Encoding: chunked,\r\n"), status: []int{501}},
	{id: "SMG02", name: "identity", send: req("POST / HTTP/1.1", "Transfer-Encoding: identity\r\n"), status: []int{501}},
	{id: "SMG02", name: "gzip, chunked", send: req("POST / HTTP/1.1", "Transfer-Encoding: gzip, chunked\r\n"), status: []int{501}},
	{id: "SMG02", name: "chunked, gzip", send: req("POST / HTTP/1.1", "Transfer-Encoding: chunked, gzip\r\n"), status: []int{501}},
	{id: "SMG02", name: "empty", send: req("POST / HTTP/1.1", "Transfer-Encoding:\r\n"), status: []int{400}},
	{id: "SMG03", name: "twice", send: req("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", status: []int{400}},
	{id: "SMG04", name: "vertical tab", send: req("POST / HTTP/1.1", "Transfer-Encoding:\x0bchunked\r\n"), status: []int{400}},
	{id: "SMG04", name: "form feed", send: req("POST / HTTP/1.1", "Transfer-Encoding:\x0cchunked\r\n"), status: []int{400}},
	{id: "SMG04", name: "NUL", send: req("POST / HTTP/1.1", "Transfer-Encoding: chunked\x00\r\n"), status: []int{400}},
	{id: "SMG05", name: "space before colon", send: req("POST / HTTP/1.1", "Transfer-Encoding : chunked\r\n"), status: []int{400}},
	{id: "SMG06", name: "folded", send: req("POST / HTTP/1.1", "Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n") + "0\r\n\r\n", status: []int{400}},
	{id: "SMG07", name: "underscore", send: req("POST / HTTP/1.1", "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n") + "0\r\n\r\n", status: []int{400}},
	{id: "SMG08", name: "HTTP/1.0", send: req("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", status: []int{400}},
	{id: "SMG09", name: "different", send: req("POST / HTTP/1.1", "Content-Length: 5\r\nContent-Length: 6\r\n") + "hello", status: []int{400}},
	{id: "SMG09", name: "list of equal", send: req("POST / HTTP/1.1", "Content-Length: 5, 5\r\n") + "hello", status: []int{400}},
	{id: "SMG09", name: "list of different", send: req("POST / HTTP/1.1", "Content-Length: 5, 6\r\n") + "hello", status: []int{400}},
	{id: "SMG10", name: "the same twice", send: req("POST / HTTP/1.1", "Content-Length: 5\r\nContent-Length: 5\r\n") + "hello", status: []int{400}},
	{id: "SMG11", name: "plus", send: req("POST / HTTP/1.1", "Content-Length: +5\r\n") + "hello", status: []int{400}},
	{id: "SMG11", name: "minus", send: req("POST / HTTP/1.1", "Content-Length: -1\r\n") + "hello", status: []int{400}},
	{id: "SMG11", name: "hexadecimal", send: req("POST / HTTP/1.1", "Content-Length: 0x5\r\n") + "hello", status: []int{400}},
	{id: "SMG11", name: "underscore", send: req("POST / HTTP/1.1", "Content-Length: 1_0\r\n") + "hello", status: []int{400}},
	{id: "SMG11", name: "empty", send: req("POST / HTTP/1.1", "Content-Length:\r\n") + "hello", status: []int{400}},
	{id: "SMG11", name: "huge", send: req("POST / HTTP/1.1", "Content-Length: 99999999999999999999\r\n") + "hello", status: []int{400}},
	{id: "SMG11", name: "inner space", send: req("POST / HTTP/1.1", "Content-Length: 5 5\r\n") + "hello", status: []int{400}},
	{id: "SMG12", name: "leading zero", send: req("POST / HTTP/1.1", "Content-Length: 05\r\n") + "hello", reaches: true, open: true, sent: []string{"Content-Length: 5\r\n", "\r\n\r\nhello"}, unsent: []string{"Content-Length: 05"}},
	{id: "SMG13", name: "0x5", send: chunked("0x5\r\nhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"hello", "0\r\n\r\n"}},
	{id: "SMG13", name: "+5", send: chunked("+5\r\nhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"hello"}},
	{id: "SMG13", name: "-5", send: chunked("-5\r\nhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"hello"}},
	{id: "SMG13", name: "0_5", send: chunked("0_5\r\nhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"hello"}},
	{id: "SMG13", name: "leading space", send: chunked(" 5\r\nhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"hello"}},
	{id: "SMG13", name: "empty", send: chunked("\r\nhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"hello"}},
	{id: "SMG14", name: "trailing space", send: chunked("5 \r\nhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"hello"}},
	{id: "SMG14", name: "17 digits", send: chunked("00000000000000005\r\nhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"hello"}},
	{id: "SMG15", name: "bare line feed", send: chunked("5\nhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"hello"}},
	{id: "SMG15", name: "return and X", send: chunked("5\rXhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"hello"}},
	{id: "SMG16", name: "line feed in extension", send: chunked("5;a\nb\r\nhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"hello"}},
	{id: "SMG16", name: "return in extension", send: chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"hello"}},
	{id: "SMG16", name: "long extension", send: chunked("5;" + repeat("a", 100_000) + "\r\nhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"hello"}},
	{id: "SMG16", name: "many extensions", send: chunked(repeat("1;"+repeat("a", 400)+"\r\nx\r\n", 40) + "0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"\r\n0\r\n\r\n"}},
	{id: "SMG16", name: "extension is not sent on", send: chunked("5;name=value\r\nhello\r\n0\r\n\r\n"), reaches: true, open: true, sent: []string{"hello"}, unsent: []string{"name=value"}},
	{id: "SMG17", name: "data longer", send: chunked("3\r\nhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"lo\r\n", "0\r\n\r\n"}},
	{id: "SMG17", name: "data shorter", send: chunked("7\r\nhello\r\n0\r\n\r\n"), status: []int{400}, reaches: true, unsent: []string{"\r\n\r\n0\r\n\r\n"}},
	{id: "SMG18", name: "last chunk with line feed", send: chunked("5\r\nhello\r\n0\r\n\n"), status: []int{400}, reaches: true, unsent: []string{"0\r\n\r\n"}},
	{id: "SMG19", name: "CL.0", send: "POST / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\nX" + smuggled, reaches: true, open: true, unsent: []string{"XGET", "smuggled"}},
	{id: "SMG21", name: "y 100-continue", send: req("POST / HTTP/1.1", "Expect: y 100-continue\r\nContent-Length: 5\r\n"), status: []int{417}},
	{id: "SMG21", name: "list", send: req("POST / HTTP/1.1", "Expect:\t100-continue, x\r\nContent-Length: 5\r\n"), status: []int{417}},
	{id: "SMG21", name: "twice", send: req("POST / HTTP/1.1", "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n"), status: []int{417}},
	{id: "SMG23", name: "GET with a request as body", send: req("GET / HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(smuggled))) + smuggled, reaches: true, open: true, sent: []string{"\r\n\r\n" + smuggled}},
	{id: "SMG23", name: "DELETE with a request as body", send: req("DELETE / HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(smuggled))) + smuggled, reaches: true, open: true, sent: []string{"\r\n\r\n" + smuggled}},
	{id: "SMG26", name: "CONNECT", send: "CONNECT demo.localhost:80 HTTP/1.1\r\n" + host + "\r\n", status: []int{405}},
	{
		id: "SMG27", name: "trailers", send: chunkedWith("Trailer: X-Api-Key\r\n", "5\r\nhello\r\n0\r\nAuthorization: a\r\nX-Api-Key: k\r\nHost: evil\r\nContent-Length: 3\r\nTollgate-Consumer: me\r\nX-Fine: yes\r\n\r\n"),
		reaches: true, open: true, sent: []string{"hello", "X-Fine: yes"}, unsent: []string{"Authorization", "Api-Key", "evil", "Content-Length: 3", "Consumer"},
	},
	{id: "SMG31", name: "PRI that is no preface", send: "PRI * HTTP/2.0\r\n" + host + "\r\n", status: []int{505}},
	{id: "SMG31", name: "PRI as a method", send: req("PRI / HTTP/1.1", ""), status: []int{501}},
}

func chunked(body string) string { return chunkedWith("", body) }

func chunkedWith(fields, body string) string {
	return req("POST / HTTP/1.1", fields+"Transfer-Encoding: chunked\r\n") + body
}

var headRows = []row{
	{id: "HDR01", name: "bare line feeds", send: "GET / HTTP/1.1\nHost: demo.localhost\n\n", status: []int{400}},
	{id: "HDR01", name: "one bare line feed", send: "GET / HTTP/1.1\r\nHost: demo.localhost\nX: y\r\n\r\n", status: []int{400}},
	{id: "HDR02", name: "folded", send: req("GET / HTTP/1.1", "X-A: b\r\n c\r\n"), status: []int{400}},
	{id: "HDR02", name: "folded with a tab", send: req("GET / HTTP/1.1", "X-A: b\r\n\tc\r\n"), status: []int{400}},
	{id: "HDR03", name: "return in value", send: req("GET / HTTP/1.1", "X-A: b\rc\r\n"), status: []int{400}},
	{id: "HDR03", name: "NUL in value", send: req("GET / HTTP/1.1", "X-A: b\x00c\r\n"), status: []int{400}},
	{id: "HDR03", name: "control character", send: req("GET / HTTP/1.1", "X-A: b\x01c\r\n"), status: []int{400}},
	{id: "HDR03", name: "DEL", send: req("GET / HTTP/1.1", "X-A: b\x7fc\r\n"), status: []int{400}},
	{id: "HDR03", name: "no colon", send: req("GET / HTTP/1.1", "X-A\r\n"), status: []int{400}},
	{id: "HDR03", name: "empty name", send: req("GET / HTTP/1.1", ": b\r\n"), status: []int{400}},
	{id: "HDR03", name: "name not ASCII", send: req("GET / HTTP/1.1", "X-Ä: b\r\n"), status: []int{400}},
	{id: "HDR03", name: "leading white space", send: "GET / HTTP/1.1\r\n Host: demo.localhost\r\n\r\n", status: []int{400}},
	{id: "HDR04", name: "HTTP/0.9", send: "GET /\r\n", status: []int{400}},
	{id: "HDR04", name: "HTTP/1.2", send: req("GET / HTTP/1.2", ""), status: []int{505}},
	{id: "HDR04", name: "HTTP/1.10", send: req("GET / HTTP/1.10", ""), status: []int{505}},
	{id: "HDR04", name: "lower case", send: req("GET / http/1.1", ""), status: []int{400}},
	{id: "HDR04", name: "HTTP/2.0", send: req("GET / HTTP/2.0", ""), status: []int{505}},
	{id: "HDR05", name: "two spaces", send: req("GET  / HTTP/1.1", ""), status: []int{400}},
	{id: "HDR05", name: "tab", send: req("GET\t/ HTTP/1.1", ""), status: []int{400}},
	{id: "HDR05", name: "space in target", send: req("GET /a b HTTP/1.1", ""), status: []int{400}},
	{id: "HDR06", name: "lower-case method", send: req("get / HTTP/1.1", ""), status: []int{501}},
	{id: "HDR06", name: "XGET", send: req("XGET / HTTP/1.1", ""), status: []int{501}},
	{id: "HDR06", name: "10 KiB method", send: repeat("M", 10<<10) + " / HTTP/1.1\r\n" + host + "\r\n", status: []int{501}},
	{id: "HDR07", name: "TRACE", send: req("TRACE / HTTP/1.1", ""), status: []int{405}},
	{id: "HDR07", name: "TRACK", send: req("TRACK / HTTP/1.1", ""), status: []int{405}},
	{id: "HDR07", name: "Max-Forwards: 0", send: req("OPTIONS / HTTP/1.1", "Max-Forwards: 0\r\n"), status: []int{405}},
	{id: "HDR08", name: "OPTIONS *", send: req("OPTIONS * HTTP/1.1", ""), status: []int{204}, open: true},
	{id: "HDR09", name: "101 fields", send: req("GET / HTTP/1.1", repeat("A: b\r\n", 100)), status: []int{431}},
	{id: "HDR09", name: "2,000 fields", send: req("GET / HTTP/1.1", repeat("A: b\r\n", 2000)), status: []int{431}},
	{id: "HDR09", name: "1 KiB name", send: req("GET / HTTP/1.1", repeat("A", 1024)+": b\r\n"), status: []int{431}},
	{id: "HDR09", name: "over 64 KiB", send: req("GET / HTTP/1.1", "A: "+repeat("b", 70_000)+"\r\n"), status: []int{431}},
	{id: "HDR10", name: "64 KiB target", send: req("GET /"+repeat("a", 64<<10)+" HTTP/1.1", ""), status: []int{414}},
	{id: "HDR10", name: "9 KiB target", send: req("GET /"+repeat("a", 9<<10)+" HTTP/1.1", ""), status: []int{414}},
	{id: "HDR10", name: "too many parameters", send: req("GET /?"+repeat("a&", 2000)+" HTTP/1.1", ""), status: []int{400}},
	{id: "HDR11", name: "64 KiB cookie", send: req("GET / HTTP/1.1", "Cookie: a="+repeat("b", 66_000)+"\r\n"), status: []int{431}},
	{id: "HDR12", name: "two Authorization", send: req("GET / HTTP/1.1", "Authorization: a\r\nauthorization: b\r\n"), status: []int{400}},
	{id: "HDR12", name: "two X-Api-Key", send: req("GET / HTTP/1.1", "X-Api-Key: a\r\nX-API-KEY: b\r\n"), status: []int{400}},
	{id: "HDR12", name: "two Content-Type", send: req("GET / HTTP/1.1", "Content-Type: a/b\r\nContent-Type: c/d\r\n"), status: []int{400}},
	{id: "HDR12", name: "two Host", send: req("GET / HTTP/1.1", host), status: []int{400}},
	{id: "HDR13", name: "X_Api_Key", send: req("GET / HTTP/1.1", "X_Api_Key: a\r\n"), status: []int{400}},
	{id: "HDR13", name: "X.Api.Key", send: req("GET / HTTP/1.1", "X.Api.Key: a\r\n"), status: []int{400}},
	{id: "HDR13", name: "mixed", send: req("GET / HTTP/1.1", "x-forwarded_for: a\r\n"), status: []int{400}},
	{id: "HDR13", name: "Tollgate_Consumer", send: req("GET / HTTP/1.1", "Tollgate_Consumer: a\r\n"), status: []int{400}},
	{id: "HDR13", name: "unknown with underscore", send: req("GET / HTTP/1.1", "X_Mine: a\r\n"), reaches: true, open: true, unsent: []string{"X_Mine"}},
	{id: "HDR14", name: "id of a client", send: req("GET / HTTP/1.1", "X-Request-Id: chosen-by-client\r\n"), reaches: true, open: true, unsent: []string{"chosen-by-client"}},
	{id: "HDR15", name: "our fields", send: req("GET / HTTP/1.1", "Tollgate-Consumer: a\r\ntollgate-anything: b\r\nTOLLGATE-ERROR: c\r\n"), reaches: true, open: true, unsent: []string{"ollgate-", "OLLGATE"}},
	{id: "HDR17", name: "unknown codings", send: req("POST / HTTP/1.1", "Content-Encoding: "+repeat("gzip, ", 9)+"weird\r\nContent-Length: 2\r\n") + "hi", reaches: true, open: true, sent: []string{"weird", "\r\n\r\nhi"}},
	{id: "HDR18", name: "1,000 ranges", send: req("GET / HTTP/1.1", "Range: bytes=0-1"+repeat(",0-1", 999)+"\r\n"), reaches: true, open: true, unsent: []string{"Range"}},
}

var targetRows = []row{
	{id: "URI01", name: "dot segments", send: req("GET /public/../admin HTTP/1.1", ""), reaches: true, open: true, sent: []string{"GET /admin HTTP"}},
	{id: "URI01", name: "escaped dots", send: req("GET /public/%2e%2e/admin HTTP/1.1", ""), reaches: true, open: true, sent: []string{"GET /admin HTTP"}},
	{id: "URI01", name: "half escaped", send: req("GET /public/.%2e/admin HTTP/1.1", ""), reaches: true, open: true, sent: []string{"GET /admin HTTP"}},
	{id: "URI02", name: "double slash", send: req("GET //admin HTTP/1.1", ""), reaches: true, open: true, sent: []string{"GET /admin HTTP"}},
	{id: "URI02", name: "dot", send: req("GET /./admin//x HTTP/1.1", ""), reaches: true, open: true, sent: []string{"GET /admin/x HTTP"}},
	{id: "URI03", name: "%2f", send: req("GET /a%2fb HTTP/1.1", ""), status: []int{400}},
	{id: "URI03", name: "%5c", send: req("GET /a%5cb HTTP/1.1", ""), status: []int{400}},
	{id: "URI03", name: "%23", send: req("GET /a%23b HTTP/1.1", ""), status: []int{400}},
	{id: "URI03", name: "%25", send: req("GET /a%25b HTTP/1.1", ""), status: []int{400}},
	{id: "URI03", name: "%3b", send: req("GET /a%3bb HTTP/1.1", ""), status: []int{400}},
	{id: "URI03", name: "%3f", send: req("GET /a%3fb HTTP/1.1", ""), status: []int{400}},
	{id: "URI04", name: "escaped traversal", send: req("GET /public%2f..%2fadmin HTTP/1.1", ""), status: []int{400}},
	{id: "URI04", name: "twice escaped", send: req("GET /public%252f..%252fadmin HTTP/1.1", ""), status: []int{400}},
	{id: "URI05", name: "..;", send: req("GET /public/..;/admin HTTP/1.1", ""), status: []int{400}},
	{id: "URI05", name: "parameter", send: req("GET /admin;x=1 HTTP/1.1", ""), status: []int{400}},
	{id: "URI06", name: "backslash", send: req(`GET /public\..\admin HTTP/1.1`, ""), status: []int{400}},
	{id: "URI07", name: "NUL", send: req("GET /admin%00.css HTTP/1.1", ""), status: []int{400}},
	{id: "URI07", name: "line end", send: req("GET /admin%0d%0aX:y HTTP/1.1", ""), status: []int{400}},
	{id: "URI08", name: "overlong", send: req("GET /%c0%ae%c0%ae/ HTTP/1.1", ""), status: []int{400}},
	{id: "URI08", name: "%u", send: req("GET /%u002e HTTP/1.1", ""), status: []int{400}},
	{id: "URI09", name: "fragment", send: req("GET /public#/../admin HTTP/1.1", ""), status: []int{400}},
	{id: "URI11", name: "escaped letter", send: req("GET /%41dmin HTTP/1.1", ""), reaches: true, open: true, sent: []string{"GET /Admin HTTP"}},
	{id: "URI12", name: "full-width letter", send: req("GET /%EF%BD%81dmin HTTP/1.1", ""), reaches: true, open: true, sent: []string{"GET /%EF%BD%81dmin HTTP"}},
	{id: "URI13", name: "other host", send: req("GET http://other.localhost/ HTTP/1.1", ""), status: []int{400}},
	{id: "URI13", name: "user information", send: req("GET http://u:p@demo.localhost/ HTTP/1.1", ""), status: []int{400}},
	{id: "URI13", name: "file", send: req("GET file:///etc/passwd HTTP/1.1", ""), status: []int{400}},
	{id: "URI13", name: "authority form", send: req("GET a:80 HTTP/1.1", ""), status: []int{400}},
	{id: "URI13", name: "star", send: req("GET * HTTP/1.1", ""), status: []int{400}},
	{id: "URI13", name: "own host", send: req("GET http://demo.localhost/x HTTP/1.1", ""), reaches: true, open: true, sent: []string{"GET /x HTTP"}},
	{id: "URI14", name: "semicolons", send: req("GET /?a=1;b=2&&&=&a=%zz HTTP/1.1", ""), reaches: true, open: true, sent: []string{"GET /?a=1;b=2&&&=&a=%zz HTTP"}},
}

var hostRows = []row{
	{id: "HST01", name: "none", send: "GET / HTTP/1.1\r\n\r\n", status: []int{400}},
	{id: "HST01", name: "none in HTTP/1.0", send: "GET / HTTP/1.0\r\n\r\n", status: []int{400}},
	{id: "HST01", name: "two", send: "GET / HTTP/1.1\r\n" + host + "Host: other.localhost\r\n\r\n", status: []int{400}},
	{id: "HST01", name: "list", send: "GET / HTTP/1.1\r\nHost: demo.localhost, other.localhost\r\n\r\n", status: []int{400}},
	{id: "HST01", name: "user information", send: "GET / HTTP/1.1\r\nHost: u@demo.localhost\r\n\r\n", status: []int{400}},
	{id: "HST01", name: "path", send: "GET / HTTP/1.1\r\nHost: demo.localhost/x\r\n\r\n", status: []int{400}},
	{id: "HST01", name: "backslash", send: "GET / HTTP/1.1\r\nHost: demo.localhost\\x\r\n\r\n", status: []int{400}},
	{id: "HST01", name: "UTF-8", send: "GET / HTTP/1.1\r\nHost: démo.localhost\r\n\r\n", status: []int{400}},
	{id: "HST02", name: "empty", send: "GET / HTTP/1.1\r\nHost:\r\n\r\n", status: []int{400}},
	{id: "HST03", name: "upper case", send: "GET / HTTP/1.1\r\nHost: DEMO.LocalHost\r\n\r\n", reaches: true, open: true, sent: []string{"X-Forwarded-Host: demo.localhost\r\n"}},
	{id: "HST03", name: "trailing dot", send: "GET / HTTP/1.1\r\nHost: demo.localhost.\r\n\r\n", reaches: true, open: true, sent: []string{"X-Forwarded-Host: demo.localhost\r\n"}},
	{id: "HST03", name: "port", send: "GET / HTTP/1.1\r\nHost: demo.localhost:443\r\n\r\n", reaches: true, open: true},
	{id: "HST04", name: "port too large", send: "GET / HTTP/1.1\r\nHost: demo.localhost:99999\r\n\r\n", status: []int{400}},
	{id: "HST04", name: "port no number", send: "GET / HTTP/1.1\r\nHost: demo.localhost:x\r\n\r\n", status: []int{400}},
	{id: "HST04", name: "escape", send: "GET / HTTP/1.1\r\nHost: demo%2elocalhost\r\n\r\n", status: []int{400}},
	{id: "HST04", name: "zone", send: "GET / HTTP/1.1\r\nHost: [::1%25eth0]\r\n\r\n", status: []int{400}},
	{id: "HST05", name: "address", send: "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", status: []int{404}, code: "no_route", open: true},
	{id: "HST05", name: "localhost", send: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", status: []int{404}, code: "no_route", open: true},
	{id: "HST08", name: "forwarded host", send: "GET / HTTP/1.1\r\nHost: nobody.localhost\r\nX-Forwarded-Host: demo.localhost\r\nForwarded: host=demo.localhost\r\n\r\n", status: []int{404}, code: "no_route", open: true},
	{id: "HST10", name: "unknown", send: "GET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n", status: []int{404}, code: "no_route", open: true},
}

var hopRows = []row{
	{id: "HOP01", name: "X-Api-Key", send: req("GET / HTTP/1.1", "Connection: X-Api-Key\r\nX-Api-Key: k\r\n"), status: []int{400}},
	{id: "HOP01", name: "Authorization", send: req("GET / HTTP/1.1", "Connection: authorization\r\nAuthorization: k\r\n"), status: []int{400}},
	{id: "HOP01", name: "Cookie", send: req("GET / HTTP/1.1", "Connection: close, Cookie\r\nCookie: k\r\n"), status: []int{400}},
	{id: "HOP02", name: "a field of the client's own", send: req("GET / HTTP/1.1", "Connection: close, X-Tenant\r\nX-Tenant: forged\r\n"), reaches: true, unsent: []string{"X-Tenant"}},
	{id: "HOP02", name: "our field", send: req("GET / HTTP/1.1", "Connection: Tollgate-Consumer\r\n"), status: []int{400}},
	{id: "HOP03", name: "Content-Length", send: req("POST / HTTP/1.1", "Connection: content-length\r\nContent-Length: 0\r\n"), status: []int{400}},
	{id: "HOP03", name: "Host", send: req("GET / HTTP/1.1", "Connection: Host\r\n"), status: []int{400}},
	{id: "HOP03", name: "Transfer-Encoding", send: req("GET / HTTP/1.1", "Connection: Transfer-Encoding\r\n"), status: []int{400}},
	{id: "HOP04", name: "the connection's own", send: req("GET / HTTP/1.1", "Proxy-Authorization: a\r\nProxy-Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nTE: x\r\n"), reaches: true, open: true, unsent: []string{"Proxy-", "Keep-Alive", "TE:"}},
	{id: "HOP05", name: "X-Forwarded-For", send: req("GET / HTTP/1.1", "X-Forwarded-For: 10.9.8.7, 1.2.3.4\r\n"), reaches: true, open: true, sent: []string{"X-Forwarded-For: 127.0.0.1\r\n"}, unsent: []string{"10.9.8.7"}},
	{id: "HOP06", name: "other names of the client", send: req("GET / HTTP/1.1", "X-Real-IP: 10.9.8.7\r\nTrue-Client-IP: 10.9.8.7\r\nCF-Connecting-IP: 10.9.8.7\r\nForwarded: for=10.9.8.7\r\n"), reaches: true, open: true, unsent: []string{"10.9.8.7"}},
	{id: "HOP07", name: "X-Forwarded-*", send: req("GET / HTTP/1.1", "X-Forwarded-Proto: forged\r\nX-Forwarded-Port: forged\r\nX-Forwarded-Prefix: /forged\r\nX-Forwarded-Uri: /forged\r\nX-Forwarded-Method: forged\r\n"), reaches: true, open: true, unsent: []string{"forged"}},
	{id: "HOP08", name: "overrides", send: req("GET / HTTP/1.1", "X-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\nX-HTTP-Method-Override: DELETE\r\nX-HTTP-Method: DELETE\r\nX-Method-Override: DELETE\r\n"), reaches: true, open: true, unsent: []string{"admin", "DELETE"}},
	{id: "HOP10", name: "injection", send: req("GET / HTTP/1.1", "Forwarded: for=\"_x\\\"\";host=evil\r\n"), reaches: true, open: true, unsent: []string{"evil"}},
	{id: "CON13", name: "h2c", send: req("GET / HTTP/1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"), reaches: true, open: true, unsent: []string{"Upgrade", "h2c", "HTTP2-Settings"}},
	{id: "CON13", name: "unknown protocol", send: req("GET / HTTP/1.1", "Connection: Upgrade\r\nUpgrade: foo\r\n"), status: []int{400}, code: "upgrade_refused"},
	{id: "CON13", name: "websocket", send: req("GET / HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"), status: []int{400}, code: "upgrade_refused"},
	{id: "CON13", name: "TLS", send: req("GET / HTTP/1.1", "Connection: Upgrade\r\nUpgrade: TLS/1.3\r\n"), reaches: true, open: true, unsent: []string{"Upgrade"}},
}

// TestBadInput sends every row over a raw connection, with a backend that records
// what reached it.
func TestBadInput(t *testing.T) {
	for _, rows := range [][]row{framingRows, headRows, targetRows, hostRows, hopRows} {
		for _, r := range rows {
			t.Run(r.id+"/"+r.name, func(t *testing.T) { r.run(t) })
		}
	}
}

func (r *row) run(t *testing.T) {
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	s := e.dial()
	s.send(r.send)
	m := s.answer()
	want := r.status
	if len(want) == 0 {
		want = []int{200}
	}
	ok := false
	for _, w := range want {
		ok = ok || m.status() == w
	}
	if !ok {
		t.Errorf("answered %s %s %s, want %v", m.line, m.code(), m.body, want)
	}
	if r.code != "" && m.code() != r.code {
		t.Errorf("code %q, want %q", m.code(), r.code)
	}
	if m.status() >= 400 && m.code() == "" {
		t.Errorf("the refusal carries no code")
	}
	if !r.open {
		s.ended()
	}
	_ = s.Close()
	got := b.received()
	if !r.reaches && got != "" {
		t.Errorf("the backend got %q", got)
	}
	for _, want := range r.sent {
		if !strings.Contains(got, want) {
			t.Errorf("the backend did not get %q in %q", want, got)
		}
	}
	for _, not := range r.unsent {
		if strings.Contains(got, not) {
			t.Errorf("the backend got %q in %q", not, got)
		}
	}
}

// TestBadBodyIsNotTheBackendsFault: SMG13's second half. A client's malformed
// chunk ejects nobody.
func TestBadBodyIsNotTheBackendsFault(t *testing.T) {
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{})
	g := plain(b.url)
	g.Upstreams[0].Outlier = &contract.OutlierDetection{ConsecutiveErrors: 2}
	g.Upstreams[0].WhenAllDown = "refuse"
	e.serve(g)
	for range 10 {
		if m := e.once(chunked("0x5\r\nhello\r\n0\r\n\r\n")); m.status() != 400 {
			t.Fatal(m.line)
		}
	}
	if m := e.once(get("/")); m.status() != 200 {
		t.Errorf("the backend was ejected: %s %s", m.line, m.body)
	}
}

// TestTrustedProxy: HOP05 and HDR14 behind a proxy that is believed.
func TestTrustedProxy(t *testing.T) {
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{
		trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")},
	})
	e.serve(plain(b.url))
	m := e.once(req("GET / HTTP/1.1", "X-Forwarded-For: 6.6.6.6, ::ffff:203.0.113.9, 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Request-Id: from-the-proxy\r\n"))
	if m.get("X-Request-Id") != "from-the-proxy" {
		t.Errorf("request id %q", m.get("X-Request-Id"))
	}
	got := b.received()
	for _, want := range []string{
		"Forwarded: for=203.0.113.9;host=demo.localhost;proto=https\r\n",
		"X-Forwarded-For: 6.6.6.6, ::ffff:203.0.113.9, 10.0.0.1, 127.0.0.1\r\n", "X-Forwarded-Proto: https\r\n", "X-Request-Id: from-the-proxy\r\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the backend did not get %q in %q", want, got)
		}
	}
}

// TestBodyThatNobodyReads is SMG23's second half: a backend that leaves the body of
// a GET on the connection would take it for the next request. The connection is not
// used again.
func TestBodyThatNobodyReads(t *testing.T) {
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		for r := bufio.NewReader(c); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if _, err := readFields(r); err != nil {
				return
			}
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(line), line)
		}
	})
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	s := e.dial()
	for _, method := range []string{"GET", "DELETE", "OPTIONS"} {
		s.send(req(method+" / HTTP/1.1", fmt.Sprintf("Content-Length: %d\r\n", len(smuggled))) + smuggled)
		if m := s.answer(); m.status() != 200 {
			t.Fatal(m.line)
		}
		s.send(get("/mine"))
		if m := s.answer(); m.body != "GET /mine HTTP/1.1\r\n" {
			t.Errorf("after %s the next request got the answer to %q", method, m.body)
		}
	}
}

// TestNoContinueBehindTheAnswer is SMG22's other half: the backend answers while the
// edge is about to ask the client for the body. The 100 comes before the answer or
// not at all.
func TestNoContinueBehindTheAnswer(t *testing.T) {
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		for r := bufio.NewReader(c); ; {
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
			if _, err := readFields(r); err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nearly")
		}
	})
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	for range 300 {
		s := e.dial()
		s.send(req("POST / HTTP/1.1", "Expect: 100-continue\r\nContent-Length: 50\r\n"))
		all, _ := io.ReadAll(s.r)
		_, behind, ok := strings.Cut(string(all), "early")
		if !ok || behind != "" {
			t.Fatalf("%q", all)
		}
		_ = s.Close()
	}
}
