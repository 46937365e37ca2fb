package store

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/usage"
)

type latencyIn struct {
	Source   int64  `json:"source_id"`
	Hour     int64  `json:"hour"`
	Gateway  uint64 `json:"gateway"`
	Route    uint64 `json:"route"`
	Edge     string `json:"edge"`
	Upstream string `json:"upstream"`
}

// key of a histogram's row among those of one round.
func (l *latencyIn) key() [4]int64 {
	return [4]int64{l.Source, l.Hour, int64(l.Gateway), int64(l.Route)}
}

// applyLatencies raises histograms bucket by bucket. The difference is computed
// here rather than in SQL: the writers' rows are locked, so nobody else touches
// these totals; the shared sums are locked by reading them for update.
func (t *Txn) applyLatencies(r *usage.Round, ids map[usage.Writer]int64) error {
	in := make([]latencyIn, 0, len(r.Latencies))
	for i := range r.Latencies {
		l := &r.Latencies[i]
		in = append(in, latencyIn{
			Source: ids[l.Writer], Hour: int64(l.Hour), Gateway: l.Gateway, Route: l.Route,
			Edge: formatBuckets(widen(&l.Edge)), Upstream: formatBuckets(widen(&l.Upstream)),
		})
	}
	if len(in) == 0 {
		return nil
	}
	have, err := t.storedLatencies(in)
	if err != nil {
		return err
	}
	grown := map[rowKey]*latencyPair{}
	for i := range in {
		total, err := parsePair(in[i].Edge, in[i].Upstream)
		if err != nil {
			return err
		}
		old := have[in[i].key()]
		if old == nil {
			old = &latencyPair{}
		}
		by := &latencyPair{}
		total.raise(old, by)
		if !by.empty() {
			minute := minuteIn(r.Minute, r.Latencies[i].Hour)
			for _, k := range sumKeys(int64(in[i].Gateway), int64(in[i].Route), minute, in[i].Hour) {
				addPair(grown, k, by)
			}
		}
		in[i].Edge, in[i].Upstream = formatBuckets(&total.edge), formatBuckets(&total.upstream)
	}
	totals := t.input(latencyColumns, latencyText) + `INSERT INTO usage_latencies (source_id, hour, gateway, route, edge, upstream)
		SELECT source_id, hour, gateway, route, edge, upstream FROM input WHERE true
		ON CONFLICT (gateway, hour, route, source_id) DO UPDATE SET edge = excluded.edge, upstream = excluded.upstream`
	if err := eachChunk(in, func(js string) error { return t.Exec(totals, js).Error }); err != nil {
		return err
	}
	return t.growLatencies(&latencySums, grown)
}

var (
	latencyColumns = []string{"source_id", "hour", "gateway", "route"}
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

// Tables of histograms that are summed up.
var (
	latencySums     = sumTable{name: "usage_latency_sums", keys: []string{"gateway", "span", "part", "at", "route"}}
	targetLatencies = sumTable{name: "usage_target_latencies", keys: []string{"gateway", "span", "part", "at", "route", "value"}}
)

// latencySumIn is a row of a table of summed histograms.
type latencySumIn struct {
	Gateway  int64  `json:"gateway"`
	Span     int64  `json:"span"`
	Part     int64  `json:"part"`
	At       int64  `json:"at"`
	Route    int64  `json:"route"`
	Value    int64  `json:"value"`
	Edge     string `json:"edge"`
	Upstream string `json:"upstream"`
}

func (l *latencySumIn) key() rowKey { return rowKey{l.Gateway, l.Span, l.Part, l.At, l.Route, l.Value} }

func addPair(m map[rowKey]*latencyPair, k rowKey, by *latencyPair) {
	if m[k] == nil {
		m[k] = &latencyPair{}
	}
	m[k].add(by)
}

// growLatencies adds histograms to sums that edges share.
func (t *Txn) growLatencies(tab *sumTable, grown map[rowKey]*latencyPair) error {
	in := make([]latencySumIn, 0, len(grown))
	for _, k := range slices.SortedFunc(maps.Keys(grown), compareKeys) {
		in = append(in, latencySumIn{Gateway: k[0], Span: k[1], Part: k[2], At: k[3], Route: k[4], Value: k[5]})
	}
	keys, same := list(tab.keys), make([]string, len(tab.keys))
	for i, k := range tab.keys {
		same[i] = tab.name + "." + k + " = i." + k
	}
	input := t.input(tab.keys, latencyText)
	lock := input + "INSERT INTO " + tab.name + " (" + keys + ", edge, upstream) SELECT " + keys + ", '', '' FROM input WHERE true ORDER BY " + keys +
		" ON CONFLICT (" + keys + ") DO UPDATE SET edge = " + tab.name + ".edge RETURNING " + keys + ", edge, upstream"
	write := input + "UPDATE " + tab.name + " SET edge = i.edge, upstream = i.upstream FROM input i WHERE " + strings.Join(same, " AND ")
	return eachChunk(in, func(js string) error {
		var rows []latencySumIn
		if err := t.Raw(lock, js).Scan(&rows).Error; err != nil {
			return fmt.Errorf("lock %s: %w", tab.name, err)
		}
		for i := range rows {
			p, err := parsePair(rows[i].Edge, rows[i].Upstream)
			if err != nil {
				return err
			}
			p.add(grown[rows[i].key()])
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
