package billing

import (
	"context"
	"errors"
	"testing"
	"time"
)

// noUses are stores that nobody asks.
type noUses struct {
	UseStore
	AllowanceStore
	InvariantStore
}

// piles is a store with so many notes and hours to be closed.
type piles struct {
	HourStore
	notes, hours int
	err          error
}

func (p *piles) Fold(_ context.Context, limit int, _ map[string]uint32) (int, error) {
	n := min(limit, p.notes)
	p.notes -= n
	return n, p.err
}

func (p *piles) Seal(_ context.Context, _ time.Time, limit int) (int, error) {
	n := min(limit, p.hours)
	p.hours -= n
	return n, nil
}

func TestFoldGoesOnToTheEnd(t *testing.T) {
	t.Parallel()
	p := &piles{notes: 3*foldNotes + 1, hours: 2 * sealHours}
	l, err := NewLedger(LedgerConfig{Hours: p, Uses: noUses{}, Allowances: noUses{}, Invariants: noUses{}, Plans: NewPlans(nil, "", Dunning{})})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Fold(t.Context()); err != nil || p.notes != 0 || p.hours != 0 {
		t.Errorf("%d notes and %d hours are left, %v", p.notes, p.hours, err)
	}
	p.err, p.hours = errors.New("away"), 1
	if err := l.Fold(t.Context()); !errors.Is(err, p.err) || p.hours != 1 {
		t.Errorf("a failing fold says %v", err)
	}
	if _, err := NewLedger(LedgerConfig{}); err == nil {
		t.Error("a ledger without a store was made")
	}
}
