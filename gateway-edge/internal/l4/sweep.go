package l4

import (
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// sweep looks after every session once.
func (s *Server) sweep() {
	s.mu.Lock()
	all := make([]*session, 0, len(s.sessions))
	for x := range s.sessions {
		all = append(all, x)
	}
	s.emptied()
	s.mu.Unlock()
	now := s.cfg.Clock.Boot()
	for _, x := range all {
		x.look(now)
	}
}

// look ends the session when it must end, and has its bytes counted.
func (x *session) look(now int64) {
	switch _, refused := x.gw.Org.Refuse(now); {
	case x.stops.Load():
		return
	case refused || x.removed():
		x.stop(policy.EndedByEdge)
	case x.overdue(now):
		x.stop(policy.EndedByEdge)
	case now-x.moved.Load() > int64(x.st.Doc.Idle()+x.tick()+time.Second):
		x.stop(policy.EndedByTimeout) // it hangs in a write
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if now < x.due {
		return
	}
	if in, out := x.charge(now); in > 0 || out > 0 {
		x.s.cfg.Meter.Carried(&x.st.Meter.Hot, &x.id, in, out)
	}
}

// removed reports whether the stream is gone, or is another gateway's now. A
// gateway that is not in memory has not changed since.
func (x *session) removed() bool {
	t := x.s.cfg.Table
	e := t.AtPort(x.st.Doc.Transport(), x.st.Doc.Port)
	if x.named != "" {
		e = t.AtServerName(x.named)
	}
	if e != x.entry {
		return true
	}
	gw := x.entry.Current()
	if gw == nil || gw == x.checked {
		return false
	}
	x.checked = gw
	return gw.StreamByNum(x.st.Doc.Num) == nil
}

// overdue reports whether the session's target was taken out of service for longer
// than sessions may go on with it.
func (x *session) overdue(now int64) bool {
	t := x.at.Load()
	return t != nil && t.Overdue(now)
}
