package scan

import (
	"math/bits"
	"math/rand/v2"
)

// seed keeps clients from choosing names that crowd one place of a keySet. Equal
// names always have equal sums, so none is missed; two names with one sum would
// only be refused.
var seed = rand.Uint64() | 1

const factor = 0x9E3779B97F4A7C15

// sum is a running hash of a name.
type sum uint64

func newSum() sum { return sum(seed) }

func (s sum) add(c byte) sum { return (s ^ sum(c)) * factor }

func (s sum) done() uint64 {
	hi, lo := bits.Mul64(uint64(s)^seed, factor)
	return hi ^ lo
}

// keySet holds the sums of names, each with the number of the object it stands in.
type keySet struct {
	slots []uint64 // 0: free
	n     int
}

const (
	firstSlots = 64
	keptSlots  = 1 << 14 // larger tables are left to the collector
)

func (k *keySet) reset() {
	if len(k.slots) > keptSlots {
		k.slots = nil
	}
	if k.n > 0 {
		clear(k.slots)
	}
	k.n = 0
}

// add reports whether the name is new in its object.
func (k *keySet) add(object uint64, name uint64) bool {
	if 2*k.n >= len(k.slots) {
		k.grow()
	}
	hi, lo := bits.Mul64(name^(object*factor), seed)
	v := hi ^ lo
	if v == 0 {
		v = 1
	}
	if !k.put(v) {
		return false
	}
	k.n++
	return true
}

func (k *keySet) put(v uint64) bool {
	mask := uint64(len(k.slots) - 1)
	for i := v & mask; ; i = (i + 1) & mask {
		switch k.slots[i] {
		case 0:
			k.slots[i] = v
			return true
		case v:
			return false
		}
	}
}

func (k *keySet) grow() {
	old := k.slots
	k.slots = make([]uint64, max(firstSlots, 2*len(old)))
	for _, v := range old {
		if v != 0 {
			k.put(v)
		}
	}
}
