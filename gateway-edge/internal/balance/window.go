package balance

// window is what a target answered in a sliding time: the sweep moves it on, from
// two counters that only rise.
type window struct {
	ring  [windowSlots]tally
	slot  int
	moved int64 // monotonic ns
}

// tally is requests that ended and those of them that failed.
type tally struct{ done, bad uint64 }

const windowSlots = 10

// since is what was counted in the window that ends now. The window moves on in
// tenths of its length.
func (w *window) since(now, length int64, total tally) tally {
	step := length / windowSlots
	switch {
	case w.moved == 0:
		w.reset(now, total)
	case now-w.moved >= 2*length: // nobody swept for long
		w.reset(now, total)
	default:
		for now-w.moved >= step {
			w.ring[w.slot] = total
			w.slot = (w.slot + 1) % windowSlots
			w.moved += step
		}
	}
	first := w.ring[w.slot]
	return tally{total.done - first.done, total.bad - first.bad}
}

// reset makes the window empty.
func (w *window) reset(now int64, total tally) {
	for i := range w.ring {
		w.ring[i] = total
	}
	w.slot, w.moved = 0, now
}

// over reports whether more than percent of at least least requests failed.
func (t tally) over(percent, least uint64) bool {
	return t.done >= least && t.bad*100 >= t.done*percent
}
