package route

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// request makes a request of "METHOD host/path?query" and "Name: value" lines;
// the path is brought into canonical form, as the gate does.
func request(t testing.TB, line string, fields ...string) *policy.Request {
	t.Helper()
	method, rest, _ := strings.Cut(line, " ")
	host, rest, _ := strings.Cut(rest, "/")
	path, query, _ := strings.Cut("/"+rest, "?")
	path, err := match.PathString(path)
	if err != nil {
		t.Fatal(err)
	}
	h := &policy.EngineHeaders{}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		h.AppendString(name, value)
	}
	return &policy.Request{Method: policy.Static(method), Host: policy.Static(host), Path: policy.Static(path), Query: policy.Static(query), Header: h.Handle()}
}

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

// shop is a table with every kind of path.
func shop(t testing.TB) *Table {
	t.Helper()
	r := func(name, path string, edit ...func(*contract.Route)) contract.Route {
		out := contract.Route{Name: name, Match: contract.Match{Path: path}}
		for _, e := range edit {
			e(&out)
		}
		return out
	}
	methods := func(m string) func(*contract.Route) {
		return func(r *contract.Route) { r.Match.Methods = strings.Fields(m) }
	}
	hosts := func(h string) func(*contract.Route) {
		return func(r *contract.Route) { r.Match.Hosts = strings.Fields(h) }
	}
	header := func(f ...contract.FieldMatch) func(*contract.Route) {
		return func(r *contract.Route) { r.Match.Headers = f }
	}
	query := func(f ...contract.FieldMatch) func(*contract.Route) {
		return func(r *contract.Route) { r.Match.Query = f }
	}
	strict := func(r *contract.Route) { r.StrictSlash = true }
	tab, err := Build([]contract.Route{
		r("root", "/"),
		r("pets", "/pets", methods("GET")),
		r("add pet", "/pets", methods("POST")),
		r("beta pets", "/pets", methods("GET"), header(contract.FieldMatch{Name: "X-Beta", Exact: "1"})),
		r("canary pets", "/pets", methods("GET"), header(contract.FieldMatch{Name: "X-Beta", Exact: "2"}, contract.FieldMatch{Name: "X-Ring", Regex: "[a-c]"})),
		r("dog", "/pets/dog/1"),
		r("pet", "/pets/{kind}/{id}", methods("GET DELETE")),
		r("pet toys", "/pets/{kind}/toys/{toy}/"),
		r("proxy pets", "/pets/{proxy+}"),
		r("old", "/old/*"),
		r("old images", "/old/img/*"),
		r("digits", "~^/n/[0-9]+$"),
		r("more digits", "~^/n/[0-9]{1,5}$"),
		r("urgent", "/pets/cat/*", func(r *contract.Route) { r.Priority = 5 }),
		r("strict", "/strict", strict),
		r("strict slash", "/strict/", strict),
		r("v1", "/search", query(contract.FieldMatch{Name: "v", Exact: "1 é"})),
		r("v", "/search", query(contract.FieldMatch{Name: "v", Present: yes()})),
		r("no v", "/search", query(contract.FieldMatch{Name: "v", Present: no()}, contract.FieldMatch{Name: "q", Prefix: "a b"})),
		r("search", "/search"),
		r("host", "/h", hosts("shop.example")),
		r("wild", "/h", hosts("*.wild.example")),
		r("narrow", "/h", hosts("a.wild.example")),
		r("any host", "/h"),
		r("only here", "/only", hosts("shop.example"), methods("PUT")),
		r("head", "/heads", methods("HEAD")),
		r("get", "/heads", methods("GET")),
	}, []string{"shop.example", "*.wild.example"})
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestMatch(t *testing.T) {
	t.Parallel()
	tab := shop(t)
	for _, c := range []struct {
		line string
		want string // route, its parameters; or "404", or "405 methods"
		head []string
	}{
		{"GET shop.example/", "root", nil},
		{"GET shop.example/pets", "pets", nil},
		{"GET shop.example/pets/", "pets", nil},
		{"HEAD shop.example/pets", "pets", nil},
		{"POST shop.example/pets", "add pet", nil},
		{"PUT shop.example/pets", "405 GET, HEAD, POST", nil},
		{"GET shop.example/pets", "beta pets", []string{"x-beta: 1"}},
		{"GET shop.example/pets", "pets", []string{"X-Beta: 2"}},
		{"GET shop.example/pets", "canary pets", []string{"X-Beta: 2", "x-ring: b"}},
		{"GET shop.example/pets", "pets", []string{"X-Beta: 2", "x-ring: bb"}},
		{"GET shop.example/pets", "beta pets", []string{"X-Beta: 1", "X-Beta: 2"}},
		{"GET shop.example/pets/dog/1", "dog", nil},
		{"GET shop.example/pets/dog/2", "pet kind=dog id=2", nil},
		{"GET shop.example/pets/dog/2/", "pet kind=dog id=2", nil},
		{"PUT shop.example/pets/dog/2", "proxy pets proxy=dog/2", nil},
		{"GET shop.example/pets/x/toys/ball", "pet toys kind=x toy=ball", nil},
		{"GET shop.example/pets/x", "proxy pets proxy=x", nil},
		{"GET shop.example/pets/a/b/c/", "proxy pets proxy=a/b/c/", nil},
		{"GET shop.example/pets/cat/1", "urgent", nil},
		{"GET shop.example/pets/%C3%A9/%31", "pet kind=%C3%A9 id=1", nil},
		{"GET shop.example/old", "old", nil},
		{"GET shop.example/old/", "old", nil},
		{"GET shop.example/old/x/y", "old", nil},
		{"GET shop.example/old/img/y", "old images", nil},
		{"GET shop.example/olds", "404", nil},
		{"GET shop.example/n/1", "more digits", nil},
		{"GET shop.example/n/123456", "digits", nil},
		{"GET shop.example/n/x", "404", nil},
		{"GET shop.example/strict", "strict", nil},
		{"GET shop.example/strict/", "strict slash", nil},
		{"GET shop.example/search", "search", nil},
		{"GET shop.example/search?v=2", "v", nil},
		{"GET shop.example/search?v=1+%c3%a9", "v1", nil},
		{"GET shop.example/search?x=1&%76=1%20%C3%A9&v=3", "v1", nil},
		{"GET shop.example/search?v", "v", nil},
		{"GET shop.example/search?q=a+b+c", "no v", nil},
		{"GET shop.example/search?q=a+c", "search", nil},
		{"GET shop.example/search?q=a+b&v=", "v", nil},
		{"GET shop.example/h", "host", nil},
		{"GET b.wild.example/h", "wild", nil},
		{"GET a.wild.example/h", "narrow", nil},
		{"GET c.b.wild.example/h", "any host", nil},
		{"PUT shop.example/only", "only here", nil},
		{"GET shop.example/only", "405 PUT", nil},
		{"GET a.wild.example/only", "404", nil},
		{"HEAD shop.example/heads", "head", nil},
		{"GET shop.example/heads", "get", nil},
		{"BREW shop.example/heads", "405 GET, HEAD", nil},
		{"BREW shop.example/old", "old", nil},
	} {
		r := request(t, c.line, c.head...)
		var res Result
		tab.Match(r, &res)
		if got := result(tab, &res); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.line, c.head, got, c.want)
		}
		candidates := tab.Explain(r)
		if (res.Index >= 0) != candidates[0].Matched || res.Index >= 0 && candidates[0].Route != tab.names[res.Index] {
			t.Errorf("%s is explained as %+v", c.line, candidates[0])
		}
		for _, x := range candidates {
			if x.Why == "" {
				t.Errorf("%s: %s is not explained", c.line, x.Route)
			}
		}
	}
}

func result(t *Table, r *Result) string {
	if r.Index < 0 {
		if r.Allow != "" {
			return "405 " + r.Allow
		}
		return "404"
	}
	s := t.names[r.Index]
	for _, p := range r.Params[:r.N] {
		s += " " + p.Name + "=" + p.Value.Clone()
	}
	return s
}

func TestExplainSaysWhyNot(t *testing.T) {
	t.Parallel()
	tab := shop(t)
	why := map[string]string{}
	for _, c := range tab.Explain(request(t, "GET a.wild.example/pets/dog/1")) {
		why[c.Route] = c.Why
	}
	for name, part := range map[string]string{
		"dog":        "takes the request: exact path",
		"pet":        `"dog" goes before it: its kind of path (exact path)`,
		"proxy pets": `"dog" goes before it`,
		"pets":       "the path does not match exact path /pets",
		"host":       "the host is not shop.example",
	} {
		if !strings.Contains(why[name], part) {
			t.Errorf("%s: %q does not say %q", name, why[name], part)
		}
	}
	for _, c := range tab.Explain(request(t, "PUT shop.example/pets")) {
		if c.Route == "beta pets" && !strings.Contains(c.Why, "x-beta is \"1\"") || c.Route == "pets" && c.Why != "the method is not GET, HEAD" {
			t.Errorf("%s: %s", c.Route, c.Why)
		}
	}
	if n := len(tab.Explain(request(t, "GET shop.example/"))); n != len(tab.names) {
		t.Errorf("%d candidates of %d routes", n, len(tab.names))
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	_, err := Build([]contract.Route{{Name: "a", Match: contract.Match{Path: "/x"}}, {Name: "b", Match: contract.Match{Path: "/x/"}}}, nil)
	if err == nil || !strings.Contains(err.Error(), "/1/match") {
		t.Errorf("a conflict built: %v", err)
	}
	tab, err := Build(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var res Result
	if tab.Match(request(t, "GET a/x"), &res); res.Index != -1 || res.Allow != "" {
		t.Errorf("an empty table matched: %+v", res)
	}
}

// TestRegexesAreBounded is row URI17: a request that would cost too much is
// refused, and never goes to a route of lower precedence.
func TestRegexesAreBounded(t *testing.T) {
	t.Parallel()
	var routes []contract.Route
	for i := range 20 {
		routes = append(routes, contract.Route{Name: fmt.Sprint("bait", i), Priority: i, Match: contract.Match{Path: "~^/(a+)+(.?){60}x$"}})
	}
	routes = append(routes,
		contract.Route{Name: "header", Priority: 30, Match: contract.Match{Path: "/h/*", Headers: []contract.FieldMatch{{Name: "X", Regex: "(a+)+(.?){90}x"}}}},
		contract.Route{Name: "open", Priority: -1, Match: contract.Match{Path: "/*"}})
	tab, err := Build(routes, nil)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a", 7000)
	for _, c := range []struct {
		line, field string
		index       int
		tooLong     bool
	}{
		{"GET h/abc", "X: a", 21, false},
		{"GET h/" + long, "X: a", -1, true},
		{"GET h/h/x", "X: " + long, -1, true},
		{"GET h/h/x", "X: aaaax", 20, false},
		{"GET h/b/" + long, "Y: a", 21, false}, // what the expression begins with rules it out,
	} {
		var res Result
		begin := time.Now()
		if tab.Match(request(t, c.line, c.field), &res); res.Index != c.index || res.TooLong != c.tooLong || res.Allow != "" {
			t.Errorf("%.20s %.20s: %d, %v", c.line, c.field, res.Index, res.TooLong)
		}
		if d := time.Since(begin); d > 30*time.Second { // backtracking would take years
			t.Errorf("%.20s %.20s took %v", c.line, c.field, d)
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	tab := shop(t)
	var res Result
	for _, line := range []string{
		"GET shop.example/pets", "GET shop.example/pets/dog/2", "GET shop.example/pets/a/b/c", "GET shop.example/old/img/x", "GET shop.example/n/123",
		"GET shop.example/search?v=1+%c3%a9", "GET a.wild.example/h", "GET shop.example/nothing", "PUT shop.example/pets",
	} {
		r := request(t, line, "X-Beta: 2", "X-Ring: b")
		if n := alloctest.PerRun(100, func() { tab.Match(r, &res) }); n != 0 {
			t.Errorf("%s: %v allocations", line, n)
		}
	}
}

// many is a table of n routes in which ten are of interest.
func many(b testing.TB, n int) *Table {
	routes := make([]contract.Route, 0, n)
	for i := range 10 {
		paths := []string{"/api/v1/orders", "/api/v1/orders/{id}", "/api/v1/files/{path+}", "/static/*"}
		routes = append(routes, contract.Route{Name: fmt.Sprint("hot", i), Match: contract.Match{Path: strings.Replace(paths[i%4], "v1", fmt.Sprint("v1", i), 1) + map[bool]string{true: fmt.Sprint("/", i, "/*"), false: ""}[i%4 == 3]}})
	}
	for i := range routes {
		routes[i].Match.Path = strings.ReplaceAll(routes[i].Match.Path, "/*/", "/")
	}
	for i := 10; i < n; i++ {
		path := [...]string{"/svc%d/items", "/svc%d/items/{id}", "/svc%d/files/{rest+}", "/svc%d/static/*"}[i%4]
		routes = append(routes, contract.Route{Name: fmt.Sprint("r", i), Match: contract.Match{Path: fmt.Sprintf(path, i)}})
	}
	tab, err := Build(routes, nil)
	if err != nil {
		b.Fatal(err)
	}
	return tab
}

func hot(b testing.TB) []*policy.Request {
	var out []*policy.Request
	for i := range 10 {
		line := []string{"GET h/api/v1%d/orders", "GET h/api/v1%d/orders/12345", "GET h/api/v1%d/files/a/b/c", "GET h/static/%d/app.js"}[i%4]
		out = append(out, request(b, fmt.Sprintf(line, i)))
	}
	return out
}

// BenchmarkMatch prints what routing costs with 10 routes and with 100,000, for
// the same ten requests, and the ratio.
func BenchmarkMatch(b *testing.B) {
	var ten float64
	for _, n := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tab, requests := many(b, n), hot(b)
			var res Result
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				tab.Match(requests[i%10], &res)
				if res.Index < 0 || res.Index >= 10 {
					b.Fatal(i, res)
				}
				i++
			}
			ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			if n == 10 {
				ten = ns
			} else if ten > 0 {
				b.ReportMetric(ns/ten, "×10routes")
			}
		})
	}
}
