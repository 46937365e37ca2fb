package match

import (
	"errors"
	"net/netip"
	"strings"
	"unsafe"
)

// Bounds of a host name (RFC 1035 2.3.4), in bytes.
const (
	MaxHost  = 253
	maxLabel = 63
)

// CanonHost returns the canonical form of a Host or :authority value: lower
// case, without a trailing dot and without its port, which must be a number
// between 1 and 65535 and is returned apart (0: none was given). An IPv6 literal
// keeps its brackets and gets the form of RFC 5952.
//
// When the name is canonical already, canon is a part of host and buf is
// returned as it was; otherwise the name is appended to buf and canon lies in
// the memory of out. canon is valid for as long as both are left alone.
//
// Refused are user information, paths, escapes, empty labels, zones, and
// anything outside of ASCII: an internationalised name comes as its A-labels.
func CanonHost(buf []byte, host string) (canon string, port int, out []byte, err error) {
	if host == "" {
		return "", 0, buf, &Error{"host", 0, "it is empty"}
	}
	if host[0] == '[' {
		return canonLiteral(buf, host)
	}
	name := host
	for i := 0; i < len(host); i++ {
		if host[i] == ':' {
			if port, err = parsePort(host, i+1); err != nil {
				return "", 0, buf, err
			}
			name = host[:i]
			break
		}
	}
	name = strings.TrimSuffix(name, ".")
	upper, err := checkName(name)
	if err != nil {
		return "", 0, buf, err
	}
	if !upper {
		return name, port, buf, nil
	}
	from := len(buf)
	for i := 0; i < len(name); i++ {
		buf = append(buf, lower(name[i]))
	}
	return view(buf[from:]), port, buf, nil
}

// HostString is CanonHost for those who keep the result: a fresh string.
func HostString(host string) (canon string, port int, err error) {
	canon, port, _, err = CanonHost(nil, host)
	return canon, port, err
}

// HostPattern checks a host of a configuration: a name, or "*." and a name for
// exactly one label in its place. It has no port and is no address.
func HostPattern(s string) (string, error) {
	name := strings.TrimPrefix(s, "*.")
	canon, port, err := HostString(name)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Offset += len(s) - len(name)
		}
		return "", err
	}
	if port != 0 || strings.Contains(name, ":") {
		return "", &Error{"host", len(s) - len(name) + len(canon), "a host is given without a port"}
	}
	if endsInNumber(canon) || canon[0] == '[' {
		return "", &Error{"host", 0, "an address is no host name"}
	}
	if len(name) != len(s) {
		if !strings.Contains(canon, ".") {
			return "", &Error{"host", 2, "a wildcard needs at least two labels behind it"}
		}
		return "*." + canon, nil
	}
	return canon, nil
}

// HostMatches reports whether a canonical host is the pattern, or lies exactly
// one label below its "*.".
func HostMatches(pattern, host string) bool {
	rest, wild := strings.CutPrefix(pattern, "*.")
	if !wild {
		return pattern == host
	}
	_, parent, ok := strings.Cut(host, ".")
	return ok && parent == rest
}

// checkName checks the labels of a name; upper is true when it has upper-case
// letters.
func checkName(name string) (upper bool, err error) {
	if name == "" {
		return false, &Error{"host", 0, "it is empty"}
	}
	if len(name) > MaxHost {
		return false, &Error{"host", MaxHost, "it is longer than 253 bytes"}
	}
	label := 0
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_':
		case c >= 'A' && c <= 'Z':
			upper = true
		case c == '-':
			if i == label || i+1 == len(name) || name[i+1] == '.' {
				return false, &Error{"host", i, "a label neither begins nor ends with a hyphen"}
			}
		case c == '.':
			if i == label {
				return false, &Error{"host", i, "a label is empty"}
			}
			label = i + 1
		default:
			return false, &Error{"host", i, hostByte(c)}
		}
		if i-label >= maxLabel {
			return false, &Error{"host", i, "a label is longer than 63 bytes"}
		}
	}
	if label == len(name) {
		return false, &Error{"host", label, "a label is empty"}
	}
	return upper, nil
}

func hostByte(c byte) string {
	switch {
	case c == '@':
		return "user information is not allowed"
	case c == '%':
		return "escapes and zones are not allowed"
	case c == ',' || c == ' ':
		return "there is more than one host"
	case c >= 0x80:
		return "an internationalised name must be written with its A-labels (xn--)"
	}
	return "this character is not allowed"
}

// parsePort reads the decimal port that begins at byte i of s.
func parsePort(s string, i int) (int, error) {
	if i == len(s) {
		return 0, &Error{"host", i, "the port is empty"}
	}
	n := 0
	for j := i; j < len(s); j++ {
		c := s[j]
		if c < '0' || c > '9' {
			return 0, &Error{"host", j, "the port is not a number"}
		}
		if n = n*10 + int(c-'0'); n > 65535 {
			return 0, &Error{"host", i, "the port is larger than 65535"}
		}
	}
	if n == 0 || s[i] == '0' {
		return 0, &Error{"host", i, "the port is not between 1 and 65535"}
	}
	return n, nil
}

// canonLiteral handles "[v6]" and "[v6]:port".
func canonLiteral(buf []byte, host string) (string, int, []byte, error) {
	end := strings.IndexByte(host, ']')
	if end < 0 {
		return "", 0, buf, &Error{"host", len(host), "the bracket is not closed"}
	}
	port := 0
	if rest := host[end+1:]; rest != "" {
		if rest[0] != ':' {
			return "", 0, buf, &Error{"host", end + 1, "only a port may follow an address"}
		}
		var err error
		if port, err = parsePort(host, end+2); err != nil {
			return "", 0, buf, err
		}
	}
	if i := strings.IndexByte(host[:end], '%'); i >= 0 {
		return "", 0, buf, &Error{"host", i, "escapes and zones are not allowed"}
	}
	addr, err := netip.ParseAddr(host[1:end])
	if err != nil || !addr.Is6() {
		return "", 0, buf, &Error{"host", 1, "it is not an IPv6 address"}
	}
	from := len(buf)
	buf = append(buf, '[')
	buf = addr.AppendTo(buf)
	buf = append(buf, ']')
	if string(buf[from:]) == host[:end+1] {
		return host[:end+1], port, buf[:from], nil
	}
	return view(buf[from:]), port, buf, nil
}

// endsInNumber reports whether a resolver could take the name for an IPv4
// address: its last label is a number, decimal or hexadecimal (WHATWG URL,
// "ends in a number").
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if rest, ok := strings.CutPrefix(last, "0x"); ok {
		last = rest
		for i := 0; i < len(last); i++ {
			if unhex(last[i]) < 0 {
				return false
			}
		}
		return true
	}
	for i := 0; i < len(last); i++ {
		if last[i] < '0' || last[i] > '9' {
			return false
		}
	}
	return last != ""
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// view is b as a string over the same memory.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
