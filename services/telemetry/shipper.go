package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/otlp"
	"github.com/tollgate/tollgate/services/core"
)

// Timing and bounds of shipping.
const (
	shipEvery  = time.Second     // looks for destinations that are due
	shipClaim  = 2 * time.Minute // longer than a turn takes
	shipAtOnce = 8               // destinations served side by side
	turn       = 40 * time.Second
	batchSize  = 1000
	// rest is between two turns of a destination that goes well. settle is how long a
	// record's transaction may take: of two the one with the lower ids may become
	// visible last, so what was newest so long ago is the end of what is sent.
	rest   = 2 * time.Second
	settle = 3 * time.Second
	idle   = time.Minute // between two looks at one that is off
	// maxBehind is how many records wait for a destination; the oldest go first.
	maxBehind = 100_000
	// A batch that is refused as such is skipped after so many tries.
	badTries    = 4
	firstPause  = 5 * time.Second
	longPause   = 10 * time.Minute
	metricsStep = time.Minute
)

// Shipper serves the destinations of all organizations. Several may run.
type Shipper struct {
	Service *Service
	Figures Figures
	Logger  *slog.Logger
	// Done is told of each destination's turn, when it began and what went wrong with
	// our own stores; nil: nobody is.
	Done func(began time.Time, err error)

	sent, dropped, failed atomic.Uint64
}

// ShipperStats are totals of this process.
type ShipperStats struct{ Sent, Dropped, Failed uint64 }

// Stats returns the totals.
func (p *Shipper) Stats() ShipperStats {
	return ShipperStats{p.sent.Load(), p.dropped.Load(), p.failed.Load()}
}

// Run serves what is due until ctx ends.
func (p *Shipper) Run(ctx context.Context) error {
	tick := time.NewTicker(shipEvery)
	defer tick.Stop()
	defer p.Service.client.CloseIdleConnections()
	failing := false
	for {
		err := p.Ship(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			p.Logger.Warn("telemetry can't be shipped now", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Ship serves what is due now, once.
func (p *Shipper) Ship(ctx context.Context) error {
	now := p.Service.clock()
	due, err := p.Service.store.ClaimDue(ctx, now, now.Add(shipClaim), shipAtOnce)
	if err != nil {
		return err
	}
	errs := make([]error, len(due))
	var all sync.WaitGroup
	for i := range due {
		all.Go(func() {
			at := time.Now()
			errs[i] = p.one(ctx, &due[i])
			if p.Done != nil && ctx.Err() == nil {
				p.Done(at, errs[i])
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// one takes a destination's turn and writes what came of it. Only errors of our own
// stores are returned.
func (p *Shipper) one(ctx context.Context, d *Destination) error {
	before, s := d.State, p.Service
	pause := rest
	ctx, cancel := context.WithTimeout(ctx, turn)
	defer cancel()
	err := p.follow(ctx, d)
	var refused *otlp.Error
	switch {
	case errors.As(err, &refused):
		pause = p.note(d, refused)
	case err != nil:
		return fmt.Errorf("destination %s: %w", d.ID, err)
	case !d.Spec.On():
		pause = idle
	}
	p.sent.Add(uint64(d.State.Sent - before.Sent))
	p.dropped.Add(uint64(d.State.Dropped - before.Dropped))
	return s.store.SaveState(context.WithoutCancel(ctx), d.ID, &d.State, s.clock().Add(pause))
}

// note notes a failure and says how long the destination is left alone.
func (p *Shipper) note(d *Destination, e *otlp.Error) time.Duration {
	st := &d.State
	p.failed.Add(1)
	st.LastFailure = p.Service.clock()
	if st.Failures++; st.FailingSince.IsZero() {
		st.FailingSince = st.LastFailure
	}
	st.Error, st.StatusCode = told(e)
	return max(min(longPause, firstPause<<min(st.Failures-1, 10)), e.After)
}

// follow sends what there is: an *otlp.Error is the destination's.
func (p *Shipper) follow(ctx context.Context, d *Destination) error {
	s, st := p.Service, &d.State
	newest, err := s.store.Newest(ctx, d.Organization)
	if err != nil {
		return err
	}
	now := s.clock()
	if !d.Spec.On() || st.Position < 0 {
		st.Position, st.Horizon, st.HorizonAt = newest, newest, now
		if !d.Spec.On() {
			return nil
		}
	}
	gateways, err := s.store.Gateways(ctx, d.Organization)
	if err != nil {
		return err
	}
	if d.Spec.Sends(SignalMetrics) && now.Sub(st.MetricsAt) >= metricsStep {
		if err := p.metrics(ctx, d, gateways, now); err != nil {
			return err
		}
	}
	if d.Spec.Sends(SignalLogs) || d.Spec.Sends(SignalTraces) {
		if err := p.records(ctx, d, gateways); err != nil {
			return err
		}
	} else {
		st.Position = st.Horizon
	}
	if now.Sub(st.HorizonAt) >= settle {
		st.Horizon, st.HorizonAt = max(st.Horizon, newest), now
	}
	return nil
}

// records sends records up to the horizon.
func (p *Shipper) records(ctx context.Context, d *Destination, gateways []Gateway) error {
	s, st := p.Service, &d.State
	if st.Horizon-st.Position > maxBehind {
		bound, skipped, err := s.store.Skip(ctx, d.Organization, st.Position, st.Horizon, maxBehind)
		if err != nil {
			return err
		}
		if bound > st.Position {
			st.Position, st.Dropped = bound, st.Dropped+skipped
		}
	}
	names := map[uint64]string{}
	for i := range gateways {
		if gateways[i].named(d.Spec.Gateways) {
			names[gateways[i].Num] = gateways[i].Name
		}
	}
	began := s.clock()
	for st.Position < st.Horizon && s.clock().Sub(began) < turn/2 {
		list, err := s.store.Records(ctx, d.Organization, st.Position, st.Horizon, batchSize)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			st.Position = st.Horizon
			return nil
		}
		if err := p.send(ctx, d, list, names); err != nil {
			return err
		}
		st.Position = list[len(list)-1].ID
	}
	return nil
}

// send sends a batch. One that the receiver refuses as such, however often, is
// skipped: what follows must not wait for ever.
func (p *Shipper) send(ctx context.Context, d *Destination, list []Record, names map[uint64]string) error {
	st := &d.State
	b := &batch{id: fmt.Sprintf("%s-%d-%d", d.ID, list[0].ID, list[len(list)-1].ID), records: list, name: names}
	n, err := p.Service.send(ctx, d, b)
	var e *otlp.Error
	if errors.As(err, &e) {
		if bad := e.Status == 400 || e.Status == 413 || e.Status == 422; bad && st.Failures+1 >= badTries {
			st.Position, st.Dropped = list[len(list)-1].ID, st.Dropped+int64(len(list))
		}
		return err
	}
	if err != nil {
		return err
	}
	if n > 0 {
		p.succeeded(st)
		st.Sent += int64(n)
	}
	return nil
}

func (p *Shipper) succeeded(st *State) {
	st.LastSuccess, st.Failures, st.FailingSince = p.Service.clock(), 0, time.Time{}
}

// metrics sends the day's totals.
func (p *Shipper) metrics(ctx context.Context, d *Destination, gateways []Gateway, now time.Time) error {
	var parts []part
	for _, g := range gateways {
		if !g.named(d.Spec.Gateways) {
			continue
		}
		routes, err := p.Figures.Day(ctx, d.Organization, g, now)
		if core.CodeOf(err) == core.CodeNotFound {
			continue // deleted meanwhile
		}
		if err != nil {
			return err
		}
		parts = append(parts, part{g, routes})
	}
	used, limit, err := p.Figures.Quota(ctx, d.Organization)
	if err != nil {
		return err
	}
	m := pushOf(now, used, parts)
	m.limit = limit
	if err := p.Service.sendMetrics(ctx, d, m); err != nil {
		return err
	}
	d.State.MetricsAt = now
	p.succeeded(&d.State)
	return nil
}
