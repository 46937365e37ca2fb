package billing

import (
	"slices"
	"time"
)

// Plan is what billing must know of a subscription plan.
type Plan struct {
	Name             string
	Title            string
	Num              uint32 // as usage counters carry it
	Currency         string // ISO 4217, lower case
	PriceCents       int64  // of a month
	IncludedRequests int64  // of a month
	// Overage prices what goes beyond the included requests; without it (both are
	// zero) they are a hard cap.
	OverageRequests   int64
	OveragePriceCents int64
	// SelfServe: owners may choose it themselves.
	SelfServe bool
}

// Metered says that requests beyond the included ones are billed.
func (p *Plan) Metered() bool { return p.OverageRequests > 0 }

// Paid says that the plan costs something: usage on another one is never billed.
func (p *Plan) Paid() bool { return p.PriceCents > 0 || p.Metered() }

// Dunning is how long a debtor is served.
type Dunning struct {
	Grace        time.Duration // full service
	SuspendAfter time.Duration // until then included requests only
}

// Plans are all subscription plans. They never change while a process runs.
type Plans struct {
	list    []Plan
	byName  map[string]*Plan
	def     string
	dunning Dunning
}

// NewPlans takes plans in the operator's order; def is the name of the one that
// new organizations get and that a cancelled one falls back to.
func NewPlans(list []Plan, def string, d Dunning) *Plans {
	out := &Plans{list: slices.Clone(list), byName: map[string]*Plan{}, def: def, dunning: d}
	for i := range out.list {
		out.byName[out.list[i].Name] = &out.list[i]
	}
	return out
}

// List returns all plans in the operator's order.
func (p *Plans) List() []Plan { return slices.Clone(p.list) }

// Default is the name of the plan without payment.
func (p *Plans) Default() string { return p.def }

// Get returns the plan with a name. The operator may have taken it out of the
// file while organizations still have it.
func (p *Plans) Get(name string) (Plan, bool) {
	if found := p.byName[name]; found != nil {
		return *found, true
	}
	return Plan{}, false
}

// Served is the plan by whose limits an organization is served that has the plan with a
// name: one that is not in the file any more has the default one's.
func (p *Plans) Served(name string) Plan {
	if found, ok := p.Get(name); ok {
		return found
	}
	found, _ := p.Get(p.def)
	return found
}

// Dunning is how long a debtor is served.
func (p *Plans) Dunning() Dunning { return p.dunning }
