package billing

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// chainOf makes a chain of n entries.
func chainOf(n int) (entries []Entry, head Head) {
	for i := range n {
		e := Entry{Organization: 7, Hour: 490_000 + int64(i/2), Plan: 2, Total: int64(100 + i), At: time.UnixMilli(1_800_000_000_000 + int64(i)).UTC()}
		head.Append(&e)
		entries = append(entries, e)
	}
	return entries, head
}

// TestChainForm pins the bytes: a chain that was written can be checked for ever.
func TestChainForm(t *testing.T) {
	t.Parallel()
	entries, head := chainOf(2)
	const first, second = "86977287f0447db080ed2f66fc0716a8a26bac4c61589898070d53618f93e162", "c6a2c0b24953544d7bcc6d22fa7cbf163c22c22d03d7d3b31f7e17c5a6363ea3"
	if entries[0].Hash.String() != first || entries[1].Hash.String() != second || head.Hash != entries[1].Hash || head.Seq != 2 {
		t.Errorf("hashes %s %s, head %+v", entries[0].Hash, entries[1].Hash, head)
	}
	if d, err := ParseDigest(first); err != nil || d != entries[0].Hash {
		t.Errorf("parsed %s: %v", d, err)
	}
	for _, s := range []string{"", "00", first + "00", "zz" + first[2:]} {
		if _, err := ParseDigest(s); err == nil {
			t.Errorf("%q was taken for a digest", s)
		}
	}
}

// pages is a store that has nothing but a chain.
type pages struct {
	HourStore
	entries []Entry
	head    Head
}

func (p *pages) Chain(_ context.Context, _ core.OrganizationID, after uint64, limit int) ([]Entry, Head, error) {
	i := slices.IndexFunc(p.entries, func(e Entry) bool { return e.Seq > after })
	if i < 0 {
		return nil, p.head, nil
	}
	return p.entries[i:min(len(p.entries), i+limit)], p.head, nil
}

// TestChainShowsEveryChange changes one thing in a chain that is longer than a page.
func TestChainShowsEveryChange(t *testing.T) {
	t.Parallel()
	whole, head := chainOf(2*chainPage + 3)
	check := func(entries []Entry, head Head) Chain {
		c, err := checkChain(t.Context(), &pages{entries: entries, head: head}, "org_x", func(*Entry) {})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := check(whole, head); c.Broken != "" || c.Entries != uint64(len(whole)) || c.First != whole[0].Hash || c.Last != head.Hash {
		t.Errorf("a whole chain: %+v", c)
	}
	if c := check(nil, Head{}); c.Broken != "" || c.Entries != 0 {
		t.Errorf("an empty chain: %+v", c)
	}
	at := chainPage + 1
	for name, change := range map[string]func(e []Entry) []Entry{
		"organization": func(e []Entry) []Entry { e[at].Organization++; return e },
		"hour":         func(e []Entry) []Entry { e[at].Hour++; return e },
		"plan":         func(e []Entry) []Entry { e[at].Plan++; return e },
		"total":        func(e []Entry) []Entry { e[at].Total--; return e },
		"moment":       func(e []Entry) []Entry { e[at].At = e[at].At.Add(time.Millisecond); return e },
		"rehashed":     func(e []Entry) []Entry { e[at].Total--; e[at].Hash = e[at].Sum(); return e },
		"missing":      func(e []Entry) []Entry { return slices.Delete(e, at, at+1) },
		"missing last": func(e []Entry) []Entry { return e[:len(e)-1] },
		"missing all":  func(e []Entry) []Entry { return nil },
		"swapped":      func(e []Entry) []Entry { e[at], e[at+1] = e[at+1], e[at]; return e },
		"renumbered": func(e []Entry) []Entry {
			e = slices.Delete(e, at, at+1)
			for i := range e[at:] {
				e[at+i].Seq--
			}
			return e
		},
	} {
		if c := check(change(slices.Clone(whole)), head); c.Broken == "" {
			t.Errorf("%s: nothing shows", name)
		}
	}
}

func TestHours(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]int64{
		"1970-01-01T00:00:00Z": 0, "1970-01-01T00:59:59.999Z": 0, "1969-12-31T23:59:59.999Z": -1, "1969-12-31T23:00:00Z": -1,
		"2024-02-29T23:59:59Z": 474791, "2024-03-01T01:00:00+01:00": 474792,
	} {
		m, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := HourOf(m); got != want || TimeOf(got).After(m) || !TimeOf(got+1).After(m) {
			t.Errorf("%s is in hour %d, want %d", at, got, want)
		}
	}
	p := Period{10, 12}
	if p.Holds(9) || !p.Holds(10) || !p.Holds(11) || p.Holds(12) {
		t.Error("a period is half open")
	}
}
