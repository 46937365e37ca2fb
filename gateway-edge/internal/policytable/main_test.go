package main

import (
	"reflect"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/builtin"
)

func TestParse(t *testing.T) {
	t.Parallel()
	got := parse([]byte(`=== RUN   TestPolicy
    --- PASS: TestPolicy/a (0.00s)
--- PASS: TestPolicy (0.01s)
goos: linux
BenchmarkRules-2   	  123456	       203.5 ns/op	       0 B/op	       0 allocs/op
BenchmarkExpression 	    1000	      6800 ns/op	    1024 B/op	      12 allocs/op
BenchmarkNothing
PASS
`))
	want := result{tests: 2, benchmarks: []benchmark{{"Rules", 203.5, 0}, {"Expression", 6800, 12}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

// TestEveryPolicyHasItsPlace: the table would say so too, but takes minutes.
func TestEveryPolicyHasItsPlace(t *testing.T) {
	t.Parallel()
	for _, e := range builtin.Catalogue() {
		folder, err := folderOf("../..", e.Type)
		if err != nil {
			t.Errorf("%s: %v", e.Type, err)
		}
		if len(e.Schema) == 0 || len(e.Documentation) == 0 {
			t.Errorf("%s in %s has no schema or no page", e.Type, folder)
		}
	}
}
