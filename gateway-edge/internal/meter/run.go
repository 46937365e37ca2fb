package meter

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Timing of the loops.
const (
	clockEvery   = 50 * time.Millisecond
	journalEvery = 100 * time.Millisecond
	houseEvery   = 5 * time.Second
	// shutAfter is how long after its hour a file still takes late records.
	shutAfter = 2 * time.Minute
	// keepHours is how long acknowledged files are kept: a database restored
	// from a backup gets them again.
	keepHours = 48
	// unmapAfter is the least time that the process must have been running
	// since a file ended before it is unmapped: a machine that slept for two
	// days wakes up with requests that hold its records.
	unmapAfter = 10 * time.Minute
	// lastShip bounds what Run does after its context ended.
	lastShip = 3 * time.Second
)

func (m *Meter) run(ctx context.Context) error {
	var loops sync.WaitGroup
	loops.Go(func() { every(ctx, clockEvery, m.tick) })
	loops.Go(func() { every(ctx, journalEvery, m.save) })
	loops.Go(func() { every(ctx, houseEvery, m.house) })
	loops.Go(func() { m.shipLoop(ctx) })
	loops.Wait()

	m.save()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastShip)
	defer cancel()
	if err := m.ship(last, contract.SealedAll); err != nil && !errors.Is(err, errNoRedis) {
		m.cfg.Logger.Warn("meter: the last counts are on disk, but not shipped", "error", err)
	}
	return nil
}

func every(ctx context.Context, d time.Duration, f func()) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			f()
		}
	}
}

// tick sets the present hour. A clock that is set back by less than two hours
// does not reopen an hour: counts stay in the later one until it catches up.
func (m *Meter) tick() {
	now, have := hourOf(m.cfg.Wall()), m.hour.Load()
	switch {
	case now > have:
		m.hour.Store(now)
	case have-now >= 2:
		m.cfg.Logger.Error("meter: the clock was set back", "hours", have-now)
		m.hour.Store(now)
	}
}

// shipLoop ships every second with jitter, and slower while Redis fails.
func (m *Meter) shipLoop(ctx context.Context) {
	if m.cfg.Redis == nil {
		return
	}
	pause := shipEvery
	for {
		t := time.NewTimer(pause*9/10 + rand.N(pause/5))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		err := m.shipAll(ctx, m.sealedHour())
		if err == nil {
			pause = shipEvery
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if pause == shipEvery {
			m.cfg.Logger.Warn("meter: usage can't be shipped; it is kept", "error", err)
		}
		pause = min(2*pause, 8*shipEvery)
	}
}

// shipAll ships this epoch and the former ones.
func (m *Meter) shipAll(ctx context.Context, sealed uint32) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := m.ship(ctx, sealed)
	if err == nil {
		err = m.shipFormer(ctx)
	}
	if err != nil {
		m.mu.Lock()
		m.errors.ship++
		m.mu.Unlock()
	}
	return err
}

func (m *Meter) flush(ctx context.Context) error {
	for {
		err := m.shipAll(ctx, m.sealedHour())
		if errors.Is(err, errNoRedis) {
			return err
		}
		if s := m.Stats(); err == nil && s.Unacked == 0 && s.Old == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// save writes what moved to the journals.
func (m *Meter) save() {
	m.saving.Lock()
	defer m.saving.Unlock()
	m.mu.Lock()
	m.harvest()
	files := m.files()
	m.mu.Unlock()
	for _, f := range files {
		if err := m.saveFile(f); err != nil {
			m.troubled(err)
			return
		}
	}
	m.troubled(nil)
}

func (m *Meter) saveFile(f *file) error {
	m.mu.Lock()
	if f.path == "" || f.mem == nil || !f.ended.IsZero() || f.unsaved.empty() {
		m.mu.Unlock()
		return nil
	}
	set := append(bitmap(nil), f.unsaved...)
	clear(f.unsaved)
	m.mu.Unlock()
	var err error
	if f.journal == nil {
		f.journal, err = openJournal(f)
	}
	if err == nil {
		err = f.journal.save(f, set)
	}
	if err != nil {
		m.mu.Lock()
		for i := range set {
			f.unsaved[i] |= set[i]
		}
		m.mu.Unlock()
	}
	return err
}

// troubled notes whether the journal can be written.
func (m *Meter) troubled(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		m.failing = ""
		return
	}
	m.errors.journal++
	if m.failing == "" {
		m.cfg.Logger.Error("meter: journal can't be written; a power failure could lose more", "error", err)
	}
	m.failing = err.Error()
}

// house makes spares, ends the files of former hours and deletes those that
// nobody needs.
func (m *Meter) house() {
	m.counters.prepare()
	m.routes.prepare()
	m.splits.prepare()
	if err := m.search(); err != nil {
		m.cfg.Logger.Error("meter: former epochs", "error", err)
	}
	now := m.cfg.Wall()
	housePool(m, m.counters, now)
	housePool(m, m.routes, now)
	housePool(m, m.splits, now)
	m.houseFormers(hourOf(now))
}

func housePool[K comparable](m *Meter, p *pool[K], now time.Time) {
	for _, f := range p.list() {
		m.mu.Lock()
		ended, acked := f.ended, f.acked
		m.mu.Unlock()
		switch {
		case ended.IsZero():
			if hourOf(now.Add(-shutAfter)) > f.hour && m.hour.Load() > f.hour && p.end(f) {
				m.endFile(f)
			}
		case acked && f.last+keepHours < hourOf(now) && time.Since(ended) > unmapAfter:
			p.forget(f)
			m.mu.Lock()
			err := f.remove()
			m.mu.Unlock()
			if err != nil {
				m.cfg.Logger.Warn("meter: old counter file", "error", err)
			}
		}
	}
}

// endFile syncs a file that takes no more records, after which its journal is
// not needed. A failure leaves both for the next round.
func (m *Meter) endFile(f *file) {
	m.saving.Lock()
	defer m.saving.Unlock()
	if err := f.close(); err != nil {
		m.troubled(err)
		return
	}
	if f.journal != nil {
		f.journal.discard()
		f.journal = nil
	}
	m.mu.Lock()
	f.ended = time.Now()
	m.mu.Unlock()
}
