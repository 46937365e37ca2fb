package engine

import (
	"testing"
	"time"
)

func TestTimeouts(t *testing.T) {
	for _, row := range []struct {
		in   string
		want time.Duration
		ok   bool
	}{
		{"1S", time.Second, true},
		{"100m", 100 * time.Millisecond, true},
		{"99999999u", 99_999_999 * time.Microsecond, true},
		{"2H", 2 * time.Hour, true},
		{"3M", 3 * time.Minute, true},
		{"5n", 5, true},
		{"0n", 1, true},
		{"", 0, false},
		{"S", 0, false},
		{"-1S", 0, false},
		{"+1S", 0, false},
		{"1s", 0, false},
		{"1.5S", 0, false},
		{"123456789S", 0, false},
		{"99999999H", 0, false},
	} {
		if d, ok := parseTimeout(row.in); d != row.want || ok != row.ok {
			t.Errorf("%q is %v, %v", row.in, d, ok)
		}
	}
	for d, want := range map[time.Duration]string{
		-5: "1n", 7: "7n", time.Second: "1000000u", 90 * time.Second: "90000000u", 100*time.Second + 1: "100001m", 30 * time.Hour: "108000S",
	} {
		if got := formatTimeout(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
		if back, ok := parseTimeout(formatTimeout(d)); !ok || back < d {
			t.Errorf("%v comes back as %v", d, back)
		}
	}
}
