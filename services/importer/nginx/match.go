package nginx

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

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
