package policy

import (
	"context"
	"sync/atomic"
)

// CacheItem is one response in a Cache. It does not change once it was put in,
// and may be kept.
type CacheItem struct {
	// Key is what a lookup asks for. Variants of one resource share it.
	Key string
	// Base is a hash of the resource's address: what an unsafe request to it makes
	// invalid, whoever the stored responses are for.
	Base uint64
	// Path is the path that clients ask for, with the query behind "?" where there
	// is one, and Tags what the origin attached: purges go by them.
	Path string
	Tags []string
	// Size is what the item takes of the budgets, in bytes, all included.
	Size int64
	// Began is when the request was sent whose answer this is, and Expires when the
	// item is of no more use, CLOCK_BOOTTIME ns.
	Began, Expires int64
	// Value is the policy's own: a pointer.
	Value any

	used atomic.Bool
}

// Touch notes that the item served a request.
func (i *CacheItem) Touch() {
	if !i.used.Load() {
		i.used.Store(true)
	}
}

// EngineTakeUse reports whether the item was touched since the last call.
func (i *CacheItem) EngineTakeUse() bool { return i.used.Load() && i.used.Swap(false) }

// MaxVariants bounds the items under one key.
const MaxVariants = 32

// Cache holds the stored responses of one gateway, within the budgets of its
// organization and of the edge. Nothing in it blocks.
type Cache interface {
	// Peek returns what is stored under key, newest first; the list must not be
	// changed. It does not allocate.
	Peek(key []byte) []*CacheItem
	// Put stores item in the place of old, nil: beside the others of its key. It
	// reports false where item is not kept: it is too large, or what it holds was
	// purged or made invalid since Began.
	Put(item, old *CacheItem) bool
	// Invalidate removes every item of a resource, as of now (CLOCK_BOOTTIME ns).
	Invalidate(base uint64, now int64)
	// Reserve takes n bytes for bodies that are on their way, and gives back where n
	// is negative; false: there is no room.
	Reserve(n int64) bool
	// Later runs f soon, on another goroutine: ctx ends with the edge, and with f's
	// time. It reports false where too much is waiting already.
	Later(f func(ctx context.Context)) bool
}
