package jsonschema

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	js "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tollgate/tollgate/services/contract"
)

// Drafts by their names in configurations.
const (
	Draft2020 = "2020-12"
	Draft07   = "draft-07"
)

// Bounds of a schema.
const (
	MaxBytes   = 256 << 10
	maxPattern = 1000
)

// Options of a schema.
type Options struct {
	// Draft of schemas that do not say theirs by $schema; empty: 2020-12.
	Draft string
	// Formats: "format" is checked, not only a note.
	Formats bool
	// Others are schemas that may be referred to, by URL. Nothing else is.
	Others map[string]any
	// Places are where a document that is no schema itself has schemas: names with "/"
	// between them, "*" for any name and "[]" for any item. Without them compiling takes
	// the square of the schemas' number. They are for the default draft.
	Places []string
}

// Set is a document that holds one schema or several, such as an OpenAPI document.
type Set struct {
	c       *js.Compiler
	doc     any
	walk    *walker
	options Options
	checked *checked     // with Places
	slow    *js.Compiler // for what the places can't tell; nil: it was not needed yet
}

// Schema is a compiled schema. It is immutable.
type Schema struct {
	s    *js.Schema
	cost []int // evaluations a value takes at most, by its depth
	form *Shape
}

// root is where a schema stands for references: a place that nothing else has.
const root = "https://schema.invalid/"

// NewSet takes a document that document.ParseJSON gave. The document must not be
// changed afterwards.
func NewSet(doc any, o Options) (*Set, error) {
	c, err := compiler(doc, o)
	if err != nil {
		return nil, err
	}
	s := &Set{c: c, doc: doc, walk: newWalker(), options: o}
	if len(o.Places) > 0 && !named(doc) {
		c.RegisterVocabulary(places(o.Places))
		if s.checked, err = newChecked(doc); err != nil {
			return nil, plain(err)
		}
	}
	return s, nil
}

func compiler(doc any, o Options) (*js.Compiler, error) {
	c := js.NewCompiler()
	c.UseLoader(nowhere{})
	c.UseRegexpEngine(re2)
	switch o.Draft {
	case "", Draft2020:
		c.DefaultDraft(js.Draft2020)
	case Draft07:
		c.DefaultDraft(js.Draft7)
	default:
		return nil, fmt.Errorf("the draft is %q or %q", Draft2020, Draft07)
	}
	if o.Formats {
		c.AssertFormat()
	}
	for url, other := range o.Others {
		if err := c.AddResource(url, other); err != nil {
			return nil, plain(err)
		}
	}
	if err := c.AddResource(root, doc); err != nil {
		return nil, plain(err)
	}
	return c, nil
}

// Compile compiles the schema at a JSON pointer of the document; "" is the
// document itself. Its error is for the operator.
func (s *Set) Compile(pointer string) (*Schema, error) {
	url := root
	if pointer != "" {
		url += "#" + fragment(pointer)
	}
	sch, err := s.compile(pointer, url)
	if err != nil {
		return nil, plain(err)
	}
	cost, err := s.walk.costs(sch)
	if err != nil {
		return nil, err
	}
	return &Schema{s: sch, cost: cost, form: shape(sch)}, nil
}

// compile goes by the places where there are some. What is not in order there is
// compiled by itself, whose errors tell more.
func (s *Set) compile(pointer, url string) (*js.Schema, error) {
	if s.checked == nil {
		return s.c.Compile(url)
	}
	if s.checked.check(pointer) == nil {
		if sch, err := s.c.Compile(url); err == nil {
			return sch, nil
		}
	}
	if s.slow == nil {
		var err error
		if s.slow, err = compiler(s.doc, s.options); err != nil {
			return nil, err
		}
	}
	return s.slow.Compile(url)
}

// Compile compiles a schema that stands alone.
func Compile(doc any, o Options) (*Schema, error) {
	s, err := NewSet(doc, o)
	if err != nil {
		return nil, err
	}
	return s.Compile("")
}

// Shape is what the schema says of types. It is immutable.
func (s *Schema) Shape() *Shape { return s.form }

// fragment escapes a pointer for a URL (RFC 6901 6).
func fragment(pointer string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(pointer) {
		c := pointer[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~/$", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// nowhere loads nothing: meta-schemas are known to the library itself.
type nowhere struct{}

// Load refuses.
func (nowhere) Load(url string) (any, error) {
	return nil, fmt.Errorf("%.100q is not part of the schema, nor one of schemas: nothing is fetched", url)
}

// re2 compiles a pattern. Those that only a backtracking engine understands are
// refused.
func re2(s string) (js.Regexp, error) {
	if len(s) > maxPattern {
		return nil, fmt.Errorf("a pattern has at most %d bytes", maxPattern)
	}
	return regexp.Compile(s)
}

// plain makes an error of the library one for the operator, without the URL that
// is ours.
func plain(err error) error {
	var bad *js.SchemaValidationError
	if errors.As(err, &bad) {
		var v *js.ValidationError
		if errors.As(bad.Err, &v) {
			fields := flatten(v)
			return fmt.Errorf("is no JSON Schema: %s %s", fields[0].Pointer, fields[0].Detail)
		}
	}
	text := strings.ReplaceAll(err.Error(), strings.TrimSuffix(root, "/"), "")
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	return errors.New("is no usable JSON Schema: " + cut(text))
}

func cut(s string) string {
	if len(s) > 300 {
		return strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

// MaxErrors bounds how many bad fields a check names.
const MaxErrors = 50

// Check holds a value that document.Parse gave to the schema. It returns every bad
// field, MaxErrors at most; nil: it fits.
func (s *Schema) Check(v any) contract.FieldErrors {
	if !s.affordable(v) {
		return contract.FieldErrors{{Detail: "is nested too deeply or too large to be checked"}}
	}
	err := s.s.Validate(v)
	if err == nil {
		return nil
	}
	var ve *js.ValidationError
	if !errors.As(err, &ve) {
		return contract.FieldErrors{{Detail: "can't be checked"}}
	}
	fields := flatten(ve)
	if len(fields) > MaxErrors {
		fields = fields[:MaxErrors]
	}
	return fields
}
