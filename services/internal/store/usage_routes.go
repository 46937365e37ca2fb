package store

import (
	"fmt"

	"github.com/tollgate/tollgate/services/usage"
)

type statusIn struct {
	Idx     int64  `json:"idx"`
	Source  int64  `json:"source_id"`
	Hour    int64  `json:"hour"`
	Gateway uint64 `json:"gateway"`
	Route   uint64 `json:"route"`
	Status  uint64 `json:"status"`
	Count   uint64 `json:"count"`
}

var statusIDs = []string{"source_id", "hour", "gateway", "route", "status"}

// applyStatuses is applyCounters for exact status codes.
func (t *Txn) applyStatuses(r *usage.Round, ids map[usage.Writer]int64) error {
	in := make([]statusIn, 0, len(r.Statuses))
	for i := range r.Statuses {
		s := &r.Statuses[i]
		in = append(in, statusIn{
			Idx: int64(i), Source: ids[s.Writer], Hour: int64(s.Hour), Gateway: s.Gateway, Route: s.Route,
			Status: uint64(s.Status), Count: s.Count,
		})
	}
	old := make([]rowAdd, len(in))
	err := eachChunk(in, func(js string) error {
		return t.stored("usage_statuses", statusIDs, []string{"count"}, js, func(idx int64, have *rowAdd) { old[idx] = *have })
	})
	if err != nil {
		return fmt.Errorf("read totals: %w", err)
	}
	grown := newGrowth(&statusSums)
	for i := range in {
		by, grew := raise(&rowAdd{in[i].Count}, &old[i])
		if grew {
			minute := minuteIn(r.Minute, r.Statuses[i].Hour)
			grown.spread(int64(in[i].Gateway), int64(in[i].Route), minute, in[i].Hour, &by, int64(in[i].Status))
		}
	}
	totals := t.input(append([]string{"count"}, statusIDs...), nil) + `INSERT INTO usage_statuses (source_id, hour, gateway, route, status, count)
		SELECT source_id, hour, gateway, route, status, count FROM input WHERE true
		ON CONFLICT (gateway, hour, route, status, source_id) DO UPDATE SET
			count = CASE WHEN excluded.count > usage_statuses.count THEN excluded.count ELSE usage_statuses.count END`
	if err := eachChunk(in, func(js string) error { return t.Exec(totals, js).Error }); err != nil {
		return fmt.Errorf("raise totals: %w", err)
	}
	return t.grow(grown)
}
