package match

import (
	"slices"
	"strconv"
	"strings"
)

// Forks returns the routes that claims choose among, by their indexes: each list are
// routes whose matches are alike but for the claims, best first, and of which one at
// least wants some. Rules are Compile's.
func Forks(rules []*Rule) (out [][]int) {
	if !slices.ContainsFunc(rules, func(r *Rule) bool { return len(r.Claims) > 0 }) {
		return nil
	}
	at := make(map[string]int)
	var claimed []bool
	for _, r := range rules {
		k := r.key()
		n, ok := at[k]
		if !ok {
			n = len(out)
			at[k] = n
			out, claimed = append(out, nil), append(claimed, false)
		}
		out[n] = append(out[n], r.Index)
		claimed[n] = claimed[n] || len(r.Claims) > 0
	}
	// A route with exact hosts and wildcards is two rules, whose forks are the same.
	seen := make(map[int]bool)
	kept := out[:0]
	for n, fork := range out {
		if claimed[n] && !seen[fork[0]] {
			kept = append(kept, fork)
			for _, i := range fork {
				seen[i] = true
			}
		}
	}
	return kept
}

// same reports whether the rules take the same requests but for claims.
func (r *Rule) same(s *Rule) bool { return r.key() == s.key() }

// key is the same for rules that take the same requests but for claims, with the same
// precedence.
func (r *Rule) key() string {
	var b strings.Builder
	put := func(s string) {
		b.WriteString(strconv.Quote(s))
		b.WriteByte(' ')
	}
	put(strconv.Itoa(r.Priority))
	put(strconv.Itoa(int(r.Class)))
	put(strconv.FormatUint(uint64(r.Methods), 16))
	put(r.Path.Kind.String())
	put(r.Path.String())
	put(strconv.FormatBool(r.Strict))
	for _, list := range [][]Cond{r.Headers, r.Query} {
		for i := range list {
			put(list[i].String())
		}
		put("")
	}
	for _, h := range r.Hosts {
		put(h)
	}
	return b.String()
}
