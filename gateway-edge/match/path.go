package match

import (
	"unicode"
	"unicode/utf8"
)

// Classes of a byte inside a path.
const (
	refused  = iota
	plain    // stands for itself, and its escape is the same
	plus     // stands for itself; its escape is something else to some servers
	slash    // separates segments
	percent  // begins an escape
	escape   // is written as an escape, however it comes
	multiple // part of a UTF-8 sequence, written as escapes
)

// pathClass is RFC 3986's pchar with two differences. Of the sub-delims, ";"
// is refused: servers disagree on what it ends. "+" is kept apart from "%2B":
// some servers read a plain one as a space.
var pathClass = func() (t [256]uint8) {
	for c := '0'; c <= '9'; c++ {
		t[c] = plain
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-0x20] = plain, plain
	}
	for _, c := range "-._~!$&'()*,=:@" {
		t[c] = plain
	}
	for _, c := range "\"<>[]^`{|}" {
		t[c] = escape
	}
	for c := 0x80; c <= 0xff; c++ {
		t[c] = multiple
	}
	t['+'], t['/'], t['%'] = plus, slash, percent
	return
}()

// CanonPath returns the canonical form of a request's path: escapes decoded
// where escaped and plain form mean the same to every server, all others in
// upper case; dot segments resolved; slashes merged. A trailing slash stays.
//
// When path is canonical already it is returned itself and buf as it was;
// otherwise the form is appended to buf and canon lies in the memory of out.
// canon is valid for as long as both are left alone. It is never longer than
// three times the path.
//
// Refused with the offset in path, since servers disagree on what they mean: the
// escapes of "/", "\", NUL, "#", "%", ";" and "?", control characters in any
// form, invalid UTF-8, malformed escapes, "\", ";", "#", "?" and whitespace as
// such, and dot segments that climb above the root.
func CanonPath(buf []byte, path string) (canon string, out []byte, err error) {
	if path == "" {
		return "/", buf, nil
	}
	if path[0] != '/' {
		return "", buf, &Error{"path", 0, "it does not begin with \"/\""}
	}
	if isCanonical(path) {
		return path, buf, nil
	}
	from := len(buf)
	out, err = appendPath(buf, path)
	if err != nil {
		return "", buf, err
	}
	if string(out[from:]) == path {
		return path, out[:from], nil
	}
	return view(out[from:]), out, nil
}

// PathString is CanonPath for those who keep the result.
func PathString(path string) (string, error) {
	canon, _, err := CanonPath(nil, path)
	return canon, err
}

// isCanonical is true for paths that have only plain characters, no dot
// segment and no empty one. False means that a closer look is needed.
func isCanonical(path string) bool {
	for i := 1; i < len(path); i++ {
		c := path[i]
		if k := pathClass[c]; k == plain && c != '.' || k == plus {
			continue
		}
		switch {
		case c == '/':
			if path[i-1] == '/' {
				return false
			}
		case c == '.':
			if path[i-1] == '/' && dotSegment(path[i:]) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// dotSegment reports whether s begins with the whole segment "." or "..".
func dotSegment(s string) bool {
	n := 1
	if len(s) > 1 && s[1] == '.' {
		n = 2
	}
	return len(s) == n || s[n] == '/'
}

// appendPath appends the canonical form of path, which begins with "/".
func appendPath(buf []byte, path string) ([]byte, error) {
	root := len(buf) // where the path's first slash goes
	buf = append(buf, '/')
	segment := len(buf) // where the current segment begins,
	at := 1             // and where in path
	for i := 1; i <= len(path); {
		if i == len(path) || path[i] == '/' {
			var ok bool
			if buf, ok = endSegment(buf, root, segment); !ok {
				return nil, &Error{"path", at, "a dot segment climbs above the root"}
			}
			if i < len(path) && buf[len(buf)-1] != '/' {
				buf = append(buf, '/')
			}
			segment = len(buf)
			i++
			at = i
			continue
		}
		n, err := 0, error(nil)
		if buf, n, err = appendUnit(buf, path, i); err != nil {
			return nil, err
		}
		i += n
	}
	return buf, nil
}

// endSegment resolves the segment that begins at buf[from] if it is a dot
// segment. ok is false when it leaves the root.
func endSegment(buf []byte, root, from int) (_ []byte, ok bool) {
	switch string(buf[from:]) {
	case ".":
		return buf[:from], true
	case "..":
		if from = from - 1; from == root {
			return nil, false
		}
		for buf[from-1] != '/' {
			from--
		}
		return buf[:from], true
	}
	return buf, true
}

// appendUnit appends one character of path: a byte, an escape, or a whole UTF-8
// sequence of either. n is how many bytes of path it took.
func appendUnit(buf []byte, path string, i int) (_ []byte, n int, err error) {
	c, n, err := unitAt(path, i)
	if err != nil {
		return nil, 0, err
	}
	switch pathClass[c] {
	case plain:
		return append(buf, c), n, nil
	case plus:
		if n == 1 {
			return append(buf, c), n, nil
		}
		return appendEscape(buf, c), n, nil
	case escape:
		return appendEscape(buf, c), n, nil
	case multiple:
		return appendRune(buf, path, i)
	}
	if c == ' ' && n == 3 {
		return append(buf, "%20"...), n, nil
	}
	return nil, 0, &Error{"path", i, pathByte(c, n)}
}

// unitAt reads the byte at path[i], decoding an escape.
func unitAt(path string, i int) (c byte, n int, err error) {
	c = path[i]
	if c != '%' {
		return c, 1, nil
	}
	if i+2 >= len(path) || unhex(path[i+1]) < 0 || unhex(path[i+2]) < 0 {
		return 0, 0, &Error{"path", i, "\"%\" is not followed by two hexadecimal digits"}
	}
	return byte(unhex(path[i+1])<<4 | unhex(path[i+2])), 3, nil
}

// appendRune appends the UTF-8 sequence that begins at path[i] as escapes.
func appendRune(buf []byte, path string, i int) (_ []byte, n int, err error) {
	var seq [utf8.UTFMax]byte
	k := 0
	for k < len(seq) && i+n < len(path) {
		c, m, err := unitAt(path, i+n)
		if err != nil || c < 0x80 {
			break
		}
		seq[k] = c
		k++
		n += m
		if utf8.FullRune(seq[:k]) {
			break
		}
	}
	r, size := utf8.DecodeRune(seq[:k])
	if r == utf8.RuneError && size <= 1 || size != k {
		return nil, 0, &Error{"path", i, "this is not valid UTF-8"}
	}
	if unicode.IsControl(r) {
		return nil, 0, &Error{"path", i, "control characters are not allowed"}
	}
	for _, c := range seq[:k] {
		buf = appendEscape(buf, c)
	}
	return buf, n, nil
}

func pathByte(c byte, n int) string {
	switch {
	case c == 0:
		return "NUL is not allowed"
	case c < 0x20 || c == 0x7f:
		return "control characters are not allowed"
	case c == '/':
		return "an escaped slash (%2f) is not allowed"
	case c == '%':
		return "an escaped percent sign (%25) is not allowed"
	case c == '\\':
		return "a backslash is not allowed, escaped or not"
	case c == ';':
		return "path parameters (\";\") are not allowed, escaped or not"
	case c == '#':
		return "a fragment (\"#\") is not allowed, escaped or not"
	case c == '?' && n == 3:
		return "an escaped question mark (%3f) is not allowed"
	case c == ' ':
		return "a space must be escaped"
	}
	return "this character is not allowed"
}

const hexDigits = "0123456789ABCDEF"

func appendEscape(buf []byte, c byte) []byte {
	return append(buf, '%', hexDigits[c>>4], hexDigits[c&15])
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
