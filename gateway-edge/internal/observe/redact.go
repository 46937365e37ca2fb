package observe

import (
	"strings"

	"github.com/tollgate/tollgate/services/contract"
)

// credentialNames are query parameters whose value is never logged, whatever the
// route says: lower case, "-" and "_" left out.
var credentialNames = map[string]bool{
	"apikey": true, "xapikey": true, "key": true, "accesskey": true, "accesstoken": true, "authtoken": true,
	"token": true, "idtoken": true, "refreshtoken": true, "bearer": true, "authorization": true, "auth": true,
	"password": true, "passwd": true, "pwd": true, "secret": true, "clientsecret": true, "clientassertion": true,
	"assertion": true, "signature": true, "sig": true, "code": true, "session": true, "sessionid": true, "jwt": true,
	"xamzsignature": true, "xamzcredential": true, "xamzsecuritytoken": true, "awsaccesskeyid": true,
}

// maxCredentialName bounds the names that are looked up.
const maxCredentialName = 24

// credentialName reports whether a raw query parameter's name is the route's
// credential's or a common one's. A name with percent-encoding is decoded first:
// a backend would, too.
func credentialName(raw, own string) bool {
	var buf [maxCredentialName]byte
	if own != "" && foldDecoded(raw, own) {
		return true
	}
	n := 0
	for i := 0; i < len(raw); {
		c, w := decodeAt(raw, i)
		i += w
		if c == '-' || c == '_' || c == '+' || c == ' ' || c == '.' {
			continue
		}
		if n == len(buf) {
			return false
		}
		buf[n] = lower(c)
		n++
	}
	return credentialNames[string(buf[:n])] // no allocation: a map look-up
}

// foldDecoded reports whether raw, decoded, is name, ASCII case ignored.
func foldDecoded(raw, name string) bool {
	n := 0
	for i := 0; i < len(raw); n++ {
		c, w := decodeAt(raw, i)
		if n >= len(name) || lower(c) != lower(name[n]) {
			return false
		}
		i += w
	}
	return n == len(name)
}

// decodeAt returns the byte at i, percent-decoded, and how many bytes it took.
func decodeAt(s string, i int) (byte, int) {
	if s[i] == '%' && i+2 < len(s) {
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		if hi < 16 && lo < 16 {
			return hi<<4 | lo, 3
		}
	}
	return s[i], 1
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// secretAt returns the length of a secret that begins at s[i], 0 for none: one
// of our keys or tokens, whole or cut, or something of a JSON Web Token's form.
// What was shown of a key stays out of logs altogether: its kid stands in a
// field of its own.
func secretAt(s string, i int) int {
	switch s[i] {
	case 't':
		if i > 0 && wordByte(s[i-1]) {
			return 0
		}
		for _, p := range [...]string{contract.KeyPrefixLive, contract.KeyPrefixTest, contract.TokenPrefix} {
			if strings.HasPrefix(s[i:], p) && wordRun(s, i+len(p)) >= minSecret {
				return len(p) + wordRun(s, i+len(p))
			}
		}
	case 'e':
		// A JWT begins with {" in base64, has two dots and is long.
		if strings.HasPrefix(s[i:], "eyJ") && (i == 0 || !wordByte(s[i-1])) {
			if n := tokenRun(s, i); n >= 40 && strings.Count(s[i:i+n], ".") >= 2 {
				return n
			}
		}
	}
	return 0
}

// minSecret is how many characters behind a prefix make a key: more than a kid.
const minSecret = 12

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

func wordRun(s string, i int) (n int) {
	for i+n < len(s) && wordByte(s[i+n]) {
		n++
	}
	return n
}

func tokenRun(s string, i int) (n int) {
	for i+n < len(s) && (wordByte(s[i+n]) || s[i+n] == '-' || s[i+n] == '.') {
		n++
	}
	return n
}

// redactString replaces the secrets in s.
func redactString(s string) string {
	var b strings.Builder
	last := 0
	for i := 0; i < len(s); {
		n := secretAt(s, i)
		if n == 0 {
			i++
			continue
		}
		b.WriteString(s[last:i])
		b.WriteString("[redacted]")
		i += n
		last = i
	}
	if last == 0 {
		return s
	}
	b.WriteString(s[last:])
	return b.String()
}

func cutByte(s string, c byte) (before, after string) {
	if i := strings.IndexByte(s, c); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}
