package query

import (
	"iter"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Each yields the raw name and value of every parameter in order. A piece
// without "=" has an empty value; empty pieces are skipped.
func Each(q policy.Text) iter.Seq2[policy.Text, policy.Text] {
	return func(yield func(name, value policy.Text) bool) {
		for more := !q.Empty(); more; {
			var piece policy.Text
			piece, q, more = q.Cut('&')
			if piece.Empty() {
				continue
			}
			name, value, _ := piece.Cut('=')
			if !yield(name, value) {
				return
			}
		}
	}
}

// NameIs reports whether a raw name, decoded as application/x-www-form-urlencoded
// says ("+" is a space), is want. A malformed escape stands for itself.
func NameIs(raw policy.Text, want string) bool {
	i, n := 0, raw.Len()
	for j := 0; j < len(want); j++ {
		if i >= n {
			return false
		}
		c := raw.At(i)
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < n && unhex(raw.At(i+1)) >= 0 && unhex(raw.At(i+2)) >= 0:
			c = byte(unhex(raw.At(i+1))<<4 | unhex(raw.At(i+2)))
			i += 2
		}
		if c != want[j] {
			return false
		}
		i++
	}
	return i == n
}

// AppendWithout appends q to b without the parameters that drop is true for,
// given their raw names. Every other piece keeps its bytes.
func AppendWithout(b []byte, q policy.Text, drop func(name policy.Text) bool) []byte {
	from := len(b)
	for more := !q.Empty(); more; {
		var piece policy.Text
		piece, q, more = q.Cut('&')
		if name, _, _ := piece.Cut('='); !piece.Empty() && drop(name) {
			continue
		}
		if len(b) > from {
			b = append(b, '&')
		}
		b = piece.AppendTo(b)
	}
	return b
}

// AppendEscaped appends s with everything escaped that is not unreserved (RFC
// 3986 2.3), so that it stands as one piece of a query or one path segment.
func AppendEscaped[S ~string | ~[]byte](b []byte, s S) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		c := s[i]
		if unreserved(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}

func unreserved(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return c == '-' || c == '.' || c == '_' || c == '~'
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
