package edge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/handover"
)

// prepareTime bounds how long a successor takes until it could serve.
const prepareTime = 90 * time.Second

func (e *Edge) facts() handover.Facts {
	f := handover.Facts{Version: e.cfg.Version, PID: os.Getpid(), Edge: e.cfg.EdgeID}
	if e.id != nil {
		f.Edge, f.Epoch = e.id.Edge, e.id.Epoch
	}
	return f
}

// askPredecessor asks the edge that runs on the data directory to hand over.
func (e *Edge) askPredecessor(ctx context.Context) (err error) {
	if !e.cfg.TakeOver {
		return nil
	}
	if e.request, err = handover.Ask(ctx, e.cfg.DataDir, e.facts()); err != nil || e.request == nil {
		return err
	}
	e.onClose(func() error { e.request.Close(); return nil })
	p := e.request.Predecessor
	e.cfg.Logger.Info("taking over", "edge", p.Edge, "epoch", p.Epoch, "version", p.Version, "pid", p.PID)
	return nil
}

// giveUp tells the predecessor, if there is one, why it has to go on.
func (e *Edge) giveUp(why error) {
	if e.request != nil {
		e.request.GiveUp(why)
	}
}

// inherited are the sockets of the predecessor; nil: there is none.
func (e *Edge) inherited() *handover.Sockets {
	if e.request == nil {
		return nil
	}
	return e.request.Sockets
}

// prepare returns when this edge may accept: at once where there is no predecessor,
// else when all that the control plane has is in force here and the predecessor
// has fallen silent. An error leaves everything to the predecessor.
func (e *Edge) prepare(ctx, work context.Context) error {
	if e.request == nil {
		return nil
	}
	limit, cancel := context.WithTimeout(ctx, prepareTime)
	defer cancel()
	for !e.sync.Load().Current() || e.limits.Away() {
		select {
		case <-limit.Done():
			return fmt.Errorf("take over: not up to date with the control plane after %v; the edge that runs goes on", prepareTime)
		case <-work.Done():
			return errors.New("take over: this edge ended before it was ready")
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := e.request.Ready(); err != nil {
		return err
	}
	if err := e.id.Settle(); err != nil {
		return err
	}
	e.sync.Load().Mute(false)
	return nil
}

// settle makes this edge the one that whoever has to do with it finds: its
// predecessor, the next successor, the service manager.
func (e *Edge) settle(work context.Context, l *loops) error {
	if e.request != nil {
		if err := e.request.Serving(); err != nil {
			return err
		}
	}
	l.start(work, "predecessors", e.outlive)
	e.welcome(work, l)
	// Only now: whoever reads the process id may signal it.
	if err := e.writePID(); err != nil {
		e.cfg.Logger.Warn("the process id can't be written", "error", err)
	}
	e.notify("MAINPID=" + strconv.Itoa(os.Getpid()) + "\nREADY=1")
	return nil
}

// welcome lets successors come, if they may.
func (e *Edge) welcome(work context.Context, l *loops) {
	if !e.cfg.Upgrades {
		return
	}
	var err error
	e.offers, err = handover.Listen(handover.Config{
		Dir: e.cfg.DataDir, Me: e.facts(), Offer: e.offer, Logger: e.cfg.Logger,
		Pause:  func() { e.sync.Load().Mute(true) },
		Resume: e.resume,
		Failed: func(error) { e.failed.Add(1) },
	})
	if err != nil {
		e.cfg.Logger.Warn("this edge can't be replaced without a pause", "error", err)
		return
	}
	l.start(work, "hand-over", e.handOver)
	if len(e.cfg.Successor) > 0 {
		signals := upgradeSignals()
		l.start(work, "successors", func(ctx context.Context) error { return e.startSuccessors(ctx, signals) })
	}
}

// resume goes on after a successor that was ready did not take over.
func (e *Edge) resume() {
	if err := e.id.Reclaim(); err != nil {
		e.cfg.Logger.Error("the next start may go on from what a successor copied that did not take over", "error", err)
	}
	e.sync.Load().Mute(false)
}

// handOver waits for a successor.
func (e *Edge) handOver(ctx context.Context) error {
	switch err := e.offers.Run(ctx); {
	case errors.Is(err, handover.ErrStopped):
		return nil
	case err != nil:
		return err
	}
	e.handed.Store(true)
	close(e.left)
	return nil
}

// refuseSuccessors ends handing over, before sockets that a successor may have are
// given up for good. If one has taken over meanwhile, it keeps them.
func (e *Edge) refuseSuccessors() {
	if e.offers != nil && e.offers.Stop() {
		e.handed.Store(true)
	}
}

// offer is what a successor gets.
func (e *Edge) offer() (handover.Offer, error) {
	switch {
	case e.draining.Load():
		return handover.Offer{}, errors.New("it drains")
	case !e.sync.Load().Up() || e.limits.Away():
		return handover.Offer{}, errors.New("its Redis does not answer: a successor would have no leases of quotas; try again when it does")
	}
	all := append(e.server.Sockets(), e.streams.Sockets()...)
	if c, ok := e.adminLn.(handover.Conn); ok {
		all = append(all, handover.Socket{Name: handover.Name("tcp", e.cfg.AdminAddr), Conn: c})
	}
	return handover.Offer{Sockets: all, Lock: e.id.Lock()}, nil
}

// outlive looks until predecessors have ended, and removes what was theirs alone.
func (e *Edge) outlive(ctx context.Context) error {
	for ctx.Err() == nil && !e.id.Tidy() {
		sleep(ctx, time.Second)
	}
	return nil
}

// pidFile has the id of the process that serves, for whoever signals it.
const pidFile = "edge.pid"

func (e *Edge) writePID() error {
	path := filepath.Join(e.cfg.DataDir, pidFile)
	if err := os.WriteFile(path+".new", []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
