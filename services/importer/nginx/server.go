package nginx

import (
	"slices"
	"strconv"
	"strings"

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
	for i, l := range locations {
		w.location(l, inherit(shared, l.block), i, locations)
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
	skip     bool
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
}

// refuse leaves a location out.
func (w *walker) refuse(l *location, d *directive, why, advice string) {
	l.skip = true
	w.report.Add(importer.Row{Level: importer.Refused, Line: d.line, What: short(d.String()), Why: why, Advice: advice, Skippable: true})
}

func (w *walker) location(d *directive, body []*directive, n int, all []*directive) {
	l := &location{at: d, path: d.arg(0), headers: map[string]any{}, answers: map[string]any{}}
	if len(d.args) == 2 {
		l.kind, l.path = d.args[0], d.args[1]
	}
	if len(d.args) == 0 || len(d.args) > 2 || strings.HasPrefix(l.path, "@") {
		w.refuse(l, d, "only locations with a path are read", "")
		return
	}
	w.match(l, n, all)
	for _, e := range body {
		w.inLocation(l, e)
	}
	w.access(l)
	w.answer(l)
	if l.skip {
		return
	}
	w.open(l)
	l.route.Name = w.name(l)
	w.names[l.route.Name] = true
	w.parts.Routes = append(w.parts.Routes, l.route)
	w.parts.RouteAt[l.route.Name] = importer.At{Line: d.line}
	w.taken(d, d.String()+" → route "+l.route.Name)
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

// Priorities of locations where one is a regular expression: nginx looks for "=" and
// "^~" first, then for regular expressions in their order, then for the longest prefix.
const (
	firstPriority = 2000
	regexPriority = 1000
)

func (w *walker) match(l *location, n int, all []*directive) {
	if strings.ContainsAny(l.path, "{}*") && !strings.HasPrefix(l.kind, "~") {
		w.refuse(l, l.at, "its path has braces or a star, which mean something else here", "")
		return
	}
	m := &l.route.Match
	switch l.kind {
	case "=":
		m.Path = w.o.Prefix + l.path
		l.route.StrictSlash = true
	case "", "^~":
		m.Path = w.o.Prefix + strings.TrimSuffix(l.path, "/") + "/*"
		if !strings.HasSuffix(l.path, "/") {
			w.approximated(l.at, "it takes whole segments: "+l.path+" and what lies below, not "+l.path+"x", "")
		}
	case "~", "~*":
		expr, end := l.path, ".*"
		if rest, ok := strings.CutSuffix(expr, "$"); ok && !strings.HasSuffix(rest, `\`) {
			expr, end = rest, ""
		}
		if rest, ok := strings.CutPrefix(expr, "^"); ok {
			expr = quote(w.o.Prefix) + "(?:" + rest + ")" + end
		} else {
			expr = quote(w.o.Prefix) + ".*(?:" + expr + ")" + end
		}
		if l.kind == "~*" {
			expr = "(?i)" + expr
		}
		m.Path = "~" + expr
		l.route.Priority = regexPriority - n
		return
	default:
		w.refuse(l, l.at, "the modifier "+l.kind+" is not known", "")
		return
	}
	if !w.regexes {
		return
	}
	if l.kind == "=" {
		l.route.Priority = firstPriority
	}
	if l.kind == "^~" {
		l.route.Priority = firstPriority
		for _, other := range all {
			if len(other.args) == 1 && strings.HasPrefix(other.arg(0), l.path) {
				w.refuse(l, l.at, "the location "+other.arg(0)+" lies below it, and regular expressions go before that one alone", "write it without ^~")
			}
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
		l.returns = d
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
	asks := slices.ContainsFunc(l.route.Policies, func(p contract.Policy) bool { return p.Type == "basic" || slices.Contains(identifies, p.Type) })
	own := slices.ContainsFunc(w.present.Policies, func(p contract.Policy) bool { return slices.Contains(identifies, p.Type) })
	if asks || own {
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
		w.refuse(l, l.at, "it denies everybody", "")
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
