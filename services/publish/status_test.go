package publish

import (
	"context"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

type fixed struct {
	p       Published
	reports []contract.EdgeReport
}

func (f *fixed) Published(context.Context, core.OrganizationID, string, uint64) (*Published, error) {
	p := f.p
	return &p, nil
}

func (f *fixed) Newest(_ context.Context, _ core.OrganizationID, gateways []string) (map[string]Published, error) {
	out := map[string]Published{}
	for _, g := range gateways {
		if g != "never" {
			out[g] = f.p
		}
	}
	return out, nil
}
func (f *fixed) Reports(context.Context) ([]contract.EdgeReport, error) { return f.reports, nil }
func (f *fixed) Forget(context.Context, []string) error                 { return nil }

func edge(id string, rev uint64, age time.Duration, applied ...contract.Applied) contract.EdgeReport {
	return contract.EdgeReport{ID: id, Lineage: "lin", Rev: rev, Time: now.Add(-age).UnixMilli(), Applied: applied}
}

func status(t *testing.T, f *fixed) *Status {
	t.Helper()
	s, err := NewStatus(f, f, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLive(t *testing.T) {
	t.Parallel()
	committed := now.Add(-time.Second).UnixMilli()
	sent := Published{Rev: 10, Created: committed, Lineage: "lin", Newest: 4}
	failed := edge("e", 12, 0)
	failed.Failed = []contract.FailedGateway{{Gateway: "gw", Version: 4, Serving: 3, Reason: "no memory"}}
	elsewhere := edge("e", 12, 0)
	elsewhere.Lineage = "old"
	draining := edge("e", 9, 0)
	draining.Draining = true
	for name, c := range map[string]struct {
		p       Published
		reports []contract.EdgeReport
		live    bool
		edges   int // reachable
		reason  string
	}{
		"no edge":                      {p: sent},
		"there":                        {p: sent, reports: []contract.EdgeReport{edge("e", 10, 0)}, live: true, edges: 1},
		"not yet":                      {p: sent, reports: []contract.EdgeReport{edge("e", 10, 0), edge("f", 9, 0)}, edges: 2},
		"unreachable is not awaited":   {p: sent, reports: []contract.EdgeReport{edge("e", 10, 0), edge("f", 9, time.Minute)}, live: true, edges: 1},
		"only unreachable":             {p: sent, reports: []contract.EdgeReport{edge("f", 10, time.Minute)}},
		"draining is not awaited":      {p: sent, reports: []contract.EdgeReport{edge("d", 10, 0), draining}, live: true, edges: 1},
		"not published":                {p: Published{Lineage: "lin", Failure: &Failure{Reason: "too old"}}, reports: []contract.EdgeReport{edge("e", 10, 0)}, edges: 1, reason: "too old"},
		"refused by the edge":          {p: sent, reports: []contract.EdgeReport{failed}, edges: 1},
		"another lineage means little": {p: sent, reports: []contract.EdgeReport{elsewhere}, edges: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := status(t, &fixed{c.p, c.reports}).Live(t.Context(), "org", LiveInput{Gateway: "gw", Version: 4})
			if err != nil {
				t.Fatal(err)
			}
			if edges, _ := l.Counts(); l.Live != c.live || edges != c.edges || l.Reason != c.reason {
				t.Errorf("%+v", l)
			}
		})
	}
}

func TestLiveNow(t *testing.T) {
	t.Parallel()
	f := &fixed{Published{Rev: 10, Newest: 4, Lineage: "lin"}, []contract.EdgeReport{edge("a", 12, 0), edge("b", 9, 0), edge("gone", 12, time.Minute)}}
	got, err := status(t, f).LiveNow(t.Context(), "org", []LiveInput{{Gateway: "gw", Version: 4}, {Gateway: "gw", Version: 5}, {Gateway: "never", Version: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		published bool
		edges     int
		live      int
	}{{true, 2, 1}, {false, 2, 0}, {false, 2, 0}} {
		if edges, live := got[i].Counts(); got[i].Published != want.published || edges != want.edges || live != want.live || got[i].Live {
			t.Errorf("%d: %+v, want %+v", i, got[i], want)
		}
	}
}

func TestLiveTellsHowLongItTook(t *testing.T) {
	t.Parallel()
	committed := now.Add(-time.Second)
	at := func(d time.Duration) int64 { return committed.Add(d).UnixMilli() }
	f := &fixed{Published{Rev: 10, Created: committed.UnixMilli(), Lineage: "lin"}, []contract.EdgeReport{
		edge("a", 12, 0, contract.Applied{Rev: 9, Time: at(-time.Minute)}, contract.Applied{Rev: 11, Time: at(40 * time.Millisecond)}, contract.Applied{Rev: 12, Time: at(time.Second)}),
		edge("b", 500, 0, contract.Applied{Rev: 400, Time: at(time.Hour)}),           // it forgot when
		edge("c", 10, 0, contract.Applied{Rev: 10, Time: at(-5 * time.Millisecond)}), // its clock is behind
	}}
	l, err := status(t, f).Live(t.Context(), "org", LiveInput{Gateway: "gw", Version: 4})
	if err != nil || !l.Live {
		t.Fatalf("%+v, %v", l, err)
	}
	for i, want := range []time.Duration{40 * time.Millisecond, 0, 0} {
		if l.Edges[i].After != want {
			t.Errorf("edge %s after %s, want %s", l.Edges[i].ID, l.Edges[i].After, want)
		}
	}
}

func TestReceipt(t *testing.T) {
	t.Parallel()
	f := &fixed{Published{Rev: 10, Lineage: "lin"}, []contract.EdgeReport{
		edge("a", 10, 0, contract.Applied{Rev: 10, Time: now.UnixMilli()}), edge("b", 9, 0), edge("c", 10, 4*time.Second),
	}}
	r, err := status(t, f).Receipt(t.Context(), "org", ReceiptInput{Key: "key", Version: 2})
	if err != nil {
		t.Fatal(err)
	}
	if r.Complete || len(r.Confirmed) != 1 || r.Confirmed[0].Edge != "a" || !r.Confirmed[0].At.Equal(now) ||
		len(r.Waiting) != 1 || r.Waiting[0] != "b" || len(r.Unreachable) != 1 || r.Unreachable[0].Edge != "c" {
		t.Errorf("%+v", r)
	}
	f.reports[1].Rev = 11
	if r, err = status(t, f).Receipt(t.Context(), "org", ReceiptInput{Key: "key", Version: 2}); err != nil || !r.Complete || len(r.Confirmed) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	f.p.Rev = 0
	if r, err = status(t, f).Receipt(t.Context(), "org", ReceiptInput{Key: "key", Version: 2}); err != nil || r.Complete || len(r.Confirmed) != 0 {
		t.Errorf("before it was published: %+v, %v", r, err)
	}
}

// TestIndexIsIndependentOfOrder: digests kept one change at a time are those of
// the whole.
func TestIndexIsIndependentOfOrder(t *testing.T) {
	t.Parallel()
	x := newIndex()
	x.set("gw_a", "1 aa")
	x.set("gw_b", "1 bb")
	x.set("gw_a", "2 cc")
	x.set("gw_c", "1 dd")
	x.set("gw_b", "")
	x.set("gw_never", "")
	y := newIndex()
	y.set("gw_c", "1 dd")
	y.set("gw_a", "2 cc")
	if x.buckets != y.buckets || string(x.root()) != string(y.root()) || len(x.entries) != 2 {
		t.Error("the order of changes shows")
	}
	b := contract.IndexBucket("gw_a")
	want := map[string]string{}
	for _, ref := range x.of(b) {
		want[ref] = x.entries[ref]
	}
	if x.buckets[b] != contract.BucketDigest(want) {
		t.Error("a bucket's digest is not that of its entries")
	}
}
