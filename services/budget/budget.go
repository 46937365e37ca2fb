package budget

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Subject is a key or consumer of a gateway.
type Subject struct {
	Gateway  uint64 // numeric
	Consumer uint64 // 0: none
	// Key is the kid that the key's own limits are counted under; 0: the subject
	// is the consumer itself.
	Key    uint64
	Plan   *contract.UsagePlan // in force for the subject; nil: none
	Limits contract.KeyLimits  // the key's own
}

// Names of budgets.
const (
	Rate        = "rate"
	Quota       = "quota"
	Concurrency = "concurrency"
)

// Where a limit comes from.
const (
	FromKey  = "key"
	FromPlan = "usage_plan"
)

// Source says where Used and Remaining come from.
type Source string

// Sources.
const (
	Live    Source = "live"    // the edges' own budgets
	Ledger  Source = "ledger"  // recorded usage
	Unknown Source = "unknown" // neither
)

// Budget is one limit and what is left of it.
type Budget struct {
	Name  string // Rate, Quota, Concurrency
	From  string
	By    string // key or consumer: whose requests are counted together
	Limit int64
	// Window is second, minute, hour, day, week or month; empty for concurrency.
	Window string
	Burst  int64 // of a rate
	// Used and Remaining are nil where they are not known.
	Used, Remaining *int64
	ResetsAt        time.Time // of a quota
	Source          Source
}

// Counter names one counter in Redis.
type Counter struct {
	Name   string
	Quota  bool            // else a small rate
	Period contract.Period // of a quota
}

// State is what Redis knows of one counter.
type State struct {
	// Known is false where only the ledger can tell: the counter's shard was
	// emptied and not filled again.
	Known bool
	Used  int64     // of a quota
	Full  time.Time // of a small rate: when its bucket is full again
}

// Reader reads counters, all in one round trip.
type Reader interface {
	Counters(ctx context.Context, counters []Counter) ([]State, error)
}

// Query asks the ledger for what was admitted since a quota's period began.
type Query struct {
	Gateway  uint64
	Consumer uint64 // 0: any
	Key      uint64 // and those it was rotated to; 0: any
	Period   contract.Period
}

// Records is the ledger.
type Records interface {
	Spent(ctx context.Context, queries []Query) ([]int64, error)
}

// Config is what New needs; all but Clock are required.
type Config struct {
	Live    Reader
	Records Records
	Clock   core.Clock
	Logger  *slog.Logger
}

// Service answers. It is safe for concurrent use.
type Service struct{ c Config }

// New makes the service.
func New(c Config) (*Service, error) {
	if c.Live == nil || c.Records == nil || c.Logger == nil {
		return nil, errors.New("budgets: Live, Records and Logger are required")
	}
	if c.Clock == nil {
		c.Clock = core.SystemClock
	}
	return &Service{c}, nil
}

// livePatience bounds what a page waits for Redis before the ledger is asked.
const livePatience = 300 * time.Millisecond

// Of returns the budgets of many subjects, beside them.
func (s *Service) Of(ctx context.Context, subjects []Subject) ([][]Budget, error) {
	w := &work{now: s.c.Clock()}
	for i := range subjects {
		w.list(&subjects[i])
	}
	w.live(s.read(ctx, w.counters))
	queries := w.unanswered()
	if len(queries) > 0 {
		spent, err := s.c.Records.Spent(ctx, queries)
		if err != nil {
			return nil, err
		}
		w.recorded(spent)
	}
	return w.out, nil
}

// read asks Redis; nil where it does not answer in time.
func (s *Service) read(ctx context.Context, counters []Counter) []State {
	if len(counters) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, livePatience)
	defer cancel()
	states, err := s.c.Live.Counters(ctx, counters)
	if err != nil {
		s.c.Logger.Warn("budgets can't be read; recorded usage is shown in their place", "error", err)
		return nil
	}
	return states
}

// work is one call of Of.
type work struct {
	now      time.Time
	out      [][]Budget
	counters []Counter
	places   []place // beside counters
	queries  []int   // places that the ledger is asked for
}

// place is a budget that is counted somewhere.
type place struct {
	subject, budget int
	query           Query
}

// list adds a subject's budgets, without what is left.
func (w *work) list(s *Subject) {
	w.out = append(w.out, []Budget{})
	var plan contract.KeyLimits
	if s.Plan != nil {
		plan = contract.KeyLimits{RateLimit: s.Plan.RateLimit, Quota: s.Plan.Quota, Concurrency: s.Plan.Concurrency}
	}
	if r := s.Limits.RateLimit; r != nil {
		w.rate(s, r, FromKey)
	} else if plan.RateLimit != nil {
		w.rate(s, plan.RateLimit, FromPlan)
	}
	if q := s.Limits.Quota; q != nil {
		w.quota(s, q, FromKey)
	} else if plan.Quota != nil {
		w.quota(s, plan.Quota, FromPlan)
	}
	if n := s.Limits.Concurrency; n > 0 {
		w.add(Budget{Name: Concurrency, From: FromKey, Limit: int64(n), Source: Unknown})
	} else if plan.Concurrency > 0 {
		w.add(Budget{Name: Concurrency, From: FromPlan, Limit: int64(plan.Concurrency), Source: Unknown})
	}
}

func (w *work) add(b Budget) {
	b.By = "consumer"
	if b.From == FromKey {
		b.By = "key"
	}
	last := len(w.out) - 1
	w.out[last] = append(w.out[last], b)
}

// count makes the budget that was added last one that is counted under a name.
func (w *work) count(s *Subject, suffix string, c Counter) {
	last := len(w.out) - 1
	p := place{subject: last, budget: len(w.out[last]) - 1, query: Query{Gateway: s.Gateway, Period: c.Period}}
	if w.out[last][p.budget].From == FromKey {
		p.query.Key = s.Key
		c.Name = contract.KeyCounter(contract.KeyCounters(s.Gateway, suffix), s.Key)
	} else {
		p.query.Consumer = s.Consumer
		c.Name = contract.ConsumerCounter(contract.PlanCounters(s.Gateway, s.Plan.Num, suffix), s.Consumer)
	}
	w.counters, w.places = append(w.counters, c), append(w.places, p)
}

func (w *work) quota(s *Subject, q *contract.Quota, from string) {
	per := contract.CalendarPeriod(q.Period, w.now)
	w.add(Budget{Name: Quota, From: from, Limit: q.Limit, Window: q.Period, ResetsAt: time.Unix(per.End, 0).UTC(), Source: Unknown})
	w.count(s, contract.CounterQuota, Counter{Quota: true, Period: per})
}

func (w *work) rate(s *Subject, r *contract.Rate, from string) {
	window := r.Per
	if window == "" {
		window = "second"
	}
	w.add(Budget{Name: Rate, From: from, Limit: r.Rate, Window: window, Burst: burst(r), Source: Unknown})
	if perSecond(r) < contract.SharedRate || burst(r) < contract.SharedBurst {
		w.count(s, contract.CounterRate, Counter{})
	}
}

func perSecond(r *contract.Rate) float64 {
	switch r.Per {
	case "minute":
		return float64(r.Rate) / 60
	case "hour":
		return float64(r.Rate) / 3600
	}
	return float64(r.Rate)
}

// burst is a rate's burst with its default: one second's worth, at least 1.
func burst(r *contract.Rate) int64 {
	if r.Burst > 0 {
		return r.Burst
	}
	return max(1, int64(math.Ceil(perSecond(r))))
}

// live fills in what Redis said.
func (w *work) live(states []State) {
	for i, p := range w.places {
		b := &w.out[p.subject][p.budget]
		switch {
		case states == nil || !states[i].Known:
			if b.Name == Quota {
				w.queries = append(w.queries, i)
			}
		case b.Name == Quota:
			b.spend(states[i].Used, Live)
		default:
			b.bucket(states[i].Full, w.now)
		}
	}
}

func (w *work) unanswered() []Query {
	out := make([]Query, len(w.queries))
	for i, n := range w.queries {
		out[i] = w.places[n].query
	}
	return out
}

func (w *work) recorded(spent []int64) {
	for i, n := range w.queries {
		p := w.places[n]
		w.out[p.subject][p.budget].spend(spent[i], Ledger)
	}
}

// spend sets what is used of a quota.
func (b *Budget) spend(used int64, from Source) {
	used = max(0, used)
	b.Used, b.Remaining, b.Source = &used, new(max(0, b.Limit-used)), from
}

// bucket sets what is left of a token bucket that is full again at a time.
func (b *Budget) bucket(full, now time.Time) {
	interval := 1 / perSecond(&contract.Rate{Rate: b.Limit, Per: b.Window})
	missing := int64(math.Ceil(max(0, full.Sub(now).Seconds())/interval - 1e-6))
	used := min(b.Burst, max(0, missing))
	b.Used, b.Remaining, b.Source = &used, new(b.Burst-used), Live
}
