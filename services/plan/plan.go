package plan

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Plan is one subscription plan. A limit of zero means that there is none.
type Plan struct {
	// Name is stable: organizations and invoices refer to it.
	Name string `json:"name"`
	// Num is the plan's stable number, which stands in every usage counter.
	Num   uint32 `json:"num"`
	Title string `json:"title"`
	// IncludedRequests are the billable requests of a month that the price covers.
	IncludedRequests  int64 `json:"included_requests,omitempty"`
	RequestsPerSecond int64 `json:"requests_per_second,omitempty"`
	Burst             int64 `json:"burst,omitempty"`
	Concurrency       int   `json:"concurrency,omitempty"` // requests at once
	Gateways          int   `json:"gateways,omitempty"`
	Consumers         int   `json:"consumers,omitempty"` // of one gateway
	Keys              int   `json:"keys,omitempty"`      // active ones, of the organization
	MaxBodyBytes      int64 `json:"max_body_bytes,omitempty"`
	// LogRetention is how long access logs are kept.
	LogRetention contract.Duration `json:"log_retention"`
	Currency     string            `json:"currency"`    // ISO 4217, lower case
	PriceCents   int64             `json:"price_cents"` // of a month
	// SelfServe: owners may choose the plan; without it only operators give it.
	// A plan that says nothing can be chosen.
	SelfServe *bool `json:"self_serve,omitempty"`
	// Overage prices what goes beyond the included requests. Without it the plan
	// has a hard cap.
	Overage *Overage `json:"overage,omitempty"`
}

// Overage is what each further package of requests costs.
type Overage struct {
	Requests   int64 `json:"requests"`
	PriceCents int64 `json:"price_cents"`
}

// Limits are the parts of the plan that bound what may be configured.
func (p *Plan) Limits() core.Limits {
	l := core.Limits{
		Plan: p.Name, Gateways: p.Gateways, Consumers: p.Consumers, Keys: p.Keys,
		RequestsPerSecond: p.RequestsPerSecond, Burst: p.Burst, Concurrency: p.Concurrency, RequestsPerPeriod: p.IncludedRequests,
	}
	if p.Overage != nil {
		l.RequestsPerPeriod = 0
	}
	return l
}

// Apply writes the plan's limits into what edges are told of an organization.
func (p *Plan) Apply(doc *contract.Organization) {
	doc.Plan, doc.PlanNum = p.Name, p.Num
	doc.RequestsPerPeriod = p.IncludedRequests
	doc.Overage = p.Overage != nil
	doc.Concurrency = p.Concurrency
	doc.MaxBodyBytes = p.MaxBodyBytes
	doc.Rate = nil
	if p.RequestsPerSecond > 0 {
		doc.Rate = &contract.Rate{Rate: p.RequestsPerSecond, Per: "second", Burst: max(p.Burst, 1)}
	}
}

// check adds what is wrong with the plan under a JSON pointer.
func (p *Plan) check(at string, errs *contract.FieldErrors) {
	if err := core.CheckName(p.Name); err != nil {
		errs.Add(at+"/name", err.Error())
	}
	if p.Num == 0 {
		errs.Add(at+"/num", "must be a number from 1 that no other plan has or had")
	}
	for _, n := range []struct {
		field string
		value int64
	}{
		{"included_requests", p.IncludedRequests},
		{"requests_per_second", p.RequestsPerSecond},
		{"burst", p.Burst},
		{"concurrency", int64(p.Concurrency)},
		{"gateways", int64(p.Gateways)},
		{"consumers", int64(p.Consumers)},
		{"keys", int64(p.Keys)},
		{"max_body_bytes", p.MaxBodyBytes},
		{"price_cents", p.PriceCents},
	} {
		if n.value < 0 {
			errs.Add(at+"/"+n.field, "must not be negative")
		}
	}
	if p.LogRetention.Std() <= 0 {
		errs.Add(at+"/log_retention", "must be longer than nothing, such as \"24h\"")
	}
	switch n := places(p.Currency); {
	case len(p.Currency) != 3 || strings.Trim(p.Currency, "abcdefghijklmnopqrstuvwxyz") != "":
		errs.Add(at+"/currency", "must be a currency code of three lower-case letters, such as \"usd\"")
	case n != "":
		errs.Add(at+"/currency", fmt.Sprintf("must be a currency with two decimal places: %q has %s, and prices are in hundredths", p.Currency, n))
	}
	switch o := p.Overage; {
	case o == nil:
	case o.Requests <= 0 || o.PriceCents < 0:
		errs.Add(at+"/overage", "needs requests above 0 and a price that is not negative")
	case !o.exact():
		errs.Add(at+"/overage", "must give a price of one request that is exact in 12 decimal places of a cent, such as 50 cents for 100000 requests")
	}
}

// places says how many decimal places a currency has that has not two, by ISO 4217 or
// at payment providers; empty: it has two. A price of 100 in such a currency would be a
// hundred of it, or a tenth, where people are shown one.
func places(currency string) string {
	switch currency {
	case "bif", "clp", "djf", "gnf", "isk", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "uyi", "vnd", "vuv", "xaf", "xof", "xpf":
		return "none"
	case "bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd":
		return "three"
	case "clf", "uyw":
		return "four"
	}
	return ""
}

// exact says whether the price of one request has at most 12 decimal places,
// which is what payment providers take.
func (o *Overage) exact() bool {
	scaled := new(big.Int).Mul(big.NewInt(o.PriceCents), big.NewInt(1_000_000_000_000))
	return scaled.Mod(scaled, big.NewInt(o.Requests)).Sign() == 0
}
