package settings

import (
	"fmt"
	"strconv"
	"strings"
)

// maxPorts bounds a range of ports: edges look at all of them when streams change.
const maxPorts = 4096

// Ports reads a range of ports such as 9000-9099, or one port. Both are 0 when it
// is not set.
func (v *Values) Ports(name string) (first, last int, err error) {
	text := v.m[name]
	if text == "" {
		return 0, 0, nil
	}
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		to = from
	}
	a, err1 := strconv.ParseUint(strings.TrimSpace(from), 10, 16)
	b, err2 := strconv.ParseUint(strings.TrimSpace(to), 10, 16)
	if err1 != nil || err2 != nil || a == 0 || b < a || b-a >= maxPorts {
		return 0, 0, fmt.Errorf("%s%s is %q, want a range of at most %d ports such as 9000-9099", prefix, name, text, maxPorts)
	}
	return int(a), int(b), nil
}
