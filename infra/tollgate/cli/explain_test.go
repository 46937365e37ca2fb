package cli

import "testing"

func TestLeftOf(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		left, limit int64
		window      string
	}{
		"49 of 50 left this day":         {49, 50, "day"},
		"100 left, and 50 more a second": {100, 50, "second"}, // a burst
		"3 of 4 left":                    {3, 4, ""},
	} {
		if got := leftOf(c.left, c.limit, c.window); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
