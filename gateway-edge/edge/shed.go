package edge

import (
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate/tollgate/gateway-edge/internal/shed"
)

// openShed makes what says who is let in.
func (e *Edge) openShed() {
	memory := shed.Limit(e.cfg.MemoryLimit, os.DirFS("/"))
	conns := e.cfg.MaxConnsPerOrg
	if conns == 0 {
		conns = e.cfg.maxConns() / 2
	}
	e.shed = shed.New(shed.Config{
		MaxOpen: int64(e.cfg.MaxOpenPerOrg), MaxConns: int64(conns), MemoryLimit: memory, Logger: e.cfg.Logger,
		Relieve: func() { e.engine.CloseIdle(time.Second) },
	})
	e.cfg.Logger.Info("bounds of the edge", "memory", memory, "connections", e.cfg.maxConns(), "connections_per_organization", conns)
}

// maxConns is the bound on the clients' connections: a quarter of the files that the
// process may open is left to backends, Redis and the disk.
func (c *Config) maxConns() int {
	most := c.MaxConns
	if most == 0 {
		most = 100_000
	}
	if n := maxFiles(); n > 0 {
		most = min(most, n*3/4)
	}
	return most
}

// registerOverloadMetrics adds what the guard knows.
func (e *Edge) registerOverloadMetrics() {
	g := e.shed
	e.gauge("tollgate_edge_overloaded", "1 while organizations over their share of the processors are refused.", func() float64 { return number(g.Stats().Overloaded) })
	e.gauge("tollgate_edge_memory_short", "1 while organizations with many open requests are refused more, because memory is short.", func() float64 { return number(g.Stats().Short) })
	e.gauge("tollgate_edge_closed", "1 while new connections are refused, because memory is short.", func() float64 { return number(g.Stats().Closed) })
	e.gauge("tollgate_edge_processor_wait_seconds", "What nine of ten pieces of work wait for a processor at most.", func() float64 { return g.Stats().Delay.Seconds() })
	e.gauge("tollgate_edge_memory_share", "Share of the memory limit in use that can't be freed; 0: no limit is known.", func() float64 { return g.Stats().Memory })
	e.gauge("tollgate_edge_organizations_active", "Organizations with traffic in the last seconds.", func() float64 { return float64(g.Stats().Active) })
	e.gauge("tollgate_edge_organizations_limited", "Organizations that are held to their share at the moment.", func() float64 { return float64(g.Stats().Limited) })
	for _, r := range shed.Reasons() {
		e.metrics.Registry().MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "tollgate_edge_shed_total", Help: "Requests, handshakes and connections refused because there was too much to do, by what was short.",
			ConstLabels: prometheus.Labels{"reason": r.String()},
		}, func() float64 { return float64(g.Stats().Refused[r]) }))
	}
}
