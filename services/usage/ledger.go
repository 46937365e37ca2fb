package usage

import (
	"context"

	"github.com/tollgate/tollgate/services/contract"
)

// Batch is one batch of an edge as it came from the stream, its MAC verified.
type Batch struct {
	contract.Batch
	// Arrived is when it reached the stream, in Unix milliseconds: the minute
	// that its growth is added to.
	Arrived int64
}

// Ack says up to where the database has an edge's epoch.
type Ack struct {
	Edge        string
	Epoch       uint64
	Incarnation [16]byte
	Seq         uint64
}

// Ledger is where totals are kept.
type Ledger interface {
	// Apply folds batches into the ledger in one transaction and returns, for
	// each epoch among them, how far it is complete. Applying a batch again, or
	// an older one after a newer, changes nothing.
	Apply(ctx context.Context, batches []Batch) ([]Ack, error)
	// Admitted sums, for each query, what each writer admitted. It is what an
	// emptied Redis gets its spent quotas from.
	Admitted(ctx context.Context, queries []LedgerQuery) ([][]LedgerSum, error)
	// Trim deletes minutes before a time (Unix milliseconds).
	Trim(ctx context.Context, before int64) error
}

// LedgerQuery selects counters. A zero number selects any.
type LedgerQuery struct {
	Organization, Gateway, Route, Consumer, Key uint64
	// NoConsumer and NoKey select the counters without one.
	NoConsumer, NoKey bool
	// FromHour up to but without ToHour, in Unix hours; a zero ToHour is open.
	FromHour, ToHour uint32
	// Plan selects one subscription plan; 0 any.
	Plan uint32
	// Chain takes in the keys that Key was rotated to.
	Chain bool
	// LiveOnly leaves out gateways of mode test.
	LiveOnly bool
}

// LedgerSum is what one writer admitted and billed.
type LedgerSum struct {
	Edge     string
	Epoch    uint64
	Admitted uint64
	Billed   uint64
}
