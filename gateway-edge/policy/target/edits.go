package target

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/query"
	"github.com/tollgate/tollgate/gateway-edge/policy/template"
)

// Edits are compiled edits of a query; immutable.
type Edits struct {
	rename []renaming
	drop   []string // names, decoded, of what is removed or replaced
	set    []parameter
}

// renaming gives parameters of a name another one, escaped; dropped: that one is
// removed or replaced in turn.
type renaming struct {
	from, to string
	dropped  bool
}

// parameter is one that is set; name is escaped and has its "=".
type parameter struct {
	name  string
	value *template.Template
}

// Empty reports that the edits change nothing.
func (e *Edits) Empty() bool { return len(e.rename)+len(e.drop) == 0 }

// Append appends the new query to b: what is left, then what is set. A parameter
// whose variable has no value is not sent at all.
func (e *Edits) Append(b []byte, x *policy.Exchange) []byte {
	from := len(b)
	for name, value := range pieces(x.Request().Query) {
		to, ok := e.name(name)
		if !ok {
			continue
		}
		if len(b) > from {
			b = append(b, '&')
		}
		if to == "" {
			b = name.AppendTo(b)
		} else {
			b = append(b, to...)
		}
		b = value.AppendTo(b)
	}
	for i := range e.set {
		at := len(b)
		if at > from {
			b = append(b, '&')
		}
		b = append(b, e.set[i].name...)
		v, ok := e.set[i].value.Append(b, x)
		if b = v; !ok {
			b = b[:at]
		}
	}
	return b
}

// pieces yields the name and the rest, "=" included, of every piece in order.
func pieces(q policy.Text) func(func(name, rest policy.Text) bool) {
	return func(yield func(name, rest policy.Text) bool) {
		for more := !q.Empty(); more; {
			var piece policy.Text
			piece, q, more = q.Cut('&')
			i := piece.Index('=')
			if i < 0 {
				i = piece.Len()
			}
			if !yield(piece.Slice(0, i), piece.Slice(i, piece.Len())) {
				return
			}
		}
	}
}

// name says what becomes of a raw name: another one, "" for itself; false: it is
// dropped.
func (e *Edits) name(raw policy.Text) (to string, keep bool) {
	for i := range e.rename {
		if query.NameIs(raw, e.rename[i].from) {
			return e.rename[i].to, !e.rename[i].dropped
		}
	}
	for _, d := range e.drop {
		if query.NameIs(raw, d) {
			return "", false
		}
	}
	return "", true
}
