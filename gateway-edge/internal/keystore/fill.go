package keystore

import (
	"context"
	"sync/atomic"

	"github.com/tollgate/tollgate/services/contract"
)

// outcome of a fill.
type outcome uint8

const (
	unavailable outcome = iota
	filled              // what is known of the key is in the table, and confirmed
	unknown             // the key does not exist
	abandoned           // whoever was to read it went away before
)

// call is one read under way; done is closed when out is set.
type call struct {
	done chan struct{}
	out  outcome
}

// fill reads a key's record and installs it. Many callers for one kid share a
// read. It returns when the record is in force, or why it is not.
func (s *Store) fill(ctx context.Context, kid uint64) outcome {
	sh := s.shard(kid)
	for {
		sh.mu.Lock()
		c, joined := sh.calls[kid]
		if !joined {
			c = &call{done: make(chan struct{})}
			sh.calls[kid] = c
		}
		sh.mu.Unlock()
		if !joined {
			return s.own(ctx, sh, kid, c)
		}
		select {
		case <-c.done:
			if c.out != abandoned {
				return c.out
			}
		case <-ctx.Done():
			return unavailable
		}
	}
}

// own does the read that others may have joined.
func (s *Store) own(ctx context.Context, sh *shard, kid uint64, c *call) outcome {
	defer func() {
		sh.mu.Lock()
		delete(sh.calls, kid)
		sh.mu.Unlock()
		close(c.done)
	}()
	select {
	case s.fetching <- struct{}{}:
		defer func() { <-s.fetching }()
	case <-ctx.Done():
		c.out = abandoned
		return unavailable
	}
	// The others wait for this read: it must not end with one client's patience.
	c.out = s.read(context.WithoutCancel(ctx), sh, kid)
	return c.out
}

// fillTries bounds how often a fill that a notice overtook is begun again.
const fillTries = 5

// read reads until no notice about the kid's bucket came in between.
func (s *Store) read(ctx context.Context, sh *shard, kid uint64) outcome {
	for range fillTries {
		f := s.begin(kid)
		record, seeded, err := s.cfg.Source.Get(ctx, kid)
		if err != nil {
			return unavailable
		}
		if out, done := s.finish(sh, f, record, seeded); done {
			return out
		}
	}
	return unavailable
}

// fillState is what a fill noted before it read.
type fillState struct {
	kid   uint64
	inv   uint64
	epoch uint32
}

func (s *Store) begin(kid uint64) fillState {
	s.fills.Add(1)
	return fillState{kid, s.inv[kid%invBuckets].Load(), s.epoch.Load()}
}

// finish installs what was read, unless a notice overtook it: then done is false
// and nothing that was read may be used.
func (s *Store) finish(sh *shard, f fillState, record []byte, seeded string) (out outcome, done bool) {
	var r *contract.KeyRecord
	if record != nil {
		var err error
		if r, err = contract.DecodeKeyRecord(s.cfg.Keys, record); err != nil || r.KID != f.kid {
			s.tampered.Add(1)
			s.cfg.Logger.Error("config_tamper: key record in Redis is not the control plane's", "kid", contract.FormatKID(f.kid))
			return unavailable, true
		}
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s.inv[f.kid%invBuckets].Load() != f.inv {
		return 0, false
	}
	if r == nil {
		return s.absent(sh, f, seeded), true
	}
	if r.Version < s.floor(sh, f.kid) {
		return s.behind(sh, f), true
	}
	s.install(sh, r, record, f.epoch)
	s.activate(sh, r, f.epoch)
	return filled, true
}

// absent judges a kid that Redis has no record of. The shard is locked.
func (s *Store) absent(sh *shard, f fillState, seeded string) outcome {
	switch {
	case seeded == "":
		return unavailable // the shard is not filled: nothing is known
	case s.known(sh, f.kid):
		// Keys are never removed, only revoked: absence of a key that was seen
		// says that Redis lost it, not that it is gone.
		s.confirm(sh, f)
		return filled
	case sh.tombs[f.kid] != 0:
		return unavailable
	}
	s.negative.add(f.kid, s.cfg.Now())
	return unknown
}

// behind judges a record older than the one known: a replica that was promoted
// before it had all. What is known stays in force. The shard is locked.
func (s *Store) behind(sh *shard, f fillState) outcome {
	if !s.known(sh, f.kid) {
		return unavailable
	}
	s.confirm(sh, f)
	return filled
}

func (s *Store) known(sh *shard, kid uint64) bool {
	if sh.table.Load().get(kid) != nil {
		return true
	}
	_, _, ok := sh.index.find(s.slab, kid)
	return ok
}

// confirm notes that what is known is the best there is. The shard is locked.
func (s *Store) confirm(sh *shard, f fillState) {
	if a := sh.table.Load().get(f.kid); a != nil {
		a.confirmed.Store(f.epoch)
	}
	if b, _, ok := sh.index.find(s.slab, f.kid); ok {
		atomic.StoreUint32(s.slab.confirmed(b), f.epoch)
	}
}
