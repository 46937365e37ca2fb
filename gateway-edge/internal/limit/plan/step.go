package plan

import (
	"fmt"

	"github.com/tollgate/tollgate/gateway-edge/internal/limit"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Type is the step's name in traces.
const Type = "plan_limits"

// NewDescriptor describes the step to a chain; it has no configuration.
func NewDescriptor() *policy.Descriptor {
	return &policy.Descriptor{Type: Type, Phase: policy.PhaseLimit}
}

// step is the policy.
type step struct {
	l     *limit.Limits
	org   *limit.Organization
	scope policy.Scope
	plans map[uint64]*usagePlan // by number
}

// usagePlan is a usage plan as one route sees it.
type usagePlan struct {
	refusal string // why the plan's consumers may not use the route; "" when they may
	told
}

// unknown is a plan that the gateway's document does not have: the key is newer
// than the document. It fails closed until the document is there.
var unknown = &usagePlan{refusal: "the consumer's usage plan is not known at this edge yet"}

// Step makes the implicit step of one route. A usage plan that names routes is
// good for those only: on others its consumers are answered 403.
func Step(l *limit.Limits, org *limit.Organization, s policy.Scope, plans []contract.UsagePlan, route string) (policy.Policy, error) {
	p := &step{l: l, org: org, scope: s, plans: make(map[uint64]*usagePlan, len(plans))}
	for i := range plans {
		doc := &plans[i]
		limits, err := l.Plan(s, doc)
		if err != nil {
			return nil, fmt.Errorf("usage plan %q: %w", doc.Name, err)
		}
		u := &usagePlan{told: tell(limits)}
		if !lists(doc.Routes, route) {
			u.refusal = "the consumer's usage plan does not include this route"
		}
		p.plans[doc.Num] = u
	}
	return p, nil
}

func lists(routes []string, route string) bool {
	for _, r := range routes {
		if r == route {
			return true
		}
	}
	return len(routes) == 0
}

// OnRequest implements policy.Policy.
func (p *step) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	caller := x.Principal()
	u := p.planOf(caller)
	if u != nil && u.refusal != "" {
		return x.RejectDetail(contract.CodeForbidden, 0, u.refusal)
	}
	own := p.ownOf(caller)
	if own != nil && own.refusal != "" {
		return x.RejectDetail(contract.CodeForbidden, 0, own.refusal)
	}
	t := pool.Get().(*taken)
	t.fill(p.org.Limits(p.scope.Test), u, own)
	s.P = t
	if x.Tracing() {
		if code, ok := t.trace(x); !ok && x.Explaining() {
			return x.Reject(code, 0)
		}
		if x.Explaining() {
			return x.Next()
		}
	}
	for t.n < t.all {
		m := t.on[t.n].limit
		c := m.Family.Of(x)
		switch v := c.Take(x.Now()); v {
		case policy.Took:
			t.on[t.n].cell = c
			t.n++
		case policy.Dry:
			return x.Wait()
		default:
			return t.refuse(x, m, c, v)
		}
	}
	return x.Next()
}

// Await implements policy.Waiter: it goes on where a cell was dry. What was taken
// before stays taken.
func (p *step) Await(b policy.Blocking, x *policy.Exchange, s *policy.Slot) policy.Action {
	t := s.P.(*taken)
	for t.n < t.all {
		m := t.on[t.n].limit
		c := m.Family.Of(x)
		if v := c.Wait(b); v != policy.Took {
			return t.refuse(x, m, c, v)
		}
		t.on[t.n].cell = c
		t.n++
	}
	return x.Next()
}

// planOf returns the usage plan of who calls; nil when there is none.
func (p *step) planOf(c *policy.Principal) *usagePlan {
	if c == nil || c.UsagePlan == 0 {
		return nil
	}
	if u := p.plans[c.UsagePlan]; u != nil {
		return u
	}
	return unknown
}

// refuse answers 429 or 503. The organization's own limits are no business of
// its consumers: their state is not told.
func (t *taken) refuse(x *policy.Exchange, m *limit.Limit, c policy.Cell, v policy.Verdict) policy.Action {
	if f := t.on[t.n].field; f != nil {
		f.Add(x.Response().Header, c.State(x.Now()))
	}
	return x.Reject(policy.LimitCode(m.Kind, v), c.RetryAfter(x.Now()))
}

// OnResponse implements policy.Responder: what is left of the usage plan's and
// the key's limits.
func (p *step) OnResponse(x *policy.Exchange, s *policy.Slot) policy.Action {
	t, _ := s.P.(*taken)
	if t == nil {
		return x.Next()
	}
	for i := range t.n {
		if o := &t.on[i]; o.field != nil {
			o.field.Add(x.Response().Header, o.cell.State(x.Now()))
		}
	}
	return x.Next()
}

// OnDone implements policy.Finisher: a slot is free again in any case, a quota's
// unit comes back when the edge itself answered, a rate's only when another limit
// refused.
func (p *step) OnDone(x *policy.Exchange, s *policy.Slot) {
	t, _ := s.P.(*taken)
	if t == nil {
		return
	}
	billable, refused := x.Outcome().Billable, x.LimitRefused()
	for i := range t.n {
		o := &t.on[i]
		switch o.limit.Kind {
		case policy.CountConcurrency:
			o.cell.Credit()
		case policy.CountQuota:
			if !billable {
				o.cell.Credit()
			}
		default:
			if refused {
				o.cell.Credit()
			}
		}
	}
	s.P = nil
	*t = taken{}
	pool.Put(t)
}

// trace tells every limit's state and whether one of them would refuse.
func (t *taken) trace(x *policy.Exchange) (contract.Code, bool) {
	code, ok := contract.CodeInternal, true
	for i := range t.all {
		m := t.on[i].limit
		st := m.Family.Of(x).State(x.Now())
		x.TraceLimit(contract.LimitTrace{
			Name: m.Name, Limit: st.Limit, Left: st.Left, Window: st.WindowName(), From: t.on[i].from,
		})
		if st.Left == 0 && ok && !m.Soft {
			code, ok = policy.LimitCode(m.Kind, policy.Denied), false
		}
	}
	return code, ok
}

var (
	_ policy.Waiter    = (*step)(nil)
	_ policy.Responder = (*step)(nil)
	_ policy.Finisher  = (*step)(nil)
)
