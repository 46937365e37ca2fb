package introspection

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

// TestWeight: an answer counts by what its claims take in memory: a server that
// makes the most of its 64 KiB fills the table's bytes, not the edge's.
func TestWeight(t *testing.T) {
	t.Parallel()
	p, err := New([]byte(`{"url":"https://id.example/introspect","client_id":"g","client_secret":{"secret":"s"}}`), policytest.NewDeps())
	if err != nil {
		t.Fatal(err)
	}
	for text, least := range map[string]int{
		`{"active":true,"sub":"a"}`: 2048,
		`{"active":true,"sub":"a","x":[` + strings.TrimSuffix(strings.Repeat(`{"":0},`, 9000), ",") + `]}`: 2 << 20,
	} {
		claims, err := claim.Object([]byte(text), maxDepth)
		if err != nil {
			t.Fatal(err)
		}
		e := p.(*opaque).judge(claims, [32]byte{}, 1)
		if w := e.Weight(); e.code != 0 || w < least || w > 3*least {
			t.Errorf("%.40s…: %d bytes, at least %d are taken (%v)", text, w, least, e.code)
		}
	}
}
