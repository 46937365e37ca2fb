package quality_test

import (
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/quality"
)

func TestWeight(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int{
		"": 1000, "q=1": 1000, "q=0": 0, " Q = 0.5": 500, "level=1; q=0.25": 250, "q=0.001": 1, "q=1.000": 1000, "q=0.": 0,
		"q=2": 0, "q=-1": 0, "q=0.1234": 0, "q=x": 0, "q=": 0, "q=0.1x": 0, "charset=utf-8": 1000,
	} {
		if got := quality.Weight(policy.Static(in)); got != want {
			t.Errorf("%q is %d, want %d", in, got, want)
		}
	}
}
