package billing

import (
	"context"
	"errors"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// LedgerConfig is what a Ledger is made of.
type LedgerConfig struct {
	Hours      HourStore
	Uses       UseStore
	Allowances AllowanceStore
	Invariants InvariantStore
	Plans      *Plans
	Clock      core.Clock // nil: the system's
}

// Ledger keeps the hours that were billed, and answers from them.
type Ledger struct {
	hours      HourStore
	uses       UseStore
	allowances AllowanceStore
	wrong      InvariantStore
	plans      *Plans
	nums       map[string]uint32 // of plans
	clock      core.Clock
}

// NewLedger makes a Ledger.
func NewLedger(c LedgerConfig) (*Ledger, error) {
	if c.Hours == nil || c.Uses == nil || c.Allowances == nil || c.Invariants == nil || c.Plans == nil {
		return nil, errors.New("billing: stores and plans are needed")
	}
	if c.Clock == nil {
		c.Clock = core.SystemClock
	}
	nums := map[string]uint32{}
	for _, p := range c.Plans.List() {
		nums[p.Name] = p.Num
	}
	return &Ledger{nums: nums, hours: c.Hours, uses: c.Uses, allowances: c.Allowances, wrong: c.Invariants, plans: c.Plans, clock: c.Clock}, nil
}

// LedgerState is how the ledger stands.
type LedgerState struct {
	// OpenFor is how long the oldest hour that is not closed has ended.
	OpenFor time.Duration
	Parked  int64 // plans of organizations that the provider does not take usage of
	Failing int64 // lines for next invoices that failed at least once
	// Differing are hours of which the provider counts something else than it was
	// told, also after it was told again.
	Differing int64
}

// State reads how the ledger stands now.
func (l *Ledger) State(ctx context.Context) (LedgerState, error) {
	return l.hours.State(ctx, l.clock())
}

// Bounds of one transaction.
const (
	foldNotes = 2000
	sealHours = 1000
)

// Fold brings the ledger to what was counted and closes the hours that are ready.
// The worker calls it every few seconds; what dies on the way is done again.
func (l *Ledger) Fold(ctx context.Context) error {
	for {
		n, err := l.hours.Fold(ctx, foldNotes, l.nums)
		if err != nil {
			return err
		}
		if n < foldNotes {
			break
		}
	}
	for {
		n, err := l.hours.Seal(ctx, l.clock(), sealHours)
		if err != nil || n < sealHours {
			return err
		}
	}
}
