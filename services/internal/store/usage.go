package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/failpoint"
	"github.com/tollgate/tollgate/services/usage"
)

// Usage keeps the usage ledger and access logs, and answers queries on them.
type Usage struct {
	DB *DB
	// made remembers the months whose partitions are known to be there.
	made *partitions
}

// NewUsage makes a Usage.
func NewUsage(db *DB) *Usage { return &Usage{DB: db, made: &partitions{}} }

var (
	_ usage.Ledger = (*Usage)(nil)
	_ usage.Store  = (*Usage)(nil)
)

// sourceRow is a writer's row, read back by the statement that locks it.
type sourceRow struct {
	ID     int64
	Acked  int64
	Ahead  int64
	Sealed int64
}

// Apply folds batches into the ledger. Each writer's row is locked first, in one
// order for everybody, so that what a total grew by is computed once: reading the
// old total, adding the difference to its minute and writing the new one happen
// with nobody in between.
func (u *Usage) Apply(ctx context.Context, batches []usage.Batch) ([]usage.Ack, error) {
	for i := range batches {
		if err := batches[i].Check(); err != nil {
			return nil, err
		}
	}
	u.partition(ctx, batches)
	rounds := usage.Fold(batches)
	byWriter := map[usage.Writer][]usage.Batch{}
	for _, b := range batches {
		byWriter[b.Writer()] = append(byWriter[b.Writer()], b)
	}
	writers := make([]usage.Writer, 0, len(byWriter))
	for w := range byWriter {
		writers = append(writers, w)
	}
	slices.SortFunc(writers, compareWriters)

	var acks []usage.Ack
	err := u.DB.Tx(ctx, func(t *Txn) error {
		acks = acks[:0]
		ids := make(map[usage.Writer]int64, len(writers))
		rows := make([]sourceRow, len(writers))
		for i, w := range writers {
			if err := t.lockSource(w, &rows[i]); err != nil {
				return err
			}
			ids[w] = rows[i].ID
		}
		for i := range rounds {
			if err := t.applyRound(&rounds[i], ids); err != nil {
				return err
			}
		}
		for i, w := range writers {
			p := usage.Progress{Acked: uint64(rows[i].Acked), Ahead: uint64(rows[i].Ahead), Sealed: uint32(rows[i].Sealed)}
			p.Apply(byWriter[w])
			err := t.Exec("UPDATE usage_sources SET acked = ?, ahead = ?, sealed = ? WHERE id = ?",
				int64(p.Acked), int64(p.Ahead), int64(p.Sealed), rows[i].ID).Error
			if err != nil {
				return fmt.Errorf("note what was applied: %w", err)
			}
			acks = append(acks, usage.Ack{Edge: w.Edge, Epoch: w.Epoch, Incarnation: w.Incarnation, Seq: p.Acked})
		}
		failpoint.Hit(failpoint.WorkerTxBeforeCommit)
		return nil
	})
	return acks, err
}

func compareWriters(a, b usage.Writer) int {
	if c := strings.Compare(a.Edge, b.Edge); c != 0 {
		return c
	}
	if a.Epoch != b.Epoch {
		if a.Epoch < b.Epoch {
			return -1
		}
		return 1
	}
	return slices.Compare(a.Incarnation[:], b.Incarnation[:])
}

// lockSource reads a writer's row, making it when it is new. The update locks it
// until the transaction ends.
func (t *Txn) lockSource(w usage.Writer, row *sourceRow) error {
	err := t.Raw(`INSERT INTO usage_sources (edge, epoch, incarnation, seen_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (edge, epoch, incarnation) DO UPDATE SET seen_at = excluded.seen_at
		RETURNING id, acked, ahead, sealed`,
		w.Edge, int64(w.Epoch), contract.AckField(w.Incarnation), t.Now).Scan(row).Error
	if err != nil {
		return fmt.Errorf("lock writer: %w", err)
	}
	return nil
}

// applyRound raises the totals, and by as much the sums that they are in.
func (t *Txn) applyRound(r *usage.Round, ids map[usage.Writer]int64) error {
	if err := t.applyCounters(r, ids); err != nil {
		return fmt.Errorf("apply counters: %w", err)
	}
	if err := t.applyStatuses(r, ids); err != nil {
		return fmt.Errorf("apply status codes: %w", err)
	}
	if err := t.applyLatencies(r, ids); err != nil {
		return fmt.Errorf("apply latencies: %w", err)
	}
	if err := t.applySplits(r, ids); err != nil {
		return fmt.Errorf("apply splits: %w", err)
	}
	return nil
}

// applyChunk bounds the rows that one statement takes.
const applyChunk = 2000

// input is a WITH clause that reads rows from one JSON parameter. Integers are
// bigint, the columns of text are text.
func (t *Txn) input(columns, text []string) string {
	var b strings.Builder
	if t.d.dialect == migrations.SQLite {
		b.WriteString("WITH input AS (SELECT ")
		for i, c := range append(slices.Clone(columns), text...) {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "value ->> '$.%[1]s' AS %[1]s", c)
		}
		b.WriteString(" FROM json_each(?)) ")
		return b.String()
	}
	b.WriteString("WITH input AS (SELECT * FROM jsonb_to_recordset(CAST(? AS jsonb)) AS x (")
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c + " bigint")
	}
	for _, c := range text {
		b.WriteString(", " + c + " text")
	}
	b.WriteString(")) ")
	return b.String()
}

func list(columns []string) string { return strings.Join(columns, ", ") }

// eachChunk calls f with the JSON of each part of rows.
func eachChunk[T any](rows []T, f func(js string) error) error {
	for chunk := range slices.Chunk(rows, applyChunk) {
		js, err := json.Marshal(chunk)
		if err != nil {
			return fmt.Errorf("encode rows: %w", err)
		}
		if err := f(string(js)); err != nil {
			return err
		}
	}
	return nil
}

// Trim deletes the minutes before a time.
func (u *Usage) Trim(ctx context.Context, before int64) error {
	minute := time.UnixMilli(before).Unix() / 60
	return u.DB.Tx(ctx, func(t *Txn) error {
		if err := t.Exec("DELETE FROM usage_minutes WHERE minute < ?", minute).Error; err != nil {
			return fmt.Errorf("trim minutes: %w", err)
		}
		for _, table := range []string{"usage_sums", "usage_status_sums", "usage_latency_sums", "usage_split_sums", "usage_target_latencies"} {
			if err := t.Exec("DELETE FROM "+table+" WHERE span = 1 AND at < ?", minute).Error; err != nil {
				return fmt.Errorf("trim %s: %w", table, err)
			}
		}
		return nil
	})
}
