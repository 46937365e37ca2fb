package match

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
)

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

// route is a short way to write one: path, then fields.
type route struct {
	path           string
	methods, hosts string
	headers, query []contract.FieldMatch
	claims         []contract.FieldMatch
	priority       int
	strict         bool
}

func build(in []route) []contract.Route {
	out := make([]contract.Route, len(in))
	for i, r := range in {
		out[i] = contract.Route{
			Name: fmt.Sprintf("r%d", i), Priority: r.priority, StrictSlash: r.strict,
			Match: contract.Match{Path: r.path, Methods: strings.Fields(r.methods), Hosts: strings.Fields(r.hosts), Headers: r.headers, Query: r.query, Claims: r.claims},
		}
	}
	return out
}

func exactly(name, value string) []contract.FieldMatch {
	return []contract.FieldMatch{{Name: name, Exact: value}}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		a, b     route
		conflict bool
	}{
		"same path":                        {route{path: "/a"}, route{path: "/a"}, true},
		"same path, escaped":               {route{path: "/é"}, route{path: "/%c3%a9"}, true},
		"other path":                       {route{path: "/a"}, route{path: "/b"}, false},
		"slash":                            {route{path: "/a"}, route{path: "/a/"}, true},
		"slash, both strict":               {route{path: "/a", strict: true}, route{path: "/a/", strict: true}, false},
		"slash, one strict":                {route{path: "/a", strict: true}, route{path: "/a/"}, true},
		"parameter names":                  {route{path: "/a/{x}"}, route{path: "/a/{y}"}, true},
		"parameter and literal":            {route{path: "/a/{x}"}, route{path: "/a/b"}, false},
		"crossed parameters":               {route{path: "/a/{x}"}, route{path: "/{y}/b"}, false},
		"tails":                            {route{path: "/a/{x+}"}, route{path: "/a/{y+}"}, true},
		"tail and prefix":                  {route{path: "/a/{x+}"}, route{path: "/a/*"}, false},
		"prefixes":                         {route{path: "/a/*"}, route{path: "/a/*"}, true},
		"longer prefix":                    {route{path: "/a/*"}, route{path: "/a/b/*"}, false},
		"priority":                         {route{path: "/a"}, route{path: "/a", priority: 1}, false},
		"methods apart":                    {route{path: "/a", methods: "GET"}, route{path: "/a", methods: "POST PUT"}, false},
		"methods meet":                     {route{path: "/a", methods: "GET POST"}, route{path: "/a", methods: "POST PUT"}, true},
		"methods and any":                  {route{path: "/a", methods: "GET"}, route{path: "/a"}, false},
		"HEAD beside GET":                  {route{path: "/a", methods: "GET"}, route{path: "/a", methods: "HEAD"}, false},
		"HEAD named, GET meets":            {route{path: "/a", methods: "GET"}, route{path: "/a", methods: "HEAD GET"}, true},
		"hosts apart":                      {route{path: "/a", hosts: "x.example"}, route{path: "/a", hosts: "y.example"}, false},
		"hosts meet":                       {route{path: "/a", hosts: "x.example z.example"}, route{path: "/a", hosts: "Z.example."}, true},
		"host and wildcard":                {route{path: "/a", hosts: "x.wild.example"}, route{path: "/a", hosts: "*.wild.example"}, false},
		"host and any":                     {route{path: "/a", hosts: "x.example"}, route{path: "/a"}, false},
		"wildcards":                        {route{path: "/a", hosts: "*.wild.example"}, route{path: "/a", hosts: "*.wild.example"}, true},
		"header values":                    {route{path: "/a", headers: exactly("X", "1")}, route{path: "/a", headers: exactly("x", "2")}, false},
		"header value twice":               {route{path: "/a", headers: exactly("X", "1")}, route{path: "/a", headers: exactly("x", "1")}, true},
		"two headers":                      {route{path: "/a", headers: exactly("X", "1")}, route{path: "/a", headers: exactly("Y", "1")}, true},
		"header and none":                  {route{path: "/a", headers: exactly("X", "1")}, route{path: "/a"}, false},
		"exact and prefix":                 {route{path: "/a", headers: exactly("X", "ab")}, route{path: "/a", headers: []contract.FieldMatch{{Name: "X", Prefix: "a"}}}, false},
		"prefixes apart":                   {route{path: "/a", headers: []contract.FieldMatch{{Name: "X", Prefix: "a"}}}, route{path: "/a", headers: []contract.FieldMatch{{Name: "X", Prefix: "b"}}}, false},
		"prefixes meet":                    {route{path: "/a", headers: []contract.FieldMatch{{Name: "X", Prefix: "a"}}}, route{path: "/a", headers: []contract.FieldMatch{{Name: "X", Prefix: "ab"}}}, true},
		"present and absent":               {route{path: "/a", headers: []contract.FieldMatch{{Name: "X", Present: yes()}}}, route{path: "/a", headers: []contract.FieldMatch{{Name: "X", Present: no()}}}, false},
		"query values":                     {route{path: "/a", query: exactly("v", "1")}, route{path: "/a", query: exactly("v", "2")}, false},
		"query case":                       {route{path: "/a", query: exactly("v", "1")}, route{path: "/a", query: exactly("V", "2")}, true},
		"claims and none":                  {route{path: "/a", claims: exactly("tier", "gold")}, route{path: "/a"}, false},
		"claim values":                     {route{path: "/a", claims: exactly("tier", "gold")}, route{path: "/a", claims: exactly("tier", "silver")}, false},
		"claim value twice":                {route{path: "/a", claims: exactly("tier", "gold")}, route{path: "/a", claims: exactly("tier", "gold")}, true},
		"two claims":                       {route{path: "/a", claims: exactly("tier", "gold")}, route{path: "/a", claims: exactly("role", "clerk")}, true},
		"more claims":                      {route{path: "/a", claims: append(exactly("tier", "gold"), exactly("role", "clerk")...)}, route{path: "/a", claims: exactly("role", "clerk")}, false},
		"narrower claims":                  {route{path: "/a", claims: exactly("tier", "gold")}, route{path: "/a", claims: []contract.FieldMatch{{Name: "role", Present: yes()}}}, false},
		"claims, and other methods":        {route{path: "/a", methods: "GET", claims: exactly("tier", "gold")}, route{path: "/a", methods: "GET POST"}, true},
		"claims, and methods apart":        {route{path: "/a", methods: "GET", claims: exactly("tier", "gold")}, route{path: "/a", methods: "POST"}, false},
		"claims, and other hosts":          {route{path: "/a", hosts: "x.example y.example", claims: exactly("tier", "gold")}, route{path: "/a", hosts: "x.example"}, true},
		"claims, and other parameters":     {route{path: "/a/{x}", claims: exactly("tier", "gold")}, route{path: "/a/{y}"}, true},
		"claims, and a higher priority":    {route{path: "/a", priority: 1, claims: exactly("tier", "gold")}, route{path: "/a"}, false},
		"claims, and narrower in a header": {route{path: "/a", headers: exactly("X", "1")}, route{path: "/a", claims: exactly("tier", "gold")}, false},
		"header before query":              {route{path: "/a", headers: exactly("v", "1")}, route{path: "/a", query: exactly("v", "1")}, false},
		"regexes with other literals":      {route{path: "~^/a/[0-9]+$"}, route{path: "~^/b/[0-9]+$"}, false},
		"regexes of one length":            {route{path: "~^/a/[0-9]+$"}, route{path: "~^/a/[a-z]+$"}, true},
		"regexes of other lengths":         {route{path: "~^/a/[0-9]+$"}, route{path: "~^/a/[a-z0]+$"}, false},
	} {
		for _, pair := range [][]route{{c.a, c.b}, {c.b, c.a}} {
			errs := Conflicts(build(pair), []string{"x.example", "y.example", "z.example", "*.wild.example"})
			if (len(errs) == 2) != c.conflict || !c.conflict && errs.Err() != nil {
				t.Errorf("%s: %v", name, errs)
				continue
			}
			if c.conflict && (errs[0].Pointer == errs[1].Pointer || !strings.HasSuffix(errs[0].Pointer, "/match") || !strings.Contains(errs[0].Detail, `"r`)) {
				t.Errorf("%s: %v", name, errs)
			}
		}
	}
}

// TestConflictsNamesEveryMistake: all of them at once, each with its place.
func TestConflictsNamesEveryMistake(t *testing.T) {
	t.Parallel()
	routes := build([]route{
		{path: "/ok", hosts: "own.example"},
		{path: "x", methods: "get GET GET BREW", hosts: "other.example own.example own.example a:80"},
		{path: "/b", headers: []contract.FieldMatch{{Name: "a b", Exact: "x"}, {Name: "Host", Exact: "x"}, {Name: "x"}, {Name: "x", Exact: "a", Prefix: "b"}, {Name: "x", Regex: "("}}},
	})
	var got []string
	for _, e := range Conflicts(routes, []string{"own.example"}) {
		got = append(got, e.Pointer)
	}
	want := "/1/match/path /1/match/methods/0 /1/match/methods/2 /1/match/methods/3 /1/match/hosts/0 /1/match/hosts/2 /1/match/hosts/3 " +
		"/2/match/headers/0/name /2/match/headers/1/name /2/match/headers/2 /2/match/headers/3 /2/match/headers/4/regex"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}

// TestConflictsStaysBounded: a flood of equal routes is told with 100 findings.
func TestConflictsStaysBounded(t *testing.T) {
	t.Parallel()
	flood := make([]route, 900)
	for i := range flood {
		flood[i] = route{path: "/a"}
	}
	if errs := Conflicts(build(flood), nil); len(errs) == 0 || len(errs) > maxErrors {
		t.Errorf("%d findings", len(errs))
	}
}
