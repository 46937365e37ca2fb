package confsync

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

const (
	reportEvery   = time.Second
	reportTimeout = 500 * time.Millisecond
	// reportGather is how long changes are gathered into one report.
	reportGather = 3 * time.Millisecond
)

// reportLoop tells the control plane what is in force here: each second, and right
// after each change.
func (s *Syncer) reportLoop(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	failed := false
	for {
		err := s.SendReport(ctx)
		if err != nil && !failed && ctx.Err() == nil {
			s.cfg.Logger.Warn("report can't be sent", "error", err)
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.changed:
			sleep(ctx, reportGather)
		}
	}
}

// SendReport writes the edge's report once; nothing while it is muted.
func (s *Syncer) SendReport(ctx context.Context) error {
	if s.muted.Load() {
		return nil
	}
	r := s.report()
	b, err := contract.EncodeMessage(s.cfg.Keys, contract.MessageReport, &r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	return s.cfg.Redis.HSet(ctx, contract.RedisEdges, r.ID, b).Err()
}

func (s *Syncer) report() contract.EdgeReport {
	r := s.cfg.Report()
	r.Schema = contract.SchemaVersion
	s.mu.Lock()
	r.Lineage = s.lineage
	r.Rev, _ = s.tracker.state() // of that lineage
	r.Applied = s.tracker.recent()
	s.mu.Unlock()
	r.Time = s.cfg.Wall()
	r.Ready = s.ready.Load() && !r.Draining
	r.Failed = s.cfg.Snapshot.Failed()
	return r
}
