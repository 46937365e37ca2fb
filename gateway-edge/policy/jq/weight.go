package jq

import (
	"encoding/json"
	"math/big"
	"runtime/metrics"
)

// tooMuch is the error of a check; programs can catch it and have gained nothing.
type tooMuch struct{ what string }

func (e *tooMuch) Error() string { return e.what }

var errWeight = &tooMuch{"a value of the jq program is too large"}

// fit lets a value pass that is not too heavy and not too deep, and notes what it
// weighs. Parts that stand in a value several times weigh each time, as they do
// when it is written.
func (m *machine) fit(v any) (any, error) {
	w := weigher{left: maxWeight}
	ok := w.add(v, 0)
	m.ctx.steps += w.nodes >> 4
	m.made += maxWeight - w.left
	if !ok {
		return nil, errWeight
	}
	if m.made > maxMade && m.made-m.heard > maxWeight/4 {
		m.heard = m.made
		now := heapBytes()
		if m.heap == 0 {
			m.heap = now
		}
		if now > m.heap+maxHeap {
			m.ctx.over = true
			return nil, errWeight
		}
	}
	return v, nil
}

// heapBytes is what objects on the heap take.
func heapBytes() uint64 {
	s := [1]metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s[:])
	return s[0].Value.Uint64()
}

type weigher struct {
	left  int64
	nodes int
}

// add takes a value's weight, roughly its bytes in memory; false: it is too much.
func (w *weigher) add(v any, depth int) bool {
	w.nodes++
	switch v := v.(type) {
	case string:
		w.left -= 32 + int64(len(v))
	case json.Number:
		w.left -= 32 + int64(len(v))
	case *big.Int:
		w.left -= 48 + int64(v.BitLen()/8)
	case []any:
		w.left -= 40
		if depth > maxDepth || w.left < 0 {
			return false
		}
		for _, e := range v {
			if !w.add(e, depth+1) {
				return false
			}
		}
	case map[string]any:
		w.left -= 64 + 48*int64(len(v))
		if depth > maxDepth || w.left < 0 {
			return false
		}
		for k, e := range v {
			if w.left -= int64(len(k)); !w.add(e, depth+1) {
				return false
			}
		}
	default:
		w.left -= 24
	}
	return w.left >= 0
}

// nodes counts the values in v, up to a bound.
func nodes(v any) int {
	w := weigher{left: maxWeight}
	w.add(v, 0)
	return w.nodes
}
