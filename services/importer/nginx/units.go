package nginx

import (
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

func seconds(n int) contract.Duration { return contract.Duration(time.Duration(n) * time.Second) }

// duration reads a time as nginx writes it: 30, 30s, 500ms, 1m30s, 1d.
func duration(s string) (contract.Duration, bool) {
	units := []struct {
		name string
		unit time.Duration
	}{
		{"ms", time.Millisecond},
		{"s", time.Second},
		{"m", time.Minute},
		{"h", time.Hour},
		{"d", 24 * time.Hour},
	}
	if s == "" {
		return 0, false
	}
	var total time.Duration
	for s != "" {
		i := 0
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		n, err := strconv.Atoi(s[:i])
		if err != nil || n > 100_000_000 {
			return 0, false
		}
		unit, rest := time.Second, s[i:]
		for _, u := range units {
			if after, ok := strings.CutPrefix(rest, u.name); ok {
				unit, rest = u.unit, after
				break
			}
		}
		if i > 0 && rest != "" && rest == s[i:] || time.Duration(n) > (1<<62)/unit {
			return 0, false
		}
		total += time.Duration(n) * unit
		s = rest
	}
	return contract.Duration(total), total >= 0
}

// size reads a number of bytes: 10m, 512k, 1g, 100.
func size(s string) (int64, bool) {
	unit := int64(1)
	for name, u := range map[string]int64{"k": 1 << 10, "m": 1 << 20, "g": 1 << 30} {
		if rest, ok := strings.CutSuffix(strings.ToLower(s), name); ok {
			s, unit = rest, u
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n * unit, err == nil && n >= 0 && n < 1<<32
}
