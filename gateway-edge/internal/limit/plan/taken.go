package plan

import (
	"sync"

	"github.com/tollgate/tollgate/gateway-edge/internal/limit"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// told is limits whose state callers are told.
type told struct {
	limits []limit.Limit
	fields []policy.LimitField // beside limits
}

func tell(limits []limit.Limit) told {
	t := told{limits: limits}
	for _, m := range limits {
		t.fields = append(t.fields, policy.NewLimitField(m.Name, m.Kind))
	}
	return t
}

// ownLimits is one key's own limits. It hangs on the key's principal, whose
// gateway and limits never change.
type ownLimits struct {
	of      *limit.Limits
	refusal string // why nothing is let through; "" for none
	kinds   [policy.CountConcurrency + 1]bool
	told
}

// ownOf returns the caller's own limits; nil when there are none.
func (p *step) ownOf(c *policy.Principal) *ownLimits {
	if c == nil || c.Limits == nil {
		return nil
	}
	v := &c.Locals[policy.LocalKeyLimits]
	before := v.Load()
	if o, ok := before.(*ownLimits); ok && o.of == p.l {
		return o
	}
	o := &ownLimits{of: p.l}
	limits, err := p.l.Key(p.scope, c.Limits)
	if err != nil { // the record is newer than this edge
		o.refusal = "the key has limits that this edge does not know"
	}
	o.told = tell(limits)
	for _, m := range limits {
		o.kinds[m.Kind] = true
	}
	v.CompareAndSwap(before, o) // whoever was first has made the same
	return o
}

// maxTaken bounds the limits that one request is subject to here: four of the
// organization, three of the usage plan or the key.
const maxTaken = 7

// taken is what one exchange is subject to, and what of that it has debited, in
// order. Its memory is reused.
type taken struct {
	n, all int // debited, and in all
	on     [maxTaken]subject
}

// subject is one limit of a request.
type subject struct {
	limit *limit.Limit
	field *policy.LimitField // nil: its state is not told
	from  string
	cell  policy.Cell // once debited
}

var pool = sync.Pool{New: func() any { return new(taken) }}

// fill lists the limits: the organization's, then the usage plan's that the key
// does not replace, then the key's.
func (t *taken) fill(org []limit.Limit, u *usagePlan, own *ownLimits) {
	for i := range org {
		t.add(subject{limit: &org[i], from: "organization"})
	}
	if u != nil {
		for i := range u.limits {
			if own == nil || !own.kinds[u.limits[i].Kind] {
				t.add(subject{limit: &u.limits[i], field: &u.fields[i], from: "usage_plan"})
			}
		}
	}
	if own != nil {
		for i := range own.limits {
			t.add(subject{limit: &own.limits[i], field: &own.fields[i], from: "key"})
		}
	}
}

func (t *taken) add(s subject) {
	t.on[t.all] = s
	t.all++
}
