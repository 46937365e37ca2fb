package lambda

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
)

// routeKey is how API Gateway would name the route.
type routeKey struct {
	method, resource string // "ANY", "/pets/{id}"
	regex            bool
	// open is how many segments stand before a path's open end, which has no name
	// in a pattern such as "/a/*" or a regular expression; -1: there is none.
	open int
}

func keyOf(path string, methods []string) routeKey {
	k := routeKey{method: "ANY", resource: path, open: -1}
	if len(methods) == 1 {
		k.method = methods[0]
	}
	switch {
	case path == "":
		k.resource, k.open = "/{proxy+}", 0
	case strings.HasPrefix(path, "~"):
		k.resource, k.open, k.regex = "/{proxy+}", 0, true
	case strings.HasSuffix(path, "/*"):
		k.open = strings.Count(path, "/") - 1
		k.resource = strings.TrimSuffix(path, "*") + "{proxy+}"
	}
	return k
}

func (k *routeKey) String() string {
	if k.regex {
		return defaultStage
	}
	return k.method + " " + k.resource
}

// facts are what both versions of the event are made of. It keeps nothing of the
// exchange.
type facts struct {
	method, path, full, host, scheme, query string
	names                                   []string            // of fields, sorted, as the client wrote them
	fields                                  map[string][]string // by them
	params                                  map[string]string   // nil: none
	claims                                  map[string]string   // of a token, as texts; nil: none
	scopes                                  []string
	consumer, display                       string
	client, id                              string
	at                                      time.Time
	body                                    []byte
	certificate                             *policy.Certificate
}

func (p *function) facts(x *policy.Exchange) *facts {
	q := x.Request()
	call := x.Call()
	f := &facts{
		method: call.Method, path: p.prefix + call.Path, full: p.prefix + call.Path, host: q.Host.Clone(), scheme: q.Scheme.Clone(),
		query: call.Query, fields: map[string][]string{}, client: x.Client().String(), id: x.RequestID().Clone(), at: p.wall().UTC(),
		certificate: x.Certificate(),
	}
	if !p.version2 && p.prefix == "" && p.stage != defaultStage {
		f.full = "/" + p.stage + f.path // as behind an execute-api host
	}
	if n := x.Body().Len(); n > 0 {
		f.body = document.Whole(x.Body())
	}
	f.header(call.Header)
	for name, v := range x.Params() {
		f.param(name, v.Clone())
	}
	if p.key.open >= 0 {
		rest := strings.SplitN(x.Asked().Clone(), "/", p.key.open+2)
		if last := rest[len(rest)-1]; len(rest) == p.key.open+2 && last != "" {
			f.param("proxy", last)
		}
	}
	if who := x.Principal(); who != nil {
		f.consumer, f.display, f.scopes = who.ConsumerName, who.KeyDisplay, who.Scopes
		if len(who.Claims) > 0 {
			f.claims = make(map[string]string, len(who.Claims))
			for name, v := range who.Claims {
				f.claims[name] = text(v)
			}
		}
	}
	return f
}

func (f *facts) param(name, v string) {
	if plain, err := url.PathUnescape(v); err == nil {
		v = plain
	}
	if f.params == nil {
		f.params = map[string]string{}
	}
	f.params[name] = v
}

// header takes the fields that a backend would get, but those of one connection.
// Fields whose names differ in case only are one.
func (f *facts) header(in map[string][]string) {
	byFold := map[string]string{}
	add := func(name string, values []string) {
		fold := strings.ToLower(name)
		first, seen := byFold[fold]
		if !seen {
			first = name
			byFold[fold] = name
			f.names = append(f.names, name)
		}
		f.fields[first] = append(f.fields[first], values...)
	}
	names := make([]string, 0, len(in))
	for name := range in {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if _, protected := fieldedit.Request(name); protected && !passes(name) {
			continue
		}
		add(name, in[name])
	}
	add("Host", []string{f.host})
	port := "443"
	if f.scheme == "http" {
		port = "80"
	}
	add("X-Forwarded-Port", []string{port})
	if len(f.body) > 0 {
		add("Content-Length", []string{strconv.Itoa(len(f.body))})
	}
	slices.Sort(f.names)
}

// passes says which of the fields that a policy may not write the function gets.
func passes(name string) bool {
	switch n := strings.ToLower(name); n {
	case "via", "forwarded", "x-request-id", "tollgate-consumer", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host":
		return true
	}
	return false
}

func (f *facts) get(name string) string {
	for _, n := range f.names {
		if strings.EqualFold(n, name) {
			v := f.fields[n]
			return v[len(v)-1]
		}
	}
	return ""
}

// queries yields the query's pairs in order, decoded. One with a broken escape
// stands for itself.
func (f *facts) queries(fn func(name, value string)) {
	for pair := range strings.SplitSeq(f.query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		fn(plain(name), plain(value))
	}
}

func plain(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// text is a claim's value as events have it: a list is "[a b]", an object JSON.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = text(v[i])
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// encoded is the body as the event has it.
func (f *facts) encoded(asText bool) (body *string, base64ed bool) {
	if len(f.body) == 0 {
		return nil, false
	}
	s := string(f.body)
	if !asText || !utf8.Valid(f.body) { // JSON could not carry it
		s, base64ed = base64.StdEncoding.EncodeToString(f.body), true
	}
	return &s, base64ed
}

// mediaType is a field's first media type, lower case and without parameters.
func mediaType(v string) string {
	v, _, _ = strings.Cut(v, ",")
	v, _, _ = strings.Cut(v, ";")
	return strings.ToLower(strings.TrimSpace(v))
}

// isBinary reports whether a media type is one of the configuration's.
func (p *function) isBinary(t string) bool {
	for _, b := range p.binary {
		kind, all := strings.CutSuffix(b, "/*")
		if b == t || b == "*/*" || all && strings.HasPrefix(t, kind+"/") {
			return true
		}
	}
	return false
}

// isText says which bodies are not encoded in version 2.0.
func isText(t string) bool {
	switch t {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(t, "text/")
}

// Forms of times in events.
const (
	timeForm = "02/Jan/2006:15:04:05 -0700"
	certForm = "Jan _2 15:04:05 2006 GMT"
)

func domainPrefix(host string) string {
	label, _, _ := strings.Cut(host, ".")
	return label
}
