package conformance

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// row is one payload of the matrix. HOST and KEY stand for the site's own.
type row struct {
	id, raw string
	// want are the statuses of which the first answer has one. 200 means that the
	// request may go through; then the backend's bytes are looked at.
	want []int
	// closed: the connection must be closed by the edge.
	closed bool
	// reaches: how many requests may reach the backend at most.
	reaches int
	// never must not stand in what the backend got, must must.
	never, must []string
}

func get(target string, fields ...string) string {
	s := "GET " + target + " HTTP/1.1\r\nHost: HOST\r\n"
	for _, f := range fields {
		s += f + "\r\n"
	}
	return s + "\r\n"
}

func post(body string, fields ...string) string {
	s := "POST /public/x HTTP/1.1\r\nHost: HOST\r\n"
	for _, f := range fields {
		s += f + "\r\n"
	}
	return s + "\r\n" + body
}

var (
	bad    = []int{400}
	badTE  = []int{400, 501}
	hidden = []int{400, 401, 404} // never answered as if it were public
)

func matrix(host string) []row {
	var rows []row
	add := func(r ...row) { rows = append(rows, r...) }
	smuggled := "GET /public/smuggled HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
	add(
		row{id: "SMG01a", raw: post("0\r\n\r\n"+smuggled, "Content-Length: 5", "Transfer-Encoding: chunked"), want: bad, closed: true},
		row{id: "SMG01b", raw: post("0\r\n\r\n"+smuggled, "Transfer-Encoding: chunked", "Content-Length: 5"), want: bad, closed: true},
	)
	for i, te := range []string{"xchunked", ",chunked", "chunked,", "identity", "gzip, chunked", "chunked, gzip", "", "Chunked\x0b", "chunked;q=1"} {
		add(row{id: fmt.Sprintf("SMG02%c", 'a'+i), raw: post("0\r\n\r\n", "Transfer-Encoding: "+te), want: badTE, closed: true})
	}
	add(
		row{id: "SMG03", raw: post("0\r\n\r\n", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), want: badTE, closed: true},
		row{id: "SMG04a", raw: post("0\r\n\r\n", "Transfer-Encoding:\x0bchunked"), want: badTE, closed: true},
		row{id: "SMG04b", raw: post("0\r\n\r\n", "Transfer-Encoding: chun\x00ked"), want: badTE, closed: true},
		row{id: "SMG05", raw: post("0\r\n\r\n", "Transfer-Encoding : chunked"), want: bad, closed: true},
		row{id: "SMG06", raw: post("abcde", "Transfer-Encoding:\r\n chunked", "Content-Length: 5"), want: bad, closed: true},
		row{id: "SMG07", raw: post("abcde", "Transfer_Encoding: chunked", "Content-Length: 5"), want: bad},
		row{id: "SMG08", raw: "POST /public/x HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", want: badTE, closed: true},
		row{id: "SMG09a", raw: post("abcdef", "Content-Length: 5", "Content-Length: 6"), want: bad, closed: true},
		row{id: "SMG09b", raw: post("abcdef", "Content-Length: 5, 5"), want: bad, closed: true},
		row{id: "SMG09c", raw: post("abcdef", "Content-Length: 5, 6"), want: bad, closed: true},
		row{id: "SMG10", raw: post("abcde", "Content-Length: 5", "Content-Length: 5"), want: bad, closed: true},
	)
	for i, cl := range []string{"+5", "-1", "0x5", "1_0", "", "99999999999999999999", "5 5", "5x", "05x", "٥"} {
		add(row{id: fmt.Sprintf("SMG11%c", 'a'+i), raw: post("abcde", "Content-Length: "+cl), want: bad, closed: true})
	}
	add(row{id: "SMG12", raw: post("abcde", "Content-Length: 05"), want: []int{200, 400}, reaches: 1, never: []string{"Length: 05"}})
	for i, size := range []string{"0x5", "+5", "-5", "0_5", " 5", "", "5 ", "00000000000000005", "5\x0b"} {
		add(row{id: fmt.Sprintf("SMG13%c", 'a'+i), raw: post(size+"\r\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1, never: []string{"abcde"}})
	}
	add(
		row{id: "SMG15a", raw: post("5\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1, never: []string{"abcde"}},
		row{id: "SMG15b", raw: post("5\rXabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1, never: []string{"abcde"}},
		row{id: "SMG16a", raw: post("5;a\nb\r\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1, never: []string{"abcde"}},
		row{id: "SMG16b", raw: post("5;"+strings.Repeat("e", 1<<20)+"\r\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1, never: []string{"abcde"}},
		row{id: "SMG17", raw: post("3\r\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1},
		row{id: "SMG18", raw: post("0\r\n\n", "Transfer-Encoding: chunked"), want: []int{400, 408}, closed: true, reaches: 1},
		row{id: "SMG19", raw: post("X", "Content-Length: 0") + smuggled, want: []int{200}, reaches: 1, never: []string{"XGET"}},
		row{id: "SMG21a", raw: post("abcde", "Content-Length: 5", "Expect: y 100-continue"), want: []int{417}, closed: true},
		row{id: "SMG21b", raw: post("abcde", "Content-Length: 5", "Expect:\t100-continue, x"), want: []int{417}, closed: true},
		row{id: "SMG21c", raw: post("abcde", "Content-Length: 5", "Expect: 100-continue", "Expect: 100-continue"), want: []int{400, 417}, closed: true},
		row{id: "SMG23", raw: "GET /public/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: " + fmt.Sprint(len(smuggled)) + "\r\n\r\n" + smuggled, want: []int{200, 400}, reaches: 1},
		row{id: "SMG24", raw: strings.Replace(post(smuggled, "Content-Length: "+fmt.Sprint(len(smuggled))), "/public/x", "/admin/x", 1), want: []int{401}},
		row{id: "SMG27", raw: post("5\r\nabcde\r\n0\r\nAuthorization: evil\r\nX-Api-Key: evil\r\nHost: evil\r\nContent-Length: 9\r\nTollgate-Consumer: evil\r\n\r\n", "Transfer-Encoding: chunked", "Trailer: Authorization"), want: []int{200, 400}, reaches: 1, never: []string{"evil", "Trailer: Authorization"}},
		row{id: "SMG31", raw: "PRI * HTTP/2.0\r\nX: y\r\n\r\n", want: []int{505, 400, 501}, closed: true},
	)
	add(
		row{id: "HDR01", raw: "GET /public/x HTTP/1.1\nHost: HOST\n\n", want: bad, closed: true},
		row{id: "HDR01b", raw: "GET /public/x HTTP/1.1\r\nHost: HOST\nA: b\r\n\r\n", want: bad, closed: true},
		row{id: "HDR02", raw: get("/public/x", "X-A: a\r\n b"), want: bad, closed: true},
		row{id: "HDR03a", raw: get("/public/x", "X-A: a\rb"), want: bad, closed: true},
		row{id: "HDR03b", raw: get("/public/x", "X-A: a\x00b"), want: bad, closed: true},
		row{id: "HDR03c", raw: get("/public/x", "X-A: a\x01b"), want: bad, closed: true},
		row{id: "HDR03d", raw: get("/public/x", "no colon"), want: bad, closed: true},
		row{id: "HDR03e", raw: get("/public/x", ": empty"), want: bad, closed: true},
		row{id: "HDR03f", raw: get("/public/x", "X-\xc3\xa4: b"), want: bad, closed: true},
		row{id: "HDR03g", raw: "GET /public/x HTTP/1.1\r\n Host: HOST\r\n\r\n", want: bad, closed: true},
		row{id: "HDR03h", raw: get("/public/x", "X A: b"), want: bad, closed: true},
	)
	for i, v := range []string{"HTTP/1.2", "HTTP/1.10", "http/1.1", "HTTP/2.0", "HTTP/0.9", "HTTP/1.1 ", "HTTP/11"} {
		add(row{id: fmt.Sprintf("HDR04%c", 'a'+i), raw: "GET /public/x " + v + "\r\nHost: HOST\r\n\r\n", want: []int{400, 505}, closed: true})
	}
	add(
		row{id: "HDR04h", raw: "GET /public/x\r\n\r\n", want: []int{400, 505}, closed: true},
		row{id: "HDR05a", raw: "GET  /public/x HTTP/1.1\r\nHost: HOST\r\n\r\n", want: bad, closed: true},
		row{id: "HDR05b", raw: "GET\t/public/x HTTP/1.1\r\nHost: HOST\r\n\r\n", want: []int{400, 501}, closed: true},
		row{id: "HDR05c", raw: "GET /public/x y HTTP/1.1\r\nHost: HOST\r\n\r\n", want: []int{400, 505}, closed: true},
		row{id: "HDR06a", raw: "get /public/x HTTP/1.1\r\nHost: HOST\r\n\r\n", want: []int{400, 501}},
		row{id: "HDR06b", raw: "XGET /public/x HTTP/1.1\r\nHost: HOST\r\n\r\n", want: []int{501}},
		row{id: "HDR06c", raw: strings.Repeat("A", 10<<10) + " /public/x HTTP/1.1\r\nHost: HOST\r\n\r\n", want: []int{400, 414, 501}},
		row{id: "HDR07a", raw: "TRACE /public/x HTTP/1.1\r\nHost: HOST\r\n\r\n", want: []int{405, 501}},
		row{id: "HDR07b", raw: "TRACK /public/x HTTP/1.1\r\nHost: HOST\r\n\r\n", want: []int{405, 501}},
		row{id: "HDR07c", raw: "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", want: []int{400, 405, 501}},
		row{id: "HDR08", raw: "OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n", want: []int{204, 400, 404}},
		row{id: "HDR09a", raw: get("/public/x", strings.TrimSuffix(strings.Repeat("X-A: b\r\n", 101), "\r\n")), want: []int{431}, closed: true},
		row{id: "HDR09b", raw: get("/public/x", "X-A: "+strings.Repeat("b", 70<<10)), want: []int{431}, closed: true},
		row{id: "HDR10a", raw: get("/public/" + strings.Repeat("a", 64<<10)), want: []int{414, 431}, closed: true},
		row{id: "HDR10b", raw: get("/public/x?" + strings.Repeat("a&", 2000)), want: []int{400, 414}},
		row{id: "HDR12a", raw: get("/public/x", "Authorization: Bearer a", "Authorization: Bearer b"), want: bad},
		row{id: "HDR12b", raw: get("/admin/x", "X-API-Key: a", "X-API-Key: KEY"), want: bad},
		row{id: "HDR12c", raw: get("/public/x", "Content-Type: a/b", "Content-Type: c/d"), want: bad},
		row{id: "HDR13a", raw: get("/public/x", "X_Api_Key: a"), want: []int{200, 400}, reaches: 1, never: []string{"X_Api_Key"}},
		row{id: "HDR13b", raw: get("/public/x", "X.Api.Key: a"), want: []int{200, 400}, reaches: 1, never: []string{"X.Api.Key"}},
		row{id: "HDR14", raw: get("/public/x", "X-Request-Id: someone-elses-id"), want: []int{200}, reaches: 1, never: []string{"someone-elses"}},
		row{id: "HDR15a", raw: get("/public/x", "tollgate-consumer: root", "TOLLGATE-X: y", "Tollgate_Consumer: root"), want: []int{200, 400}, reaches: 1, never: []string{"root"}},
		row{id: "HDR17", raw: get("/public/x", "Accept-Encoding: x"), want: []int{200}, reaches: 1},
	)
	for i, p := range []string{"/public/../admin/x", "/public/%2e%2e/admin/x", "/public/.%2e/admin/x", "//admin/x", "/./admin/x", "/admin//x", "/%61dmin/x", "/public/..;/admin/x", "/admin;x=1/x", "/admin/;/x", "/public\\..\\admin/x", "/public/%5c..%5cadmin/x"} {
		add(row{id: fmt.Sprintf("URI01%c", 'a'+i), raw: get(p), want: hidden})
	}
	for i, e := range []string{"%2f", "%5c", "%00", "%23", "%25", "%3b", "%3f", "%0d%0aX:y", "%0a", "%c0%ae", "%ff", "%u002e", "%zz", "%g1"} {
		add(row{id: fmt.Sprintf("URI03%c", 'a'+i), raw: get("/public/a" + e + "b"), want: bad})
	}
	add(
		row{id: "URI04a", raw: get("/public%2f..%2fadmin/x"), want: bad},
		row{id: "URI04b", raw: get("/public%252f..%252fadmin/x"), want: bad},
		row{id: "URI09", raw: get("/public/#/../admin/x"), want: bad},
		row{id: "URI11", raw: get("/%70ublic/x"), want: []int{200}, reaches: 1, must: []string{"GET /public/x "}},
		row{id: "URI12", raw: get("/public/\xef\xbd\x81dmin"), want: []int{200, 400}, reaches: 1},
		row{id: "URI13a", raw: get("http://other.example/public/x"), want: []int{400, 404, 421}},
		row{id: "URI13b", raw: get("http://u:p@HOST/public/x"), want: bad},
		row{id: "URI13c", raw: get("file:///etc/passwd"), want: bad},
		row{id: "URI13d", raw: get("a:80"), want: bad},
		row{id: "URI13e", raw: get("*"), want: bad},
		row{id: "URI13f", raw: get("public/x"), want: bad},
		row{id: "URI14a", raw: get("/public/x?a=1;b=2"), want: []int{200, 400}, reaches: 1, must: []string{"?a=1;b=2 "}},
		row{id: "URI14b", raw: get("/public/x?a=1&a=2&&&="), want: []int{200}, reaches: 1, must: []string{"?a=1&a=2&&&= "}},
		row{id: "URI14c", raw: get("/public/x?a=%zz"), want: []int{200, 400}, reaches: 1, must: []string{"?a=%zz "}},
		row{id: "URI15", raw: get("/admin/x?api_key=KEY"), want: []int{401}},
	)
	hosted := func(h string) string { return "GET /public/x HTTP/1.1\r\n" + h + "\r\n" }
	add(
		row{id: "HST01a", raw: hosted(""), want: bad, closed: true},
		row{id: "HST01b", raw: hosted("Host: HOST\r\nHost: HOST\r\n"), want: bad, closed: true},
		row{id: "HST01c", raw: hosted("Host: HOST, b\r\n"), want: bad, closed: true},
		row{id: "HST01d", raw: hosted("Host: u@HOST\r\n"), want: bad, closed: true},
		row{id: "HST01e", raw: hosted("Host: HOST/x\r\n"), want: bad, closed: true},
		row{id: "HST01f", raw: hosted("Host: HOST\\x\r\n"), want: bad, closed: true},
		row{id: "HST01g", raw: hosted("Host: h\xc3\xb6st\r\n"), want: bad, closed: true},
		row{id: "HST02", raw: hosted("Host: \r\n"), want: bad, closed: true},
		row{id: "HST03a", raw: hosted("Host: UPPER\r\n"), want: []int{200}, reaches: 1},
		row{id: "HST03b", raw: hosted("Host: HOST.\r\n"), want: []int{200}, reaches: 1},
		row{id: "HST03c", raw: hosted("Host: HOST:80\r\n"), want: []int{200}, reaches: 1},
		row{id: "HST04a", raw: hosted("Host: HOST:99999\r\n"), want: bad, closed: true},
		row{id: "HST04b", raw: hosted("Host: HOST:x\r\n"), want: bad, closed: true},
		row{id: "HST04c", raw: hosted("Host: conf%2elocalhost\r\n"), want: bad, closed: true},
		row{id: "HST04d", raw: hosted("Host: [::1%25eth0]\r\n"), want: bad, closed: true},
		row{id: "HST05a", raw: hosted("Host: 127.0.0.1\r\n"), want: []int{404, 421}},
		row{id: "HST05b", raw: hosted("Host: localhost\r\n"), want: []int{404, 421}},
		row{id: "HST08", raw: get("/public/x", "X-Forwarded-Host: other.localhost", "Forwarded: host=other.localhost"), want: []int{200}, reaches: 1, never: []string{"other.localhost"}},
		row{id: "HST10", raw: hosted("Host: nobody.localhost\r\n"), want: []int{404}},
		row{id: "HOP01a", raw: get("/admin/x", "X-API-Key: KEY", "Connection: X-API-Key"), want: []int{200, 400}, reaches: 1, never: []string{"KEY"}},
		row{id: "HOP01b", raw: get("/admin/x", "X-API-Key: KEY", "Connection: close, Tollgate-Consumer"), want: []int{200, 400}, reaches: 1, must: []string{"Tollgate-Consumer: alice"}},
		row{id: "HOP03", raw: post("abcde", "Content-Length: 5", "Connection: Content-Length"), want: bad},
		row{id: "HOP03b", raw: get("/public/x", "Connection: Host"), want: bad},
		row{id: "HOP04", raw: get("/public/x", "Proxy-Authorization: a", "Proxy-Connection: b", "Keep-Alive: c", "TE: x"), want: []int{200, 400}, reaches: 1, never: []string{"Proxy-Authorization", "Proxy-Connection", "Keep-Alive", "\r\nTE:"}},
		row{id: "HOP05", raw: get("/public/x", "X-Forwarded-For: 203.0.113.1", "X-Real-IP: 203.0.113.1", "True-Client-IP: 203.0.113.1", "CF-Connecting-IP: 203.0.113.1", "Forwarded: for=203.0.113.1"), want: []int{200}, reaches: 1, never: []string{"203.0.113.1"}, must: []string{"X-Forwarded-For: 127.0.0.1"}},
		row{id: "HOP07", raw: get("/public/x", "X-Forwarded-Proto: evil", "X-Forwarded-Port: evil", "X-Forwarded-Prefix: evil", "X-Forwarded-Uri: evil", "X-Forwarded-Method: evil"), want: []int{200}, reaches: 1, never: []string{"evil"}},
		row{id: "HOP08", raw: get("/public/x", "X-Original-URL: /evil", "X-Rewrite-URL: /evil", "X-HTTP-Method-Override: EVIL"), want: []int{200}, reaches: 1, never: []string{"evil", "EVIL"}},
		row{id: "HOP10", raw: get("/public/x", "Forwarded: for=\"_x\\\"\""), want: []int{200, 400}, reaches: 1, never: []string{"_x"}},
		row{id: "CON13", raw: get("/public/x", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), want: []int{200, 400}, reaches: 1, never: []string{"h2c", "HTTP2-Settings"}},
		row{id: "KEY05", raw: get("/admin/x", "X-API-Key: tg_live_0000000000_00000000000000000000000000000000000000"), want: []int{401}},
	)
	return rows
}

func TestMatrix(t *testing.T) {
	s := newSite(t)
	fill := strings.NewReplacer("HOST", s.host, "KEY", s.key, "UPPER", strings.ToUpper(s.host))
	for _, r := range matrix(s.host) {
		t.Run(r.id, func(t *testing.T) {
			s.origin.take()
			a := s.send(t, fill.Replace(r.raw))
			if len(a.statuses) == 0 {
				t.Fatalf("no answer (closed %v), want one of %v: %q", a.closed, r.want, clip(a.text))
			}
			if !slices.Contains(r.want, a.statuses[0]) {
				t.Errorf("answered %v, want one of %v: %s", a.statuses, r.want, clip(a.text))
			}
			if a.statuses[0] >= 500 && a.statuses[0] != 501 && a.statuses[0] != 505 {
				t.Errorf("a client's bad bytes became %d", a.statuses[0])
			}
			if r.closed && !a.closed {
				t.Error("the connection stays open")
			}
			time.Sleep(20 * time.Millisecond) // the backend records what was cut off when its connection ends
			seen := s.origin.take()
			if len(seen) > r.reaches {
				t.Errorf("%d requests reached the backend, at most %d may: %q", len(seen), r.reaches, seen)
			}
			all := strings.Join(seen, "")
			for _, n := range r.never {
				if strings.Contains(all, fill.Replace(n)) {
					t.Errorf("%q reached the backend: %q", n, all)
				}
			}
			if a.statuses[0] == 200 {
				for _, m := range r.must {
					if !strings.Contains(all, fill.Replace(m)) {
						t.Errorf("%q did not reach the backend: %q", m, all)
					}
				}
				if strings.Contains(a.text, "Tollgate-Error: forged") {
					t.Error("a backend's Tollgate-Error was passed on")
				}
			} else if !strings.Contains(a.text, "Tollgate-Error: ") && a.statuses[0] != 204 {
				t.Errorf("the edge's answer has no code: %s", clip(a.text))
			}
		})
	}
}

func clip(s string) string { return s[:min(len(s), 400)] }

// TestPipelining sends 50 requests at once on one connection, keyed and not: each
// is judged by itself and answered in order.
func TestPipelining(t *testing.T) {
	s := newSite(t)
	var raw strings.Builder
	var want []int
	for i := range 50 {
		raw.WriteString(fmt.Sprintf("GET /admin/%d HTTP/1.1\r\nHost: %s\r\n", i, s.host))
		if i%3 == 0 {
			raw.WriteString("X-API-Key: " + s.key + "\r\n")
			want = append(want, 200)
		} else {
			want = append(want, 401)
		}
		raw.WriteString("\r\n")
	}
	a := s.send(t, raw.String())
	if !slices.Equal(a.statuses, want) {
		t.Errorf("answers %v", a.statuses)
	}
	if n := len(s.origin.take()); n != 17 {
		t.Errorf("%d requests reached the backend, want 17", n)
	}
}

// TestSlowHead sends a head and never its end: the edge answers 408 and closes
// after its header timeout of 10 s.
func TestSlowHead(t *testing.T) {
	s := newSite(t)
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /public/x HTTP/1.1\r\nHost: "+s.host+"\r\nX-A: "); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("the connection is not closed: %v", err)
	}
	if len(b) > 0 && !strings.HasPrefix(string(b), "HTTP/1.1 408 ") {
		t.Errorf("answered %s", clip(string(b)))
	}
	if n := len(s.origin.take()); n != 0 {
		t.Errorf("%d unfinished requests reached the backend", n)
	}
}
