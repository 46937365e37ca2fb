package conformance

import "fmt"

// targetRows are those on targets, hosts, and fields of connections and proxies.
func targetRows() (rows []row) {
	add := func(r ...row) { rows = append(rows, r...) }
	for i, p := range []string{"/public/../admin/x", "/public/%2e%2e/admin/x", "/public/.%2e/admin/x"} {
		add(row{id: fmt.Sprintf("URI01%c", 'a'+i), raw: get(p), want: hidden})
	}
	for i, p := range []string{"//admin/x", "/./admin/x", "/admin//x", "/admin/"} {
		add(row{id: fmt.Sprintf("URI02%c", 'a'+i), raw: get(p), want: hidden})
	}
	for i, p := range []string{"/public/..;/admin/x", "/admin;x=1/x", "/admin/;/x"} {
		add(row{id: fmt.Sprintf("URI05%c", 'a'+i), raw: get(p), want: hidden})
	}
	for i, p := range []string{"/public\\..\\admin/x", "/public/%5c..%5cadmin/x"} {
		add(row{id: fmt.Sprintf("URI06%c", 'a'+i), raw: get(p), want: bad})
	}
	for id, list := range map[string][]string{
		"URI03": {"%2f", "%2F", "%5c", "%23", "%25", "%3b", "%3f"}, "URI07": {"%00", "%00.css", "%0d%0aX:y", "%0a"}, "URI08": {"%c0%ae", "%ff", "%u002e", "%zz", "%g1"},
	} {
		for i, e := range list {
			add(row{id: fmt.Sprintf("%s%c", id, 'a'+i), raw: get("/public/a" + e + "b"), want: bad})
		}
	}
	add(
		row{id: "URI04a", raw: get("/public%2f..%2fadmin/x"), want: bad},
		row{id: "URI04b", raw: get("/public%252f..%252fadmin/x"), want: bad},
		row{id: "URI09", raw: get("/public/#/../admin/x"), want: bad},
		row{id: "URI11b", raw: get("/%61dmin/x"), want: hidden},
		row{id: "URI11c", raw: get("/ADMIN/x"), want: []int{404}},
		row{id: "URI11a", raw: get("/%70ublic/x"), want: []int{200}, reaches: 1, must: []string{"GET /public/x "}},
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
		row{id: "HOP01c", raw: get("/admin/x", "Authorization: KEY", "Connection: authorization"), want: []int{400, 401}},
		row{id: "HOP01d", raw: get("/public/x", "Cookie: a=b", "Connection: close, Cookie"), want: []int{400}},
		row{id: "HOP02a", raw: get("/admin/x", "X-API-Key: KEY", "connection: close, tollgate-consumer"), want: []int{200, 400}, reaches: 1, must: []string{"Tollgate-Consumer: alice"}},
		row{id: "HOP02b", raw: get("/public/x", "Connection: close, X-Tenant", "X-Tenant: forged"), want: []int{200, 400}, reaches: 1, never: []string{"forged"}},
		row{id: "HOP03c", raw: post("0\r\n\r\n", "Transfer-Encoding: chunked", "Connection: Transfer-Encoding"), want: bad},
		row{id: "HOP03a", raw: post("abcde", "Content-Length: 5", "Connection: Content-Length"), want: bad},
		row{id: "HOP03b", raw: get("/public/x", "Connection: Host"), want: bad},
		row{id: "HOP04", raw: get("/public/x", "Proxy-Authorization: a", "Proxy-Connection: b", "Keep-Alive: c", "TE: x"), want: []int{200, 400}, reaches: 1, never: []string{"Proxy-Authorization", "Proxy-Connection", "Keep-Alive", "\r\nTE:"}},
		row{id: "HOP06", raw: get("/public/x", "X-Real-IP: 203.0.113.1", "True-Client-IP: 203.0.113.1", "CF-Connecting-IP: 203.0.113.1", "Forwarded: for=203.0.113.1"), want: []int{200}, reaches: 1, never: []string{"203.0.113.1"}},
		row{id: "HOP05", raw: get("/public/x", "X-Forwarded-For: 203.0.113.1, 127.0.0.9"), want: []int{200}, reaches: 1, never: []string{"203.0.113.1"}, must: []string{"X-Forwarded-For: 127.0.0.1"}},
		row{id: "HOP07", raw: get("/public/x", "X-Forwarded-Proto: evil", "X-Forwarded-Port: evil", "X-Forwarded-Prefix: evil", "X-Forwarded-Uri: evil", "X-Forwarded-Method: evil"), want: []int{200}, reaches: 1, never: []string{"evil"}},
		row{id: "HOP08", raw: get("/public/x", "X-Original-URL: /evil", "X-Rewrite-URL: /evil", "X-HTTP-Method-Override: EVIL"), want: []int{200}, reaches: 1, never: []string{"evil", "EVIL"}},
		row{id: "HOP09a", raw: get("/admin/x", "User-Agent: Tollgate-Health-Check"), want: []int{401}},
		row{id: "HOP09b", raw: get("/admin/x", "User-Agent: kube-probe/1.30"), want: []int{401}},
		row{id: "HOP10b", raw: get("/public/x", "Forwarded: for=\"[fe80::1%25eth0]\"", "Forwarded: for=\"[::ffff:203.0.113.1]\""), want: []int{200, 400}, reaches: 1, never: []string{"203.0.113.1", "fe80"}},
		row{id: "HOP10a", raw: get("/public/x", "Forwarded: for=\"_x\\\"\""), want: []int{200, 400}, reaches: 1, never: []string{"_x"}},
		row{id: "CON13b", raw: get("/public/x", "Connection: Upgrade", "Upgrade: foo"), want: bad},
		row{id: "CON13c", raw: get("/public/x", "Connection: Upgrade", "Upgrade: TLS/1.3"), want: []int{200, 400}, reaches: 1, never: []string{"Upgrade", "TLS/1.3"}},
		row{id: "CON13d", raw: get("/public/x", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"), want: bad},
		row{id: "CON13a", raw: get("/public/x", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), want: []int{200, 400}, reaches: 1, never: []string{"h2c", "HTTP2-Settings"}},
	)
	return rows
}
