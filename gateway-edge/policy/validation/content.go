package validation

import (
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/coding"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/jsonschema"
	"github.com/tollgate/tollgate/services/contract"
)

// Content is what a body may be. It is immutable.
type Content struct {
	required bool
	types    []mediaType // the most exact first
}

type mediaType struct {
	name   string // lower case; "image/*" and "*/*" are ranges
	kind   document.Kind
	schema *jsonschema.Schema // nil: anything is taken
	// loose: only bodies that can be read are held to the schema, since the type is a
	// range.
	loose bool
}

// sort puts exact types before ranges.
func (c *Content) sort() {
	slices.SortFunc(c.types, func(a, b mediaType) int {
		if d := strings.Count(a.name, "*") - strings.Count(b.name, "*"); d != 0 {
			return d
		}
		return strings.Compare(a.name, b.name)
	})
}

// Find returns the entry for a content type; nil: it is not among them.
func (c *Content) find(ct policy.Text) *mediaType {
	media, _, _ := ct.Cut(';')
	media = media.Trim()
	for i := range c.types {
		t := &c.types[i]
		prefix, ranged := strings.CutSuffix(t.name, "*")
		switch {
		case t.name == "*/*", ranged && media.HasPrefixFold(prefix), media.Fold(t.name):
			return t
		}
	}
	return nil
}

// Verdict is what Look says of a body.
type Verdict uint8

// Verdicts.
const (
	Fine    Verdict = iota // nothing to check
	Check                  // the body is needed
	Foreign                // another content type, or a coding that can't be undone
)

// Look says what to do with the body of a message with these fields.
func (c *Content) Look(h policy.Headers) Verdict {
	if len(c.types) == 0 {
		return Fine
	}
	ct, _ := h.Get(policy.ContentType)
	t := c.find(ct)
	switch {
	case t == nil:
		return Foreign
	case t.schema == nil, t.loose && document.KindOf(ct) == document.None:
		return Fine
	case !coding.Readable(h) || document.KindOf(ct) == document.None:
		return Foreign
	}
	return Check
}

// Accepts names the content types, for a refusal.
func (c *Content) Accepts() string {
	names := make([]string, 0, len(c.types))
	for i := range c.types {
		names = append(names, c.types[i].name)
	}
	return strings.Join(names, ", ")
}

// Required reports whether there must be a body.
func (c *Content) Required() bool { return c.required }

// Check holds the body of the side whose hook runs to the schema of its content
// type, after Look said Check. limit bounds it without its content coding, in bytes.
// Pointers begin with /body.
func (c *Content) Check(x *policy.Exchange, h policy.Headers, limit int64, errs *contract.FieldErrors) {
	ct, _ := h.Get(policy.ContentType)
	t := c.find(ct)
	if t == nil || t.schema == nil {
		return
	}
	kind := document.KindOf(ct)
	body, err := coding.Whole(h, x.Body(), limit)
	if err != nil {
		errs.Add("/body", "can't be read: "+err.Error())
		return
	}
	v, err := document.Parse(kind, body)
	if err != nil {
		errs.Add("/body", "can't be read: "+err.Error())
		return
	}
	if kind == document.Form {
		v = convertForm(v, t.schema.Shape())
	}
	for _, e := range t.schema.Check(v) {
		errs.Add("/body"+e.Pointer, e.Detail)
	}
}
