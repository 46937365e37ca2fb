package match

import "strconv"

// Error says why an input has no canonical form: what is wrong and at which
// byte of the input, counted from zero.
type Error struct {
	What   string // "host", "path", "query", "url"
	Offset int
	Reason string
}

func (e *Error) Error() string {
	return e.What + ": byte " + strconv.Itoa(e.Offset) + ": " + e.Reason
}
