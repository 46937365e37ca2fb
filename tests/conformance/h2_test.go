package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// h2row is one bad request in frames. body is sent as DATA; trailers follow it.
type h2row struct {
	id       string
	fields   []field
	body     string
	trailers []field
	// partly: the head may have gone on before the fault showed; the backend must
	// not have got a whole request then.
	partly bool
}

// h2rows are the cases of SMG30 and of the rows that meet it over HTTP/2.
func h2rows(host string) []h2row {
	get := func(more ...field) []field { return request("GET", host, "/public/h2", more...) }
	post := func(more ...field) []field { return request("POST", host, "/public/h2", more...) }
	path := func(p string) []field { return request("GET", host, p) }
	rows := []h2row{
		{id: "SMG30 value with CRLF", fields: get(field{"x-a", "b\r\nx-admin: 1"})},
		{id: "SMG30 value with LF", fields: get(field{"x-a", "b\nx-admin: 1"})},
		{id: "SMG30 value with NUL", fields: get(field{"x-a", "b\x00c"})},
		{id: "SMG30 name with colon", fields: get(field{"x:a", "b"})},
		{id: "SMG30 name with space", fields: get(field{"x a", "b"})},
		{id: "SMG30 name with CRLF", fields: get(field{"x\r\nx-admin", "b"})},
		{id: "SMG30 name in upper case", fields: get(field{"X-A", "b"})},
		{id: "SMG30 empty name", fields: get(field{"", "b"})},
		{id: "SMG30 name not in ASCII", fields: get(field{"x-\xc3\xa4", "b"})},
		{id: "SMG30 path with space", fields: path("/public/a b")},
		{id: "SMG30 path with CRLF", fields: path("/public/a HTTP/1.1\r\nx-admin: 1")},
		{id: "SMG30 empty path", fields: path("")},
		{id: "SMG30 path without slash", fields: path("public/a")},
		{id: "SMG30 method with space", fields: request("GET /admin", host, "/public/a")},
		{id: "SMG30 method with CRLF", fields: request("GET\r\nx: y", host, "/public/a")},
		{id: "SMG30 transfer-encoding", fields: post(field{"transfer-encoding", "chunked"}), body: "0\r\n\r\n"},
		{id: "SMG30 connection", fields: get(field{"connection", "close"})},
		{id: "SMG30 proxy-connection", fields: get(field{"proxy-connection", "keep-alive"})},
		{id: "SMG30 keep-alive", fields: get(field{"keep-alive", "timeout=5"})},
		{id: "SMG30 upgrade", fields: get(field{"upgrade", "h2c"})},
		{id: "SMG30 te", fields: get(field{"te", "gzip"})},
		{id: "SMG30 length over the body", fields: post(field{"content-length", "5"}), body: "abc", partly: true},
		{id: "SMG30 length under the body", fields: post(field{"content-length", "3"}), body: "abcGET /admin HTTP/1.1", partly: true},
		{id: "SMG30 length twice", fields: post(field{"content-length", "3"}, field{"content-length", "4"}), body: "abc"},
		{id: "SMG30 length no number", fields: post(field{"content-length", "+3"}), body: "abc"},
		{id: "SMG30 no method", fields: without(get(), ":method")},
		{id: "SMG30 no path", fields: without(get(), ":path")},
		{id: "SMG30 no scheme", fields: without(get(), ":scheme")},
		{id: "SMG30 path twice", fields: append([]field{{":path", "/public/b"}}, get()...)},
		{id: "SMG30 pseudo behind fields", fields: append(without(get(field{"x-a", "b"}), ":path"), field{":path", "/public/c"})},
		{id: "SMG30 pseudo nobody knows", fields: append([]field{{":admin", "1"}}, get()...)},
		{id: "SMG30 pseudo in trailers", fields: post(), body: "abc", trailers: []field{{":path", "/admin/x"}}, partly: true},
		{id: "SMG26 CONNECT", fields: []field{{":method", "CONNECT"}, {":authority", host + ":443"}}, body: "GET /admin HTTP/1.1\r\n\r\n"},
		{id: "SMG26 extended CONNECT", fields: append([]field{{":protocol", "websocket"}}, request("CONNECT", host, "/public/ws")...)},
		{id: "HST01 userinfo", fields: request("GET", "a@"+host, "/public/h2")},
		{id: "HST02 empty authority", fields: request("GET", "", "/public/h2")},
		{id: "HST09 authority is not host", fields: get(field{"host", "other.example"})},
		{id: "HDR07 TRACE", fields: request("TRACE", host, "/public/h2")},
		{id: "HDR12 two credentials", fields: request("GET", host, "/admin/h2", field{"authorization", "Bearer a"}, field{"authorization", "Bearer b"})},
		{id: "URI01 dots", fields: path("/public/../admin/x")},
	}
	crumbs := get()
	for i := range 4000 {
		crumbs = append(crumbs, field{"cookie", fmt.Sprintf("c%d=%s", i, strings.Repeat("x", 8))})
	}
	many := get()
	for i := range 101 {
		many = append(many, field{fmt.Sprintf("x-%d", i), "y"})
	}
	return append(rows, h2row{id: "HDR11 cookie crumbs", fields: crumbs}, h2row{id: "HDR09 101 fields", fields: many})
}

// frames sends a bad request on a connection of its own: it is refused, and nothing
// of it reaches the backend as a request.
func (s *site) frames(t *testing.T, r *h2row) {
	s.origin.take()
	h := dialH2(t, s.addr)
	if err := h.sendRow(r); err != nil && !strings.Contains(err.Error(), "closed") && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	o := h.wait(1, 3*time.Second)
	if !o.refused() {
		t.Errorf("not refused: %s", o)
	}
	h.c.Close()
	time.Sleep(20 * time.Millisecond)
	for _, raw := range s.origin.take() {
		if !r.partly || complete(raw) {
			t.Errorf("reached the backend: %q", clip(raw))
		}
	}
}

// sendRow writes a row's frames; a large head is split over CONTINUATION frames.
func (h *h2) sendRow(r *h2row) error {
	block := h.block(r.fields)
	first := block[:min(len(block), 16<<10)]
	rest := block[len(first):]
	end := r.body == "" && r.trailers == nil
	if err := h.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: first, EndStream: end, EndHeaders: len(rest) == 0}); err != nil {
		return err
	}
	for len(rest) > 0 {
		n := min(len(rest), 16<<10)
		if err := h.fr.WriteContinuation(1, n == len(rest), rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	if end {
		return nil
	}
	if err := h.fr.WriteData(1, r.trailers == nil, []byte(r.body)); err != nil || r.trailers == nil {
		return err
	}
	return h.open(1, true, r.trailers)
}

// complete reports whether the backend got a whole request: a head and all of the
// body that it promises.
func complete(raw string) bool {
	head, body, ok := strings.Cut(raw, "\r\n\r\n")
	if !ok {
		return false
	}
	if strings.Contains(strings.ToLower(head), "transfer-encoding: chunked") {
		return strings.HasSuffix(body, "0\r\n\r\n")
	}
	var length int
	for line := range strings.SplitSeq(head, "\r\n") {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "content-length") {
			_, _ = fmt.Sscan(value, &length)
		}
	}
	return len(body) >= length && length > 0
}
