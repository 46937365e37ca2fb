package route

import (
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

func claimed(name string, priority int, claims ...contract.FieldMatch) contract.Route {
	return contract.Route{Name: name, Priority: priority, Match: contract.Match{Path: "/a/*", Hosts: []string{"x.example", "*.wild.example"}, Claims: claims}}
}

func who(claims map[string]any) *policy.Principal { return &policy.Principal{Claims: claims} }

// TestFork: the first route whose claims the caller has, more claims before fewer.
func TestFork(t *testing.T) {
	yes, no := true, false
	routes := []contract.Route{
		claimed("rest", 0),
		claimed("gold", 0, contract.FieldMatch{Name: "tier", Exact: "gold"}),
		claimed("gold clerk", 0, contract.FieldMatch{Name: "tier", Exact: "gold"}, contract.FieldMatch{Name: "/realm/roles", Exact: "clerk"}),
		claimed("staff", 0, contract.FieldMatch{Name: "mail", Regex: `.+@staff\.example`}),
		claimed("seven", 0, contract.FieldMatch{Name: "level", Prefix: "7"}),
		claimed("verified", 0, contract.FieldMatch{Name: "ok", Exact: "true"}, contract.FieldMatch{Name: "tier", Present: &no}, contract.FieldMatch{Name: "mail", Present: &yes}),
		claimed("alone", 5, contract.FieldMatch{Name: "tier", Exact: "none"}),
		{Name: "other", Match: contract.Match{Path: "/b"}},
	}
	table, err := Build(routes, []string{"x.example", "*.wild.example"})
	if err != nil {
		t.Fatal(err)
	}
	f := table.Fork(0)
	if f == nil || f != table.Fork(1) || len(f.Routes) != 6 || table.Fork(7) != nil || len(table.Fork(6).Routes) != 1 {
		t.Fatalf("forks %+v %+v", f, table.Fork(6))
	}
	if n := table.Fork(6).Choose(nil); n != -1 {
		t.Errorf("nobody goes to %d", n)
	}
	for _, tt := range []struct {
		want   string
		claims map[string]any
	}{
		{"rest", nil},
		{"rest", map[string]any{"tier": "silver"}},
		{"rest", map[string]any{"tier": map[string]any{"gold": 1}}},
		{"gold", map[string]any{"tier": "gold"}},
		{"gold", map[string]any{"tier": []any{"silver", "gold"}}},
		{"gold clerk", map[string]any{"tier": "gold", "realm": map[string]any{"roles": []any{"clerk"}}}},
		{"gold clerk", map[string]any{"tier": "gold", "/realm/roles": "clerk"}},
		{"gold", map[string]any{"tier": "gold", "/realm/roles": "boss", "realm": map[string]any{"roles": "clerk"}}},
		{"staff", map[string]any{"mail": "a@staff.example"}},
		{"rest", map[string]any{"mail": "a@staff.example.org"}},
		{"rest", map[string]any{"mail": strings.Repeat("a", 2000) + "@staff.example"}},
		{"seven", map[string]any{"level": float64(72)}},
		{"verified", map[string]any{"ok": true, "mail": "a@example.org"}},
		{"rest", map[string]any{"ok": true, "mail": nil}},
	} {
		p := who(tt.claims)
		got := f.Choose(p)
		if routes[got].Name != tt.want {
			t.Errorf("%v: %s, want %s", tt.claims, routes[got].Name, tt.want)
		}
		if why := f.Why(got, p); why != "" {
			t.Errorf("%s: kept out, because %s", tt.want, why)
		}
		if n := alloctest.PerRun(100, func() { f.Choose(p) }); n != 0 {
			t.Errorf("%s: %v allocations", tt.want, n)
		}
	}
	if why := f.Why(1, who(nil)); why != `it is not so that claim tier is "gold"` {
		t.Error(why)
	}
	slices.Reverse(routes[:6]) // the order of declaration means nothing
	if table, err = Build(routes, []string{"x.example", "*.wild.example"}); err != nil {
		t.Fatal(err)
	}
	if n := table.Fork(0).Choose(who(map[string]any{"tier": "gold"})); routes[n].Name != "gold" {
		t.Errorf("reversed: %s", routes[n].Name)
	}
}

// TestForkBound: a caller whose claims cost too much goes nowhere.
func TestForkBound(t *testing.T) {
	t.Parallel()
	routes := []contract.Route{claimed("rest", 0), claimed("costly", 0, contract.FieldMatch{Name: "list", Regex: "(a{1,10}b){1,10}"})}
	table, err := Build(routes, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := make([]any, 1000)
	for i := range list {
		list[i] = strings.Repeat("a", 1000)
	}
	if n := table.Fork(0).Choose(who(map[string]any{"list": list})); n != -1 {
		t.Errorf("it goes to %d", n)
	}
}

func BenchmarkFork(b *testing.B) {
	table, err := Build([]contract.Route{claimed("rest", 0), claimed("gold", 0, contract.FieldMatch{Name: "tier", Exact: "gold"})}, nil)
	if err != nil {
		b.Fatal(err)
	}
	f, p := table.Fork(0), who(map[string]any{"tier": "silver"})
	b.ReportAllocs()
	for b.Loop() {
		f.Choose(p)
	}
}
