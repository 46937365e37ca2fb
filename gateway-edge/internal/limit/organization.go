package limit

import (
	"strconv"
	"sync/atomic"

	"github.com/tollgate/tollgate/gateway-edge/internal/limit/ledger"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Limit is one limit of an organization or of a usage plan.
type Limit struct {
	Family policy.Family
	Kind   policy.CounterKind
	Name   string // rate, quota, quota_day or concurrency
	Soft   bool   // never refuses
}

// Organization is a tenant's own limits: those of its subscription, over all its
// gateways. It outlives versions of its document.
type Organization struct {
	l      *Limits
	num    uint64
	limits [2]atomic.Pointer[[]Limit] // of live and of test gateways
}

// Organization returns the limits of an organization and brings them to the
// document's version.
func (l *Limits) Organization(doc *contract.Organization) *Organization {
	l.mu.Lock()
	o := l.orgs[doc.Num]
	if o == nil {
		o = &Organization{l: l, num: doc.Num}
		l.orgs[doc.Num] = o
	}
	l.mu.Unlock()
	o.Update(doc)
	return o
}

// Update goes over to another version of the document. Counters stay: what was
// used of a period stays used.
func (o *Organization) Update(doc *contract.Organization) {
	for i := range o.limits {
		list := o.build(doc, i == 1)
		o.limits[i].Store(&list)
	}
}

// Limits returns the limits that hold for live or for test gateways, in the order
// they are taken. Test gateways have counters of their own, so that tests never
// use up what is paid for; they are never billed, so there is no overage.
func (o *Organization) Limits(test bool) []Limit {
	i := 0
	if test {
		i = 1
	}
	if p := o.limits[i].Load(); p != nil {
		return *p
	}
	return nil
}

func (o *Organization) build(doc *contract.Organization, test bool) []Limit {
	base := "o" + strconv.FormatUint(o.num, 36)
	if test {
		base += "t"
	}
	var out []Limit
	add := func(suffix, name string, p plan) {
		p.name, p.by, p.local = base+suffix, policy.ByOrganization, !o.l.shared
		p.filter = ledger.Filter{Organization: o.num, Live: !test, Unrecorded: test}
		out = append(out, Limit{Family: o.l.family(&p), Kind: p.kind, Name: name, Soft: p.soft})
	}
	if doc.Rate != nil && CheckRate(*doc.Rate) == nil {
		add(".r", "rate", plan{kind: policy.CountRate, rate: bucketOf(*doc.Rate)})
	}
	if n := doc.RequestsPerDay; n > 0 {
		add(".d", "quota_day", plan{kind: policy.CountQuota, limit: min(n, maxLimit), length: contract.PeriodDay})
	}
	if n := doc.RequestsPerPeriod; n > 0 && doc.PeriodEnd > doc.PeriodStart {
		add(".m", "quota", plan{
			kind: policy.CountQuota, limit: min(n, maxLimit), soft: doc.Overage && !test,
			fixed: fixedPeriod(doc.PeriodStart, doc.PeriodEnd),
		})
	}
	if n := doc.Concurrency; n > 0 {
		add(".c", "concurrency", plan{kind: policy.CountConcurrency, limit: min(int64(n), maxSlots)})
	}
	return out
}

// Plan makes the limits of a usage plan of a gateway: by consumer, over all
// edges.
func (l *Limits) Plan(s policy.Scope, u *contract.UsagePlan) ([]Limit, error) {
	return l.limitsOf(s, &contract.KeyLimits{RateLimit: u.RateLimit, Quota: u.Quota, Concurrency: u.Concurrency}, func(p *plan, suffix string) {
		p.name, p.by = contract.PlanCounters(s.GatewayNum, u.Num, suffix), policy.ByConsumer
	})
}

// Key makes the limits of one key of a gateway, which stand in for its usage
// plan's of the same kinds: by key, over all edges.
func (l *Limits) Key(s policy.Scope, k *contract.KeyLimits) ([]Limit, error) {
	return l.limitsOf(s, k, func(p *plan, suffix string) {
		p.name, p.by, p.own = contract.KeyCounters(s.GatewayNum, suffix), policy.ByKey, true
	})
}

// limitsOf makes the families of rate, quota and concurrency, in this order; name
// says where they belong.
func (l *Limits) limitsOf(s policy.Scope, k *contract.KeyLimits, name func(p *plan, suffix string)) ([]Limit, error) {
	var out []Limit
	add := func(suffix, title string, p plan) {
		name(&p, suffix)
		p.local = !l.shared
		p.filter = ledger.Filter{Organization: s.OrganizationNum, Gateway: s.GatewayNum}
		out = append(out, Limit{Family: l.family(&p), Kind: p.kind, Name: title})
	}
	if k.RateLimit != nil {
		if err := CheckRate(*k.RateLimit); err != nil {
			return nil, err
		}
		add(contract.CounterRate, "rate", plan{kind: policy.CountRate, rate: bucketOf(*k.RateLimit)})
	}
	if q := k.Quota; q != nil {
		if err := checkSpec(&policy.CounterSpec{Kind: policy.CountQuota, By: policy.ByConsumer, Limit: q.Limit, Period: q.Period}); err != nil {
			return nil, err
		}
		add(contract.CounterQuota, "quota", plan{kind: policy.CountQuota, limit: q.Limit, length: q.Period})
	}
	if n := k.Concurrency; n > 0 {
		add(contract.CounterConcurrency, "concurrency", plan{kind: policy.CountConcurrency, limit: min(int64(n), maxSlots)})
	}
	return out, nil
}
