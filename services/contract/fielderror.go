package contract

import (
	"errors"
	"strconv"
	"strings"
)

// FieldError is one bad field of a document that a user wrote. It is an entry of
// "errors" in the management API's problem+json.
type FieldError struct {
	// Pointer is an RFC 6901 JSON pointer from the root of what was sent; empty
	// means the whole document.
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// FieldErrors is every bad field of a document at once. Checks collect into it
// with Add and end with Err.
type FieldErrors []FieldError

// Add appends one bad field.
func (e *FieldErrors) Add(pointer, detail string) {
	*e = append(*e, FieldError{Pointer: pointer, Detail: detail})
}

// AddAt appends the fields of err below prefix; an error of another kind stands
// at prefix itself. A nil err adds nothing.
func (e *FieldErrors) AddAt(prefix string, err error) {
	if err == nil {
		return
	}
	var fields FieldErrors
	if !errors.As(err, &fields) {
		e.Add(prefix, err.Error())
		return
	}
	for _, f := range fields {
		e.Add(prefix+f.Pointer, f.Detail)
	}
}

// AddNew appends those of more that do not stand at or below a field that is in
// e already: what a check says of a value that could not even be read is noise.
func (e *FieldErrors) AddNew(more FieldErrors) {
	known := len(*e)
	for _, f := range more {
		if !(*e)[:known].covers(f.Pointer) {
			*e = append(*e, f)
		}
	}
}

func (e FieldErrors) covers(pointer string) bool {
	for _, f := range e {
		if rest, ok := strings.CutPrefix(pointer, f.Pointer); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// Err returns e as an error, nil when nothing is bad.
func (e FieldErrors) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

func (e FieldErrors) Error() string {
	var b strings.Builder
	for i, f := range e {
		if i > 0 {
			b.WriteString("; ")
		}
		if f.Pointer != "" {
			b.WriteString(f.Pointer)
			b.WriteString(": ")
		}
		b.WriteString(f.Detail)
	}
	return b.String()
}

// Pointer joins steps to an RFC 6901 JSON pointer, escaping "~" and "/". A step
// is a string or an int.
func Pointer(steps ...any) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteByte('/')
		switch s := s.(type) {
		case int:
			b.WriteString(strconv.Itoa(s))
		case string:
			b.WriteString(pointerEscape.Replace(s))
		}
	}
	return b.String()
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")
