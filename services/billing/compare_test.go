package billing

import (
	"fmt"
	"testing"
	"time"
)

// TestDiffer is what looks make of an hour, one after the other.
func TestDiffer(t *testing.T) {
	t.Parallel()
	const hour = int64(495_000)
	p := Period{hour, hour + 3}
	now := TimeOf(hour + 10)
	long := now.Add(-time.Hour)
	told := func(total, posted int64, at time.Time) map[int64]Hour {
		return map[int64]Hour{hour: {Plan: 2, Hour: hour, Total: total, Posted: posted, PostedAt: at}}
	}
	once := Difference{Hour: hour, Plan: 2, Told: 7, Counted: 5, Since: long, Looks: 1}
	retold := Difference{Hour: hour, Plan: 2, Told: 7, Counted: 5, Since: long, Looks: 2, Retold: 1}
	other := Difference{Hour: hour, Plan: 3, Told: 1, Counted: 2, Since: long, Looks: 9}
	for name, c := range map[string]struct {
		told    map[int64]Hour
		counted int64
		known   []Difference
		want    []Difference
	}{
		"as told":                       {told(7, 7, long), 7, nil, nil},
		"as told since":                 {told(7, 7, long), 7, []Difference{retold}, nil},
		"less":                          {told(7, 7, long), 5, nil, []Difference{{Hour: hour, Plan: 2, Told: 7, Counted: 5, Since: now, Looks: 1}}},
		"nothing":                       {told(7, 7, long), 0, nil, []Difference{{Hour: hour, Plan: 2, Told: 7, Since: now, Looks: 1}}},
		"more":                          {told(7, 7, long), 14, []Difference{other}, []Difference{{Hour: hour, Plan: 2, Told: 7, Counted: 14, Since: now, Looks: 1}}},
		"what nobody told":              {nil, 3, nil, []Difference{{Hour: hour, Plan: 2, Counted: 3, Since: now, Looks: 1}}},
		"twice":                         {told(7, 7, long), 4, []Difference{once}, []Difference{{Hour: hour, Plan: 2, Told: 7, Counted: 4, Since: long, Looks: 2}}},
		"told a moment ago":             {told(7, 7, now.Add(-catchUp+time.Second)), 5, []Difference{once}, nil},
		"told a quarter of an hour ago": {told(7, 7, now.Add(-catchUp)), 5, nil, []Difference{{Hour: hour, Plan: 2, Told: 7, Counted: 5, Since: now, Looks: 1}}},
		"to be told":                    {told(8, 7, long), 5, nil, nil},
		"told again a moment ago":       {told(7, 7, now), 5, []Difference{retold}, []Difference{retold}},
		"told again in vain": {told(7, 7, long), 5, []Difference{retold}, []Difference{
			{Hour: hour, Plan: 2, Told: 7, Counted: 5, Since: long, Looks: 3, Retold: 1, StaysAt: now},
		}},
	} {
		counted := map[int64]int64{hour: c.counted}
		if got := differ(2, p, c.told, counted, c.known, now); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	many := map[int64]int64{}
	for h := hour; h < hour+5*differAtOnce; h++ {
		many[h] = 1
	}
	if got := differ(2, Period{hour, hour + 5*differAtOnce}, nil, many, nil, now); len(got) != differAtOnce {
		t.Errorf("%d hours at once, want %d", len(got), differAtOnce)
	}
}
