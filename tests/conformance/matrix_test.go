package conformance

import (
	"fmt"
	"strings"
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

// framingRows are those on messages and their heads.
func framingRows(host string) (rows []row) {
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
	for i, size := range []string{"0x5", "+5", "-5", "0_5", " 5", "", "5\x0b"} {
		add(row{id: fmt.Sprintf("SMG13%c", 'a'+i), raw: post(size+"\r\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1, never: []string{"abcde"}})
	}
	for i, size := range []string{"5 ", "00000000000000005"} {
		add(row{id: fmt.Sprintf("SMG14%c", 'a'+i), raw: post(size+"\r\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1, never: []string{"abcde"}})
	}
	add(
		row{id: "SMG15a", raw: post("5\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1, never: []string{"abcde"}},
		row{id: "SMG15b", raw: post("5\rXabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1, never: []string{"abcde"}},
		row{id: "SMG16a", raw: post("5;a\nb\r\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1, never: []string{"abcde"}},
		row{id: "SMG16b", raw: post("5;"+strings.Repeat("e", 1<<20)+"\r\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1, never: []string{"abcde"}},
		row{id: "SMG17b", raw: post("7\r\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1},
		row{id: "SMG16c", raw: post(strings.Repeat("1;"+strings.Repeat("e", 4000)+"\r\nx\r\n", 40)+"0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1},
		row{id: "SMG17a", raw: post("3\r\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), want: bad, closed: true, reaches: 1},
		row{id: "SMG18", raw: post("0\r\n\n", "Transfer-Encoding: chunked"), want: []int{400, 408}, closed: true, reaches: 1},
		row{id: "SMG19", raw: post("X", "Content-Length: 0") + smuggled, want: []int{200}, reaches: 1, never: []string{"XGET"}},
		row{id: "SMG21a", raw: post("abcde", "Content-Length: 5", "Expect: y 100-continue"), want: []int{417}, closed: true},
		row{id: "SMG21b", raw: post("abcde", "Content-Length: 5", "Expect:\t100-continue, x"), want: []int{417}, closed: true},
		row{id: "SMG21c", raw: post("abcde", "Content-Length: 5", "Expect: 100-continue", "Expect: 100-continue"), want: []int{400, 417}, closed: true},
		row{id: "SMG23", raw: "GET /public/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: " + fmt.Sprint(len(smuggled)) + "\r\n\r\n" + smuggled, want: []int{200, 400}, reaches: 1},
		row{id: "SMG24", raw: strings.Replace(post(smuggled, "Content-Length: "+fmt.Sprint(len(smuggled))), "/public/x", "/admin/x", 1), want: []int{401}},
		row{id: "SMG27", raw: post("5\r\nabcde\r\n0\r\nAuthorization: evil\r\nX-Api-Key: evil\r\nHost: evil\r\nContent-Length: 9\r\nTollgate-Consumer: evil\r\n\r\n", "Transfer-Encoding: chunked", "Trailer: Authorization"), want: []int{200, 400}, reaches: 1, never: []string{"evil", "Trailer: Authorization"}},
		row{id: "SMG26a", raw: "CONNECT HOST:443 HTTP/1.1\r\nHost: HOST\r\n\r\n", want: []int{405}},
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
		row{id: "HDR11a", raw: get("/public/x", "Cookie: a="+strings.Repeat("b", 66_000)), want: []int{431}, closed: true},
		row{id: "HDR11b", raw: get("/public/x", "Cookie: "+strings.TrimSuffix(strings.Repeat("a=b01234567890123456; ", 4000), "; ")), want: []int{431}, closed: true},
		row{id: "HDR12a", raw: get("/public/x", "Authorization: Bearer a", "Authorization: Bearer b"), want: bad},
		row{id: "HDR12b", raw: get("/admin/x", "X-API-Key: a", "X-API-Key: KEY"), want: bad},
		row{id: "HDR12c", raw: get("/public/x", "Content-Type: a/b", "Content-Type: c/d"), want: bad},
		row{id: "HDR13a", raw: get("/public/x", "X_Api_Key: a"), want: []int{200, 400}, reaches: 1, never: []string{"X_Api_Key"}},
		row{id: "HDR13b", raw: get("/public/x", "X.Api.Key: a"), want: []int{200, 400}, reaches: 1, never: []string{"X.Api.Key"}},
		row{id: "HDR14a", raw: get("/public/x", "X-Request-Id: someone-elses-id"), want: []int{200}, reaches: 1, never: []string{"someone-elses"}},
		row{id: "HDR14b", raw: get("/public/x", "X-Request-Id: "+strings.Repeat("x", 10<<10)), want: []int{200}, reaches: 1, never: []string{"xxxx"}},
		row{id: "HDR15a", raw: get("/public/x", "tollgate-consumer: root", "TOLLGATE-X: y", "Tollgate_Consumer: root"), want: []int{200, 400}, reaches: 1, never: []string{"root"}},
		row{id: "HDR07d", raw: "OPTIONS /public/x HTTP/1.1\r\nHost: HOST\r\nMax-Forwards: 0\r\n\r\n", want: []int{405}},
		row{id: "HDR13c", raw: get("/public/x", "x-forwarded_for: a", "X_Mine: b"), want: []int{200, 400}, reaches: 1, never: []string{"forwarded_for", "X_Mine"}},
		row{id: "HDR15b", raw: get("/public/x", "tollgate-consumer: root", "TOLLGATE-X: root", "Tollgate-Error: root"), want: []int{200}, reaches: 1, never: []string{"root", "ollgate-"}},
		row{id: "HDR17b", raw: post("hi", "Content-Length: 2", "Content-Encoding: gzip, br, gzip, br, gzip, br, gzip, br, gzip, weird"), want: []int{200}, reaches: 1, must: []string{"weird", "\r\n\r\nhi"}},
		row{id: "HDR18", raw: get("/public/x", "Range: bytes=0-1"+strings.Repeat(",0-1", 999)), want: []int{200}, reaches: 1, never: []string{"Range"}},
		row{id: "HDR17a", raw: get("/public/x", "Accept-Encoding: x"), want: []int{200}, reaches: 1},
	)
	return rows
}
