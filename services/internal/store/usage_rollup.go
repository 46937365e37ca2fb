package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Spans of sums, in minutes.
const (
	spanMinute = 1
	spanHour   = 60
	spanDay    = 1440
	spanWeek   = 10080 // the database adds to these itself, from usage_days
)

// Parts that sums are kept of.
const (
	partGateway = 0 // their route is 0
	partRoute   = 1
)

// sumTable is a table of sums that grow by what their totals in the ledger grow.
type sumTable struct {
	name string
	keys []string
	adds []string
}

// Tables of sums. The keys of those that cover spans begin alike; sumKeys makes
// them.
var (
	minuteTable = sumTable{"usage_minutes", []string{"gateway", "minute", "route", "kid", "consumer"}, counterRising}
	dayTable    = sumTable{"usage_days", []string{"gateway", "day", "route", "kid", "consumer"}, counterRising}
	counterSums = sumTable{"usage_sums", []string{"gateway", "span", "part", "at", "route"}, counterRising}
	statusSums  = sumTable{"usage_status_sums", []string{"gateway", "span", "part", "at", "route", "status"}, []string{"count"}}
	splitSums   = sumTable{"usage_split_sums", []string{"gateway", "span", "part", "at", "route", "dim", "value"}, splitRising}
)

// Most keys and sums of a row.
const (
	maxKeys = 7
	maxAdds = 8
)

type (
	rowKey [maxKeys]int64
	rowAdd [maxAdds]uint64
)

// growth is what a table's sums grow by.
type growth struct {
	table *sumTable
	rows  map[rowKey]*rowAdd
}

func newGrowth(t *sumTable) *growth { return &growth{t, map[rowKey]*rowAdd{}} }

func (g *growth) add(k rowKey, by *rowAdd) {
	have := g.rows[k]
	if have == nil {
		have = &rowAdd{}
		g.rows[k] = have
	}
	for i := range by {
		have[i] += by[i]
	}
}

// spread adds growth to the six sums of a gateway and a route that a moment
// belongs to. rest are the keys after the route.
func (g *growth) spread(gateway, route, minute, hour int64, by *rowAdd, rest ...int64) {
	for _, k := range sumKeys(gateway, route, minute, hour) {
		copy(k[5:], rest)
		g.add(k, by)
	}
}

// sumKeys are the keys of all sums that a minute of an hour of a route is in.
func sumKeys(gateway, route, minute, hour int64) [6]rowKey {
	return [6]rowKey{
		{gateway, spanMinute, partGateway, minute, 0},
		{gateway, spanMinute, partRoute, minute, route},
		{gateway, spanHour, partGateway, hour, 0},
		{gateway, spanHour, partRoute, hour, route},
		{gateway, spanDay, partGateway, hour / 24, 0},
		{gateway, spanDay, partRoute, hour / 24, route},
	}
}

func compareKeys(a, b rowKey) int {
	for i := range a {
		if c := cmp.Compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

// grow adds to the sums of a table. Rows are touched in the order of their keys
// by everybody, so that two transactions seldom wait for each other in a circle.
func (t *Txn) grow(g *growth) error {
	tab := g.table
	columns := append(slices.Clone(tab.keys), tab.adds...)
	added := make([]string, len(tab.adds))
	for i, c := range tab.adds {
		added[i] = fmt.Sprintf("%[1]s = %[2]s.%[1]s + excluded.%[1]s", c, tab.name)
	}
	query := t.input(columns, nil) + "INSERT INTO " + tab.name + " (" + list(columns) + ") SELECT " + list(columns) + " FROM input WHERE true ORDER BY " +
		list(tab.keys) + " ON CONFLICT (" + list(tab.keys) + ") DO UPDATE SET " + list(added)
	for chunk := range slices.Chunk(slices.SortedFunc(maps.Keys(g.rows), compareKeys), applyChunk) {
		b := []byte{'['}
		for i, k := range chunk {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendRow(b, tab, &k, g.rows[k])
		}
		if err := t.Exec(query, string(append(b, ']'))).Error; err != nil {
			return fmt.Errorf("add to %s: %w", tab.name, err)
		}
	}
	return nil
}

// appendRow writes a row as a JSON object.
func appendRow(b []byte, tab *sumTable, k *rowKey, by *rowAdd) []byte {
	open := byte('{')
	field := func(name string) {
		b = append(b, open, '"')
		b = append(append(b, name...), '"', ':')
		open = ','
	}
	for i, name := range tab.keys {
		field(name)
		b = strconv.AppendInt(b, k[i], 10)
	}
	for i, name := range tab.adds {
		field(name)
		b = strconv.AppendUint(b, by[i], 10)
	}
	return append(b, '}')
}

// raise sets every element of total to the greater of it and old, and returns
// what it grew by and whether it did.
func raise(total, old *rowAdd) (by rowAdd, grew bool) {
	for i := range total {
		if total[i] > old[i] {
			by[i], grew = total[i]-old[i], true
		} else {
			total[i] = old[i]
		}
	}
	return by, grew
}

// stored reads the totals that a writer's rows in the ledger have, by the index
// of the input row: its columns idx, source_id and keys.
func (t *Txn) stored(table string, keys, totals []string, js string, each func(idx int64, have *rowAdd)) error {
	on := make([]string, len(keys))
	for i, k := range keys {
		on[i] = "c." + k + " = i." + k
	}
	columns := make([]string, len(totals))
	for i, c := range totals {
		columns[i] = "c." + c
	}
	rows, err := t.Raw(t.input(append([]string{"idx"}, keys...), nil)+"SELECT i.idx, "+list(columns)+" FROM input i JOIN "+table+
		" c ON "+strings.Join(on, " AND "), js).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var idx int64
		var have rowAdd
		into := []any{&idx}
		for i := range totals {
			into = append(into, &have[i])
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		each(idx, &have)
	}
	return rows.Err()
}
