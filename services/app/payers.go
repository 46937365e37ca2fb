package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate/tollgate/services/billing"
)

// How often billing looks for what is due. A look that finds nothing is one query
// of a small index.
const (
	syncEvery    = 500 * time.Millisecond
	dunningEvery = 5 * time.Second
	creditsEvery = 5 * time.Second
	sharesEvery  = 30 * time.Second
	healLook     = time.Minute
	queuesEvery  = 15 * time.Second
)

// payerLoops are the worker's loops of who pays.
func (w *Worker) payerLoops() []loop {
	b := w.app.Billing
	w.payerMetrics()
	turn := func(do func(context.Context) (int, error)) func(context.Context) error {
		return func(ctx context.Context) error {
			for {
				if n, err := do(ctx); n == 0 || err != nil {
					return err
				}
			}
		}
	}
	loops := []loop{
		{"billing dunning", w.every(dunningEvery, w.jobs.of(jobDunning, turn(b.Dunning)))},
		{"billing shares", w.every(sharesEvery, w.jobs.of(jobShares, func(ctx context.Context) error {
			_, err := b.Shares(ctx)
			return err
		}))},
		{"billing queues", w.every(queuesEvery, w.lookAtQueues)},
	}
	if !b.Payment() {
		return loops
	}
	return append(
		loops,
		loop{"billing sync", w.every(syncEvery, w.jobs.of(jobSync, turn(b.Sync)))},
		loop{"billing credits", w.every(creditsEvery, w.jobs.of(jobCredits, turn(b.GiveCredits)))},
		loop{"billing heal", w.every(healLook, w.jobs.of(jobHeal, func(ctx context.Context) error {
			_, err := b.Heal(ctx)
			return err
		}))},
	)
}

// payerMetrics registers what happened with the payment provider and what waits
// for it.
func (w *Worker) payerMetrics() {
	b := w.app.Billing
	counter := func(name, help string, value func(*billing.Stats) uint64) {
		w.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "tollgate", Subsystem: "billing", Name: name, Help: help},
			func() float64 { return float64(value(new(b.Stats()))) }))
	}
	counter("customers_synced_total", "Customers fetched from the payment provider.", func(s *billing.Stats) uint64 { return s.Synced })
	counter("customers_changed_total", "Fetched customers of which something had changed.", func(s *billing.Stats) uint64 { return s.Changed })
	counter("customers_failed_total", "Customers that could not be fetched; they are tried again.", func(s *billing.Stats) uint64 { return s.Failed })
	counter("customers_lost_total", "Fetched customers that somebody else had fetched meanwhile.", func(s *billing.Stats) uint64 { return s.Lost })
	counter("healed_total", "Changes that no webhook had told of.", func(s *billing.Stats) uint64 { return s.Healed })
	counter("duplicate_subscriptions_total", "Second subscriptions of a customer that were ended.", func(s *billing.Stats) uint64 { return s.Duplicates })
	counter("alarms_total", "What an operator has to look at; each is an error in the log.", func(s *billing.Stats) uint64 { return s.Alarms })
	counter("credits_given_total", "Credits that the payment provider has taken.", func(s *billing.Stats) uint64 { return s.Credits })
	// Read by a loop, so that a scrape waits for no database.
	gauge := func(name, help string, labels prometheus.Labels, value func(*billing.Waiting) int64) {
		w.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "tollgate", Subsystem: "billing", Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(value(w.waiting.Load())) }))
	}
	w.waiting.Store(&billing.Waiting{})
	const waiting = "What waits for the payment provider."
	gauge("waiting", waiting, prometheus.Labels{"kind": "customers"}, func(q *billing.Waiting) int64 { return q.Customers })
	gauge("waiting", waiting, prometheus.Labels{"kind": "failing"}, func(q *billing.Waiting) int64 { return q.Failing })
	gauge("waiting", waiting, prometheus.Labels{"kind": "credits"}, func(q *billing.Waiting) int64 { return q.Credits })
	gauge("waiting", waiting, prometheus.Labels{"kind": "adjustments"}, func(q *billing.Waiting) int64 { return q.Adjustments })
	gauge("oldest_seconds", "How long the customer that waits longest has waited to be fetched.", nil, func(q *billing.Waiting) int64 { return q.OldestSeconds })
}

// lookAtQueues keeps what the gauges show.
func (w *Worker) lookAtQueues(ctx context.Context) error {
	q, err := w.app.Billing.Queues(ctx)
	if err == nil {
		w.waiting.Store(&q)
	}
	return err
}
