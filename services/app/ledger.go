package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/internal/store"
)

// How often billing's loops look for work.
const (
	ledgerEvery = 2 * time.Second
	postsEvery  = 5 * time.Second
	settleEvery = 30 * time.Second
	checkEvery  = time.Hour
	compareLook = time.Minute
)

// hours makes the ledger of hours.
func (a *App) hours() (err error) {
	hours, uses := store.BillingHours{DB: a.db}, store.BillingUses{DB: a.db}
	a.Hours, err = billing.NewLedger(billing.LedgerConfig{
		Hours: hours, Uses: uses, Allowances: uses, Invariants: hours, Plans: a.billingPlans(), Clock: a.Config.Clock,
	})
	return err
}

// billingLoops are the loops of the ledger of hours and of what follows from it.
func (w *Worker) billingLoops() []loop {
	loops := []loop{
		{"billing ledger", w.every(ledgerEvery, w.jobs.of(jobLedger, w.app.Hours.Fold))},
		{"billing settlements", w.settlements},
		{"billing invariants", w.every(checkEvery, w.jobs.of(jobInvariants, w.checkLedger))},
	}
	if p := w.app.poster; p != nil {
		loops = append(loops, loop{"billing posts", w.every(postsEvery, w.jobs.of(jobPosts, p.Run))})
	}
	if c := w.app.comparer; c != nil {
		loops = append(loops, loop{"billing comparison", w.every(compareLook, w.jobs.of(jobCompare, c.Run))})
	}
	return loops
}

// newPoster tells the payment provider what was used; nil where there is none.
func (a *App) newPoster(plans *billing.Plans) *billing.Poster {
	if a.provider == nil {
		return nil
	}
	return &billing.Poster{
		Store: store.BillingPosts{DB: a.db}, Usage: a.provider, Plans: plans, Clock: a.Config.Clock, Logger: a.Config.Logger,
	}
}

// newComparer holds what the payment provider counts against what it was told; nil
// where there is none, or one that takes usage records, which are not summed by hour.
func (a *App) newComparer(plans *billing.Plans) *billing.Comparer {
	if a.provider == nil || a.Config.Stripe.Records {
		return nil
	}
	return &billing.Comparer{
		Store: store.BillingComparisons{BillingPosts: store.BillingPosts{DB: a.db}}, Hours: store.BillingHours{DB: a.db}, Usage: a.provider,
		Catalogue: a.Billing.Catalogue, Plans: plans, Clock: a.Config.Clock, Logger: a.Config.Logger,
	}
}

// newSettler bills what comes after its invoice.
func (a *App) newSettler(plans *billing.Plans) *billing.Settler {
	s := &billing.Settler{Store: store.BillingSettlements{DB: a.db}, Plans: plans, Clock: a.Config.Clock, Logger: a.Config.Logger}
	if a.provider != nil {
		s.Items = a.provider
	}
	return s
}

// settlements notes what plans cost, and then settles.
func (w *Worker) settlements(ctx context.Context) error {
	begun := false
	return w.every(settleEvery, w.jobs.of(jobSettlements, func(ctx context.Context) error {
		if !begun {
			if err := w.app.settler.Begin(ctx); err != nil {
				return err
			}
			begun = true
		}
		return w.app.settler.Run(ctx)
	}))(ctx)
}

// How far back a look at the ledger goes, and how often the whole of it is looked at:
// it only grows.
const (
	checkBack = 3 * 24 * time.Hour
	checkAll  = 24 * time.Hour
)

// checkLedger asks the cheap invariants of billing: of the last days, and once a day of
// all there is.
func (w *Worker) checkLedger(ctx context.Context) error {
	now, since := w.app.Config.Clock(), int64(0)
	if now.Sub(w.checked) < checkAll {
		since = billing.HourOf(now.Add(-checkBack))
	} else {
		w.checked, w.wrong = now, map[string]int64{}
	}
	found, err := w.app.Hours.Check(ctx, false, since)
	for _, b := range found {
		if since == 0 {
			w.wrong[b.Name] = b.Rows
		}
		w.broken.WithLabelValues(b.Name).Set(float64(max(b.Rows, w.wrong[b.Name])))
		if b.Rows > 0 {
			w.log.Error("billing's books do not agree", "invariant", b.Name, "rows", b.Rows)
		}
	}
	return err
}

// ledgerMetrics registers the figures of the ledger of hours. Those that are read
// from the database are read when they are asked for, and are left out while it is
// away.
func (w *Worker) ledgerMetrics(r *prometheus.Registry) {
	w.broken = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "tollgate", Subsystem: "billing", Name: "broken_invariant_rows", Help: "Rows of billing that break a rule; 0 everywhere unless there is a fault."}, []string{"invariant"})
	r.MustRegister(&ledgerCollector{w.app.Hours}, w.broken)
	counter := func(name, help string, value func() uint64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "tollgate", Subsystem: "billing", Name: name, Help: help},
			func() float64 { return float64(value()) }))
	}
	counter("corrections_total", "Periods of which more had been billed than the ledger has; it was given back.", w.app.settler.Corrections)
	counter("lost_lines_total", "Lines of ours that were gone at the payment provider, and were added again.", w.app.settler.Lost)
	counter("leftover_invoices_total", "Invoices of what was found to be owed after a subscription's last one.", w.app.settler.Bills)
	if p := w.app.poster; p != nil {
		counter("usage_posted_total", "Hourly totals that the payment provider took.", func() uint64 { return p.Stats().Posted })
		counter("usage_post_failures_total", "Calls for hourly totals that failed; they are made again.", func() uint64 { return p.Stats().Failed })
	}
	if c := w.app.comparer; c != nil {
		counter("customers_compared_total", "Customers of which the payment provider's counts were held against what it was told.", func() uint64 { return c.Stats().Looked })
		counter("usage_retold_total", "Hours that were told again, since the payment provider counted something else twice.", func() uint64 { return c.Stats().Retold })
		counter("usage_mended_total", "Hours that the payment provider counts right since they were told again.", func() uint64 { return c.Stats().Mended })
	}
}

var (
	openHourDesc = prometheus.NewDesc("tollgate_billing_oldest_open_hour_seconds", "How long the oldest hour that is not closed has ended; 0: there is none.", nil, nil)
	parkedDesc   = prometheus.NewDesc("tollgate_billing_parked", "Plans of organizations whose usage the payment provider does not take; it is kept.", nil, nil)
	differDesc   = prometheus.NewDesc("tollgate_billing_usage_differs", "Hours of which the payment provider counts something else than it was told, also after it was told again.", nil, nil)
	waitingDesc  = prometheus.NewDesc("tollgate_billing_adjustments_waiting", "Lines for next invoices that failed to be added and are tried again.", nil, nil)
)

// ledgerCollector reads how the ledger of hours stands.
type ledgerCollector struct{ hours *billing.Ledger }

// Describe names the figures.
func (c *ledgerCollector) Describe(to chan<- *prometheus.Desc) {
	to <- openHourDesc
	to <- parkedDesc
	to <- differDesc
	to <- waitingDesc
}

// Collect reads the figures.
func (c *ledgerCollector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readyFor)
	defer cancel()
	state, err := c.hours.State(ctx)
	if err != nil {
		return
	}
	to <- prometheus.MustNewConstMetric(openHourDesc, prometheus.GaugeValue, state.OpenFor.Seconds())
	to <- prometheus.MustNewConstMetric(parkedDesc, prometheus.GaugeValue, float64(state.Parked))
	to <- prometheus.MustNewConstMetric(differDesc, prometheus.GaugeValue, float64(state.Differing))
	to <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(state.Failing))
}
