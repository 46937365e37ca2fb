package billing

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestGaps(t *testing.T) {
	t.Parallel()
	sub := func(from, to int64, status string) Subscription {
		s := Subscription{Status: status, Created: TimeOf(from).Add(time.Minute)}
		if to > 0 {
			s.EndedAt = TimeOf(to)
		}
		return s
	}
	for name, c := range map[string]struct {
		all  []Subscription
		want []Period
		none bool
	}{
		"nothing":          {none: true},
		"never paid":       {all: []Subscription{sub(5, 6, SubscriptionIncompleteExpired)}, none: true},
		"one":              {all: []Subscription{sub(5, 0, SubscriptionActive)}},
		"one that ended":   {all: []Subscription{sub(5, 9, SubscriptionCanceled)}, want: []Period{{9, math.MaxInt64}}},
		"a gap":            {all: []Subscription{sub(5, 9, SubscriptionCanceled), sub(20, 0, SubscriptionActive)}, want: []Period{{9, 20}}},
		"in another order": {all: []Subscription{sub(20, 0, SubscriptionPastDue), sub(5, 9, SubscriptionCanceled)}, want: []Period{{9, 20}}},
		"in the same hour": {all: []Subscription{sub(5, 9, SubscriptionCanceled), sub(9, 0, SubscriptionActive)}},
		"two at once":      {all: []Subscription{sub(5, 30, SubscriptionCanceled), sub(6, 9, SubscriptionCanceled), sub(40, 50, SubscriptionCanceled)}, want: []Period{{30, 40}, {50, math.MaxInt64}}},
		"tried in between": {all: []Subscription{sub(5, 9, SubscriptionCanceled), sub(12, 13, SubscriptionIncompleteExpired), sub(20, 0, SubscriptionActive)}, want: []Period{{9, 20}}},
	} {
		first, got, ok := gaps(c.all)
		if ok == c.none || !slices.Equal(got, c.want) || ok && first != 5 {
			t.Errorf("%s: %v from %d, %v", name, got, first, ok)
		}
	}
	// The hour that it ended in was paid for.
	if _, got, _ := gaps([]Subscription{{Status: SubscriptionCanceled, Created: TimeOf(5), EndedAt: TimeOf(9).Add(time.Second)}}); len(got) != 1 || got[0].Start != 10 {
		t.Errorf("gaps %v", got)
	}
}
