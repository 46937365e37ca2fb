package transport

import "strings"

// Binds says whether a credential, the value of an Authorization field, makes the
// connection on which it is sent the client's: NTLM, and Negotiate where it falls
// back on it, authenticate connections and not requests, so that whoever sent the
// next request there would be taken for that client. Such a connection is never used
// again (RFC 4559, section 6).
func Binds[T interface{ HasPrefixFold(s string) bool }](credential T) bool {
	return credential.HasPrefixFold("NTLM") || credential.HasPrefixFold("Negotiate")
}

// Value is a field's value for Binds.
type Value string

// HasPrefixFold reports whether v begins with s, with letters' case ignored.
func (v Value) HasPrefixFold(s string) bool {
	return len(v) >= len(s) && strings.EqualFold(string(v[:len(s)]), s)
}
