package route

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// The naive matcher below knows nothing of trees, ranks or canonical forms of
// patterns: it reads a contract.Route and a request and says whether they fit,
// and which of two fitting routes goes first. Tables are compared with it.

func naiveFits(r *contract.Route, req *policy.Request, method bool) bool {
	host := req.Host.Clone()
	if len(r.Match.Hosts) > 0 && !slices.ContainsFunc(r.Match.Hosts, func(h string) bool { return naiveHost(h, host) }) {
		return false
	}
	if !naivePath(r, req.Path.Clone()) {
		return false
	}
	for _, c := range r.Match.Headers {
		n, _ := policy.HeaderName(c.Name)
		v, ok := req.Header.Get(n)
		if !naiveCond(c, v.Clone(), ok) {
			return false
		}
	}
	for _, c := range r.Match.Query {
		v, ok := naiveQuery(req.Query.Clone(), c.Name)
		if !naiveCond(c, v, ok) {
			return false
		}
	}
	m := req.Method.Clone()
	return !method || len(r.Match.Methods) == 0 || slices.Contains(r.Match.Methods, m) || m == "HEAD" && slices.Contains(r.Match.Methods, "GET")
}

func naiveHost(pattern, host string) bool {
	if !strings.HasPrefix(pattern, "*.") {
		return pattern == host
	}
	return strings.HasSuffix(host, pattern[1:]) && strings.Count(host, ".") == strings.Count(pattern, ".")
}

// naivePath turns the route's path into a regular expression.
func naivePath(r *contract.Route, path string) bool {
	p := r.Match.Path
	var expr string
	switch {
	case strings.HasPrefix(p, "~"):
		expr = "^(?:" + p[1:] + ")$"
	case strings.HasSuffix(p, "/*"):
		expr = "^" + naiveSegments(strings.TrimSuffix(p, "/*")) + "(/.*)?$"
	case strings.HasSuffix(p, "+}"):
		expr = "^" + naiveSegments(p[:strings.LastIndex(p, "/")]) + "/[^/].*$"
	case r.StrictSlash:
		expr = "^" + naiveSegments(p) + "$"
	default:
		expr = "^" + naiveSegments(strings.TrimSuffix(p, "/")) + "/?$"
	}
	return compiled(expr).MatchString(path)
}

// compiled keeps what TestAgainstNaive compiles over and over; one goroutine uses
// it.
var compiledCache = map[string]*regexp.Regexp{}

func compiled(expr string) *regexp.Regexp {
	if compiledCache[expr] == nil {
		compiledCache[expr] = regexp.MustCompile(expr)
	}
	return compiledCache[expr]
}

func naiveSegments(p string) string {
	parts := strings.Split(p, "/")
	for i, s := range parts {
		if strings.HasPrefix(s, "{") {
			parts[i] = "[^/]+"
		} else {
			parts[i] = regexp.QuoteMeta(s)
		}
	}
	return strings.Join(parts, "/")
}

func naiveCond(c contract.FieldMatch, v string, ok bool) bool {
	switch {
	case c.Present != nil:
		return ok == *c.Present
	case c.Exact != "":
		return ok && v == c.Exact
	case c.Prefix != "":
		return ok && strings.HasPrefix(v, c.Prefix)
	}
	return ok && compiled("^(?:"+c.Regex+")$").MatchString(v)
}

func naiveQuery(q, name string) (string, bool) {
	for _, part := range strings.Split(q, "&") {
		if n, v, _ := strings.Cut(part, "="); n == name {
			return v, true
		}
	}
	return "", false
}

// naiveKey makes precedence comparable: smaller goes first.
func naiveKey(r *contract.Route, req *policy.Request) []int {
	class := 2
	for _, h := range r.Match.Hosts {
		if naiveHost(h, req.Host.Clone()) {
			class = min(class, map[bool]int{true: 1, false: 0}[strings.HasPrefix(h, "*")])
		}
	}
	p := r.Match.Path
	key := []int{-r.Priority, class}
	switch {
	case strings.HasPrefix(p, "~"):
		key = append(key, 4, -len(p))
	case strings.HasSuffix(p, "/*"):
		key = append(append(key, 3), naiveShape(strings.TrimSuffix(p, "/*"))...)
	case strings.HasSuffix(p, "+}"):
		key = append(append(key, 2), naiveShape(p[:strings.LastIndex(p, "/")])...)
	case strings.Contains(p, "{"):
		key = append(append(key, 1), naiveShape(strings.TrimSuffix(p, "/"))...)
	default:
		key = append(key, 0)
	}
	for len(key) < 20 {
		key = append(key, 2) // the end of a path comes after its segments
	}
	narrow := 0
	for _, c := range append(slices.Clone(r.Match.Headers), r.Match.Query...) {
		switch {
		case c.Exact != "":
			narrow -= 4
		case c.Prefix != "":
			narrow -= 3
		case c.Regex != "":
			narrow -= 2
		case *c.Present:
			narrow--
		}
	}
	head := 0
	if req.Method.Is("HEAD") && slices.Contains(r.Match.Methods, "HEAD") {
		head = -1
	}
	return append(key, min(1, 1-min(1, len(r.Match.Methods))), -len(r.Match.Headers), -len(r.Match.Query), narrow, head)
}

func naiveShape(p string) (out []int) {
	for _, s := range strings.Split(p, "/")[1:] {
		if strings.HasPrefix(s, "{") {
			out = append(out, 1)
		} else {
			out = append(out, 0)
		}
	}
	return out
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func randomRoute(r *rand.Rand, i int) contract.Route {
	words := func() string { return pick(r, "/a", "/b", "/c", "/a", "/{p}", "/{q}") }
	path := ""
	used := map[string]bool{}
	for range r.IntN(3) {
		w := words()
		if strings.HasPrefix(w, "/{") && used[w] {
			w = "/a"
		}
		used[w] = true
		path += w
	}
	switch r.IntN(8) {
	case 0:
		path += "/*"
	case 1:
		path += "/{t+}"
	case 2:
		path += "/"
	case 3:
		path = pick(r, "~^/a/[ab]+$", "~/a.*", "~^/[a-c]/b/?", "~/(b|c)/.*")
	}
	if path == "" {
		path = "/"
	}
	out := contract.Route{Name: fmt.Sprint("r", i), Priority: pick(r, 0, 0, 0, 1), StrictSlash: r.IntN(4) == 0, Match: contract.Match{Path: path}}
	out.Match.Methods = pick(r, nil, nil, nil, nil, []string{"GET"}, []string{"POST"}, []string{"HEAD"}, []string{"GET", "POST"})
	out.Match.Hosts = pick(r, nil, nil, nil, nil, nil, []string{"x.example"}, []string{"*.w.example"}, []string{"x.w.example", "*.w.example"})
	conds := func() []contract.FieldMatch {
		return pick(r, nil, nil, nil, nil, nil, nil, []contract.FieldMatch{{Name: "k", Exact: "v"}}, []contract.FieldMatch{{Name: "k", Exact: "w"}},
			[]contract.FieldMatch{{Name: "k", Prefix: "v"}}, []contract.FieldMatch{{Name: "k", Present: no()}}, []contract.FieldMatch{{Name: "k", Regex: "[vw]+"}, {Name: "j", Present: yes()}})
	}
	out.Match.Headers, out.Match.Query = conds(), conds()
	return out
}

func randomRequest(t *testing.T, r *rand.Rand) *policy.Request {
	path := ""
	for range r.IntN(5) {
		path += "/" + pick(r, "a", "b", "c", "d")
	}
	path += pick(r, "", "", "/")
	if path == "" {
		path = "/"
	}
	line := pick(r, "GET", "GET", "POST", "HEAD", "PUT") + " " + pick(r, "x.example", "x.w.example", "y.w.example", "z.example") + path + pick(r, "", "", "?k=v", "?k=w&j=", "?j=1&k=vw", "?k=v&k=w")
	return request(t, line, pick(r, nil, nil, []string{"K: v"}, []string{"k: w", "J: 1"}, []string{"K: vw", "K: v"})...)
}

// TestAgainstNaive builds random tables out of routes that don't conflict, in
// random orders, and compares every answer with the naive matcher's.
func TestAgainstNaive(t *testing.T) {
	t.Parallel()
	hosts := []string{"x.example", "z.example", "*.w.example"}
	refused, matched, methods := 0, 0, 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		var routes []contract.Route
		for i := range 40 {
			next := append(slices.Clone(routes), randomRoute(r, i))
			if errs := match.Conflicts(next, hosts); len(errs) > 0 {
				refused++
				continue
			}
			routes = next
		}
		var tables []*Table
		for range 2 {
			r.Shuffle(len(routes), func(i, j int) { routes[i], routes[j] = routes[j], routes[i] })
			tab, err := Build(slices.Clone(routes), hosts)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			tables = append(tables, tab)
		}
		for range 80 {
			req := randomRequest(t, r)
			want, tie := naive(routes, req)
			if tie {
				t.Fatalf("seed %d: %v: two routes of equal precedence were not refused", seed, want)
			}
			for _, tab := range tables {
				var res Result
				tab.Match(req, &res)
				got := ""
				if res.Index >= 0 {
					got = tab.names[res.Index]
					matched++
				}
				if got != want {
					t.Fatalf("seed %d: %s %s%s?%s: %q, want %q", seed, req.Method.Clone(), req.Host.Clone(), req.Path.Clone(), req.Query.Clone(), got, want)
				}
				if allow := naiveAllow(routes, req); want == "" && res.Allow != allow {
					t.Fatalf("seed %d: Allow is %q, want %q", seed, res.Allow, allow)
				} else if want == "" && allow != "" {
					methods++
				}
			}
		}
	}
	if refused < 20 || matched < 1000 || methods < 100 {
		t.Errorf("the random routes are of no use: %d refused, %d matched, %d of other methods", refused, matched, methods)
	}
}

// naive returns the winner's name; tie says that it has an equal.
func naive(routes []contract.Route, req *policy.Request) (name string, tie bool) {
	var best []int
	for i := range routes {
		if !naiveFits(&routes[i], req, true) {
			continue
		}
		key := naiveKey(&routes[i], req)
		switch c := slices.Compare(key, best); {
		case best == nil || c < 0:
			best, name, tie = key, routes[i].Name, false
		case c == 0:
			tie = true
		}
	}
	return name, tie
}

func naiveAllow(routes []contract.Route, req *policy.Request) string {
	var set match.Methods
	for i := range routes {
		if naiveFits(&routes[i], req, false) {
			for _, m := range routes[i].Match.Methods {
				set |= match.MethodOf(m)
			}
		}
	}
	return set.String()
}

// TestOrderNeverMatters is the bar of a router: many routes, many orders, the
// same winners.
func TestOrderNeverMatters(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	var routes []contract.Route
	for i := range 2000 {
		path := [...]string{"/s%d/items", "/s%d/items/{id}", "/s%d/{kind}/new", "/s%d/{rest+}", "/s%d/*"}[i%5]
		routes = append(routes, contract.Route{Name: fmt.Sprint("r", i), Match: contract.Match{Path: fmt.Sprintf(path, i/5)}})
	}
	var requests []*policy.Request
	for i := range 400 {
		for _, tail := range []string{"/items", "/items/7", "/items/new", "/x/y/z", ""} {
			requests = append(requests, request(t, fmt.Sprintf("GET h/s%d%s", i, tail)))
		}
	}
	var first []string
	for range 5 {
		r.Shuffle(len(routes), func(i, j int) { routes[i], routes[j] = routes[j], routes[i] })
		tab, err := Build(routes, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		var res Result
		for _, req := range requests {
			tab.Match(req, &res)
			got = append(got, result(tab, &res))
		}
		if first == nil {
			first = got
		}
		if !slices.Equal(first, got) {
			t.Fatal("the order of declaration changed a winner")
		}
	}
}

// FuzzMatch: no path makes the router panic, and all spellings of one path route
// alike (row URI01 to URI12 once more, from the router's side).
func FuzzMatch(f *testing.F) {
	tab := shop(f)
	for _, s := range []string{"/pets/dog/1", "/pets/%64og/1", "//pets/./x/../dog/1", "/old/", "/search", "/n/12"} {
		f.Add(s, "v=1")
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		canon, err := match.PathString(path)
		if err != nil || match.CheckQuery(query) != nil {
			return
		}
		h := &policy.EngineHeaders{}
		route := func(p string) string {
			var res Result
			tab.Match(&policy.Request{Method: policy.Static("GET"), Host: policy.Static("shop.example"), Path: policy.Static(p), Query: policy.Static(query), Header: h.Handle()}, &res)
			return result(tab, &res)
		}
		escaped := "/"
		for i := 1; i < len(canon); i++ {
			if c := canon[i]; c >= 'a' && c <= 'z' && (i < 3 || canon[i-1] != '%' && canon[i-2] != '%') {
				escaped += fmt.Sprintf("%%%02x", c)
			} else {
				escaped += string(c)
			}
		}
		for _, spelling := range []string{escaped, "/." + canon, "/x/.." + canon, "/" + canon} {
			other, err := match.PathString(spelling)
			if err != nil || other != canon {
				t.Fatalf("%q and %q are one path, but the latter becomes %q, %v", canon, spelling, other, err)
			}
		}
		if a, b := route(canon), route(canon); a != b {
			t.Fatalf("%q routes to %q and to %q", canon, a, b)
		}
	})
}
