package store

import (
	"encoding/json"
	"fmt"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/usage"
)

type splitIn struct {
	Idx      int64  `json:"idx"`
	Source   int64  `json:"source_id"`
	Hour     int64  `json:"hour"`
	Gateway  uint64 `json:"gateway"`
	Route    uint64 `json:"route"`
	Dim      uint32 `json:"dim"`
	Value    uint64 `json:"value"`
	C2xx     uint64 `json:"c2xx"`
	C3xx     uint64 `json:"c3xx"`
	C4xx     uint64 `json:"c4xx"`
	C5xx     uint64 `json:"c5xx"`
	Failed   uint64 `json:"failed"`
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
	Upstream string `json:"upstream"`
}

var (
	splitIDs    = []string{"source_id", "hour", "gateway", "route", "dim", "value"}
	splitRising = []string{"c2xx", "c3xx", "c4xx", "c5xx", "failed", "bytes_in", "bytes_out"}
)

func (s *splitIn) totals() rowAdd {
	return rowAdd{s.C2xx, s.C3xx, s.C4xx, s.C5xx, s.Failed, s.BytesIn, s.BytesOut}
}

func (s *splitIn) set(n *rowAdd) {
	s.C2xx, s.C3xx, s.C4xx, s.C5xx, s.Failed, s.BytesIn, s.BytesOut = n[0], n[1], n[2], n[3], n[4], n[5], n[6]
}

// applySplits is applyCounters for targets and error codes, and applyLatencies
// for the times of targets.
func (t *Txn) applySplits(r *usage.Round, ids map[usage.Writer]int64) error {
	in := make([]splitIn, 0, len(r.Splits))
	for i := range r.Splits {
		s := &r.Splits[i]
		d := &s.ID
		in = append(in, splitIn{
			Idx: int64(i), Source: ids[s.Writer], Hour: int64(d.Hour), Gateway: d.Gateway, Route: d.Route, Dim: d.Dim, Value: d.Value,
		})
		c := &s.Counts
		in[i].set(&rowAdd{c.C2xx, c.C3xx, c.C4xx, c.C5xx, c.Failed, c.BytesIn, c.BytesOut})
	}
	if len(in) == 0 {
		return nil
	}
	old, times, err := t.storedSplits(in)
	if err != nil {
		return err
	}
	grown, timed := newGrowth(&splitSums), map[rowKey]*latencyPair{}
	for i := range in {
		n := in[i].totals()
		by, grew := raise(&n, &old[i])
		in[i].set(&n)
		minute := minuteIn(r.Minute, r.Splits[i].ID.Hour)
		gateway, route, value := int64(in[i].Gateway), int64(in[i].Route), int64(in[i].Value)
		if grew {
			grown.spread(gateway, route, minute, in[i].Hour, &by, int64(in[i].Dim), value)
		}
		total := &latencyPair{upstream: *widen(&r.Splits[i].Upstream)}
		slower := &latencyPair{}
		total.raise(&times[i], slower)
		in[i].Upstream = formatBuckets(&total.upstream)
		if !slower.empty() {
			for _, k := range sumKeys(gateway, route, minute, in[i].Hour) {
				k[5] = value
				addPair(timed, k, slower)
			}
		}
	}
	columns := append(append([]string{}, splitIDs...), splitRising...)
	set := []string{"upstream = excluded.upstream"}
	for _, c := range splitRising {
		set = append(set, c+" = excluded."+c) // the greater already, under the writer's lock
	}
	totals := t.input(columns, []string{"upstream"}) + `INSERT INTO usage_splits (` + list(columns) + `, upstream)
		SELECT ` + list(columns) + `, upstream FROM input WHERE true
		ON CONFLICT (gateway, hour, route, dim, value, source_id) DO UPDATE SET ` + list(set)
	if err := eachChunk(in, func(js string) error { return t.Exec(totals, js).Error }); err != nil {
		return fmt.Errorf("raise totals: %w", err)
	}
	if err := t.grow(grown); err != nil {
		return err
	}
	return t.growLatencies(&targetLatencies, timed)
}

// storedSplits reads the present totals and histograms of the rows in in.
func (t *Txn) storedSplits(in []splitIn) (old []rowAdd, times []latencyPair, err error) {
	old, times = make([]rowAdd, len(in)), make([]latencyPair, len(in))
	query := t.input(append([]string{"idx"}, splitIDs...), nil) + `SELECT i.idx, c.c2xx, c.c3xx, c.c4xx, c.c5xx, c.failed, c.bytes_in, c.bytes_out, c.upstream
		FROM input i JOIN usage_splits c ON c.gateway = i.gateway AND c.hour = i.hour AND c.route = i.route AND c.dim = i.dim
			AND c.value = i.value AND c.source_id = i.source_id`
	err = eachChunk(in, func(js string) error {
		var rows []splitIn
		if err := t.Raw(query, js).Scan(&rows).Error; err != nil {
			return err
		}
		for i := range rows {
			old[rows[i].Idx] = rows[i].totals()
			if err := parseBuckets(rows[i].Upstream, &times[rows[i].Idx].upstream); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read totals: %w", err)
	}
	return old, times, nil
}

// nameTargets remembers what an upstream's targets are called: usage of a target
// outlives its place in the configuration.
func (t *Txn) nameTargets(org core.OrganizationID, gateway string, num uint64, name string, document []byte) error {
	var doc struct{ Targets []struct{ URL string } }
	if err := json.Unmarshal(document, &doc); err != nil {
		return fmt.Errorf("read targets of upstream %s: %w", name, err)
	}
	for _, target := range doc.Targets {
		err := t.Exec(`INSERT INTO usage_targets (gateway, target, upstream, url)
			SELECT num, ?, ?, ? FROM gateways WHERE organization_id = ? AND id = ?
			ON CONFLICT (gateway, target) DO UPDATE SET upstream = excluded.upstream`,
			int64(contract.TargetID(num, target.URL)), name, target.URL, string(org), gateway).Error
		if err != nil {
			return fmt.Errorf("name target: %w", err)
		}
	}
	return nil
}

// targetsOf adds the names of an upstream's targets.
func targetsOf(row *entryRow, names map[uint64]usage.TargetName) error {
	var doc struct{ Targets []struct{ URL string } }
	if err := json.Unmarshal([]byte(row.Document), &doc); err != nil {
		return fmt.Errorf("read targets of upstream %s: %w", row.Name, err)
	}
	for _, t := range doc.Targets {
		names[contract.TargetID(row.Num, t.URL)] = usage.TargetName{Upstream: row.Name, URL: t.URL}
	}
	return nil
}
