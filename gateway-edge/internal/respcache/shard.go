package respcache

import (
	"sync"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// node is an item in its shard's queue.
type node struct {
	item         *policy.CacheItem
	newer, older *node
	next, prev   *node // others of the same resource
}

// shard is a part of a gateway's items.
type shard struct {
	mu     sync.RWMutex
	g      *Gateway // set before the first item comes
	byKey  map[string][]*policy.CacheItem
	byBase map[uint64]*node
	nodes  map[*policy.CacheItem]*node
	newest *node
	oldest *node
	hand   *node // nil: at the oldest
	_      [64]byte
}

// put adds item and takes old away. The lock is held.
func (s *shard) put(item, old *policy.CacheItem) {
	if s.byKey == nil {
		s.byKey, s.byBase, s.nodes = map[string][]*policy.CacheItem{}, map[uint64]*node{}, map[*policy.CacheItem]*node{}
	}
	if n := s.nodes[old]; n != nil {
		s.drop(n)
	}
	if list := s.byKey[item.Key]; len(list) >= policy.MaxVariants {
		s.drop(s.nodes[list[len(list)-1]])
	}
	n := &node{item: item, older: s.newest, next: s.byBase[item.Base]}
	if n.next != nil {
		n.next.prev = n
	}
	if s.newest != nil {
		s.newest.newer = n
	} else {
		s.oldest = n
	}
	s.newest = n
	s.byBase[item.Base], s.nodes[item] = n, n
	before := s.byKey[item.Key]
	list := make([]*policy.CacheItem, 0, len(before)+1)
	s.byKey[item.Key] = append(append(list, item), before...)
	s.account(item.Size, 1)
}

// drop removes a node. The lock is held.
func (s *shard) drop(n *node) {
	if s.hand == n {
		s.hand = n.newer
	}
	if n.newer != nil {
		n.newer.older = n.older
	} else {
		s.newest = n.older
	}
	if n.older != nil {
		n.older.newer = n.newer
	} else {
		s.oldest = n.newer
	}
	delete(s.nodes, n.item)
	s.unbase(n)
	before := s.byKey[n.item.Key]
	if len(before) <= 1 {
		delete(s.byKey, n.item.Key)
	} else {
		list := make([]*policy.CacheItem, 0, len(before)-1)
		for _, i := range before {
			if i != n.item {
				list = append(list, i)
			}
		}
		s.byKey[n.item.Key] = list
	}
	s.account(-n.item.Size, -1)
}

// unbase takes a node out of its resource's chain.
func (s *shard) unbase(n *node) {
	if n.next != nil {
		n.next.prev = n.prev
	}
	switch {
	case n.prev != nil:
		n.prev.next = n.next
	case n.next != nil:
		s.byBase[n.item.Base] = n.next
	default:
		delete(s.byBase, n.item.Base)
	}
}

func (s *shard) account(bytes, items int64) {
	s.g.org.used.Add(bytes)
	s.g.s.used.Add(bytes)
	s.g.s.counts.items.Add(items)
}

// evictOne takes the first item from the hand on that served nobody since the
// hand last passed. It reports false where there is none in one round: the shard is
// empty, or everything in it is in use.
func (s *shard) evictOne() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.oldest == nil {
		return false
	}
	start := s.hand
	if start == nil {
		start = s.oldest
	}
	for n := start; ; {
		if !n.item.EngineTakeUse() {
			s.hand = n.newer
			s.drop(n)
			return true
		}
		if n = n.newer; n == nil {
			n = s.oldest
		}
		if n == start {
			s.hand = start
			return false
		}
	}
}
