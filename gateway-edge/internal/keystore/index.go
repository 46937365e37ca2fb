package keystore

// index finds a kid's block by open addressing, without pointers. Slots hold
// ref+1, 0 for empty, gone for removed. It belongs to one shard.
type index struct {
	slots []uint32
	n     int // in use
	dead  int // removed
}

const gone = ^uint32(0)

// mix spreads a kid; the top bits choose the shard, the low ones the slot.
func mix(kid uint64) uint64 {
	kid ^= kid >> 32
	kid *= 0x9E3779B97F4A7C15
	return kid ^ kid>>29
}

func (x *index) find(s *slab, kid uint64) (r ref, slot int, ok bool) {
	if len(x.slots) == 0 {
		return 0, 0, false
	}
	mask := uint64(len(x.slots) - 1)
	for i := mix(kid) & mask; ; i = (i + 1) & mask {
		switch v := x.slots[i]; {
		case v == 0:
			return 0, 0, false
		case v != gone && s.kid(ref(v-1)) == kid:
			return ref(v - 1), int(i), true
		}
	}
}

// set points kid at r, which replaces what it pointed at.
func (x *index) set(s *slab, kid uint64, r ref) {
	if _, slot, ok := x.find(s, kid); ok {
		x.slots[slot] = uint32(r) + 1
		return
	}
	if (x.n+x.dead+1)*10 > len(x.slots)*7 {
		x.rebuild(s)
	}
	x.insert(kid, r)
	x.n++
}

func (x *index) insert(kid uint64, r ref) {
	mask := uint64(len(x.slots) - 1)
	for i := mix(kid) & mask; ; i = (i + 1) & mask {
		if v := x.slots[i]; v == 0 || v == gone {
			if v == gone {
				x.dead--
			}
			x.slots[i] = uint32(r) + 1
			return
		}
	}
}

func (x *index) rebuild(s *slab) {
	size := 64
	for size*5 < (x.n+1)*10 {
		size *= 2
	}
	old := x.slots
	x.slots, x.dead = make([]uint32, size), 0
	for _, v := range old {
		if v != 0 && v != gone {
			x.insert(s.kid(ref(v-1)), ref(v-1))
		}
	}
}

func (x *index) remove(slot int) {
	x.slots[slot] = gone
	x.n--
	x.dead++
}
