package route

import (
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// tree holds the entries of one host. Exact paths are found in one lookup;
// parameters, tails and prefixes by walking down a tree of segments; regular
// expressions one after the other. Every list is in order of rank, and every node
// knows the best rank below it, so that a walk never enters what can't win.
type tree struct {
	exact   map[string]leaf
	root    *node
	regexes leaf
}

// node is one segment deep in the tree.
type node struct {
	best     int // best rank of this node and all below
	literals map[string]*node
	param    *node
	end      leaf // entries with parameters that end here
	tail     leaf // entries whose tail begins below here
	prefix   leaf // entries with everything from here down
}

// leaf is a list of entries in order of rank.
type leaf []*entry

const noRank = int(^uint(0) >> 1)

func newTree() *tree { return &tree{exact: map[string]leaf{}} }

// add puts an entry in. Entries come in order of rank.
func (t *tree) add(e *entry) {
	p := e.rule.Path
	switch p.Kind {
	case match.Exact:
		key := p.Text()
		t.exact[key] = append(t.exact[key], e)
		return
	case match.Regex:
		t.regexes = append(t.regexes, e)
		return
	}
	if t.root == nil {
		t.root = &node{best: noRank}
	}
	n := t.root
	n.best = min(n.best, e.rank)
	for _, s := range p.Segments {
		n = n.child(s)
		n.best = min(n.best, e.rank)
	}
	switch p.Kind {
	case match.Params:
		n.end = append(n.end, e)
	case match.Tail:
		n.tail = append(n.tail, e)
	case match.Prefix:
		n.prefix = append(n.prefix, e)
	}
}

func (n *node) child(s match.Segment) *node {
	if s.Param != "" {
		if n.param == nil {
			n.param = &node{best: noRank}
		}
		return n.param
	}
	c := n.literals[s.Literal]
	if c == nil {
		if n.literals == nil {
			n.literals = map[string]*node{}
		}
		c = &node{best: noRank}
		n.literals[s.Literal] = c
	}
	return c
}

// finish notes the Allow value of every set of methods that one leaf has.
func (t *tree) finish(allow map[match.Methods]string) {
	for _, l := range t.exact {
		l.note(allow)
	}
	t.regexes.note(allow)
	if t.root != nil {
		t.root.note(allow)
	}
}

func (n *node) note(allow map[match.Methods]string) {
	for _, l := range []leaf{n.end, n.tail, n.prefix} {
		l.note(allow)
	}
	for _, c := range n.literals {
		c.note(allow)
	}
	if n.param != nil {
		n.param.note(allow)
	}
}

func (l leaf) note(allow map[match.Methods]string) {
	var s match.Methods
	for _, e := range l {
		s |= e.methods
	}
	if _, ok := allow[s]; !ok {
		allow[s] = s.String()
	}
}

// walk is one search: what is looked for, and what was found so far.
type walk struct {
	r      *policy.Request
	method match.Methods
	path   string        // canonical
	base   string        // without a trailing slash; "/" for the root
	slash  bool          // a slash was cut off
	best   int           // best rank found; len(rules) when none
	allow  match.Methods // of entries that only the method kept out
	spent  int           // steps of regular expressions, see maxSteps
}

// maxSteps bounds what the regular expressions of one request may cost, in steps
// of their programs times bytes: a hundred of ordinary size over an ordinary path
// take a third of it, the worst that can be written takes 20 ms for all of it.
const maxSteps = 1 << 20

// afford adds the cost of matching n bytes; false says that it is too much, and
// then it is for everything that follows.
func (w *walk) afford(steps, n int) bool {
	w.spent += steps * n
	return w.spent <= maxSteps
}

func (w *walk) setPath(path string) {
	w.path, w.base = path, path
	if len(path) > 1 && path[len(path)-1] == '/' {
		w.base, w.slash = path[:len(path)-1], true
	}
}

// find looks for something better than w.best.
func (t *tree) find(w *walk) {
	if l, ok := t.exact[w.base]; ok {
		l.find(w)
	}
	if t.root != nil {
		t.root.find(w, w.base[1:], w.base == "/")
	}
	for _, e := range t.regexes {
		if e.rank >= w.best {
			return
		}
		if e.takesPath(w) {
			e.offer(w)
		}
	}
}

// find walks the tree; rest are the segments below n, done says that none is
// left. The usual winners come first, so that the rest is cut off by its rank.
func (n *node) find(w *walk, rest string, done bool) {
	if n.best >= w.best {
		return
	}
	if done {
		n.end.find(w)
		n.prefix.find(w)
		return
	}
	part, below, more := rest, "", false
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		part, below, more = rest[:i], rest[i+1:], true
	}
	if n.literals != nil {
		if c := n.literals[part]; c != nil {
			c.find(w, below, !more)
		}
	}
	if n.param != nil {
		n.param.find(w, below, !more)
	}
	n.tail.find(w)
	n.prefix.find(w)
}

// find offers the request to each entry that could still win.
func (l leaf) find(w *walk) {
	for _, e := range l {
		if e.rank >= w.best {
			return
		}
		e.offer(w)
	}
}

func (e *entry) offer(w *walk) {
	ok, method := e.takes(w)
	switch {
	case ok:
		w.best = e.rank
	case !method:
		w.allow |= e.methods
	}
}
