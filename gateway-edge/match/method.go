package match

import "strings"

// Methods is a set of the methods a route can name.
type Methods uint32

// methodNames are the methods the edge lets through, in the order of an Allow
// field. CONNECT and TRACE are never among them.
var methodNames = [...]string{
	"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY",
	"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH",
}

// Sets of one method.
const (
	methodGET  Methods = 1 << 0
	methodHEAD Methods = 1 << 1
)

// MethodNames returns every method that a route can name.
func MethodNames() []string { return methodNames[:] }

// MethodOf returns the set of one method; 0 for one that no route can name.
// Methods are case-sensitive (RFC 9110 9.1).
func MethodOf(name string) Methods {
	switch name { // the common ones without a search
	case "GET":
		return methodGET
	case "POST":
		return 1 << 2
	}
	for i, m := range methodNames {
		if m == name {
			return 1 << i
		}
	}
	return 0
}

// Take reports whether a route with this set takes a request of method m (of
// MethodOf). The empty set takes every method, and GET takes HEAD as well.
func (s Methods) Take(m Methods) bool {
	return s == 0 || s&m != 0 || m == methodHEAD && s&methodGET != 0
}

// String is the set as an Allow field has it. HEAD stands beside GET.
func (s Methods) String() string {
	if s&methodGET != 0 {
		s |= methodHEAD
	}
	var b strings.Builder
	for i, m := range methodNames {
		if s&(1<<i) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(m)
	}
	return b.String()
}
