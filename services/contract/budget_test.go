package contract

import (
	"reflect"
	"testing"
)

func TestBudgetClaimRoundTrip(t *testing.T) {
	c := &BudgetClaim{
		Writer: BudgetWriter("edge-1.eu", 7), Counter: "g1.quota0.k.k7", Period: "m202611",
		Granted: 300, Spent: 120, Over: true, Since: 1_790_000_000, Start: 1_789_000_000, End: 1_792_000_000,
		Filter: BudgetFilter{Organization: 1, Gateway: 1, Key: 7, Live: true},
	}
	got, err := DecodeBudgetClaim(c.Field(), c.Encode())
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("got %+v, %v", got, err)
	}
	edge, epoch, ok := ParseBudgetWriter(c.Writer)
	if edge != "edge-1.eu" || epoch != 7 || !ok {
		t.Errorf("writer %q %d %v", edge, epoch, ok)
	}
}

func TestBudgetClaimRefused(t *testing.T) {
	good := (&BudgetClaim{Writer: "e.1", Counter: "c", Period: "m", Start: 1, End: 2}).Encode()
	for name, in := range map[string][2]string{
		"no period":             {"e.1 c", good},
		"four parts":            {"e.1 c m x", good},
		"no epoch":              {"e c m", good},
		"negative epoch":        {"e.-1 c m", good},
		"no edge":               {".1 c m", good},
		"not JSON":              {"e.1 c m", "x"},
		"negative granted":      {"e.1 c m", `{"q":-1,"a":1,"z":2}`},
		"too much spent":        {"e.1 c m", `{"s":9007199254740993,"a":1,"z":2}`},
		"ends before it starts": {"e.1 c m", `{"a":2,"z":2}`},
	} {
		if _, err := DecodeBudgetClaim(in[0], in[1]); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRestoreBudget(t *testing.T) {
	claims := []*BudgetClaim{
		{Writer: "a.2", Granted: 100, Spent: 60, Seq: 7},
		{Writer: "a.1", Granted: 40, Spent: 40, Over: true},
		{Writer: "a.1", Granted: 999, Spent: 999, Over: true}, // a second one of a writer
		{Writer: "d.1", Granted: 5, Spent: 5, Over: true, Least: true},
		{Writer: "d.2", Granted: 50, Spent: 50, Over: true, Least: true},
	}
	sums := []BudgetSum{{"a.2", 55}, {"a.1", 39}, {"b.1", 20}, {"c.9", 0}, {"d.1", 8}, {"d.2", 7}}
	want := []string{
		"u", "218", "n", "1", "h", "40",
		"ea.2", "100 7 60", "ea.1", "40 4503599627370496 40", "ed.1", "8 4503599627370496 8",
		"ed.2", "50 4503599627370496 50", "eb.1", "20 0 20",
	}
	if got := RestoreBudget(claims, sums); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func FuzzBudgetClaim(f *testing.F) {
	f.Add("e.1 c m", `{"q":1,"s":1,"t":1,"a":1,"z":2,"f":{"o":1}}`)
	f.Fuzz(func(t *testing.T, field, value string) {
		c, err := DecodeBudgetClaim(field, value)
		if err != nil {
			return
		}
		again, err := DecodeBudgetClaim(c.Field(), c.Encode())
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Fatalf("%+v became %+v, %v", c, again, err)
		}
		RestoreBudget([]*BudgetClaim{c}, nil)
	})
}
