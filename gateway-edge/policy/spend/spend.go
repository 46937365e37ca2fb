package spend

import (
	"fmt"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Where a limit holds.
const (
	ScopeGlobal = "global"
	ScopeEdge   = "edge"
)

// Subject is the part of the configuration that says whose requests share a
// counter, and where.
type Subject struct {
	By    string `json:"by"`
	Scope string `json:"scope"`
}

// Check adds what is wrong with the subject.
func (s Subject) Check(errs *contract.FieldErrors) {
	by, ok := policy.ParseBy(s.By)
	if !ok {
		errs.Add("/by", "must be key, consumer, route, ip or organization")
	}
	switch {
	case s.Scope != ScopeGlobal && s.Scope != ScopeEdge:
		errs.Add("/scope", "must be global (one limit over all edges) or edge (each edge for itself)")
	case by == policy.ByIP && s.Scope == ScopeGlobal:
		errs.Add("/scope", "must be edge with by: ip, whose counters are kept at each edge")
	}
}

// Limit spends one unit of one counter for each request. It is a policy.Policy.
type Limit struct {
	kind   policy.CounterKind
	family policy.Family
	field  policy.LimitField
	name   string
	from   string
}

// New makes a limit of a policy's type from a spec whose Kind and numbers are
// set; subject was checked.
func New(name string, spec policy.CounterSpec, s Subject, d policy.Deps) (*Limit, error) {
	counters := d.Counters
	if counters == nil {
		counters = policy.NoCounters{}
	}
	spec.Name, spec.Scope, spec.Local = name, d.Scope, s.Scope == ScopeEdge
	spec.By, _ = policy.ParseBy(s.By)
	f, err := counters.Family(spec)
	if err != nil {
		return nil, fmt.Errorf("make the counters of %s: %w", name, err)
	}
	if d.Scope.Index > 0 {
		name = fmt.Sprintf("%s_%d", name, d.Scope.Index+1)
	}
	return &Limit{
		kind: spec.Kind, family: f, name: name, from: d.Scope.From, field: policy.NewLimitField(name, spec.Kind),
	}, nil
}

// OnRequest implements policy.Policy.
func (l *Limit) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	c := l.family.Of(x)
	if x.Tracing() {
		st := c.State(x.Now())
		l.trace(x, st)
		if x.Explaining() {
			if st.Left == 0 {
				return l.refuse(x, c, policy.Denied)
			}
			return x.Next()
		}
	}
	switch v := c.Take(x.Now()); v {
	case policy.Took:
		s.P = c
		return x.Next()
	case policy.Dry:
		return x.Wait()
	default:
		return l.refuse(x, c, v)
	}
}

// Await implements policy.Waiter.
func (l *Limit) Await(b policy.Blocking, x *policy.Exchange, s *policy.Slot) policy.Action {
	c := l.family.Of(x)
	if v := c.Wait(b); v != policy.Took {
		return l.refuse(x, c, v)
	}
	s.P = c
	return x.Next()
}

func (l *Limit) refuse(x *policy.Exchange, c policy.Cell, v policy.Verdict) policy.Action {
	l.field.Add(x.Response().Header, c.State(x.Now()))
	return x.Reject(policy.LimitCode(l.kind, v), c.RetryAfter(x.Now()))
}

// OnResponse implements policy.Responder.
func (l *Limit) OnResponse(x *policy.Exchange, s *policy.Slot) policy.Action {
	if c, ok := s.P.(policy.Cell); ok {
		l.field.Add(x.Response().Header, c.State(x.Now()))
	}
	return x.Next()
}

// OnDone implements policy.Finisher. A slot is free again in any case; a quota's
// unit comes back when the edge itself answered; a rate's only when another limit
// refused, so that a request is debited everywhere or nowhere.
func (l *Limit) OnDone(x *policy.Exchange, s *policy.Slot) {
	c, ok := s.P.(policy.Cell)
	if !ok {
		return
	}
	switch l.kind {
	case policy.CountConcurrency:
		c.Credit()
	case policy.CountQuota:
		if !x.Outcome().Billable {
			c.Credit()
		}
	default:
		if x.LimitRefused() {
			c.Credit()
		}
	}
	s.P = nil
}

func (l *Limit) trace(x *policy.Exchange, st policy.CellState) {
	x.TraceLimit(contract.LimitTrace{Name: l.name, Limit: st.Limit, Left: st.Left, Window: st.WindowName(), From: l.from})
}

var (
	_ policy.Waiter    = (*Limit)(nil)
	_ policy.Responder = (*Limit)(nil)
	_ policy.Finisher  = (*Limit)(nil)
)
