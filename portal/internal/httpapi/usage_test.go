package httpapi

import (
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/usage"
)

// TestUsageTable has only what is counted, and no cell that a spreadsheet runs.
func TestUsageTable(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	p := usage.Point{Time: at, Requests: 5, Billed: 3, Edge: &usage.Percentiles{P50: 0.5, P95: 1, P99: 2}}
	none := usage.Point{Time: at.Add(time.Hour)}
	s := &usage.Series{
		GroupBy: usage.GroupConsumer, Measures: []usage.Measure{"requests", "billed", "edge_ms"},
		Groups: []usage.GroupSeries{{ID: "con_1", Name: "=cmd|' /C calc'!A0", Points: []usage.Point{p, none}}, {Name: "a,b", Points: []usage.Point{p}}},
	}
	b, err := usageCSV(s)
	if err != nil {
		t.Fatal(err)
	}
	want := "time,consumer_id,consumer_name,requests,billed,edge_ms_p50,edge_ms_p95,edge_ms_p99\r\n" +
		"2026-11-22T10:00:00Z,con_1,'=cmd|' /C calc'!A0,5,3,0.5,1,2\r\n" +
		"2026-11-22T11:00:00Z,con_1,'=cmd|' /C calc'!A0,0,0,,,\r\n" +
		"2026-11-22T10:00:00Z,,\"a,b\",5,3,0.5,1,2\r\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	s.GroupBy, s.Groups = usage.GroupNone, []usage.GroupSeries{{Points: []usage.Point{p}}}
	if b, err = usageCSV(s); err != nil || !strings.HasPrefix(b.String(), "time,requests,billed,") {
		t.Errorf("without groups: %v\n%s", err, b)
	}
}
