package store

import (
	"fmt"
	"slices"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/usage"
)

// counterIn is a row of a statement's input. The whole input is one JSON
// parameter, so that the statement's text never changes and is prepared once.
type counterIn struct {
	Idx          int64  `json:"idx"`
	Source       int64  `json:"source_id"`
	Hour         int64  `json:"hour"`
	Organization uint64 `json:"organization"`
	Gateway      uint64 `json:"gateway"`
	Route        uint64 `json:"route"`
	Consumer     uint64 `json:"consumer"`
	Kid          uint64 `json:"kid"`
	Plan         uint64 `json:"plan"`
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

func risingOf(n *contract.Counts) rowAdd {
	return rowAdd{n.Billed, n.C2xx, n.C3xx, n.C4xx, n.C5xx, n.Refused, n.BytesIn, n.BytesOut}
}

// counterGrowth is where counters grow beside the ledger.
type counterGrowth struct{ minutes, days, sums *growth }

// applyCounters raises totals, and every sum by what its totals grew by. The
// difference is computed here: the writers' rows are locked, so nobody else
// touches these totals.
func (t *Txn) applyCounters(r *usage.Round, ids map[usage.Writer]int64) error {
	in := make([]counterIn, 0, len(r.Counters))
	totals := make([]rowAdd, 0, len(r.Counters))
	for i := range r.Counters {
		c := &r.Counters[i]
		d, n := &c.ID, &c.Counts
		in = append(in, counterIn{
			Idx: int64(i), Source: ids[c.Writer], Hour: int64(d.Hour), Organization: d.Organization, Gateway: d.Gateway,
			Route: d.Route, Consumer: d.Consumer, Kid: d.Key, Plan: uint64(d.Plan), Seq: c.Seq, Admitted: n.Admitted,
			Billed: n.Billed, C2xx: n.C2xx, C3xx: n.C3xx, C4xx: n.C4xx, C5xx: n.C5xx, Refused: n.Refused,
			BytesIn: n.BytesIn, BytesOut: n.BytesOut,
		})
		totals = append(totals, risingOf(n))
	}
	old := make([]rowAdd, len(in))
	err := eachChunk(in, func(js string) error {
		return t.stored("usage_counters", counterIDs, counterRising, js, func(idx int64, have *rowAdd) { old[idx] = *have })
	})
	if err != nil {
		return fmt.Errorf("read totals: %w", err)
	}
	grown := counterGrowth{newGrowth(&minuteTable), newGrowth(&dayTable), newGrowth(&counterSums)}
	billed := map[orgHour]bool{}
	for i := range in {
		by, grew := raise(&totals[i], &old[i])
		if grew {
			grown.add(&in[i], minuteIn(r.Minute, r.Counters[i].ID.Hour), &by)
		}
		if by[0] > 0 { // the first of counterRising
			billed[orgHour{int64(in[i].Organization), in[i].Hour}] = true
		}
	}
	if err := eachChunk(in, func(js string) error { return t.Exec(t.raiseCounters(), js).Error }); err != nil {
		return fmt.Errorf("raise totals: %w", err)
	}
	for _, g := range []*growth{grown.minutes, grown.days, grown.sums} {
		if err := t.grow(g); err != nil {
			return err
		}
	}
	return t.note("billing_dirty", billed)
}

func (g *counterGrowth) add(c *counterIn, minute int64, by *rowAdd) {
	gateway, route, kid, consumer := int64(c.Gateway), int64(c.Route), int64(c.Kid), int64(c.Consumer)
	g.minutes.add(rowKey{gateway, minute, route, kid, consumer}, by)
	g.days.add(rowKey{gateway, c.Hour / 24, route, kid, consumer}, by)
	g.sums.spread(gateway, route, minute, c.Hour, by)
}

// raiseCounters is the statement that writes totals: the greater of each wins,
// and of `admitted`, from which credits are taken, that of the later batch.
func (t *Txn) raiseCounters() string {
	raised := make([]string, 0, len(counterRising))
	for _, c := range counterRising {
		raised = append(raised, fmt.Sprintf("%[1]s = CASE WHEN excluded.%[1]s > usage_counters.%[1]s THEN excluded.%[1]s ELSE usage_counters.%[1]s END", c))
	}
	columns := append(append(slices.Clone(counterIDs), "seq", "admitted"), counterRising...)
	return t.input(columns, nil) + `INSERT INTO usage_counters (` + list(columns) + `) SELECT ` + list(columns) + ` FROM input WHERE true
		ON CONFLICT (source_id, hour, gateway, route, kid, consumer, plan, organization) DO UPDATE SET ` + list(raised) + `,
			admitted = CASE WHEN excluded.seq >= usage_counters.seq THEN excluded.admitted ELSE usage_counters.admitted END,
			seq = CASE WHEN excluded.seq > usage_counters.seq THEN excluded.seq ELSE usage_counters.seq END`
}

// minuteIn is the minute that growth of an hour's counter is added to: the one
// in which it arrived, within the hour, so that minutes sum to their hour.
func minuteIn(arrived int64, hour uint32) int64 {
	first := int64(hour) * 60
	return min(max(arrived, first), first+59)
}
