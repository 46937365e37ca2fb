package meter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

// Timing of shipping.
const (
	shipEvery = time.Second
	// window is how many batches may wait for their acknowledgement: with the
	// worker or the database away, the stream does not grow with every second.
	window = 32
	// stallMin to stallMax is how long an acknowledgement is waited for before
	// everything unacknowledged is sent again, doubled each time.
	stallMin = 8 * time.Second
	stallMax = 5 * time.Minute
	// seqJump separates the batches that a former epoch's files are shipped in
	// from those that its process may have sent and not recorded.
	seqJump = 1 << 20
	// streamLen caps a usage stream, roughly: what is cut off is sent again.
	streamLen = 50_000
)

// Bounds of one batch; contract's are higher.
const (
	batchCounters = 2048
	batchRoutes   = 256
	batchSplits   = 1024
)

// stream is one epoch's way to the database: the numbers of its batches and how
// far they were acknowledged.
type stream struct {
	edge        string
	epoch       uint64
	incarnation [16]byte

	seq      uint64 // of the last batch
	acked    uint64
	sealed   uint32    // last sent
	progress time.Time // of the last acknowledgement, or when something began to wait
	stall    time.Duration
	// again: a batch may be lost; the next ones must hold everything.
	again bool
	// forged: the last acknowledgement read was none, and this was logged.
	forged bool
}

// ack takes an acknowledgement. One beyond what was sent is another process's
// with this very identity (a copied disk): it says nothing of what was sent from
// here. The numbers jump over it, and the caller must send all again.
func (s *stream) ack(seq uint64, now time.Time) (foreign bool) {
	switch {
	case seq > s.seq:
		s.seq, s.acked, s.again = seq, seq, true
		return true
	case seq > s.acked:
		s.acked, s.progress, s.stall = seq, now, stallMin
	}
	return false
}

// waiting is the number of batches without acknowledgement.
func (s *stream) waiting() uint64 { return s.seq - s.acked }

// full says whether everything unacknowledged has to be sent now, and held
// whether nothing may be.
func (s *stream) plan(now time.Time) (full, held bool) {
	if s.again {
		return true, false
	}
	if s.waiting() == 0 {
		return false, false
	}
	if now.Sub(s.progress) >= s.stall {
		return true, false
	}
	return false, s.waiting() >= window
}

// sentNow records that n batches went out.
func (s *stream) sentNow(full bool, now time.Time) {
	if full {
		s.again = false
		s.stall = min(max(2*s.stall, stallMin), stallMax)
		s.progress = now
	}
}

// number gives batches their numbers. The seal stands in the last one only: it
// holds once all before it have arrived.
func (s *stream) number(batches []contract.Batch, full bool, sealed uint32, now time.Time) {
	if s.waiting() == 0 {
		s.progress, s.stall = now, max(s.stall, stallMin)
	}
	for i := range batches {
		b := &batches[i]
		s.seq++
		b.Edge, b.Epoch, b.Incarnation, b.Seq, b.Sealed = s.edge, s.epoch, s.incarnation, s.seq, s.sealed
		b.Complete = full && i == 0
	}
	if n := len(batches); n > 0 {
		batches[n-1].Sealed = sealed
	}
}

var errNoRedis = errors.New("meter: no Redis configured")

// post puts batches into the usage stream, in order. After an error any of them
// may or may not be there.
func (m *Meter) post(ctx context.Context, edge string, batches []contract.Batch) error {
	if m.cfg.Redis == nil {
		return errNoRedis
	}
	pipe := m.cfg.Redis.Pipeline()
	for i := range batches {
		p, err := batches[i].Encode(m.cfg.Keys)
		if err != nil {
			return fmt.Errorf("meter: encode batch: %w", err)
		}
		pipe.XAdd(ctx, &redis.XAddArgs{
			Stream: contract.RedisUsage(contract.UsageStream(edge)), MaxLen: streamLen, Approx: true,
			Values: []any{contract.BatchField, p},
		})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("meter: ship: %w", err)
	}
	return nil
}

// readAck reads how far the database has an epoch; 0 when nobody says. What was
// not signed for this very epoch counts for nothing: the counters are sent again
// until they are acknowledged.
func (m *Meter) readAck(ctx context.Context, s *stream) (uint64, error) {
	if m.cfg.Redis == nil {
		return 0, errNoRedis
	}
	field := contract.AckField(s.incarnation)
	b, err := m.cfg.Redis.HGet(ctx, contract.RedisUsageAck(s.edge, s.epoch), field).Bytes()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("meter: read acknowledgement: %w", err)
	}
	var a contract.UsageAck
	err = contract.DecodeMessage(m.cfg.Keys, contract.MessageAck, b, &a)
	if err != nil || a.Edge != s.edge || a.Epoch != s.epoch || a.Incarnation != field {
		if !s.forged {
			m.cfg.Logger.Error("meter: an acknowledgement was tampered with", "edge", s.edge, "epoch", s.epoch)
		}
		s.forged = true
		return 0, nil
	}
	s.forged = false
	return a.Seq, nil
}
