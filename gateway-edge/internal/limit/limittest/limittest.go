package limittest

import (
	"io"
	"log/slog"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/limit"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

// start is where the clock of package policytest stands at first.
const start = 1_000_000_000_000

// Local makes counters of this process alone whose clocks are policytest's.
func Local(t testing.TB) *limit.Limits {
	t.Helper()
	l, err := limit.New(limit.Config{
		Dir: t.TempDir(), Edge: "edge-test", Epoch: 1,
		Now: func() int64 { return start }, Wall: policytest.NewDeps().Wall,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}
