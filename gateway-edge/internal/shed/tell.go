package shed

import "time"

// speakEvery is how often an overload that goes on is logged, and memory relieved.
const (
	speakEvery   = 10 * time.Second
	relieveEvery = time.Second
)

// tell logs that an overload begins, goes on and ends, and asks for relief. The lock
// is held.
func (g *Guard) tell(took time.Duration, before Stats) {
	s := &g.stats
	was, is := before.Overloaded || before.Short, s.Overloaded || s.Short
	at := g.spoke
	if g.spoke += took; was && is && s.Short && at/relieveEvery != g.spoke/relieveEvery || !before.Short && s.Short {
		if g.cfg.Relieve != nil {
			g.cfg.Relieve()
		}
	}
	if was == is && (!is || g.spoke < speakEvery) {
		return
	}
	g.spoke = 0
	refused := uint64(0)
	for i := range g.refused {
		n := g.refused[i].Load()
		refused += n - g.last[i]
		g.last[i] = n
	}
	switch {
	case !is:
		g.cfg.Logger.Info("overload is over", "refused", refused)
	default:
		g.cfg.Logger.Warn("overloaded: organizations over their share are refused", "processors", s.Overloaded, "memory", s.Short,
			"delay", s.Delay, "memory_share", s.Memory, "organizations", s.Active, "limited", s.Limited, "refused", refused)
	}
}
