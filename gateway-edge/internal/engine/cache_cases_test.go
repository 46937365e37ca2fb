package engine_test

import (
	"fmt"
	"testing"
)

// TestCacheStores: what a shared cache may store and use again (RFC 9111 3, 4.2,
// 5.2.2, 5.3).
func TestCacheStores(t *testing.T) {
	const negative = `{"store_errors":true}`
	var cases []cacheCase
	add := func(config, answer string, hit bool) {
		cases = append(cases, stores(fmt.Sprintf("%s %s", config, answer), config, answer, hit))
	}
	for _, c := range []struct {
		cc  string
		hit bool
	}{
		{"max-age=60", true},
		{"MAX-AGE=60", true},
		{`max-age="60"`, true},
		{"max-age=060", true},
		{"public, max-age=60", true},
		{"max-age=60, foo=bar", true},
		{`max-age=60, foo="a, no-store"`, true},
		{`foo="no-store", max-age=60`, true},
		{",,max-age=60,,", true},
		{"max-age=99999999999999999999", true},
		{"max-age=60,proxy-revalidate", true},
		{"max-age=60, must-revalidate", true},
		{"max-age=60, immutable", true},
		{"max-age=60, no-transform", true},
		{"s-maxage=60", true},
		{"s-maxage=60, max-age=0", true},
		{"max-age=60, stale-while-revalidate=5", true},
		{"must-understand, no-store, max-age=60", true},
		{"max-age=60\tfoo", false},
		{"max-age=0", false},
		{"s-maxage=0, max-age=60", false},
		{"max-age=-1", false},
		{"max-age=1.5", false},
		{"max-age=60s", false},
		{"max-age='60'", false},
		{"max-age", false},
		{"max-age=", false},
		{"max-age =60", false},
		{"max-age= 60", false},
		{"maxage=60", false},
		{"max-age=60, max-age=0", false},
		{"max-age=0, max-age=60", false},
		{"no-store", false},
		{"no-store, max-age=60", false},
		{"NO-STORE, max-age=60", false},
		{"private, max-age=60", false},
		{"private=\"X-A\", max-age=60", false},
		{"no-cache, max-age=60", false},
		{`no-cache="Set-Cookie", max-age=60`, false},
		{"public", false},
		{"immutable", false},
		{"", false},
		{"s-maxage=x, max-age=60", false},
	} {
		add("{}", "200|Cache-Control: "+c.cc, c.hit)
	}
	for _, c := range []struct {
		fields string
		hit    bool
	}{
		{"Expires: {future}", true},
		{"Expires: {past}", false},
		{"Expires: {now}", false},
		{"Expires: 0", false},
		{"Expires: ", false},
		{"Expires: {future}|Cache-Control: max-age=0", false},
		{"Expires: {past}|Cache-Control: max-age=60", true},
		{"Expires: {past}|Cache-Control: s-maxage=60", true},
		{"Expires: {future}|Expires: {future}", false},
		{"Expires: Thu, 18 Aug 2050 02:01:18 GMT", true},
		{"Expires: Thursday, 18-Aug-50 02:01:18 GMT", true},
		{"Expires: Thu Aug 18 02:01:18 2050", true},
		{"Expires: Thu, 18 Aug 2050 02:01:18 UTC", false},
		{"Expires: Thu, 18 Aug 2050 02:01 GMT", false},
		{"Expires: 18 Aug 2050", false},
		{"Expires: {future}|Date: {future}", false},
		{"Expires: {future}|Date: none", true},
		{"Cache-Control: max-age=60|Pragma: no-cache", true},
		{"Pragma: no-cache", false},
		{"Cache-Control: max-age=60|Age: 30", true},
		{"Cache-Control: max-age=60|Age: 60", false},
		{"Cache-Control: max-age=60|Age: 99999999999999999", false},
		{"Cache-Control: max-age=60|Age: -5", false},
		{"Cache-Control: max-age=60|Age: 1.5", false},
		{"Cache-Control: max-age=60|Age: abc", false},
		{"Cache-Control: max-age=60|Age: 1, 2", false},
		{"Cache-Control: max-age=60|Age: 1|Age: 2", false},
		{"Cache-Control: max-age=60|Age: 0", true},
		{"Cache-Control: max-age=60|Date: {past}", false},
		{"Cache-Control: max-age=7200|Date: {past}", true},
		{"Cache-Control: max-age=60|Date: {future}", true},
		{"Cache-Control: max-age=60|Date: none", true},
		{"Cache-Control: max-age=60|Date: yesterday", true},
		{"Cache-Control: max-age=60|Set-Cookie: a=b", false},
		{"Cache-Control: max-age=60|Vary: *", false},
		{"Cache-Control: max-age=60|Vary: Accept, *", false},
		{"Cache-Control: max-age=60|Vary: X-Forwarded-For", false},
		{"Cache-Control: max-age=60|Vary: traceparent", false},
		{"Cache-Control: max-age=60|Vary: Accept", true},
		{"Cache-Control: max-age=60|Vary: a b", false},
		{"Cache-Control: max-age=60|Vary: ", true},
		{"CDN-Cache-Control: max-age=60", true},
		{"CDN-Cache-Control: max-age=60|Cache-Control: no-store", true},
		{"CDN-Cache-Control: no-store|Cache-Control: max-age=60", false},
		{"CDN-Cache-Control: max-age=0|Expires: {future}", false},
		{"CDN-Cache-Control: private|Cache-Control: max-age=60", false},
		{"Last-Modified: {long ago}", false},
		{"Content-Type: text/event-stream", false},
	} {
		add("{}", "200|"+c.fields, c.hit)
	}
	for _, s := range []int{200, 203, 300, 301, 302, 303, 307, 308, 299} {
		add("{}", fmt.Sprintf("%d|Cache-Control: max-age=60", s), true)
		add("{}", fmt.Sprintf("%d|Last-Modified: {long ago}", s), false)
	}
	for _, s := range []int{400, 403, 404, 405, 410, 414, 451, 499, 500, 501, 502, 503, 504, 599} {
		add("{}", fmt.Sprintf("%d|Cache-Control: max-age=60", s), false)
		add(negative, fmt.Sprintf("%d|Cache-Control: max-age=60", s), true)
		add(negative, fmt.Sprintf("%d", s), false)
	}
	for _, c := range []struct {
		config, answer string
		hit            bool
	}{
		{`{"ttl":"60s"}`, "200", true},
		{`{"ttl":"60s"}`, "200|Cache-Control: max-age=0", true},
		{`{"ttl":"0s"}`, "200|Cache-Control: max-age=60", false},
		{`{"ttl":"60s"}`, "200|Cache-Control: no-store", false},
		{`{"ttl":"60s"}`, "200|Cache-Control: private", false},
		{`{"ttl":"60s"}`, "200|Set-Cookie: a=b", false},
		{`{"ttl":"60s"}`, "404", false},
		{`{"ttl":"60s"}`, "302", true},
		{`{"default_ttl":"60s"}`, "200", true},
		{`{"default_ttl":"60s"}`, "200|Cache-Control: max-age=0", false},
		{`{"default_ttl":"60s"}`, "200|Expires: 0", false},
		{`{"heuristic":true}`, "200|Last-Modified: {long ago}", true},
		{`{"heuristic":true}`, "200|Last-Modified: {future}", false},
		{`{"heuristic":true}`, "200|Last-Modified: then", false},
		{`{"heuristic":true}`, "302|Last-Modified: {long ago}", false},
		{`{"heuristic":true}`, "404|Last-Modified: {long ago}", false},
		{`{"heuristic":true}`, "200|Last-Modified: {long ago}|Cache-Control: max-age=0", false},
		{`{"heuristic":true,"store_errors":true}`, "404|Last-Modified: {long ago}", true},
		{`{"heuristic":true,"store_errors":true}`, "403|Last-Modified: {long ago}", false},
		{`{"error_ttl":{"404":"60s"}}`, "404", true},
		{`{"error_ttl":{"404":"60s"}}`, "410", false},
		{`{"error_ttl":{"404":"60s"}}`, "404|Cache-Control: no-store", false},
		{`{"error_ttl":{"404":"60s"}}`, "404|Cache-Control: max-age=60", false},
		{`{"max_body":15}`, "200|Cache-Control: max-age=60", false},
		{`{"max_body":16}`, "200|Cache-Control: max-age=60", true},
		{`{"collapse":false}`, "200|Cache-Control: max-age=60", true},
		{`{"scope":"gateway"}`, "200|Cache-Control: max-age=60", true},
	} {
		add(c.config, c.answer, c.hit)
	}
	t.Logf("%d cases", len(cases))
	runCache(t, cases)
}

// TestCacheUses: who gets what is stored, in which form, and when the origin is
// asked (RFC 9111 4, RFC 5861, RFC 9211, RFC 9110 13 to 15).
func TestCacheUses(t *testing.T) {
	const ok, etag, stale = "200|Cache-Control: max-age=60", `200|Cache-Control: max-age=60|ETag: "v"|Last-Modified: {past}`, `200|Cache-Control: max-age=1|Age: 9|ETag: "v"`
	const all = `{"identity":"all"}`
	var cases []cacheCase
	add := func(name, config string, steps ...string) {
		cases = append(cases, cacheCase{name, config, steps})
	}
	// What a request asks for.
	for request, want := range map[string]string{
		"Cache-Control: no-cache": "ask 200 #2", "Pragma: no-cache": "ask 200 #2", "Cache-Control: max-age=0": "ask 200 #2", "Cache-Control: max-age=100": "hit 200 #1",
		"Cache-Control: min-fresh=30": "hit 200 #1", "Cache-Control: min-fresh=100": "ask 200 #2", "Cache-Control: max-stale": "hit 200 #1",
		"Cache-Control: only-if-cached": "hit 200 #1", "Cache-Control: no-store": "hit 200 #1", "Pragma: no-cache|Cache-Control: max-age=60": "hit 200 #1",
		"Cache-Control: no-cache, only-if-cached": "hit 504", "X-Other: 1": "hit 200 #1", "Accept-Encoding: x": "hit 200 #1", "If-Match: \"v\"": "ask 200 #2",
		"If-Unmodified-Since: {now}": "ask 200 #2",
	} {
		add("request "+request, "", "GET => "+ok+" => ask 200 #1", "GET "+request+" => "+ok+" => "+want)
	}
	add("an old one is too old", "", "GET => "+ok+"|Age: 20 => ask 200 #1", "GET Cache-Control: max-age=10 => "+ok+" => ask 200 #2")
	add("stale within max-stale", "", "GET => "+stale+" => ask 200 #1", "GET Cache-Control: max-stale=60 => "+ok+" => hit 200 #1")
	add("stale past max-stale", "", "GET => "+stale+" => ask 200 #1", "GET Cache-Control: max-stale=2 => "+ok+" => ask 200 #2")
	add("max-stale and must-revalidate", "", "GET => 200|Cache-Control: max-age=1, must-revalidate|Age: 9|ETag: \"v\" => ask 200 #1", "GET Cache-Control: max-stale => "+ok+" => ask 200 #2")
	add("max-stale and s-maxage", "", "GET => 200|Cache-Control: s-maxage=1|Age: 9|ETag: \"v\" => ask 200 #1", "GET Cache-Control: max-stale => "+ok+" => ask 200 #2")
	add("only if cached, and it is not", "", "GET Cache-Control: only-if-cached => "+ok+" => hit 504|Tollgate-Error: upstream_timeout")
	add("no-store of a request", "", "GET Cache-Control: no-store => "+ok+" => ask 200 #1", "GET => "+ok+" => ask 200 #2")
	for _, f := range []string{"Cache-Control: no-cache", "Pragma: no-cache", "Cache-Control: max-age=0", "Cache-Control: no-store", "Cache-Control: min-fresh=600"} {
		add("ignored: "+f, `{"client_cache_control":"ignore"}`, "GET "+f+" => "+ok+" => ask 200 #1", "GET "+f+" => "+ok+" => hit 200 #1")
	}
	// Methods.
	for _, m := range []string{"POST", "PUT", "DELETE", "PATCH", "LOCK"} {
		add(m+" invalidates", "", "GET => "+ok+" => ask 200 #1", m+" => 200 => ask 200 #2", "GET => "+ok+" => ask 200 #3")
		add(m+" that fails does not", "", "GET => "+ok+" => ask 200 #1", m+" => 500 => ask 500 #2", "GET => "+ok+" => hit 200 #1")
		add(m+" is not stored", "", m+" => "+ok+" => ask 200 #1", m+" => "+ok+" => ask 200 #2")
	}
	add("OPTIONS does not invalidate", "", "GET => "+ok+" => ask 200 #1", "OPTIONS => 200 => ask 200 #2", "GET => "+ok+" => hit 200 #1")
	add("HEAD from GET", "", "GET => "+ok+" => ask 200 #1", "HEAD => "+ok+" => hit 200|Content-Length: 16|body: ")
	add("GET not from HEAD", "", "HEAD => "+ok+" => ask 200", "GET => "+ok+" => ask 200 #2")
	add("redirection invalidates", "", "GET => "+ok+" => ask 200 #1", "POST => 303 => ask 303 #2", "GET => "+ok+" => ask 200 #3")
	// The address.
	add("query", "", "GET?a=1 => "+ok+" => ask 200 #1", "GET?a=2 => "+ok+" => ask 200 #2", "GET?a=1 => "+ok+" => hit 200 #1")
	add("order of the query", "", "GET?a=1&b=2 => "+ok+" => ask 200 #1", "GET?b=2&a=1 => "+ok+" => ask 200 #2")
	add("chosen parameters", `{"key":{"query":["a"]}}`, "GET?a=1&b=2 => "+ok+" => ask 200 #1", "GET?b=3&a=1 => "+ok+" => hit 200 #1", "GET?a=2 => "+ok+" => ask 200 #2")
	add("a parameter given twice", `{"key":{"query":["a"]}}`, "GET?a=1&a=2 => "+ok+" => ask 200 #1", "GET?a=1 => "+ok+" => ask 200 #2", "GET?a=2&a=1 => "+ok+" => ask 200 #3")
	add("no parameter", `{"key":{"query":[]}}`, "GET?a=1 => "+ok+" => ask 200 #1", "GET?b=1 => "+ok+" => hit 200 #1")
	add("header in the key", `{"key":{"headers":["X-A"]}}`, "GET X-A: 1 => "+ok+" => ask 200 #1", "GET X-A: 2 => "+ok+" => ask 200 #2", "GET X-A: 1 => "+ok+" => hit 200 #1", "GET => "+ok+" => ask 200 #3")
	add("claim in the key", `{"identity":"all","key":{"claims":["team"]}}`, "GET X-Caller: a1 => "+ok+" => ask 200 #1", "GET X-Caller: a2 => "+ok+" => hit 200 #1", "GET X-Caller: b1 => "+ok+" => ask 200 #2")
	// Callers and credentials.
	add("callers apart", "", "GET X-Caller: a1 => "+ok+" => ask 200 #1", "GET X-Caller: a2 => "+ok+" => ask 200 #2", "GET => "+ok+" => ask 200 #3", "GET X-Caller: a1 => "+ok+" => hit 200 #1", "GET X-Caller: a2 => "+ok+" => hit 200 #2")
	add("a caller without a number", "", "GET X-Caller: nobody => "+ok+" => ask 200 #1", "GET X-Caller: nobody => "+ok+" => ask 200 #2")
	add("all callers", all, "GET X-Caller: a1 => "+ok+" => ask 200 #1", "GET X-Caller: a2 => "+ok+" => hit 200 #1", "GET => "+ok+" => hit 200 #1")
	for _, f := range []string{"Authorization: Bearer x", "Cookie: s=1"} {
		for cc, hit := range map[string]bool{"max-age=60": false, "max-age=60, public": true, "max-age=60, must-revalidate": true, "s-maxage=60": true, "max-age=60, proxy-revalidate": false} {
			want := "ask 200 #2"
			if hit {
				want = "hit 200 #1"
			}
			a := "200|Cache-Control: " + cc
			add(f+" "+cc, all, "GET "+f+" => "+a+" => ask 200 #1", "GET => "+a+" => "+want)
		}
		add(f+" of a known caller", "", "GET X-Caller: a1|"+f+" => "+ok+" => ask 200 #1", "GET X-Caller: a1|"+f+" => "+ok+" => hit 200 #1", "GET "+f+" => "+ok+" => ask 200 #2")
	}
	// Vary.
	for _, c := range []struct {
		vary, one, two string
		hit            bool
	}{
		{"X-A", "X-A: 1", "X-A: 1", true},
		{"X-A", "X-A: 1", "X-A: 2", false},
		{"X-A", "X-A: 1", "", false},
		{"X-A", "", "X-A: 1", false},
		{"X-A", "", "", true},
		{"x-a", "X-A: 1", "X-A: 1", true},
		{"X-A, X-B", "X-A: 1|X-B: 2", "X-B: 2|X-A: 1", true},
		{"X-A, X-B", "X-A: 1|X-B: 2", "X-A: 1|X-B: 3", false},
		{"X-A", "X-A: 1, 2", "X-A: 1,2", true},
		{"X-A", "X-A: 1|X-A: 2", "X-A: 1, 2", true},
		{"X-A", "X-A: 1, 2", "X-A: 2, 1", false},
		{"X-A", "X-A: a", "X-A: A", false},
		{"Accept-Language", "Accept-Language: de, en", "Accept-Language: en,DE", true},
		{"Accept-Language", "Accept-Language: de", "Accept-Language: en", false},
		{"Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: br , GZIP", true},
		{"Accept", "Accept: text/html; q=1", "Accept: text/html;q=1", true},
		{"Accept", "Accept: text/html", "Accept: text/plain", false},
	} {
		a, want := ok+"|Vary: "+c.vary, "ask 200 #2"
		if c.hit {
			want = "hit 200 #1"
		}
		add(fmt.Sprintf("vary %s: %s and %s", c.vary, c.one, c.two), "", "GET "+c.one+" => "+a+" => ask 200 #1", "GET "+c.two+" => "+a+" => "+want)
	}
	add("variants side by side", "", "GET X-A: 1 => "+ok+"|Vary: X-A => ask 200 #1", "GET X-A: 2 => "+ok+"|Vary: X-A => ask 200 #2", "GET X-A: 1 => "+ok+" => hit 200 #1", "GET X-A: 2 => "+ok+" => hit 200 #2")
	add("POST takes all variants", "", "GET X-A: 1 => "+ok+"|Vary: X-A => ask 200 #1", "GET X-A: 2 => "+ok+"|Vary: X-A => ask 200 #2", "POST => 200 => ask 200 #3", "GET X-A: 1 => "+ok+" => ask 200 #4")
	// Conditions of the client's.
	for f, want := range map[string]string{
		`If-None-Match: "v"`: "hit 304|body: |ETag: \"v\"|-Content-Type|-Content-Length", `If-None-Match: W/"v"`: "hit 304", `If-None-Match: "a", "v"`: "hit 304", `If-None-Match: *`: "hit 304",
		`If-None-Match: "w"`: "hit 200 #1", `If-None-Match: v`: "hit 200 #1", `If-None-Match: "v`: "hit 200 #1", "If-Modified-Since: {past}": "hit 304", "If-Modified-Since: {now}": "hit 304",
		"If-Modified-Since: {long ago}": "hit 200 #1", "If-Modified-Since: never": "hit 200 #1", "If-None-Match: \"w\"|If-Modified-Since: {now}": "hit 200 #1",
		"If-None-Match: \"v\"|If-Modified-Since: {long ago}": "hit 304",
	} {
		add("condition "+f, "", "GET => "+etag+" => ask 200 #1", "GET "+f+" => "+etag+" => "+want)
	}
	add("condition on HEAD", "", "GET => "+etag+" => ask 200 #1", `HEAD If-None-Match: "v" => `+etag+" => hit 304")
	add("weak tag", "", `GET => 200|Cache-Control: max-age=60|ETag: W/"v" => ask 200 #1`, `GET If-None-Match: "v" => `+ok+" => hit 304")
	add("no validator, by Date", "", "GET => "+ok+" => ask 200 #1", "GET If-Modified-Since: {future} => "+ok+" => hit 304")
	add("condition with nothing stored", "", `GET If-None-Match: "v" => 304|ETag: "v" => ask 304|>If-None-Match: "v"`, "GET => "+ok+" => ask 200 #2")
	// Parts.
	for r, want := range map[string]string{
		"bytes=0-3": "hit 206|body: body|Content-Range: bytes 0-3/16|Content-Length: 4", "bytes=5-5": "hit 206|body: 1|Content-Range: bytes 5-5/16", "bytes=14-": "hit 206|body:   |Content-Range: bytes 14-15/16",
		"bytes=-16": "hit 206 #1|Content-Range: bytes 0-15/16", "bytes=-99": "hit 206 #1|Content-Range: bytes 0-15/16", "bytes=0-99": "hit 206 #1|Content-Range: bytes 0-15/16",
		"BYTES=0-3": "hit 206|body: body", "bytes=16-": "hit 416|Content-Range: bytes */16|body: ", "bytes=99-100": "hit 416|Content-Range: bytes */16", "bytes=-0": "hit 416|Content-Range: bytes */16",
		"bytes=3-0": "hit 200 #1", "bytes=0-1,3-4": "hit 200 #1", "bytes=a-b": "hit 200 #1", "bytes=": "hit 200 #1", "lines=0-3": "hit 200 #1", "bytes=1": "hit 200 #1",
		"bytes=99999999999999999999-": "hit 200 #1", "bytes=0-3|If-Range: \"v\"": "hit 206|body: body", "bytes=0-3|If-Range: \"w\"": "hit 200 #1", "bytes=0-3|If-Range: W/\"v\"": "hit 200 #1",
		"bytes=0-3|If-Range: {past}": "hit 206|body: body", "bytes=0-3|If-Range: {now}": "hit 200 #1", "bytes=0-3|If-None-Match: \"v\"": "hit 304",
	} {
		add("range "+r, "", "GET => "+etag+" => ask 200 #1", "GET Range: "+r+" => "+etag+" => "+want)
	}
	add("a part is not stored", "", "GET Range: bytes=0-3 => 206|Cache-Control: max-age=60|Content-Range: bytes 0-15/99 => ask 206 #1", "GET Range: bytes=0-3 => "+ok+" => ask 200 #2", "GET => "+ok+" => hit 200 #2")
	add("no part of a HEAD", "", "GET => "+etag+" => ask 200 #1", "HEAD Range: bytes=0-3 => "+etag+" => hit 200|Content-Length: 16")
	// Asking again.
	add("304 freshens", "", "GET => "+stale+" => ask 200 #1", `GET => 304|ETag: "v"|Cache-Control: max-age=60 => ask 200 #1|>If-None-Match: "v"`, "GET => "+ok+" => hit 200 #1")
	add("304 updates fields", "", "GET => "+stale+"|X-A: 1|X-B: 1 => ask 200 #1|X-A: 1", `GET => 304|ETag: "v"|X-A: 2|Cache-Control: max-age=60 => ask 200 #1|X-A: 2|X-B: 1`, "GET => "+ok+" => hit 200 #1|X-A: 2|X-B: 1")
	add("304 keeps the encoding", "", "GET => "+stale+"|Content-Language: de => ask 200 #1", `GET => 304|ETag: "v"|Content-Encoding: x|Cache-Control: max-age=60 => ask 200 #1|-Content-Encoding|Content-Language: de`)
	add("304 that says private", "", "GET => "+stale+" => ask 200 #1", `GET => 304|ETag: "v"|Cache-Control: private => ask 200 #1`, "GET => "+ok+" => ask 200 #3")
	add("200 replaces", "", "GET => "+stale+" => ask 200 #1", "GET => "+ok+" => ask 200 #2", "GET => "+ok+" => hit 200 #2")
	add("by date alone", "", "GET => 200|Cache-Control: max-age=1|Age: 9|Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT => ask 200 #1", "GET => 304|Cache-Control: max-age=60 => ask 200 #1|>If-Modified-Since: Wed, 01 Jan 2020 00:00:00 GMT", "GET => "+ok+" => hit 200 #1")
	add("no-cache asks each time", "", `GET => 200|Cache-Control: no-cache|ETag: "v" => ask 200 #1`, `GET => 304|ETag: "v" => ask 200 #1`, `GET => 304|ETag: "v" => ask 200 #1|>If-None-Match: "v"`)
	add("the client's condition after ours", "", "GET => "+stale+" => ask 200 #1", `GET If-None-Match: "v" => 304|ETag: "v"|Cache-Control: max-age=60 => ask 304|>If-None-Match: "v"`)
	add("the client has another one", "", "GET => "+stale+" => ask 200 #1", `GET If-None-Match: "old" => 304|ETag: "v"|Cache-Control: max-age=60 => ask 200 #1|>If-None-Match: "v"`)
	add("HEAD asks again", "", "GET => "+stale+" => ask 200 #1", `HEAD => 304|ETag: "v"|Cache-Control: max-age=60 => ask 200`, "GET => "+ok+" => hit 200 #1")
	add("500 when asked again", "", "GET => "+stale+" => ask 200 #1", "GET => 500 => ask 500 #2", `GET => 304|ETag: "v"|Cache-Control: max-age=60 => ask 200 #1`)
	// Stale answers (RFC 5861).
	for s, want := range map[string]string{"500": "ask 200 #1", "502": "ask 200 #1", "503": "ask 200 #1", "504": "ask 200 #1", "404": "ask 404 #2", "501": "ask 501 #2", "0": "ask 200 #1"} {
		add("stale-if-error and "+s, "", "GET => 200|Cache-Control: max-age=1, stale-if-error=60|Age: 9 => ask 200 #1", "GET => "+s+" => "+want)
	}
	for cc, want := range map[string]string{
		"max-age=1, stale-if-error=2": "503 #2", "max-age=1, stale-if-error=60, must-revalidate": "503 #2", "max-age=1, stale-if-error=60, proxy-revalidate": "503 #2",
		"max-age=1": "503 #2", "max-age=1, stale-if-error=x": "503 #2", "s-maxage=1, stale-if-error=60": "200 #1",
	} {
		add("error and "+cc, "", "GET => 200|Cache-Control: "+cc+"|Age: 9|ETag: \"v\" => ask 200 #1", "GET => 503 => ask "+want)
	}
	add("error asked for by the client", "", "GET => "+stale+" => ask 200 #1", "GET Cache-Control: stale-if-error=60 => 503 => ask 200 #1|Age: 9*")
	add("error by configuration", `{"stale_if_error":"1m"}`, "GET => "+stale+" => ask 200 #1", "GET => 503 => ask 200 #1|Cache-Status: Tollgate; fwd=stale; fwd-status=503; ttl=-*")
	add("error by configuration and must-revalidate", `{"stale_if_error":"1m"}`, `GET => 200|Cache-Control: max-age=1, must-revalidate|Age: 9|ETag: "v" => ask 200 #1`, "GET => 503 => ask 503 #2")
	add("no window while revalidating", "", "GET => "+stale+" => ask 200 #1", "GET => "+ok+" => ask 200 #2")
	add("past the window", "", "GET => 200|Cache-Control: max-age=1, stale-while-revalidate=2|Age: 9 => ask 200 #1", "GET => "+ok+" => ask 200 #2")
	add("window and must-revalidate", "", `GET => 200|Cache-Control: max-age=1, stale-while-revalidate=60, must-revalidate|Age: 9|ETag: "v" => ask 200 #1`, "GET => "+ok+" => ask 200 #2")
	// What is said of it (RFC 9111 5.1, RFC 9211).
	add("Age", "", "GET => "+ok+"|Age: 7 => ask 200 #1|Age: 7", "GET => "+ok+" => hit 200 #1|Age: 7*")
	add("status of a miss and a hit", "", "GET => "+ok+" => ask 200 #1|Cache-Status: Tollgate; fwd=uri-miss; stored", "GET => "+ok+" => hit 200 #1|Cache-Status: Tollgate; hit; ttl=*")
	add("status of a method", "", "POST => 200 => ask 200 #1|Cache-Status: Tollgate; fwd=method")
	add("status of what is asked again", "", "GET => "+stale+" => ask 200 #1", `GET => 304|ETag: "v"|Cache-Control: max-age=60 => ask 200 #1|Cache-Status: Tollgate; fwd=stale; fwd-status=304; ttl=*`)
	add("status of a request that asks", "", "GET => "+ok+" => ask 200 #1", "GET Cache-Control: no-cache => "+ok+" => ask 200 #2|Cache-Status: Tollgate; fwd=request; stored")
	add("status of what is not stored", "", `GET => 200|Cache-Control: no-store => ask 200 #1|Cache-Status: Tollgate; fwd=uri-miss; detail="no-store"`)
	add("status of a bypass", "", `GET If-Match: "v" => 200 => ask 200 #1|Cache-Status: Tollgate; fwd=bypass`)
	add("status of a cache before", "", "GET => "+ok+"|Cache-Status: Other; hit => ask 200 #1|Cache-Status: Other; hit, Tollgate; fwd=uri-miss; stored", "GET => "+ok+" => hit 200 #1|Cache-Status: Other; hit, Tollgate; hit; ttl=*")
	add("no status", `{"cache_status":false}`, "GET => "+ok+" => ask 200 #1|-Cache-Status", "GET => "+ok+" => hit 200 #1|-Cache-Status")
	add("fields", "", "GET => "+ok+"|X-A: 1|X-A: 2|Server: me => ask 200 #1", "GET => "+ok+" => hit 200 #1|X-A: 1, 2|Server: me")
	add("fields of the hop", "", "GET => "+ok+"|Connection: X-Hop|X-Hop: 1|Keep-Alive: timeout=5 => ask 200 #1", "GET => "+ok+" => hit 200 #1|-X-Hop|-Keep-Alive")
	add("tags are not sent on", "", "GET => "+ok+"|Surrogate-Key: a b => ask 200 #1|-Surrogate-Key", "GET => "+ok+" => hit 200 #1|-Surrogate-Key")
	add("204", "", "GET => 204|Cache-Control: max-age=60 => ask 204", "GET => "+ok+" => hit 204|-Content-Length")
	add("not billed as the edge's own", "", "GET => "+ok+" => ask 200 #1|-Tollgate-Error", "GET => "+ok+" => hit 200 #1|-Tollgate-Error")
	t.Logf("%d cases", len(cases))
	runCache(t, cases)
}
