package e2e

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract/failpoint"
	"github.com/tollgate/tollgate/tests/harness"
)

// TestNoFailpointInReleases looks for the names of points in the programs that are
// released: a point that costs nothing leaves none behind.
func TestNoFailpointInReleases(t *testing.T) {
	for _, name := range []string{"gateway-edge", "portal", "worker", "tollgate"} {
		program, err := os.ReadFile(harness.Bin(t, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range failpoint.Points {
			// Short names may stand in a text by chance.
			if strings.Contains(string(p), "_") && bytes.Contains(program, []byte(p)) {
				t.Errorf("%s has %s", name, p)
			}
		}
	}
}
