package store

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/usage"
)

type statusIn struct {
	Source  int64  `json:"source_id"`
	Hour    int64  `json:"hour"`
	Gateway uint64 `json:"gateway"`
	Route   uint64 `json:"route"`
	Status  uint64 `json:"status"`
	Minute  int64  `json:"minute"`
	Count   uint64 `json:"count"`
}

// applyStatuses is applyCounters for exact status codes.
func (t *Txn) applyStatuses(r *usage.Round, ids map[usage.Writer]int64) error {
	in := make([]statusIn, 0, len(r.Statuses))
	for i := range r.Statuses {
		s := &r.Statuses[i]
		in = append(in, statusIn{
			Source: ids[s.Writer], Hour: int64(s.Hour), Gateway: s.Gateway, Route: s.Route,
			Status: uint64(s.Status), Minute: minuteIn(r.Minute, s.Hour), Count: s.Count,
		})
	}
	input := t.input([]string{"source_id", "hour", "gateway", "route", "status", "minute", "count"}, nil)
	minutes := input + `INSERT INTO usage_status_minutes (gateway, minute, route, status, count)
		SELECT i.gateway, i.minute, i.route, i.status, CAST(SUM(i.count - COALESCE(c.count, 0)) AS bigint)
		FROM input i LEFT JOIN usage_statuses c ON c.gateway = i.gateway AND c.hour = i.hour AND c.route = i.route
			AND c.status = i.status AND c.source_id = i.source_id
		WHERE i.count > COALESCE(c.count, 0)
		GROUP BY i.gateway, i.minute, i.route, i.status
		ORDER BY i.gateway, i.minute, i.route, i.status
		ON CONFLICT (gateway, minute, route, status) DO UPDATE SET count = usage_status_minutes.count + excluded.count`
	totals := input + `INSERT INTO usage_statuses (source_id, hour, gateway, route, status, count)
		SELECT source_id, hour, gateway, route, status, count FROM input WHERE true
		ON CONFLICT (gateway, hour, route, status, source_id) DO UPDATE SET
			count = CASE WHEN excluded.count > usage_statuses.count THEN excluded.count ELSE usage_statuses.count END`
	return eachChunk(in, func(js string) error {
		if err := t.Exec(minutes, js).Error; err != nil {
			return fmt.Errorf("add to minutes: %w", err)
		}
		return t.Exec(totals, js).Error
	})
}

type latencyIn struct {
	Source   int64  `json:"source_id"`
	Hour     int64  `json:"hour"`
	Gateway  uint64 `json:"gateway"`
	Route    uint64 `json:"route"`
	Minute   int64  `json:"minute"`
	Edge     string `json:"edge"`
	Upstream string `json:"upstream"`
}

// key of a histogram's row among those of one round.
func (l *latencyIn) key() [4]int64 {
	return [4]int64{l.Source, l.Hour, int64(l.Gateway), int64(l.Route)}
}

// applyLatencies raises histograms bucket by bucket. The difference is computed
// here rather than in SQL: the writers' rows are locked, so nobody else touches
// these totals; the shared minutes are locked by reading them for update.
func (t *Txn) applyLatencies(r *usage.Round, ids map[usage.Writer]int64) error {
	in := make([]latencyIn, 0, len(r.Latencies))
	for i := range r.Latencies {
		l := &r.Latencies[i]
		in = append(in, latencyIn{
			Source: ids[l.Writer], Hour: int64(l.Hour), Gateway: l.Gateway, Route: l.Route,
			Minute: minuteIn(r.Minute, l.Hour),
			Edge:   formatBuckets(widen(&l.Edge)), Upstream: formatBuckets(widen(&l.Upstream)),
		})
	}
	if len(in) == 0 {
		return nil
	}
	have, err := t.storedLatencies(in)
	if err != nil {
		return err
	}
	grown := map[[3]int64]*latencyPair{}
	for i := range in {
		total, err := parsePair(in[i].Edge, in[i].Upstream)
		if err != nil {
			return err
		}
		old := have[in[i].key()]
		if old == nil {
			old = &latencyPair{}
		}
		m := [3]int64{int64(in[i].Gateway), in[i].Minute, int64(in[i].Route)}
		if grown[m] == nil {
			grown[m] = &latencyPair{}
		}
		total.raise(old, grown[m])
		in[i].Edge, in[i].Upstream = formatBuckets(&total.edge), formatBuckets(&total.upstream)
	}
	totals := t.input(latencyColumns, latencyText) + `INSERT INTO usage_latencies (source_id, hour, gateway, route, edge, upstream)
		SELECT source_id, hour, gateway, route, edge, upstream FROM input WHERE true
		ON CONFLICT (gateway, hour, route, source_id) DO UPDATE SET edge = excluded.edge, upstream = excluded.upstream`
	if err := eachChunk(in, func(js string) error { return t.Exec(totals, js).Error }); err != nil {
		return err
	}
	return t.addLatencyMinutes(grown)
}

var (
	latencyColumns = []string{"source_id", "hour", "gateway", "route", "minute"}
	latencyText    = []string{"edge", "upstream"}
)

// storedLatencies reads the present totals of the rows in in.
func (t *Txn) storedLatencies(in []latencyIn) (map[[4]int64]*latencyPair, error) {
	have := make(map[[4]int64]*latencyPair, len(in))
	query := t.input(latencyColumns, latencyText) + `SELECT c.source_id AS source, c.hour, c.gateway, c.route, c.edge, c.upstream
		FROM input i JOIN usage_latencies c ON c.gateway = i.gateway AND c.hour = i.hour AND c.route = i.route AND c.source_id = i.source_id`
	err := eachChunk(in, func(js string) error {
		var rows []latencyIn
		if err := t.Raw(query, js).Scan(&rows).Error; err != nil {
			return err
		}
		for i := range rows {
			p, err := parsePair(rows[i].Edge, rows[i].Upstream)
			if err != nil {
				return err
			}
			have[rows[i].key()] = p
		}
		return nil
	})
	return have, err
}

// addLatencyMinutes adds histograms to the minutes that edges share.
func (t *Txn) addLatencyMinutes(grown map[[3]int64]*latencyPair) error {
	in := make([]latencyIn, 0, len(grown))
	for m, p := range grown {
		if p.empty() {
			continue
		}
		in = append(in, latencyIn{Gateway: uint64(m[0]), Minute: m[1], Route: uint64(m[2])})
	}
	input := t.input(latencyColumns, latencyText)
	lock := input + `INSERT INTO usage_latency_minutes (gateway, minute, route, edge, upstream)
		SELECT gateway, minute, route, '', '' FROM input WHERE true ORDER BY gateway, minute, route
		ON CONFLICT (gateway, minute, route) DO UPDATE SET edge = usage_latency_minutes.edge
		RETURNING gateway, minute, route, edge, upstream`
	write := input + `UPDATE usage_latency_minutes SET edge = i.edge, upstream = i.upstream FROM input i
		WHERE usage_latency_minutes.gateway = i.gateway AND usage_latency_minutes.minute = i.minute AND usage_latency_minutes.route = i.route`
	return eachChunk(in, func(js string) error {
		var rows []latencyIn
		if err := t.Raw(lock, js).Scan(&rows).Error; err != nil {
			return fmt.Errorf("lock minutes: %w", err)
		}
		for i := range rows {
			p, err := parsePair(rows[i].Edge, rows[i].Upstream)
			if err != nil {
				return err
			}
			p.add(grown[[3]int64{int64(rows[i].Gateway), rows[i].Minute, int64(rows[i].Route)}])
			rows[i].Edge, rows[i].Upstream = formatBuckets(&p.edge), formatBuckets(&p.upstream)
		}
		return eachChunk(rows, func(js string) error { return t.Exec(write, js).Error })
	})
}

// latencyPair is a route's two histograms.
type latencyPair struct{ edge, upstream usage.Histogram }

func (p *latencyPair) empty() bool {
	return p.edge == usage.Histogram{} && p.upstream == usage.Histogram{}
}

func (p *latencyPair) add(q *latencyPair) {
	for i := range contract.LatencyBuckets {
		p.edge[i] += q.edge[i]
		p.upstream[i] += q.upstream[i]
	}
}

// raise makes p the greater of p and old, and adds what it grew by to grown.
func (p *latencyPair) raise(old, grown *latencyPair) {
	for i := range contract.LatencyBuckets {
		p.edge[i] = max(p.edge[i], old.edge[i])
		p.upstream[i] = max(p.upstream[i], old.upstream[i])
		grown.edge[i] += p.edge[i] - old.edge[i]
		grown.upstream[i] += p.upstream[i] - old.upstream[i]
	}
}

func widen(b *[contract.LatencyBuckets]uint32) *usage.Histogram {
	h := &usage.Histogram{}
	for i, v := range b {
		h[i] = uint64(v)
	}
	return h
}

// formatBuckets writes a histogram as "bucket:count" pairs without the zeros.
func formatBuckets(h *usage.Histogram) string {
	var b []byte
	for i, v := range h {
		if v == 0 {
			continue
		}
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, ':')
		b = strconv.AppendUint(b, v, 10)
	}
	return string(b)
}

func parsePair(edge, upstream string) (*latencyPair, error) {
	p := &latencyPair{}
	if err := parseBuckets(edge, &p.edge); err != nil {
		return nil, err
	}
	return p, parseBuckets(upstream, &p.upstream)
}

// parseBuckets reads what formatBuckets wrote, adding to h.
func parseBuckets(s string, h *usage.Histogram) error {
	for pair := range strings.FieldsSeq(s) {
		bucket, count, ok := strings.Cut(pair, ":")
		i, err1 := strconv.Atoi(bucket)
		n, err2 := strconv.ParseUint(count, 10, 64)
		if !ok || err1 != nil || err2 != nil || i < 0 || i >= contract.LatencyBuckets {
			return fmt.Errorf("histogram %.60q is malformed", s)
		}
		h[i] += n
	}
	return nil
}
