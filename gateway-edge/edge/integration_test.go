package edge

import (
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/builtin"
)

// TestIntegrationsHaveALabel: every integration that there is has a word of its own
// in the metrics.
func TestIntegrationsHaveALabel(t *testing.T) {
	t.Parallel()
	for _, d := range builtin.Ordered() {
		if d.Phase != policy.PhaseIntegrate {
			continue
		}
		if got := observe.IntegrationOf([]string{d.Type}, true).String(); got != d.Type {
			t.Errorf("%s is counted as %s: add it to the names in internal/observe/integration.go", d.Type, got)
		}
	}
}
