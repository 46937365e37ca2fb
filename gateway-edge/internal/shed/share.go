package shed

import "slices"

// levelOf returns the greatest level at which the sum of min(wants, level) is within
// total: max-min fairness. Whoever wants less than the level gets all of it. It is
// false when all of them fit. wants is sorted by it.
func levelOf(wants []float64, total float64) (level float64, short bool) {
	slices.Sort(wants)
	left := total
	for i, w := range wants {
		if each := left / float64(len(wants)-i); w > each {
			return each, true
		}
		left -= w
	}
	return 0, false
}
