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

// applyRound adds what totals grew by to the minutes, then raises the totals.
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
	return nil
}

// applyChunk bounds the rows that one statement takes.
const applyChunk = 2000

// counterIn is a row of a statement's input. The whole input is one JSON
// parameter, so that the statement's text never changes and is prepared once.
type counterIn struct {
	Source       int64  `json:"source_id"`
	Hour         int64  `json:"hour"`
	Organization uint64 `json:"organization"`
	Gateway      uint64 `json:"gateway"`
	Route        uint64 `json:"route"`
	Consumer     uint64 `json:"consumer"`
	Kid          uint64 `json:"kid"`
	Plan         uint64 `json:"plan"`
	Minute       int64  `json:"minute"`
	Seq          uint64 `json:"seq"`
	Admitted     uint64 `json:"admitted"`
	Billed       uint64 `json:"billed"`
	C2xx         uint64 `json:"c2xx"`
	C3xx         uint64 `json:"c3xx"`
	C4xx         uint64 `json:"c4xx"`
	C5xx         uint64 `json:"c5xx"`
	Refused      uint64 `json:"refused"`
	BytesIn      uint64 `json:"bytes_in"`
	BytesOut     uint64 `json:"bytes_out"`
}

var (
	counterIDs    = []string{"source_id", "hour", "organization", "gateway", "route", "consumer", "kid", "plan"}
	counterRising = []string{"billed", "c2xx", "c3xx", "c4xx", "c5xx", "refused", "bytes_in", "bytes_out"}
)

func (t *Txn) applyCounters(r *usage.Round, ids map[usage.Writer]int64) error {
	in := make([]counterIn, 0, len(r.Counters))
	for i := range r.Counters {
		c := &r.Counters[i]
		d, n := &c.ID, &c.Counts
		in = append(in, counterIn{
			Source: ids[c.Writer], Hour: int64(d.Hour), Organization: d.Organization, Gateway: d.Gateway,
			Route: d.Route, Consumer: d.Consumer, Kid: d.Key, Plan: uint64(d.Plan),
			Minute: minuteIn(r.Minute, d.Hour), Seq: c.Seq, Admitted: n.Admitted, Billed: n.Billed,
			C2xx: n.C2xx, C3xx: n.C3xx, C4xx: n.C4xx, C5xx: n.C5xx, Refused: n.Refused,
			BytesIn: n.BytesIn, BytesOut: n.BytesOut,
		})
	}
	all := append(append(slices.Clone(counterIDs), "minute", "seq", "admitted"), counterRising...)
	input := t.input(all, nil)
	grown, added, raised := make([]string, 0, 8), make([]string, 0, 8), make([]string, 0, 8)
	var moved []string
	for _, c := range counterRising {
		grown = append(grown, fmt.Sprintf("CAST(SUM(CASE WHEN i.%[1]s > COALESCE(c.%[1]s, 0) THEN i.%[1]s - COALESCE(c.%[1]s, 0) ELSE 0 END) AS bigint)", c))
		moved = append(moved, fmt.Sprintf("i.%[1]s > COALESCE(c.%[1]s, 0)", c))
		added = append(added, fmt.Sprintf("%[1]s = usage_minutes.%[1]s + excluded.%[1]s", c))
		raised = append(raised, fmt.Sprintf("%[1]s = CASE WHEN excluded.%[1]s > usage_counters.%[1]s THEN excluded.%[1]s ELSE usage_counters.%[1]s END", c))
	}
	minutes := input + `INSERT INTO usage_minutes (gateway, minute, route, kid, consumer, ` + list(counterRising) + `)
		SELECT i.gateway, i.minute, i.route, i.kid, i.consumer, ` + list(grown) + `
		FROM input i LEFT JOIN usage_counters c ON c.source_id = i.source_id AND c.hour = i.hour AND c.gateway = i.gateway
			AND c.route = i.route AND c.kid = i.kid AND c.consumer = i.consumer AND c.plan = i.plan AND c.organization = i.organization
		WHERE ` + strings.Join(moved, " OR ") + `
		GROUP BY i.gateway, i.minute, i.route, i.kid, i.consumer
		ORDER BY i.gateway, i.minute, i.route, i.kid, i.consumer
		ON CONFLICT (gateway, minute, route, kid, consumer) DO UPDATE SET ` + list(added)
	totals := input + `INSERT INTO usage_counters (` + list(counterIDs) + `, seq, admitted, ` + list(counterRising) + `)
		SELECT ` + list(counterIDs) + `, seq, admitted, ` + list(counterRising) + ` FROM input WHERE true
		ON CONFLICT (source_id, hour, gateway, route, kid, consumer, plan, organization) DO UPDATE SET ` + list(raised) + `,
			admitted = CASE WHEN excluded.seq >= usage_counters.seq THEN excluded.admitted ELSE usage_counters.admitted END,
			seq = CASE WHEN excluded.seq > usage_counters.seq THEN excluded.seq ELSE usage_counters.seq END`
	return eachChunk(in, func(js string) error {
		if err := t.Exec(minutes, js).Error; err != nil {
			return fmt.Errorf("add to minutes: %w", err)
		}
		return t.Exec(totals, js).Error
	})
}

// minuteIn is the minute that growth of an hour's counter is added to: the one
// in which it arrived, within the hour, so that minutes sum to their hour.
func minuteIn(arrived int64, hour uint32) int64 {
	first := int64(hour) * 60
	return min(max(arrived, first), first+59)
}

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
		for _, table := range []string{"usage_minutes", "usage_status_minutes", "usage_latency_minutes"} {
			if err := t.Exec("DELETE FROM "+table+" WHERE minute < ?", minute).Error; err != nil {
				return fmt.Errorf("trim %s: %w", table, err)
			}
		}
		return nil
	})
}
