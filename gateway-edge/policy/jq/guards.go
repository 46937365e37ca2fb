package jq

import (
	"encoding/json"
	"errors"
	"math/big"
	"regexp/syntax"
	"strings"

	"github.com/itchyny/gojq"

	"github.com/tollgate/tollgate/gateway-edge/policy/document"
)

// Bounds of what jumps.
const (
	maxIndex    = 100_000
	maxPath     = maxDepth
	maxPairs    = 4 << 20 // comparisons of two collections
	maxBits     = 4096    // of whole numbers
	maxDigits   = document.MaxNumber
	maxMatching = 50 << 20 // a regular expression's instructions times the text's bytes
	maxText     = 64 << 10 // of a text that is matched or split
)

// functions are what rewritten programs call beside jq's own. Tenants' programs
// can't name them.
func (m *machine) functions() []gojq.CompilerOption {
	one := func(name string, f func(v any) (any, error)) gojq.CompilerOption {
		return gojq.WithFunction(name, 0, 0, func(v any, _ []any) any { return result(f(v)) })
	}
	two := func(name string, f func(in, arg any) error) gojq.CompilerOption {
		return gojq.WithFunction(name, 1, 1, func(in any, args []any) any {
			if err := f(in, args[0]); err != nil {
				return err
			}
			return args[0]
		})
	}
	return []gojq.CompilerOption{
		one("_fit", m.fit),
		one("_at", checkIndex),
		one("_path", checkPath),
		one("_digits", checkDigits),
		one("_parsed", parseText),
		two("_pairs", checkPairs),
		two("_joint", checkJoin),
		two("_pieces", checkSplit),
		two("_regex", func(in, arg any) error { return checkRegex(in, arg, false) }),
		two("_regexes", func(in, arg any) error { return checkRegex(in, arg, true) }),
		gojq.WithFunction("_times", 2, 2, func(_ any, args []any) any { return times(args[0], args[1]) }),
		gojq.WithFunction("_minus", 2, 2, func(_ any, args []any) any { return minus(args[0], args[1]) }),
	}
}

func result(v any, err error) any {
	if err != nil {
		return err
	}
	return v
}

func checkIndex(v any) (any, error) {
	if n, ok := gojq.ToInt(v); ok && n > maxIndex {
		return nil, &tooMuch{"an index is too large"}
	}
	return v, nil
}

func checkPath(v any) (any, error) {
	list, _ := v.([]any)
	if len(list) > maxPath {
		return nil, &tooMuch{"a path is too long"}
	}
	for _, e := range list {
		if _, err := checkIndex(e); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func checkDigits(v any) (any, error) {
	if s, ok := v.(string); ok && len(s) > maxDigits {
		return nil, &tooMuch{"a number has too many digits"}
	}
	return v, nil
}

// parseText is fromjson, as strict as bodies are read.
func parseText(v any) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, errors.New("fromjson is for strings")
	}
	return document.ParseJSON([]byte(s))
}

// checkPairs bounds functions that compare each of one collection with each of
// another.
func checkPairs(in, arg any) error {
	a, b := nodes(in), nodes(arg)
	if s, ok := in.(string); ok {
		a += len(s) / 16
	}
	if a*b > maxPairs {
		return &tooMuch{"two collections are too large to be compared"}
	}
	return nil
}

func checkJoin(in, arg any) error {
	list, _ := in.([]any)
	sep, _ := arg.(string)
	if len(list)*len(sep) > maxWeight {
		return errWeight
	}
	return nil
}

func checkSplit(in, arg any) error {
	s, ok := in.(string)
	sep, ok2 := arg.(string)
	if ok && ok2 && len(s) > maxText && 64*strings.Count(s, sep) > maxWeight {
		return errWeight
	}
	return nil
}

// checkRegex bounds a match: RE2's work is the program's size times the text's,
// once for each match that is looked for.
func checkRegex(in, arg any, all bool) error {
	s, ok := in.(string)
	if list, is := arg.([]any); is && len(list) > 0 {
		arg, all = list[0], true
	}
	re, ok2 := arg.(string)
	if !ok || !ok2 {
		return nil // the function itself says what is wrong
	}
	if len(s) > maxText || len(re) > 1000 {
		return &tooMuch{"a text is too long to be matched"}
	}
	parsed, err := syntax.Parse(re, syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil
	}
	work := len(prog.Inst) * (len(s) + 1)
	if all {
		work *= min(len(s)+1, 1+len(s)/4)
	}
	if work > maxMatching {
		return &tooMuch{"a text is too long for this regular expression"}
	}
	return nil
}

var (
	mul = mustCompile("$a * $b")
	sub = mustCompile("$a - $b")
)

func mustCompile(src string) *gojq.Code {
	q, err := gojq.Parse(src)
	if err != nil {
		panic(err)
	}
	c, err := gojq.Compile(q, gojq.WithVariables([]string{"$a", "$b"}))
	if err != nil {
		panic(err)
	}
	return c
}

func eval(c *gojq.Code, a, b any) any {
	v, _ := c.Run(nil, a, b).Next()
	return v
}

// times is jq's "*" with a bound on what it makes.
func times(a, b any) any {
	x, xs := a.(string)
	y, ys := b.(string)
	switch {
	case xs && !ys:
		if n, ok := gojq.ToFloat64(b); ok && n*float64(len(x)) > maxWeight {
			return errWeight
		}
	case ys && !xs:
		if n, ok := gojq.ToFloat64(a); ok && n*float64(len(y)) > maxWeight {
			return errWeight
		}
	case bits(a)+bits(b) > maxBits:
		return &tooMuch{"a number is too large"}
	}
	return eval(mul, a, b)
}

// bits is the size of a whole number.
func bits(v any) int {
	switch v := v.(type) {
	case *big.Int:
		return v.BitLen()
	case json.Number:
		return 4 * len(v)
	}
	return 64
}

// minus is jq's "-", which compares arrays element by element.
func minus(a, b any) any {
	_, x := a.([]any)
	_, y := b.([]any)
	if x && y {
		if err := checkPairs(a, b); err != nil {
			return err
		}
	}
	return eval(sub, a, b)
}
