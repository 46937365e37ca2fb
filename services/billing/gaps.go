package billing

import (
	"math"
	"slices"
	"time"
)

// gaps are the whole hours from the first of the subscriptions on in which there was
// none: what an operator lets an organization use then is a gift. First is the hour that
// the first one began in; false: there never was one. A last gap is open: it ends at
// math.MaxInt64.
func gaps(all []Subscription) (first int64, found []Period, ok bool) {
	all = slices.DeleteFunc(slices.Clone(all), func(s Subscription) bool {
		return s.Status == SubscriptionIncomplete || s.Status == SubscriptionIncompleteExpired
	})
	if len(all) == 0 {
		return 0, nil, false
	}
	slices.SortStableFunc(all, func(a, b Subscription) int { return a.Created.Compare(b.Created) })
	first = HourOf(all[0].Created)
	until := first // of all subscriptions so far
	for i := range all {
		if begin := HourOf(all[i].Created); begin > until {
			found = append(found, Period{until, begin})
		}
		end := int64(math.MaxInt64)
		if !all[i].Live() && !all[i].EndedAt.IsZero() {
			end = HourOf(all[i].EndedAt.Add(time.Hour - 1))
		}
		if until = max(until, end); until == math.MaxInt64 {
			return first, found, true
		}
	}
	return first, append(found, Period{until, math.MaxInt64}), true
}
