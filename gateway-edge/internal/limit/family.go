package limit

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/limit/ledger"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// plan is what one version of a configuration says about a family of counters.
// It is immutable.
type plan struct {
	name   string // of the family, in Redis
	kind   policy.CounterKind
	by     policy.By
	local  bool // the edge's own
	soft   bool // never refuses: an overage plan is counted and billed
	own    bool // keys' own limits: a key that was rotated and its successors share one counter
	limit  int64
	rate   bucket
	length string // calendar period of a quota; "": fixed
	fixed  contract.Period
	route  uint64
	filter ledger.Filter
	seq    uint64 // later versions are higher
}

// kin is a family's counters: runtime state that outlives versions.
type kin struct {
	single atomic.Pointer[counter] // the only counter, or the one of requests without the subject
	addrs  *addrTable              // by: ip

	mu   sync.Mutex // guards many
	many map[uint64]*counter
}

// family is one version's view of a kin. It implements policy.Family.
type family struct {
	l    *Limits
	kin  *kin
	plan *plan
}

// counter is one subject's counter. body is one of *quota, *rate, *direct,
// *slots and the local kinds, and never changes.
type counter struct {
	plan atomic.Pointer[plan] // the newest version that was used
	gone atomic.Bool          // dropped: ask the kin again
	mu   sync.Mutex           // held while the body goes over to another version
	body body
}

// body is what the kinds of counters have in common.
type body interface {
	// cell returns the cell of now; nil: the counter was dropped, as its gone says.
	// It never blocks.
	cell(now int64) policy.Cell
	// adopt goes over to another version's limit.
	adopt(p *plan)
}

func (l *Limits) family(p *plan) *family {
	p.seq = l.seq.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	id := p.name
	if p.kind == policy.CountRate && p.rate.small() {
		id += " direct" // another mechanism: a rate that grows or shrinks past it begins anew
	}
	k := l.families[id]
	if k == nil {
		k = &kin{many: map[uint64]*counter{}}
		if p.by == policy.ByIP {
			k.addrs = newAddrTable(&l.addrs)
		}
		l.families[id] = k
	}
	return &family{l: l, kin: k, plan: p}
}

// Of implements policy.Family.
func (f *family) Of(x *policy.Exchange) policy.Cell {
	now := x.Now()
	if f.plan.by == policy.ByIP {
		return f.kin.addrs.cell(f, x.Client(), now)
	}
	return f.of(x.Principal(), x.Route(), now)
}

func (f *family) of(p *policy.Principal, r *policy.Route, now int64) policy.Cell {
	for {
		c := f.find(p, r)
		if c.plan.Load() != f.plan {
			c.meet(f.plan)
		}
		if cell := c.body.cell(now); cell != nil {
			return cell
		}
	}
}

// find returns the subject's counter.
func (f *family) find(p *policy.Principal, r *policy.Route) *counter {
	switch f.plan.by {
	case policy.ByRoute:
		if f.plan.route == 0 && r != nil {
			return f.lookup(r.Num)
		}
	case policy.ByConsumer, policy.ByKey:
		if p != nil {
			return f.principal(p)
		}
	}
	if c := f.kin.single.Load(); c != nil {
		return c
	}
	return f.lookup(0)
}

// principal returns the counter of who calls; it hangs on the principal, so that
// it is found without a lock.
func (f *family) principal(p *policy.Principal) *counter {
	if h, ok := p.Locals[policy.LocalLimit].Load().(*hung); ok {
		for i := range h.on {
			if h.on[i].kin == f.kin && !h.on[i].counter.gone.Load() {
				return h.on[i].counter
			}
		}
	}
	subject := subjectOf(p, f.plan.by)
	if f.plan.own && p.LimitsOf != 0 {
		subject = p.LimitsOf
	}
	c := f.lookup(subject)
	hang(p, f.kin, c)
	return c
}

// tokenSubject marks subjects that are the hash of a token's name: they have no
// number in the control plane.
const tokenSubject = 1 << 63

// subjectOf is the number of who calls; 0 when there is none.
func subjectOf(p *policy.Principal, by policy.By) uint64 {
	switch {
	case by == policy.ByKey && p.Key != 0:
		return p.Key
	case by == policy.ByConsumer && p.Consumer != 0 && p.Consumer != contract.ConsumerUnmatched:
		return p.Consumer
	case p.Key == 0 && p.Identity != 0:
		return p.Identity | tokenSubject
	case p.Key == 0 && p.ConsumerName != "":
		h := sha256.Sum256([]byte(p.ConsumerName))
		return binary.BigEndian.Uint64(h[:]) | tokenSubject
	}
	return 0
}

// hung is the counters of one principal, found without a lock; immutable.
type hung struct{ on []hook }

type hook struct {
	kin     *kin
	counter *counter
}

// maxHung bounds the list; the oldest entry leaves and is found again by map.
const maxHung = 32

func hang(p *policy.Principal, k *kin, c *counter) {
	v := &p.Locals[policy.LocalLimit]
	for {
		old, _ := v.Load().(*hung)
		n := &hung{}
		if old != nil {
			for _, o := range old.on[max(0, len(old.on)-maxHung+1):] {
				if !o.counter.gone.Load() {
					n.on = append(n.on, o)
				}
			}
		}
		n.on = append(n.on, hook{k, c})
		if old == nil && v.CompareAndSwap(nil, n) || old != nil && v.CompareAndSwap(old, n) {
			return
		}
	}
}

// lookup finds or makes a subject's counter.
func (f *family) lookup(subject uint64) *counter {
	k := f.kin
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.many[subject]
	if c == nil {
		c = f.l.make(f.plan, subject)
		k.many[subject] = c
		if subject == 0 {
			k.single.Store(c)
		}
	}
	return c
}

// meet lets a counter go over to a version's limit, unless it saw a later one:
// requests of the version before may still be on their way.
func (c *counter) meet(p *plan) {
	if c.plan.Load().seq >= p.seq {
		return
	}
	// Bodies adopt versions in their order: of two at once the older one must not be
	// the last.
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plan.Load().seq < p.seq {
		c.plan.Store(p)
		c.body.adopt(p)
	}
}

// make builds a counter of the plan's kind.
func (l *Limits) make(p *plan, subject uint64) *counter {
	c := &counter{}
	c.plan.Store(p)
	name := p.name + counterSuffix(p.by, subject)
	switch p.kind {
	case policy.CountQuota:
		f := p.filter
		switch p.by {
		case policy.ByRoute:
			if f.Route == 0 {
				f.Route = subject
			}
		case policy.ByConsumer:
			f.Consumer, f.NoConsumer = subject&^tokenSubject, subject == 0
		case policy.ByKey:
			f.Key, f.NoKey, f.Chain = subject&^tokenSubject, subject == 0, p.own
		}
		f.Unrecorded = subject&tokenSubject != 0
		c.body = newQuota(l, c, name, f)
	case policy.CountRate:
		switch {
		case p.local:
			c.body = newLocalRate(l, p)
		default:
			c.body = newRate(l, c, name)
		}
	default:
		if p.local {
			c.body = newLocalSlots(l, p)
		} else {
			c.body = newSlots(l, c, name)
		}
	}
	return c
}

func counterSuffix(by policy.By, subject uint64) string {
	if by == policy.ByOrganization {
		return ""
	}
	return "." + by.String()[:1] + strconv.FormatUint(subject, 36)
}

// familyName is the stable name of a policy's counters: where it stands, its
// type and place, and whose requests share a counter. Numbers are in base 36.
func familyName(s *policy.CounterSpec, local bool) string {
	n := "g" + strconv.FormatUint(s.Scope.GatewayNum, 36)
	if s.Scope.RouteNum != 0 {
		n += ".r" + strconv.FormatUint(s.Scope.RouteNum, 36)
	}
	n += "." + s.Name + strconv.Itoa(s.Scope.Index) + "." + s.By.String()[:1]
	if local {
		n += "l"
	}
	return n
}

// Bounds of what a limit may say.
const (
	maxLimit = policy.MaxQuota
	maxSlots = policy.MaxConcurrency
)

func checkSpec(s *policy.CounterSpec) error {
	if s.By < policy.ByOrganization || s.By > policy.ByIP {
		return fmt.Errorf("limit: by is not set")
	}
	switch s.Kind {
	case policy.CountQuota:
		if s.Limit < 1 || s.Limit > maxLimit {
			return fmt.Errorf("a quota's limit is 1 to %d", int64(maxLimit))
		}
		return checkPeriod(s.Period)
	case policy.CountRate:
		return CheckRate(s.Rate)
	case policy.CountConcurrency:
		if s.Limit < 1 || s.Limit > maxSlots {
			return fmt.Errorf("a concurrency limit is 1 to %d", maxSlots)
		}
		return nil
	}
	return fmt.Errorf("limit: kind is not set")
}

// forgetter is a body that can be dropped when nobody used it for long. What quotas
// hold lives as long as their period.
type forgetter interface{ unneeded(now int64) bool }

// forgetAfter is how long a counter is kept without use.
const forgetAfter = 10 * time.Minute

// sweep drops counters that nobody used for long.
func (l *Limits) sweep(now int64) {
	l.eachKin(func(k *kin) {
		for subject, c := range k.many {
			if q, ok := c.body.(*quota); ok {
				q.rest(now)
			}
			if b, ok := c.body.(forgetter); ok && subject != 0 && b.unneeded(now) {
				c.gone.Store(true)
				delete(k.many, subject)
			}
		}
	})
	l.ledger.Sweep()
}

// eachBody calls f for every shared counter there is.
func (l *Limits) eachBody(f func(body)) {
	l.eachKin(func(k *kin) {
		for _, c := range k.many {
			f(c.body)
		}
	})
}

// eachKin calls f for every kin with its lock held.
func (l *Limits) eachKin(f func(*kin)) {
	l.mu.Lock()
	kins := make([]*kin, 0, len(l.families))
	for _, k := range l.families {
		kins = append(kins, k)
	}
	l.mu.Unlock()
	for _, k := range kins {
		k.mu.Lock()
		f(k)
		k.mu.Unlock()
	}
}
