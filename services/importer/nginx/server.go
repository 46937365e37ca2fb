package nginx

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/importer"
)

// server makes routes of a server block.
func (w *walker) server(s *directive) {
	var shared []*directive // what locations inherit
	var locations []*directive
	for _, d := range s.block {
		switch d.name {
		case "location":
			locations = append(locations, d)
			w.regexes = w.regexes || strings.HasPrefix(d.arg(0), "~")
		case "listen":
			w.approximated(d, "the gateway listens on its own ports, with TLS", "")
		case "server_name":
			if !slices.Equal(d.args, []string{"_"}) {
				w.approximated(d, "routes hold for every host of the gateway", "add the names as domains of the gateway")
			}
		case "ssl_certificate", "ssl_certificate_key":
			w.approximated(d, "files of the server can't be read", "upload the certificate with its key, or let the gateway order one for the domain")
		case "ssl":
			w.approximated(d, "the gateway listens with TLS by itself", "")
		default:
			shared = append(shared, d)
		}
	}
	if len(locations) == 0 {
		whole := &directive{name: "location", args: []string{"/"}, line: s.line, open: true}
		locations = append(locations, whole)
	}
	var all []*location
	for _, d := range locations {
		if l := w.read(d, inherit(shared, d.block)); l != nil {
			all = append(all, l)
		}
	}
	w.match(all)
	for _, l := range all {
		w.keep(l)
	}
}

// lists are directives that a location inherits only where it has none of its own.
var lists = []string{"proxy_set_header", "add_header", "allow", "deny"}

// inherit puts what a server block says before what a location says.
func inherit(shared, own []*directive) []*directive {
	has := map[string]bool{}
	for _, d := range own {
		has[d.name] = true
		if d.name == "allow" || d.name == "deny" {
			has["allow"], has["deny"] = true, true
		}
	}
	var out []*directive
	for _, d := range shared {
		if d.name == "return" { // a server's goes before all that its locations say
			own = slices.DeleteFunc(slices.Clone(own), func(d *directive) bool { return d.name == "return" })
			has["return"] = false
		}
		if !has[d.name] || !slices.Contains(lists, d.name) && d.name == "rewrite" {
			out = append(out, d)
		}
	}
	return append(out, own...)
}

// location is a location on its way to a route.
type location struct {
	at       *directive
	kind     string // "", "=", "~", "~*", "^~"
	path     string
	route    contract.Route
	skip     bool           // it was refused
	closed   bool           // it denies everybody
	headers  map[string]any // of the request
	answers  map[string]any // fields of the answer
	allow    []string
	deny     []string
	denyAll  bool
	allowAll bool
	files    *directive
	pass     *directive
	rewrites []*directive
	returns  *directive
	timeouts contract.Timeouts
	cuts     string // what is taken off the paths that it passes on, but for the option prefix
}

// refuse leaves a location out: its requests are answered with 403.
func (w *walker) refuse(l *location, d *directive, why, advice string) {
	l.skip = true
	w.report.Add(importer.Row{Level: importer.Refused, Line: d.line, What: short(d.String()), Why: why, Advice: advice, Skippable: true})
}

// read reads all of a location but which requests it takes; nil: none come to it.
func (w *walker) read(d *directive, body []*directive) *location {
	l := &location{at: d, path: d.arg(0), headers: map[string]any{}, answers: map[string]any{}}
	if len(d.args) == 2 {
		l.kind, l.path = d.args[0], d.args[1]
	}
	switch {
	case strings.HasPrefix(l.path, "@"):
		w.refuse(l, d, "only locations with a path are read", "")
		return nil
	case len(d.args) == 0 || len(d.args) > 2:
		w.refused(d, "only locations with a path are read", "")
		return nil
	case !slices.Contains([]string{"", "=", "~", "~*", "^~"}, l.kind):
		w.refused(d, "the modifier "+l.kind+" is not known", "")
		return nil
	}
	for _, e := range body {
		w.inLocation(l, e)
	}
	w.access(l)
	w.answer(l)
	if !l.skip {
		w.open(l)
	}
	return l
}

// keep makes the route of a location. One that was refused is not left to the other
// locations, which may ask for less: its requests are answered with 403.
func (w *walker) keep(l *location) {
	if l.skip {
		if !w.o.SkipRefused {
			return
		}
		l.route = contract.Route{Match: l.route.Match, Priority: l.route.Priority, StrictSlash: l.route.StrictSlash}
		l.close()
	}
	l.route.Name = w.name(l)
	w.names[l.route.Name] = true
	w.parts.Routes = append(w.parts.Routes, l.route)
	w.parts.RouteAt[l.route.Name] = importer.At{Line: l.at.line}
	if l.skip {
		w.report.Add(importer.Row{
			Level: importer.Approximated, Line: l.at.line, What: short(l.at.String() + " → route " + l.route.Name), Why: "it was refused and left out: its requests are answered with 403",
		})
		return
	}
	w.taken(l.at, l.at.String()+" → route "+l.route.Name)
}

// close makes the route answer everybody with 403.
func (l *location) close() {
	l.route.Policies, l.route.Public = nil, true
	l.add("mock", map[string]any{"status": http.StatusForbidden})
}

func (w *walker) name(l *location) string {
	var b strings.Builder
	for _, c := range strings.ToLower(l.path) {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-") && b.Len() < 100:
			b.WriteByte('-')
		}
	}
	base := strings.Trim(b.String(), "-")
	if base == "" {
		base = "root"
	}
	base = base[:min(len(base), 100)]
	out := base
	for i := 2; w.names[out]; i++ {
		out = base + "-" + strconv.Itoa(i)
	}
	return out
}

// protects reports whether a location keeps something from callers that another one
// might let through.
func (l *location) protects() bool {
	return l.skip || l.closed || l.pass == nil ||
		slices.ContainsFunc(l.route.Policies, func(p contract.Policy) bool { return p.Type == "ip_filter" || slices.Contains(identifies, p.Type) })
}

// prefix reports whether a location takes the paths that begin with its own.
func (l *location) prefix() bool { return l.kind == "" || l.kind == "^~" }

// Priorities of locations, within those that a route can have: nginx looks for "=" and
// "^~" first, then for regular expressions in their order, then for the longest prefix.
const (
	exactPriority = 1000
	firstPriority = 850 // of "^~", and more
	regexPriority = 700 // and less: there are at most 100
	maxRank       = 140
)

// match says which requests locations take, and which of them goes first.
func (w *walker) match(all []*location) {
	n := 0
	var wide []*location
	for _, l := range all {
		switch {
		case !l.prefix() && l.kind != "=":
			w.expression(l)
			l.route.Priority = regexPriority - n
			n++
		case w.plain(l, all):
			wide = append(wide, l)
		}
	}
	ranks := ranksBelow(all, wide)
	for _, l := range all {
		rank := 0
		if l.prefix() || l.kind == "=" {
			rank = ranks[l]
		}
		if rank > maxRank {
			w.refuse(l, l.at, "there are more than "+strconv.Itoa(maxRank)+" locations inside one another", "end them with a slash")
		}
		switch {
		case l.kind == "=" && (w.regexes || rank > 0):
			l.route.Priority = exactPriority
		case l.kind == "^~" && w.regexes:
			l.route.Priority = firstPriority + min(rank, maxRank)
			w.nested(l, all)
		case l.prefix():
			l.route.Priority = min(rank, maxRank)
		}
	}
}

// plain gives a location a path without a regular expression, where it can have one. It
// reports true where it can't: the location protects what only begins with its last
// segment too (/admin.php beside /admin), and another one would take it.
func (w *walker) plain(l *location, all []*location) (wide bool) {
	path := strings.NewReplacer("{", "%7B", "}", "%7D", "*", "%2A").Replace(l.path)
	if path != l.path {
		w.refuse(l, l.at, "its path has braces or a star, which mean something else here", "")
	}
	if l.kind == "=" {
		l.route.Match.Path, l.route.StrictSlash = w.o.Prefix+path, true
		return false
	}
	l.route.Match.Path = w.o.Prefix + strings.TrimSuffix(path, "/") + "/*"
	if strings.HasSuffix(path, "/") {
		return false
	}
	wide = l.protects() && (l.kind == "^~" && w.regexes || slices.ContainsFunc(all, func(m *location) bool {
		return m != l && m.prefix() && len(m.path) < len(l.path) && strings.HasPrefix(l.path, m.path)
	}))
	if !wide {
		w.approximated(l.at, "it takes whole segments: "+l.path+" and what lies below, not "+l.path+"x", "")
		return false
	}
	canon, err := match.PathString(w.o.Prefix + path)
	if err != nil {
		w.refused(l.at, "no request can have its path: "+err.Error(), "")
		return false
	}
	l.route.Match.Path = "~" + quote(canon) + ".*"
	if l.cuts != "" {
		w.refuse(l, l.at, "it protects paths that only begin with "+l.path+" too, and can't change them", "end the location and the address of proxy_pass with a slash")
	}
	return true
}

// ranksBelow are ranks of the locations that lie below a wide one, the longest paths
// highest: a wide one has a regular expression, which would come last of all.
func ranksBelow(all, wide []*location) map[*location]int {
	lengths := map[int]bool{}
	var below []*location
	for _, l := range all {
		if slices.ContainsFunc(wide, func(q *location) bool { return strings.HasPrefix(l.path, q.path) }) {
			lengths[len(l.path)] = true
			below = append(below, l)
		}
	}
	order := slices.Sorted(maps.Keys(lengths))
	ranks := map[*location]int{}
	for _, l := range below {
		ranks[l] = 1 + slices.Index(order, len(l.path))
	}
	return ranks
}

// nested refuses a location by ^~ with another one inside.
func (w *walker) nested(l *location, all []*location) {
	for _, other := range all {
		if other.kind == "" && strings.HasPrefix(other.path, l.path) {
			w.refuse(l, l.at, "the location "+other.path+" lies below it, and regular expressions go before that one alone", "write it without ^~")
		}
	}
}

// unlike are what a path can't have as such in the gateway, which matches it with its
// escapes.
var unlike = regexp.MustCompile(`[^!-~]|["<>` + "`" + `%]|\\[\[\]{}^|sxQ]`)

// expression takes over a regular expression, which nginx looks for anywhere in the
// path.
func (w *walker) expression(l *location) {
	expr, end := l.path, ".*"
	alternates, begins := false, false
	marks(expr, func(i int, c byte, depth int) {
		alternates = alternates || c == '|' && depth == 0
		begins = begins || c == '^' && i > 0
	})
	begins = begins || alternates && strings.HasPrefix(expr, "^")
	why, advice := "", ""
	switch {
	case unlike.MatchString(expr):
		why, advice = "the gateway matches paths with their escapes, as in %20", "write it without spaces, brackets, braces, percent signs and what is not ASCII"
	case begins && w.o.Prefix != "":
		why, advice = "the option prefix stands before the path that an alternative begins with", "put the alternatives into parentheses: ^(?:/a|/b)"
	}
	switch {
	case why != "":
		w.refused(l.at, why, advice) // it can't be left out: which paths it takes can't be told
		l.skip = true
	case alternates: // anchors are those of single alternatives
		expr = quote(w.o.Prefix) + ".*(?:" + expr + ").*"
	default:
		if rest, ok := strings.CutSuffix(expr, "$"); ok && !strings.HasSuffix(rest, `\`) {
			expr, end = rest, ""
		}
		if rest, ok := strings.CutPrefix(expr, "^"); ok {
			expr = quote(w.o.Prefix) + "(?:" + rest + ")" + end
		} else {
			expr = quote(w.o.Prefix) + ".*(?:" + expr + ")" + end
		}
	}
	if l.kind == "~*" {
		expr = "(?i)" + expr
	}
	l.route.Match.Path = "~" + expr
}

// marks calls fn for every byte of a regular expression that is neither escaped nor in
// a class, with how many groups it stands in.
func marks(expr string, fn func(i int, c byte, depth int)) {
	depth, class := 0, -1 // class: where what is in the class begins
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '\\':
			i++
		case class >= 0:
			if c == ']' && i > class { // the first one stands for itself
				class = -1
			}
		case c == '[':
			class = i + 1
			if strings.HasPrefix(expr[class:], "^") {
				class++
				i++
			}
		case c == '(':
			depth++
		case c == ')':
			depth--
		default:
			fn(i, c, depth)
		}
	}
}

func quote(s string) string {
	var b strings.Builder
	for _, c := range s {
		if strings.ContainsRune(`\.+*?()|[]{}^$`, c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// protects are directives that keep callers out: leaving one out would let more in.
var protects = []string{
	"auth_basic", "auth_basic_user_file", "auth_request", "auth_jwt", "auth_jwt_key_file", "satisfy", "limit_req", "limit_conn", "internal", "secure_link", "valid_referers",
	"ssl_verify_client", "ssl_client_certificate", "limit_except", "auth_delay", "limit_rate", "ssl_crl", "geo", "ssl_verify_depth",
}

func (w *walker) inLocation(l *location, d *directive) {
	switch d.name {
	case "proxy_pass":
		l.pass = d
	case "rewrite":
		l.rewrites = append(l.rewrites, d)
	case "return":
		if l.returns == nil { // the first one answers
			l.returns = d
		}
	case "proxy_set_header":
		w.setHeader(l, d)
	case "add_header":
		w.addHeader(l, d)
	case "client_max_body_size":
		n, ok := size(d.arg(0))
		if !ok {
			w.refuse(l, d, "is a size such as 10m", "")
			return
		}
		l.route.MaxBodyBytes = n
	case "proxy_connect_timeout", "proxy_read_timeout", "proxy_send_timeout", "proxy_next_upstream_timeout":
		w.timeout(l, d)
	case "allow":
		w.allow(l, d)
	case "deny":
		w.deny(l, d)
	case "auth_basic", "auth_basic_user_file":
		w.authBasic(l, d)
	case "proxy_redirect", "proxy_next_upstream", "proxy_next_upstream_tries", "proxy_intercept_errors", "proxy_pass_header", "proxy_hide_header", "proxy_cookie_path", "proxy_cookie_domain",
		"proxy_cache", "proxy_cache_valid", "proxy_cache_bypass", "proxy_no_cache", "proxy_cache_key", "proxy_cache_use_stale", "error_page", "expires", "proxy_ignore_client_abort",
		"proxy_ssl_server_name", "proxy_ssl_protocols", "proxy_ssl_session_reuse", "proxy_ssl_verify", "proxy_ssl_verify_depth", "proxy_pass_request_headers", "proxy_force_ranges":
		w.approximated(d, "it is not carried over; callers are as protected without it", "set it up in the route or the upstream where you need it")
	case "root", "alias", "index", "try_files", "autoindex":
		if l.pass == nil {
			l.files = d
		}
	default:
		switch {
		case slices.Contains(protects, d.name):
			w.refuse(l, d, "it keeps callers out, and can't be carried over", "give the route a policy such as rate limits, ip_filter, basic or jwt, and take it out here")
		case strings.HasPrefix(d.name, "gzip") || strings.HasPrefix(d.name, "brotli"):
			w.approximated(d, "compression is a policy", "give the route the policy compress")
		case slices.Contains(ofTheProcess, d.name):
			w.approximated(d, "the gateway looks after it by itself", "")
		default:
			w.refuse(l, d, "the directive is not known here", "do it by a policy, and take it out here")
		}
	}
}

// open makes the route public where nothing asks who calls: so it was at nginx.
func (w *walker) open(l *location) {
	asks := slices.ContainsFunc(l.route.Policies, func(p contract.Policy) bool { return slices.Contains(identifies, p.Type) })
	own := false
	for _, p := range w.present.Policies {
		if !slices.Contains(identifies, p.Type) {
			continue
		}
		own = true
		if asks && !slices.ContainsFunc(l.route.Policies, func(q contract.Policy) bool { return q.Type == p.Type }) {
			w.refuse(l, l.at, "the gateway's own policy "+p.Type+" would let callers in beside auth_basic", "take it off the gateway, or map auth_basic to it by the option schemes")
		}
	}
	if asks || own || l.closed {
		return
	}
	if w.o.Unsecured == "refuse" {
		w.refuse(l, l.at, "it asks nobody who calls, and the option unsecured refuses that", "")
		return
	}
	l.route.Public = true
}

var identifies = []string{"api_key", "jwt", "basic", "mtls", "oidc_login", "introspection"}

// authBasic is the policy that the option schemes names for auth_basic.
func (w *walker) authBasic(l *location, d *directive) {
	p, ok := w.o.Schemes["auth_basic"]
	switch {
	case d.name == "auth_basic" && d.arg(0) == "off":
		w.refuse(l, d, "it opens a location that the server block protects", "give it a route of its own")
	case !ok:
		w.refuse(l, d, "the users' file can't be read", `say by the option schemes which policy it is: {"auth_basic": {"type": "basic", "config": {"users": {"alice": {"secret": …}}}}}`)
	case !slices.Contains(identifies, p.Type):
		w.refuse(l, d, "the policy "+p.Type+" does not ask who calls", "map auth_basic to one of "+strings.Join(identifies, ", "))
	case d.name == "auth_basic":
		l.route.Policies = append(l.route.Policies, p)
		w.taken(d, d.String()+" → policy "+p.Type)
	}
}

// allow and deny are read in their order: nginx takes the first that fits.
func (w *walker) allow(l *location, d *directive) {
	switch {
	case l.denyAll:
		w.approximated(d, "it stands behind deny all, and never holds", "")
	case d.arg(0) == "all":
		l.allowAll = true
	case len(l.deny) > 0:
		w.refuse(l, d, "an allowed address behind a denied one can't be carried over: the policy ip_filter lets denied ones go before", "order the lines: allowed addresses, then deny all")
	default:
		l.allow = append(l.allow, d.arg(0))
	}
}

func (w *walker) deny(l *location, d *directive) {
	switch {
	case l.allowAll:
		w.approximated(d, "it stands behind allow all, and never holds", "")
	case d.arg(0) == "all":
		l.denyAll = true
	case len(l.allow) > 0:
		w.refuse(l, d, "a denied address behind an allowed one can't be carried over: the policy ip_filter lets denied ones go before", "order the lines: denied addresses, then allow all; or allowed ones, then deny all")
	default:
		l.deny = append(l.deny, d.arg(0))
	}
}

func (w *walker) access(l *location) {
	config := map[string]any{}
	switch {
	case l.denyAll && len(l.allow) == 0:
		l.closed = true
		return
	case l.denyAll:
		config["allow"] = l.allow
	case len(l.deny) > 0:
		config["deny"] = l.deny
	default:
		return
	}
	l.add("ip_filter", config)
}
