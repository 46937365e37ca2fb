package cli

import (
	"testing"
	"time"
)

func TestSparkline(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		values []float64
		width  int
	}{
		"":         {nil, 5},
		"▁▁":       {[]float64{0, 0}, 5},
		"▁▂█":      {[]float64{0, 1, 1000}, 5},
		"▅█":       {[]float64{1, 2, 3, 4}, 2},
		"█":        {[]float64{7}, 9},
		"▁▃▄▅▅▆▇█": {[]float64{0, 1, 2, 3, 4, 4.5, 6, 7}, 8},
	} {
		if got := sparkline(c.values, c.width); got != want {
			t.Errorf("sparkline(%v, %d) = %q, want %q", c.values, c.width, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 20: "5.0 MiB", 1 << 50: "1024.0 TiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestChosenTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]string{
		"24h": "2026-11-21T12:00:00Z", "7d": "2026-11-15T12:00:00Z", "90m": "2026-11-22T10:30:00Z", "2026-01-02T03:04:05Z": "2026-01-02T03:04:05Z",
	} {
		got, err := chosenTime("from", in, now)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s: %v, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"yesterday", "-1h", "xd", "99999999d", "2026-01-02"} {
		if got, err := chosenTime("from", in, now); err == nil {
			t.Errorf("%s: %v", in, got)
		}
	}
	if got, err := chosenTime("from", "", now); got != nil || err != nil {
		t.Errorf("nothing: %v, %v", got, err)
	}
}
