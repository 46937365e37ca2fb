package nginx

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/importer"
)

// add puts a policy behind those that the route has.
func (l *location) add(typ string, config map[string]any) {
	b, err := json.Marshal(config)
	if err != nil {
		panic("nginx: a configuration that is no JSON: " + err.Error()) // it is made of strings and numbers
	}
	l.route.Policies = append(l.route.Policies, contract.Policy{Type: typ, Config: b})
}

// answer says where a location's requests go.
func (w *walker) answer(l *location) {
	if l.closed {
		l.close()
		w.taken(l.at, short(l.at.String())+": deny all → policy mock, status 403")
		return
	}
	if len(l.headers) > 0 {
		l.add("request_headers", map[string]any{"set": l.headers})
	}
	if len(l.answers) > 0 {
		l.add("response_headers", l.answers)
	}
	switch {
	case l.skip:
	case l.returns != nil:
		w.fixed(l, l.returns)
	case l.pass != nil:
		w.proxy(l)
	case l.redirects(w):
	case l.files != nil:
		w.refuse(l, l.files, "files of the server can't be served", "serve them from a backend, or by the integration static")
	default:
		w.refuse(l, l.at, "it has neither proxy_pass nor return", "")
	}
}

// fixed answers by itself.
func (w *walker) fixed(l *location, d *directive) {
	code, text := d.arg(0), d.arg(1)
	if strings.Contains(code, "://") {
		code, text = "302", d.arg(0)
	}
	status, err := strconv.Atoi(code)
	value, ok := variables(text)
	switch {
	case err != nil || status < 200 || status > 599:
		w.refuse(l, d, "is no status from 200 to 599", "")
	case status >= 301 && status <= 308 && text != "":
		if rest, known := strings.CutSuffix(text, "$request_uri"); known {
			value, ok = variables(rest)
			value += "{path}"
		}
		if !ok || status != 301 && status != 302 && status != 303 && status != 307 && status != 308 {
			w.refuse(l, d, "the address has variables, or the status is one, that redirections can't have", "use $scheme, $host, $request_uri")
			return
		}
		l.add("redirect", map[string]any{"status": status, "location": value, "keep_query": strings.HasSuffix(text, "$request_uri")})
		w.taken(d, short(d.String())+" → policy redirect")
	case strings.Contains(text, "$"):
		w.refuse(l, d, "the text has variables", "write it as it is")
	default:
		config := map[string]any{"status": status}
		if text != "" {
			config["body"], config["content_type"] = text, "text/plain"
		}
		l.add("mock", config)
		w.taken(d, short(d.String())+" → policy mock")
	}
}

// known are nginx's variables in our words.
var known = map[string]string{
	"remote_addr": "{client_ip}", "host": "{host}", "scheme": "{scheme}", "request_id": "{request_id}", "request_method": "{method}", "http_host": "{host}",
	"query_string": "{query}", "args": "{query}",
}

var variable = regexp.MustCompile(`\$(?:\{([a-z_0-9]+)\}|([a-z_0-9]+))`)

// variables puts our variables in the place of nginx's; ok is false where there is
// none for one.
func variables(s string) (out string, ok bool) {
	ok = true
	last := 0
	var b strings.Builder
	literal := strings.NewReplacer("{", "{{", "}", "}}")
	for _, m := range variable.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(literal.Replace(s[last:m[0]]))
		name := ""
		if m[2] >= 0 {
			name = s[m[2]:m[3]]
		} else {
			name = s[m[4]:m[5]]
		}
		if known[name] == "" {
			ok = false
		}
		b.WriteString(known[name])
		last = m[1]
	}
	b.WriteString(literal.Replace(s[last:]))
	return b.String(), ok && !strings.Contains(s[last:], "$")
}

// byTheEdge are fields that the gateway sends by itself.
var byTheEdge = []string{"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id", "forwarded", "via"}

func (w *walker) setHeader(l *location, d *directive) {
	name, value := d.arg(0), d.arg(1)
	low := strings.ToLower(name)
	for _, field := range byTheEdge {
		if low == field {
			w.taken(d, short(d.String())+": the gateway sends it by itself")
			return
		}
	}
	switch {
	case low == "host" && (value == "$host" || value == "$http_host" || value == "$host:$server_port"):
		l.route.PreserveHost = true
		w.taken(d, short(d.String())+" → preserve_host")
	case low == "host" && value == "$proxy_host":
		w.taken(d, short(d.String()))
	case low == "upgrade" || low == "connection" && value != "" && value != "close" && value != "keep-alive":
		l.route.WebSocket = orNew(l.route.WebSocket)
		w.taken(d, short(d.String())+" → WebSockets")
	case low == "connection":
		w.taken(d, short(d.String())+": the gateway keeps connections by itself")
	case low == "host":
		w.refuse(l, d, "backends get their own name or the caller's as Host", "give the targets that name, or send $host")
	default:
		v, ok := variables(value)
		if !ok {
			w.refuse(l, d, "it has a variable that the gateway does not know", "")
			return
		}
		l.headers[name] = v
		w.taken(d, short(d.String())+" → policy request_headers")
	}
}

func (w *walker) addHeader(l *location, d *directive) {
	v, ok := variables(d.arg(1))
	if !ok {
		w.refuse(l, d, "it has a variable that the gateway does not know", "")
		return
	}
	add, _ := l.answers["add"].(map[string]any)
	if add == nil {
		add = map[string]any{}
		l.answers["add"] = add
		l.answers["on_errors"] = false
	}
	if _, twice := add[d.arg(0)]; twice {
		w.refuse(l, d, "the field is added twice", "")
		return
	}
	add[d.arg(0)] = v
	if d.arg(2) == "always" {
		l.answers["on_errors"] = true
	}
	w.taken(d, short(d.String())+" → policy response_headers")
}

func (w *walker) timeout(l *location, d *directive) {
	t, ok := duration(d.arg(0))
	if !ok || t <= 0 {
		w.refuse(l, d, "is a time such as 30s", "")
		return
	}
	switch d.name {
	case "proxy_connect_timeout":
		l.timeouts.Connect = t
	case "proxy_read_timeout":
		l.timeouts.PerTry, l.timeouts.Idle = t, t
	case "proxy_next_upstream_timeout":
		l.timeouts.Total = t
	default: // what is sent is bounded by the time between two pieces, as what is read
		l.timeouts.Idle = max(l.timeouts.Idle, t)
	}
	w.taken(d, d.String()+" → the upstream's timeouts")
}

// proxy sends a location's requests on.
func (w *walker) proxy(l *location) {
	d := l.pass
	u, err := url.Parse(d.arg(0))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(d.arg(0), "$?#") {
		w.refuse(l, d, "is no address such as http://backend or http://backend/path: variables, sockets and passwords can't be carried over", "")
		return
	}
	if w.o.Upstream != "" && !strings.Contains(w.o.Upstream, "://") {
		l.route.Upstream = w.o.Upstream
		w.keepPresent(w.o.Upstream)
	} else if !w.toPool(l, u, d) {
		return
	}
	w.path(l, u, d)
}

// keepPresent puts an upstream of the gateway into the parts, so that it stays.
func (w *walker) keepPresent(name string) {
	if w.made[name] != "" {
		return
	}
	w.made[name] = name
	for _, u := range w.present.Upstreams {
		if u.Name == name {
			w.parts.Upstreams = append(w.parts.Upstreams, u)
		}
	}
}

// reuse takes an upstream that the gateway has for an address, whatever else it has
// grown to since.
func (w *walker) reuse(l *location, u *url.URL) bool {
	origin := u.Scheme + "://" + u.Host
	for i := range w.present.Upstreams {
		up := &w.present.Upstreams[i]
		if w.pools[up.Name] == nil && slices.ContainsFunc(up.Targets, func(t contract.Target) bool { return t.URL == origin }) {
			w.keepPresent(up.Name)
			l.route.Upstream = up.Name
			return true
		}
	}
	return false
}

// free is a name for an upstream that neither the gateway nor the text has.
func (w *walker) free(name string) string {
	out := name
	for i := 2; w.pools[out] != nil || slices.ContainsFunc(w.present.Upstreams, func(u contract.Upstream) bool { return u.Name == out }); i++ {
		out = name + "-" + strconv.Itoa(i)
	}
	return out
}

// toPool names the upstream of an address: an upstream block with that scheme, or one
// that is made of the address.
func (w *walker) toPool(l *location, u *url.URL, d *directive) bool {
	p := w.pools[u.Host]
	if p == nil {
		if w.reuse(l, u) {
			return true
		}
		at := &directive{name: "upstream", line: d.line}
		name := w.free(strings.NewReplacer(":", "-", "[", "", "]", "").Replace(u.Host))
		p = &pool{at: at, upstream: contract.Upstream{Name: name, Targets: []contract.Target{{URL: u.Host}}}}
		w.pools[u.Host] = p
	}
	p.used = true
	if p.bad {
		w.refuse(l, d, "its upstream block was refused", "")
		return false
	}
	key := u.Scheme + "://" + u.Host
	if name := w.made[key]; name != "" {
		l.route.Upstream = name
		w.sameTimeouts(l, name)
		return true
	}
	made := p.upstream
	if w.made["http://"+u.Host]+w.made["https://"+u.Host] != "" {
		made.Name += "-" + u.Scheme
	}
	if err := core.CheckName(made.Name); err != nil {
		w.refuse(l, d, "the address can't be an upstream's name: it "+err.Error(), "put it into an upstream block")
		return false
	}
	made.Targets = append([]contract.Target(nil), p.upstream.Targets...)
	for i := range made.Targets {
		made.Targets[i].URL = u.Scheme + "://" + made.Targets[i].URL
	}
	if l.timeouts != (contract.Timeouts{}) {
		t := l.timeouts
		if t.Total == 0 && t.PerTry > 0 {
			t.Total = 2 * t.PerTry
		}
		made.Timeouts = &t
	}
	w.made[key] = made.Name
	w.parts.Upstreams = append(w.parts.Upstreams, made)
	w.parts.UpstreamAt[made.Name] = importer.At{Line: p.at.line}
	l.route.Upstream = made.Name
	w.taken(p.at, "upstream "+made.Name)
	return true
}

// sameTimeouts tells where another location set other timeouts for the same upstream.
func (w *walker) sameTimeouts(l *location, name string) {
	for _, u := range w.parts.Upstreams {
		if u.Name != name || l.timeouts == (contract.Timeouts{}) {
			continue
		}
		if u.Timeouts == nil || u.Timeouts.PerTry != l.timeouts.PerTry || u.Timeouts.Connect != l.timeouts.Connect {
			w.approximated(l.at, "its timeouts are not those of another location with the same upstream, which hold", "give the locations upstreams of their own")
		}
	}
}

// path changes the path as proxy_pass and rewrite say.
func (w *walker) path(l *location, u *url.URL, d *directive) {
	regex := strings.HasPrefix(l.kind, "~")
	config := map[string]any{}
	if w.o.Prefix != "" {
		config["strip_prefix"] = w.o.Prefix
	}
	switch {
	case len(l.rewrites) > 0:
		if u.Path != "" || len(l.rewrites) > 1 || !w.rewrite(l, l.rewrites[0], config) {
			w.refuse(l, l.rewrites[0], "only one rewrite of the kind ^/a/(.*)$ /b/$1 can be carried over, and no path in proxy_pass beside it", "do it by the policy rewrite")
			return
		}
	case u.Path == "":
	case regex:
		w.refuse(l, d, "nginx takes no path in proxy_pass of a regular expression", "")
		return
	case l.kind == "=":
		config = map[string]any{"path": strings.NewReplacer("{", "{{", "}", "}}").Replace(u.Path)}
	default:
		if strings.HasSuffix(l.path, "/") != strings.HasSuffix(u.Path, "/") {
			w.approximated(d, "slashes between the path's parts stay single", "end both, the location and the address, with a slash")
		}
		config["strip_prefix"] = w.o.Prefix + strings.TrimSuffix(l.path, "/")
		config["add_prefix"] = strings.TrimSuffix(u.Path, "/")
	}
	strip, _ := config["strip_prefix"].(string)
	l.cuts = strings.TrimPrefix(strip, w.o.Prefix)
	for name, v := range config {
		if v == "" {
			delete(config, name)
		}
	}
	if len(config) > 0 && config["strip_prefix"] != config["add_prefix"] {
		l.add("rewrite", config)
	}
	w.taken(d, short(d.String())+" → upstream "+l.route.Upstream)
}

// plain is the kind of rewrite that puts one prefix in the place of another.
var plain = regexp.MustCompile(`^\^((?:/[A-Za-z0-9._-]+)*)/?\(\.\*\)\$?$`)

func (w *walker) rewrite(l *location, d *directive, config map[string]any) bool {
	m := plain.FindStringSubmatch(d.arg(0))
	to, ok := strings.CutSuffix(d.arg(1), "$1")
	if m == nil || !ok || strings.Contains(to, "$") || !strings.HasPrefix(to, "/") || d.arg(2) != "break" && d.arg(2) != "" && d.arg(2) != "last" || d.arg(2) == "last" && l.path != "/" {
		return false
	}
	config["strip_prefix"] = w.o.Prefix + m[1]
	config["add_prefix"] = strings.TrimSuffix(to, "/")
	w.taken(d, d.String()+" → policy rewrite")
	return true
}

// redirects reports whether a location does nothing but redirect by a rewrite.
func (l *location) redirects(w *walker) bool {
	if len(l.rewrites) != 1 {
		return false
	}
	d := l.rewrites[0]
	status := map[string]int{"permanent": 301, "redirect": 302}[d.arg(2)]
	if status == 0 || strings.Contains(d.arg(1), "$") || d.arg(0) != "^" && d.arg(0) != ".*" && d.arg(0) != "^.*$" && d.arg(0) != "^(.*)$" {
		return false
	}
	l.add("redirect", map[string]any{"status": status, "location": strings.NewReplacer("{", "{{", "}", "}}").Replace(d.arg(1))})
	w.taken(d, d.String()+" → policy redirect")
	return true
}
