package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate/tollgate/gateway-edge/otlp"
	"github.com/tollgate/tollgate/services/acme"
	"github.com/tollgate/tollgate/services/alert"
	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/contract/settings"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/redisbus"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/publish"
	"github.com/tollgate/tollgate/services/release"
	"github.com/tollgate/tollgate/services/telemetry"
	"github.com/tollgate/tollgate/services/usage"
	"github.com/tollgate/tollgate/services/webhook"
)

// WorkerConfig is what a worker needs beside its App.
type WorkerConfig struct {
	Addr  string        // of health and metrics; empty: none
	Drain time.Duration // how long the loops may take to end
	Built string        // the program's version: documents are compiled anew under another one
	// Telemetry is where the operator has metrics and traces sent; nil: nowhere.
	Telemetry *otlp.Operator
}

// WorkerSettings are the settings that WorkerFromSettings reads beside Settings.
var WorkerSettings = []string{settings.WorkerAddr, settings.DrainTimeout, settings.LogFormat}

// WorkerFromSettings makes a WorkerConfig of what the operator set.
func WorkerFromSettings(v *settings.Values) (WorkerConfig, error) {
	drain, err := v.Duration(settings.DrainTimeout)
	to, terr := otlp.FromEnv(v.Environment, "tollgate-worker")
	if err := errors.Join(err, terr); err != nil {
		return WorkerConfig{}, err
	}
	return WorkerConfig{Addr: v.String(settings.WorkerAddr), Drain: drain, Telemetry: to}, nil
}

// Worker runs the control plane's loops. Several may run at once: one leads the
// publishing, and they share the usage streams.
type Worker struct {
	app       *App
	config    WorkerConfig
	log       *slog.Logger
	publisher *publish.Publisher
	usage     *redisbus.UsageReader
	// certificates is nil where there is no ACME authority.
	certificates *acme.Worker
	shipper      *telemetry.Shipper
	jobs         *jobs
	broken       *prometheus.GaugeVec // invariants of billing
	checked      time.Time            // when all of the ledger was held against them
	wrong        map[string]int64     // and what was wrong then
	loops        []loop
	registry     *prometheus.Registry
	listener     net.Listener
	ready        chan struct{}
	draining     atomic.Bool
	waiting      atomic.Pointer[billing.Waiting]
}

// loop is something that runs until its context ends.
type loop struct {
	name string
	run  func(context.Context) error
}

// NewWorker makes a worker and opens its listener.
func NewWorker(a *App, c WorkerConfig) (*Worker, error) {
	w := &Worker{app: a, config: c, log: a.Config.Logger, ready: make(chan struct{})}
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	name := core.NewID(host)
	edge := &a.Config.Root.Edge
	built, err := a.built(c.Built)
	if err != nil {
		return nil, err
	}
	w.publisher, err = publish.New(publish.Options{
		Store: store.Publisher{DB: a.db}, Bus: redisbus.NewWriter(a.redis, edge), Organizations: a.Tenants, Keys: a.Config.Root,
		EdgeDomain: a.Config.EdgeDomain, Holder: name, Logger: w.log, Clock: a.Config.Clock, Changed: a.db.Changed(), Built: built,
	})
	if err != nil {
		return nil, err
	}
	w.usage = &redisbus.UsageReader{Redis: a.redis, Keys: edge, Ledger: a.ledger, Consumer: name, Logger: w.log}
	w.registry = prometheus.NewRegistry()
	var traces *otlp.Exporter
	if o := c.Telemetry; o != nil {
		o.Resource["service.version"], o.Resource["service.instance.id"] = c.Built, name
		traces = otlp.NewExporter(o.Client, o.Resource, w.log)
		push := otlp.Pusher{Client: o.Client, Resource: o.Resource, From: w.registry, Every: o.Every, Logger: w.log}
		w.loops = append(w.loops, loop{"traces", traces.Run}, loop{"metrics", push.Run})
	}
	w.jobs = newJobs(w.registry, c.Telemetry, traces)
	noted := func(job string) func(time.Time, error) {
		return func(began time.Time, err error) { w.jobs.done(job, began, err) }
	}
	w.shipper = &telemetry.Shipper{Service: a.Telemetry, Figures: telemetryFigures{a, store.AlertFigures{Usage: a.ledger}}, Logger: w.log, Done: noted(jobTelemetry)}
	w.loops = append(w.loops, []loop{
		{"publisher", w.publisher.Run},
		{"usage", w.usage.Run},
		{"logs", (&redisbus.LogReader{Redis: a.redis, Keys: edge, Store: a.ledger, Consumer: name, Logger: w.log}).Run},
		{"retention", (&usage.Keeper{Ledger: a.ledger, Logs: a.ledger, Retention: a.retention(), Clock: a.Config.Clock, Logger: w.log}).Run},
		{"budgets", (&redisbus.Budgets{Redis: a.redis, Ledger: a.ledger, Reports: redisbus.NewReports(a.redis, edge), Logger: w.log}).Run},
		{"alerts", (&alert.Evaluator{Service: a.Alerts, Figures: figures{a, store.AlertFigures{Usage: a.ledger}}, Logger: w.log, Done: noted(jobAlert)}).Run},
		{"releases", (&release.Runner{Gateways: releases{a.Gateways}, Figures: releaseFigures{a.Usage}, Clock: a.Config.Clock, Logger: w.log}).Run},
		{"notices", alert.NewSender(a.Alerts, letters{a.Tenants}, w.log).Run},
		{"telemetry", w.shipper.Run},
		{"webhooks", (&webhook.Sender{Service: a.Webhooks, Holder: name, Logger: w.log, Done: noted(jobWebhook)}).Run},
		{"endings", w.every(endingsEvery, w.jobs.of(jobEndings, w.endings))},
		{"domains", w.every(domainsEvery, w.jobs.of(jobDomains, a.Gateways.RecheckDomains))},
		{"periods", w.every(time.Second, w.jobs.of(jobPeriods, w.periods))},
		{"deletions", w.every(time.Second, w.jobs.of(jobDeletions, w.clearDeleted))},
		{"housekeeping", w.every(time.Minute, w.jobs.of(jobHousekeeping, w.housekeeping))},
	}...)
	w.loops = slices.Concat(w.loops, w.billingLoops(), w.payerLoops())
	certificates, err := a.certificates(name)
	if err != nil {
		return nil, err
	}
	if w.certificates = certificates; certificates != nil {
		w.loops = append(w.loops, loop{"certificates", certificates.Run})
	}
	w.metrics()
	if c.Addr != "" {
		if w.listener, err = net.Listen("tcp", c.Addr); err != nil {
			return nil, fmt.Errorf("listen for health and metrics: %w", err)
		}
	}
	return w, nil
}

// built names what documents are made by beside the rows: the program and the
// subscription plans, whose limits stand in organizations' documents.
func (a *App) built(program string) (string, error) {
	plans, err := json.Marshal(a.Plans.List())
	if err != nil {
		return "", fmt.Errorf("encode plans: %w", err)
	}
	digest := sha256.Sum256(plans)
	return program + " plans " + hex.EncodeToString(digest[:8]), nil
}

// retention is how long each plan keeps access logs.
func (a *App) retention() usage.Retention {
	out := usage.Retention{}
	for _, p := range a.Plans.List() {
		out[p.Name] = p.LogRetention.Std()
	}
	return out
}

// endingsEvery is how often it is looked for what ends within days.
const endingsEvery = 5 * time.Minute

// domainsEvery is how often it is looked for domains whose record is due.
const domainsEvery = 2 * time.Second

// Ready is closed when the worker has reached the database and Redis, and edges
// can be granted budgets: before, a quota that Redis does not know answers 503.
func (w *Worker) Ready() <-chan struct{} { return w.ready }

// Run runs the loops until ctx ends, then waits for them, at most Drain long. A
// loop that fails for good ends the worker with its error.
func (w *Worker) Run(ctx context.Context) error {
	server := w.serve()
	defer server()
	loops, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	for _, l := range append(w.loops, loop{"readiness", w.becomeReady}) {
		all.Go(func() {
			if err := l.run(loops); err != nil && loops.Err() == nil {
				stop(fmt.Errorf("%s: %w", l.name, err))
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		all.Wait()
	}()
	<-loops.Done()
	w.draining.Store(true)
	drain := w.config.Drain
	if drain == 0 {
		drain = 30 * time.Second
	}
	t := time.NewTimer(drain)
	defer t.Stop()
	select {
	case <-ended:
	case <-t.C:
		return fmt.Errorf("the loops did not end within %s", drain)
	}
	if err := context.Cause(loops); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// becomeReady closes Ready when both stores answer and budgets were seeded.
func (w *Worker) becomeReady(ctx context.Context) error {
	for ctx.Err() == nil {
		if w.app.Ready(ctx) == nil {
			if ok, err := redisbus.BudgetsSeeded(ctx, w.app.redis); ok && err == nil {
				close(w.ready)
				return nil
			}
		}
		sleep(ctx, 50*time.Millisecond)
	}
	return nil
}

// every makes a loop that does something at an interval. Failures are logged
// once a series and tried again.
func (w *Worker) every(interval time.Duration, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		failing := false
		for ctx.Err() == nil {
			err := do(ctx)
			if err != nil && ctx.Err() == nil && !failing {
				w.log.Warn("a periodic task fails and is tried again", "error", err)
			}
			failing = err != nil
			sleep(ctx, interval)
		}
		return nil
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// periods begins the billing periods that are due.
func (w *Worker) periods(ctx context.Context) error {
	_, err := w.app.Tenants.RollPeriods(ctx)
	return err
}

// endings tells webhooks what ends soon.
func (w *Worker) endings(ctx context.Context) error {
	return w.app.Webhooks.TellEndings(core.WithActor(ctx, core.System("worker")), w.app.Gateways)
}

// clearDeleted takes the gateways of deleted organizations away. The edges refuse
// them already; what dies on the way is done again.
func (w *Worker) clearDeleted(ctx context.Context) error {
	all, err := w.app.Tenants.DeletedOrganizations(ctx)
	if err != nil {
		return err
	}
	for i := range all {
		if err := w.clear(ctx, all[i].ID); err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) clear(ctx context.Context, org core.OrganizationID) error {
	for {
		left, err := w.app.Gateways.List(ctx, org, core.Page{Limit: core.MaxPage})
		if err != nil {
			return err
		}
		if len(left.Items) == 0 {
			return w.app.Tenants.ClearedOrganization(ctx, org)
		}
		for i := range left.Items {
			err := w.app.Gateways.Delete(ctx, org, left.Items[i].ID, core.IfMatch{})
			if err != nil && core.CodeOf(err) != core.CodeNotFound { // by another worker
				return err
			}
		}
	}
}

// housekeeping deletes what is past its time.
func (w *Worker) housekeeping(ctx context.Context) error {
	_, err := w.app.Audits.Purge(ctx)
	return errors.Join(w.app.Tenants.Purge(ctx), w.app.Developers.Purge(ctx), err)
}

// serve answers health and metrics until the returned function is called.
func (w *Worker) serve() (stop func()) {
	if w.listener == nil {
		return func() {}
	}
	s := &http.Server{Handler: w.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	var served sync.WaitGroup
	served.Go(func() {
		if err := s.Serve(w.listener); !errors.Is(err, http.ErrServerClosed) {
			w.log.Error("health and metrics are no longer served", "error", err)
		}
	})
	return func() {
		if err := s.Close(); err != nil {
			w.log.Debug("close health listener", "error", err)
		}
		served.Wait()
	}
}
