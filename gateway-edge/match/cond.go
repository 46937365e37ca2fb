package match

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
)

// CondKind is what a condition asks of a value. The order is that of precedence:
// a narrower one counts more.
type CondKind uint8

// Kinds of conditions.
const (
	IsAbsent CondKind = iota
	IsPresent
	IsRegex
	IsPrefix
	IsExact
)

// MaxConds bounds the conditions of a route on headers, and on the query.
const MaxConds = 16

// Cond is a compiled condition on the first header field or query parameter of a
// name. That it is the first makes two different exact values exclude each other.
type Cond struct {
	Name  string // header names in lower case
	Kind  CondKind
	Value string // of IsExact and IsPrefix
	Regex *regexp.Regexp
	Steps int // of Regex's program
}

// Holds judges a value; present is false when there is no such field.
func (c *Cond) Holds(value string, present bool) bool {
	switch c.Kind {
	case IsAbsent:
		return !present
	case IsPresent:
		return present
	case IsExact:
		return present && value == c.Value
	case IsPrefix:
		return present && strings.HasPrefix(value, c.Value)
	}
	return present && c.Regex.MatchString(value)
}

// String says the condition in words.
func (c *Cond) String() string {
	switch c.Kind {
	case IsAbsent:
		return c.Name + " is absent"
	case IsPresent:
		return c.Name + " is present"
	case IsExact:
		return c.Name + " is " + strconv.Quote(c.Value)
	case IsPrefix:
		return c.Name + " begins with " + strconv.Quote(c.Value)
	}
	return c.Name + " matches " + strings.TrimSuffix(strings.TrimPrefix(c.Regex.String(), `\A(?:`), `)\z`)
}

// excludes reports whether no value satisfies both.
func (c *Cond) excludes(d *Cond) bool {
	if c.Name != d.Name {
		return false
	}
	if c.Kind > d.Kind {
		c, d = d, c
	}
	switch {
	case c.Kind == IsAbsent:
		return d.Kind != IsAbsent
	case d.Kind == IsExact:
		return !c.Holds(d.Value, true)
	case c.Kind == IsPrefix: // both are prefixes
		return !strings.HasPrefix(c.Value, d.Value) && !strings.HasPrefix(d.Value, c.Value)
	}
	return false
}

// exclusive reports whether some condition of a excludes one of b.
func exclusive(a, b []Cond) bool {
	for i := range a {
		for j := range b {
			if a[i].excludes(&b[j]) {
				return true
			}
		}
	}
	return false
}

// parseConds compiles conditions; header says whether names are field names.
func parseConds(in []contract.FieldMatch, header bool, at string, errs *contract.FieldErrors) []Cond {
	if len(in) > MaxConds {
		errs.Add(at, "there are more than 16 conditions")
		return nil
	}
	out := make([]Cond, 0, len(in))
	for i := range in {
		c, err := parseCond(&in[i], header)
		if err != nil {
			errs.AddAt(at+contract.Pointer(i), err)
			continue
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Cond) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), int(b.Kind)-int(a.Kind), strings.Compare(a.Value, b.Value))
	})
	return out
}

func parseCond(f *contract.FieldMatch, header bool) (c Cond, err error) {
	if c.Name, err = condName(f.Name, header); err != nil {
		return c, contract.FieldErrors{{Pointer: "/name", Detail: err.Error()}}
	}
	given := 0
	if f.Exact != "" {
		given++
		c.Kind, c.Value = IsExact, f.Exact
	}
	if f.Prefix != "" {
		given++
		c.Kind, c.Value = IsPrefix, f.Prefix
	}
	if f.Present != nil {
		given++
		c.Kind = IsAbsent
		if *f.Present {
			c.Kind = IsPresent
		}
	}
	if f.Regex != "" {
		given++
		c.Kind = IsRegex
		if c.Regex, _, c.Steps, err = compileWhole(f.Regex); err != nil {
			return c, contract.FieldErrors{{Pointer: "/regex", Detail: err.Error()}}
		}
	}
	if given != 1 {
		return c, errors.New("give exactly one of exact, prefix, regex and present")
	}
	return c, nil
}

func condName(name string, header bool) (string, error) {
	if name == "" || len(name) > 256 {
		return "", errors.New("a name has 1 to 256 bytes")
	}
	if !header {
		return name, nil
	}
	for i := 0; i < len(name); i++ {
		if !tokenByte(name[i]) {
			return "", &Error{"header name", i, "this character is not allowed"}
		}
	}
	name = strings.ToLower(name)
	if name == "host" {
		return "", errors.New("the host is matched by \"hosts\"")
	}
	return name, nil
}

// tokenByte reports whether c may stand in a token (RFC 9110 5.6.2).
func tokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
