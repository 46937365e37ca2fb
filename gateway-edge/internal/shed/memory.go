package shed

// What the memory's control holds to, in shares of the limit.
const (
	shedAt   = 0.85 // from here on organizations with many open requests are refused more
	closeAt  = 0.95 // from here on new connections are refused
	reopenAt = 0.92
	easeAt   = 0.82
	endAt    = 0.78

	// few requests are always let in, however short memory is.
	few = 8
)

// pool bounds the requests that may be open in all while memory is short.
type pool struct {
	on     bool
	closed bool
	total  float64 // while on
}

// update takes a reading: open is the number of requests open now.
func (p *pool) update(memory, open float64) {
	switch {
	case memory >= closeAt:
		p.closed = true
	case memory < reopenAt:
		p.closed = false
	}
	if !p.on {
		if memory >= shedAt {
			p.on, p.total = true, open*shedAt/memory
		}
		return
	}
	switch {
	case memory < endAt:
		*p = pool{closed: p.closed}
	case memory >= shedAt:
		p.total = min(p.total, open) * shedAt / memory
	case memory < easeAt:
		p.total = min(p.total*1.05+1, 2*open+few)
	}
}
