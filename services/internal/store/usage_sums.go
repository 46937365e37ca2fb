package store

import (
	"context"
	"fmt"
	"math"
	"strings"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/usage"
)

// sumIn is one query of Admitted as a row of a statement's input.
type sumIn struct {
	Idx          int64  `json:"idx"`
	Organization uint64 `json:"organization"`
	Gateway      uint64 `json:"gateway"`
	Route        uint64 `json:"route"`
	Consumer     uint64 `json:"consumer"`
	Kid          uint64 `json:"kid"`
	Plan         uint64 `json:"plan"`
	FromHour     int64  `json:"from_hour"`
	ToHour       int64  `json:"to_hour"`
}

// Admitted sums what each writer admitted, for each query. Queries that look at
// the same columns are answered by one statement: an emptied Redis asks for
// thousands of counters at once.
func (u *Usage) Admitted(ctx context.Context, queries []usage.LedgerQuery) ([][]usage.LedgerSum, error) {
	out := make([][]usage.LedgerSum, len(queries))
	shapes := map[string][]sumIn{}
	for i := range queries {
		q := &queries[i]
		in := sumIn{
			Idx: int64(i), Organization: q.Organization, Gateway: q.Gateway, Route: q.Route, Consumer: q.Consumer, Kid: q.Key,
			Plan: uint64(q.Plan), FromHour: int64(q.FromHour), ToHour: int64(q.ToHour),
		}
		if q.ToHour == 0 {
			in.ToHour = math.MaxInt64
		}
		where := sumShape(q)
		shapes[where] = append(shapes[where], in)
	}
	err := u.DB.View(ctx, func(db *gorm.DB) error {
		columns := []string{"idx", "organization", "gateway", "route", "consumer", "kid", "plan", "from_hour", "to_hour"}
		for where, in := range shapes {
			query := (&Txn{DB: db, d: u.DB}).input(columns, nil) +
				`SELECT i.idx, s.edge, s.epoch, CAST(SUM(c.admitted) AS bigint) AS admitted, CAST(SUM(c.billed) AS bigint) AS billed
				FROM input i JOIN usage_counters c ON c.hour >= i.from_hour AND c.hour < i.to_hour` + where + `
				JOIN usage_sources s ON s.id = c.source_id GROUP BY i.idx, s.edge, s.epoch ORDER BY i.idx, s.edge, s.epoch`
			err := eachChunk(in, func(js string) error {
				var rows []struct {
					Idx int64
					usage.LedgerSum
				}
				if err := db.Raw(query, js).Scan(&rows).Error; err != nil {
					return err
				}
				for _, r := range rows {
					out[r.Idx] = append(out[r.Idx], r.LedgerSum)
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("sum the ledger: %w", err)
			}
		}
		return nil
	})
	return out, err
}

// sumShape is the condition on the columns that a query looks at.
func sumShape(q *usage.LedgerQuery) string {
	var b strings.Builder
	for _, c := range []struct {
		column string
		given  bool
		some   bool // not zero: a partial index knows
	}{
		{"organization", q.Organization != 0, false},
		{"gateway", q.Gateway != 0, false},
		{"route", q.Route != 0, false},
		{"consumer", q.Consumer != 0 || q.NoConsumer, q.Consumer != 0},
		{"kid", q.Key != 0 || q.NoKey, q.Key != 0},
		{"plan", q.Plan != 0, false},
	} {
		if c.column == "kid" && q.Chain {
			b.WriteString(" AND (c.kid = i.kid OR c.kid IN (SELECT k.kid FROM api_keys k WHERE k.limits_of = i.kid AND k.limits_of <> 0))")
		} else if c.given {
			b.WriteString(" AND c." + c.column + " = i." + c.column)
		}
		if c.some {
			b.WriteString(" AND c." + c.column + " <> 0")
		}
	}
	if q.LiveOnly {
		b.WriteString(" AND c.gateway NOT IN (SELECT num FROM gateways WHERE mode = '" + contract.ModeTest + "')")
	}
	return b.String()
}

// Counted reports whether anything at all was counted from an hour on.
func (u *Usage) Counted(ctx context.Context, fromHour uint32) (bool, error) {
	var n int64
	err := u.DB.View(ctx, func(db *gorm.DB) error {
		return db.Raw("SELECT CASE WHEN EXISTS (SELECT 1 FROM usage_counters WHERE hour >= ?) THEN 1 ELSE 0 END", int64(fromHour)).Scan(&n).Error
	})
	return n == 1, err
}
