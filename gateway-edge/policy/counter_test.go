package policy_test

import (
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

func TestWindowName(t *testing.T) {
	t.Parallel()
	month := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for range 24 { // every length that a month has
		next := month.AddDate(0, 1, 0)
		if got := (policy.CellState{Window: next.Sub(month)}).WindowName(); got != "month" {
			t.Errorf("%v: %q", next.Sub(month), got)
		}
		month = next
	}
	for window, want := range map[time.Duration]string{
		0: "", time.Second: "second", time.Minute: "minute", time.Hour: "hour",
		24 * time.Hour: "day", 7 * 24 * time.Hour: "week", 10 * time.Second: "10s", 29*24*time.Hour + time.Second: "696h0m1s",
	} {
		if got := (policy.CellState{Window: window}).WindowName(); got != want {
			t.Errorf("%v: %q, want %q", window, got, want)
		}
	}
}
