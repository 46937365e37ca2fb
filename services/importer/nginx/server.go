package nginx

import (
	"net/http"
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
