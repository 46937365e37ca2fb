package keystore

import (
	"context"
	"encoding/binary"
	"slices"
	"time"
	"weak"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Run bounds memory until ctx ends: keys not used lately leave the table, and
// blocks of such keys the slab, when either is full. It also tries a source that is
// down.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.tend(ctx)
		}
	}
}

// tend is what Run does each second: it bounds memory, and looks whether a source
// that was down is back.
func (s *Store) tend(ctx context.Context) {
	if s.active.Load() > int64(s.cfg.MaxActive) {
		s.sweepTable()
	}
	if s.slab.full() {
		s.sweepSlab()
	}
	s.forgetParked()
	if s.cfg.Source.Down() {
		// While it is, keys are accepted unconfirmed, so that requests for keys that
		// are known would never find out that it is back.
		_, _, _ = s.cfg.Source.Get(ctx, 0)
	}
}

// sweepTable evicts keys that were not used since the last sweep until the bound
// holds. Their principals are remembered weakly: a tunnel may still hold one, and
// a revocation must reach it.
func (s *Store) sweepTable() {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		if t := sh.table.Load(); t != nil {
			for j := range t.slots {
				a := t.slots[j].Load()
				if a == nil || a == removed || a.used.Swap(false) {
					continue
				}
				if a.principal != nil {
					sh.parked[a.kid] = append(a.older, weak.Make(a.principal))
				}
				t.remove(a.kid)
				s.active.Add(-1)
			}
		}
		sh.mu.Unlock()
		if s.active.Load() <= int64(s.cfg.MaxActive) {
			return
		}
	}
}

func (s *Store) forgetParked() {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for kid, ws := range sh.parked {
			ws = slices.DeleteFunc(ws, func(w weak.Pointer[policy.Principal]) bool { return w.Value() == nil })
			if len(ws) == 0 {
				delete(sh.parked, kid)
			} else {
				sh.parked[kid] = ws
			}
		}
		sh.mu.Unlock()
	}
}

// sweepSlab frees the blocks of keys not in use, chunk by chunk, until there is
// room again or it went round once. They can be read from Redis again.
func (s *Store) sweepSlab() {
	n := len(*s.slab.chunks.Load())
	for range n {
		if !s.slab.full() {
			return
		}
		refs, kids := s.slab.blocks(s.hand % n)
		s.hand++
		for i, kid := range kids {
			sh := s.shard(kid)
			sh.mu.Lock()
			if r, slot, ok := sh.index.find(s.slab, kid); ok && r == refs[i] && sh.table.Load().get(kid) == nil {
				sh.index.remove(slot)
				s.slab.drop(r)
			}
			sh.mu.Unlock()
		}
	}
}

func blockUnits(s *slab, r ref) uint16 { return binary.LittleEndian.Uint16(s.at(r)[2:]) }

// Stats are figures for metrics.
type Stats struct {
	Keys, Active, Tombstones int
	Bytes                    int64
	Epoch                    uint32
	Fills, Tampered          uint64
	// MemoryOnly says why new records do not outlive the process; empty: they do.
	MemoryOnly string
}

// Stats counts what is there.
func (s *Store) Stats() Stats {
	st := Stats{Active: int(s.active.Load()), Epoch: s.epoch.Load(), Fills: s.fills.Load(), Tampered: s.tampered.Load()}
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		st.Keys += sh.index.n
		st.Tombstones += len(sh.tombs)
		sh.mu.Unlock()
	}
	s.slab.mu.Lock()
	defer s.slab.mu.Unlock()
	st.Bytes = s.slab.used
	if s.slab.broken != nil {
		st.MemoryOnly = s.slab.broken.Error()
	}
	return st
}
