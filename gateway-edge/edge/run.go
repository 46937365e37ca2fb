package edge

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/collector"
	"github.com/tollgate/tollgate/gateway-edge/internal/listen"
)

// loops are the goroutines of a run: the first that fails ends them all.
type loops struct {
	wg     sync.WaitGroup
	cancel context.CancelFunc

	mu  sync.Mutex
	err error
}

func (l *loops) start(ctx context.Context, name string, run func(context.Context) error) {
	l.wg.Go(func() {
		err := run(ctx)
		if err != nil && ctx.Err() == nil {
			l.mu.Lock()
			l.err = errors.Join(l.err, &loopError{name, err})
			l.mu.Unlock()
			l.cancel()
		}
	})
}

type loopError struct {
	name string
	err  error
}

func (e *loopError) Error() string { return e.name + ": " + e.err.Error() }
func (e *loopError) Unwrap() error { return e.err }

// Run serves until ctx ends or another edge has taken this one's place, then
// drains. It returns when everything has ended and is closed; the edge can't be run
// again.
func (e *Edge) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	// Reads that block for news can't be interrupted otherwise.
	defer context.AfterFunc(work, func() { _ = e.blocking.Close() })()
	l := &loops{cancel: cancel}
	l.start(work, "meter", e.meter.Run)
	l.start(work, "limits", e.limits.Run)
	l.start(work, "log", e.log.Run)
	l.start(work, "connections", e.pools.Run)
	l.start(work, "health checks", e.health.Run)
	l.start(work, "engine", e.engine.Run)
	l.start(work, "overload", e.shed.Run)
	l.start(work, "collector", collector.Run)
	l.start(work, "keys", e.keys.Run)
	l.start(work, "kept values", e.kept.Run)
	l.start(work, "response cache", e.cache.Run)
	l.start(work, "configuration", e.sync.Load().Run)
	l.start(work, "readiness", e.watchReady)
	l.start(work, "edges", e.countEdges)
	l.start(work, "tickets", e.rotateTickets)
	l.start(work, "edge domain certificate", e.wildcard.run)
	for _, x := range e.exports() {
		l.start(work, x.name, x.run)
	}
	if e.countries != nil {
		l.start(work, "countries", e.countries.Run)
	}
	err := e.prepare(ctx, work)
	told, hush := context.WithCancel(work) // ends when a successor takes questions and orders
	defer hush()
	if err == nil {
		l.start(told, "explain", e.explain.Run)
		l.start(work, "pushes", e.pusher.Run)
		l.start(told, "orders", e.takeOrders)
		l.start(work, "rest", e.rest)
		l.start(work, "admin", e.admin.Run)
		l.start(work, "listeners", e.server.Run)
		l.start(work, "streams", e.streams.Run)
		err = e.settle(work, l)
	}
	if err == nil {
		e.cfg.Logger.Info("edge serves", "edge", e.id.Edge, "epoch", e.id.Epoch, "addresses", addrs(e.Addrs()), "http3", e.server.HTTP3Addr(), "admin", e.AdminAddr().String())
		select {
		case <-ctx.Done():
			if e.refuseSuccessors(); e.handed.Load() {
				hush()
			}
			e.drain(work)
		case <-e.left:
			hush()
			e.drain(work)
		case <-work.Done():
		}
	} else {
		e.giveUp(err)
	}
	cancel()
	l.wg.Wait()
	e.farewell(context.WithoutCancel(ctx))
	err = errors.Join(err, l.err, e.close())
	e.cfg.Logger.Info("edge has ended", "edge", e.id.Edge, "epoch", e.id.Epoch)
	return err
}

// idleTime is how long a client's connection is idle before a drain closes it; it
// is less where the drain is short.
const idleTime = 5 * time.Second

// drain lets open requests end while no new ones come, then sends what was
// counted.
func (e *Edge) drain(ctx context.Context) {
	handed := e.handed.Load()
	e.orders.rest.end()
	e.draining.Store(true)
	e.cfg.Logger.Info("draining", "timeout", e.cfg.DrainTimeout, "open", e.engine.Open(), "handed_over", handed)
	limit, cancel := context.WithTimeout(ctx, e.cfg.DrainTimeout)
	defer cancel()
	e.engine.Closing()
	how := listen.Leaving{Handed: handed, Idle: min(idleTime, e.cfg.DrainTimeout/2)}
	var rest sync.WaitGroup
	if handed {
		rest.Go(func() { e.admin.Leave(limit) })
	} else {
		e.notify("STOPPING=1")
		_ = e.sync.Load().SendReport(limit) // the control plane may be away
		sleep(limit, e.cfg.drainDelay())
		if e.cfg.DrainDelay < 0 {
			how.Idle = 0 // nobody has to be waited for
		}
	}
	e.limits.Leave()
	rest.Go(func() {
		if err := e.streams.Drain(limit, handed); err != nil {
			e.cfg.Logger.Warn("drain timeout is over, open streams are cut off", "open", e.streams.Open())
		}
	})
	if err := e.server.Drain(limit, how); err != nil {
		e.cfg.Logger.Warn("drain timeout is over, open requests are cut off", "open", e.engine.Open())
	}
	rest.Wait()
	if !e.behind.wait(limit) {
		e.cfg.Logger.Warn("drain timeout is over, what goes on behind requests is cut off")
	}
	if e.cfg.confirmTimeout() < 0 {
		return // the meter's end sends what there is
	}
	flush, cancel := context.WithTimeout(ctx, e.cfg.confirmTimeout())
	defer cancel()
	if err := e.meter.Flush(flush); err != nil {
		e.cfg.Logger.Warn("usage is not confirmed yet; it stays on disk and is sent at the next start", "error", err)
	}
}

// farewell sends the last report, so that nobody waits for this edge. Where another
// process has taken its place, that one reports.
func (e *Edge) farewell(ctx context.Context) {
	e.draining.Store(true)
	if e.sync.Load().Up() {
		_ = e.sync.Load().SendReport(ctx)
	}
}

func addrs(as []net.Addr) (out []string) {
	for _, a := range as {
		out = append(out, a.String())
	}
	return out
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// watchReady closes Ready once a whole configuration is served.
func (e *Edge) watchReady(ctx context.Context) error {
	for ctx.Err() == nil {
		if e.readiness() == nil {
			e.once.Do(func() { close(e.ready) })
			return nil
		}
		sleep(ctx, 10*time.Millisecond)
	}
	return nil
}
