package waf

import (
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3/types"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/coding"
)

// head hands the request's head to the rules, in strings of its own, which the
// transaction keeps: as the client sent it where that is known, and what is sent
// on else. What the edge drops or resolves is still something that somebody tried.
func head(tx types.Transaction, x *policy.Exchange) {
	q := x.Request()
	tx.ProcessConnection(x.Client().String(), 0, "", 0)
	tx.SetServerName(q.Host.Clone())
	decoded := coding.Of(q.Header) // the rules see the body without it
	put := func(name, value string) {
		if decoded == coding.Plain || decoded == coding.Unknown || !strings.EqualFold(name, "Content-Encoding") {
			tx.AddRequestHeader(name, value)
		}
	}
	if raw := x.Head(); !raw.Empty() {
		sent(tx, raw.Clone(), put)
		return
	}
	t := x.Target().Clone()
	if t == "" {
		t = target(x.Asked(), q.Query)
	}
	tx.ProcessURI(t, q.Method.Clone(), "HTTP/2.0")
	put("Host", q.Host.Clone())
	for name, value := range q.Header.Each() {
		if !name.Fold("Host") {
			put(name.Clone(), value.Clone())
		}
	}
	if q.Length > 0 && !q.Header.Has(policy.ContentLength) {
		put("Content-Length", strconv.FormatInt(q.Length, 10))
	}
}

// sent takes apart a head of HTTP/1, which the gate has found well-formed.
func sent(tx types.Transaction, raw string, put func(name, value string)) {
	line, rest, _ := strings.Cut(raw, "\r\n")
	method, line, _ := strings.Cut(line, " ")
	t, version, _ := strings.Cut(line, " ")
	tx.ProcessURI(t, method, version)
	for {
		line, rest, _ = strings.Cut(rest, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return
		}
		put(name, strings.Trim(value, " \t"))
	}
}

// target puts path and query together. The path is the canonical one: what would
// be read as something else in a target is escaped again.
func target(path, query policy.Text) string {
	b := make([]byte, 0, path.Len()+query.Len()+1)
	for i := range path.Len() {
		switch c := path.At(i); {
		case c <= ' ' || c == '%' || c == '?' || c == '#' || c == 0x7F:
			b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		default:
			b = append(b, c)
		}
	}
	if !query.Empty() {
		b = query.AppendTo(append(b, '?'))
	}
	return string(b)
}
