package l4

import (
	"net/netip"
	"sync"

	"github.com/tollgate/tollgate/services/contract"
)

// room counts the sessions of one stream, in all and for each address. It outlives
// versions of the stream. An IPv6 client is counted by its /64.
type room struct {
	mu  sync.Mutex // guards the rest
	all int
	by  map[netip.Addr]int
}

// enter counts one more session of a stream from an address; nil when either has
// too many.
func (s *Server) enter(d *contract.Stream, a netip.Addr) *room {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[d.Num]
	if r == nil {
		r = &room{by: map[netip.Addr]int{}}
		s.rooms[d.Num] = r
	}
	if !r.enter(d, a) {
		return nil
	}
	return r
}

// emptied forgets the rooms that nobody is in. The server's lock is held.
func (s *Server) emptied() {
	for num, r := range s.rooms {
		r.mu.Lock()
		if r.all == 0 {
			delete(s.rooms, num)
		}
		r.mu.Unlock()
	}
}

func subject(a netip.Addr) netip.Addr {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// enter counts one more session of a; false when the stream or a has too many.
func (r *room) enter(d *contract.Stream, a netip.Addr) bool {
	most, each := d.MaxConnections, d.MaxConnectionsPerIP
	if most == 0 {
		most = contract.DefaultStreamConns
	}
	if each == 0 {
		each = contract.DefaultStreamConnsPerIP
	}
	a = subject(a)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all >= most || r.by[a] >= each {
		return false
	}
	r.all++
	r.by[a]++
	return true
}

// leave takes it back.
func (r *room) leave(a netip.Addr) {
	a = subject(a)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all--
	if r.by[a]--; r.by[a] <= 0 {
		delete(r.by, a)
	}
}
