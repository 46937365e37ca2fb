package reshape

import (
	"errors"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/coding"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/jq"
	"github.com/tollgate/tollgate/gateway-edge/policy/template"
)

// Change is compiled and immutable.
type Change struct {
	from, to document.Kind
	steps    []step
	program  *jq.Program
	max      int64
	refuse   bool // bodies of other content types

	// A body of its own.
	replaces    bool
	value       *value
	text        *template.Template
	varies      bool
	contentType string
}

type op uint8

const (
	opRename op = iota
	opRemove
	opSet
)

type step struct {
	op       op
	path, to document.Path
	value    *value
}

// value is a constant in whose strings variables may stand.
type value struct {
	fixed         any
	text          *template.Template
	array, object bool
	names         []string
	list          []*value
}

// make gives a value of its own, which may be changed. A string with a variable
// that has no value is null.
func (v *value) make(x *policy.Exchange) any {
	switch {
	case v.array:
		out := make([]any, len(v.list))
		for i, e := range v.list {
			out[i] = e.make(x)
		}
		return out
	case v.object:
		out := make(map[string]any, len(v.list))
		for i, e := range v.list {
			out[v.names[i]] = e.make(x)
		}
		return out
	case v.text != nil:
		b, ok := v.text.Append(nil, x)
		if !ok {
			return nil
		}
		return string(b)
	}
	return v.fixed
}

// Max bounds the body, in bytes.
func (ch *Change) Max() int64 { return ch.max }

// Replaces reports that the former body is not looked at.
func (ch *Change) Replaces() bool { return ch.replaces }

// Reads reports whether a message with these fields has a body that the change
// can read: of its content type, and without a content coding or with one that can be
// undone.
func (ch *Change) Reads(h policy.Headers) bool {
	if ch.replaces {
		return true
	}
	ct, ok := h.Get(policy.ContentType)
	return ok && document.KindOf(ct) == ch.from && coding.Readable(h)
}

// Refuses reports whether a body that can't be read is to be refused.
func (ch *Change) Refuses() bool { return ch.refuse }

// Accepts names the content type that is read, for a refusal.
func (ch *Change) Accepts() string { return document.Accepts(ch.from) }

// Apply makes the new body of the side whose hook runs and puts it in the place
// of the former one, with the fields that describe it. Its error is for the
// caller: it names places, and nothing that stands there.
func (ch *Change) Apply(x *policy.Exchange, h policy.Headers) error {
	out, err := ch.body(x, h)
	if err != nil {
		return err
	}
	x.ReplaceBody(out)
	ch.Describe(h)
	if len(out) == 0 {
		h.Del(policy.ContentType)
	}
	return nil
}

// Describe makes the fields that describe the body say the truth of the new one:
// its content type is set, and what was computed from the former bytes goes.
func (ch *Change) Describe(h policy.Headers) {
	if ch.replaces {
		h.Set(policy.ContentType, ch.contentType)
	} else if ch.from != ch.to {
		h.Set(policy.ContentType, ch.to.ContentType())
	}
	for _, n := range stale {
		h.Del(n)
	}
}

var stale = func() []policy.Name {
	out := []policy.Name{policy.ETag, policy.ContentEncoding, policy.AcceptRanges}
	for _, s := range []string{"Content-MD5", "Digest", "Content-Digest", "Repr-Digest", "Content-Range", "Signature", "Signature-Input"} {
		out = append(out, policy.FixedName(s))
	}
	return out
}()

var errNoPlace = errors.New("the body has no place for a field that is to be set")

// Make makes the new body of a request and leaves it as it is. Its error is Apply's.
func (ch *Change) Make(x *policy.Exchange) ([]byte, error) { return ch.body(x, x.Request().Header) }

func (ch *Change) body(x *policy.Exchange, h policy.Headers) ([]byte, error) {
	switch {
	case ch.text != nil:
		b, ok := ch.text.Append(nil, x)
		if !ok {
			return nil, errors.New("a variable of the new body has no value")
		}
		return b, nil
	case ch.replaces:
		return document.AppendJSON(nil, ch.value.make(x), int(ch.max))
	}
	former, err := coding.Whole(h, x.Body(), ch.max)
	if err != nil {
		return nil, err
	}
	v, err := document.Parse(ch.from, former)
	if err != nil {
		return nil, err
	}
	for i := range ch.steps {
		if v, err = ch.steps[i].apply(x, v); err != nil {
			return nil, err
		}
	}
	if ch.program != nil {
		if v, err = ch.program.Run(v); err != nil {
			return nil, err
		}
	}
	return document.Append(ch.to, nil, v, int(ch.max))
}

func (s *step) apply(x *policy.Exchange, v any) (any, error) {
	switch s.op {
	case opRemove:
		return s.path.Remove(v), nil
	case opRename:
		e, ok := s.path.Get(v)
		if !ok {
			return v, nil
		}
		if v, ok = s.to.Set(s.path.Remove(v), e); !ok {
			return nil, errNoPlace
		}
		return v, nil
	}
	v, ok := s.path.Set(v, s.value.make(x))
	if !ok {
		return nil, errNoPlace
	}
	return v, nil
}
