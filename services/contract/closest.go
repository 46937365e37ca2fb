package contract

// Closest returns the name that is nearest to what was written, for "did you
// mean"; ok is false when none is near enough to be a likely slip: more than two
// edits, or more than a third of the name.
func Closest(written string, names []string) (name string, ok bool) {
	best := min(2, len(written)/3) + 1
	if len(written) > 64 {
		return "", false
	}
	for _, n := range names {
		if d := editDistance(written, n, best); d < best {
			best, name, ok = d, n, true
		}
	}
	return name, ok
}

// editDistance is the optimal string alignment distance (insert, delete,
// replace, swap of neighbours), or limit when it is at least that.
func editDistance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	var rows [3][66]int
	if len(b) >= len(rows[0]) {
		return limit
	}
	two, prev, cur := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], two[j-2]+1)
			}
		}
		two, prev, cur = prev, cur, two
	}
	return min(prev[len(b)], limit)
}
