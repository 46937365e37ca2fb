package edge

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollgate/tollgate/gateway-edge/internal/keystore"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
)

// registerMetrics adds the edge's own state to the registry. None has a label: a
// tenant's words never become one.
func (e *Edge) registerMetrics() {
	s := e.sync.Load()
	e.gauge("tollgate_edge_ready", "1 while the edge serves.", func() float64 { return number(e.readiness() == nil) })
	e.gauge("tollgate_edge_draining", "1 while the edge drains.", func() float64 { return number(e.draining.Load() || e.orders.rest.resting.Load()) })
	e.counter("tollgate_edge_upgrades_failed_total", "Successors that came and did not take over.", e.failed.Load)
	e.gauge("tollgate_edge_leaving", "Other processes of this edge that finish what they have.", func() float64 { return float64(len(e.id.Others())) })
	e.gauge("tollgate_edge_redis_up", "1 while Redis answers.", func() float64 { return number(s.Up()) })
	e.gauge("tollgate_edge_open_requests", "Requests under way.", func() float64 { return float64(e.engine.Open()) })
	e.gauge("tollgate_edge_connections", "HTTP/1.1 connections of clients.", func() float64 { return float64(e.engine.Connections()) })
	e.gauge("tollgate_edge_http2_connections", "HTTP/2 connections of clients.", func() float64 { return float64(e.server.HTTP2Connections()) })
	e.gauge("tollgate_edge_behind", "Copies of requests and the like under way behind their requests.", func() float64 { return float64(e.behind.open()) })
	e.counter("tollgate_edge_behind_dropped_total", "Of those, how many were left undone for want of room.", e.behind.dropped.Load)
	h3 := e.server.HTTP3Stats
	e.gauge("tollgate_edge_http3_connections", "HTTP/3 connections of clients, handshakes included.", func() float64 { return float64(h3().Open) })
	e.counter("tollgate_edge_http3_connections_total", "HTTP/3 connections whose handshake succeeded.", func() uint64 { return h3().Opened })
	e.counter("tollgate_edge_http3_retries_total", "Newcomers to HTTP/3 that had to prove their address first.", func() uint64 { return h3().Retries })
	e.counter("tollgate_edge_http3_refused_total", "HTTP/3 connections over a bound on connections.", func() uint64 { return h3().Refused })
	e.counter("tollgate_edge_http3_floods_total", "HTTP/3 connections ended for what they sent.", func() uint64 { return h3().Floods })
	e.gauge("tollgate_edge_open_streams", "Connections and flows of streams under way.", func() float64 { return float64(e.streams.Open()) })
	e.counter("tollgate_edge_streams_total", "Connections and flows of streams that reached a target.", e.streams.Served)
	e.counter("tollgate_edge_streams_refused_total", "Connections and flows of streams that were refused or reached no target.", e.streams.Refused)
	e.gauge("tollgate_edge_stream_ports_unbound", "Ports of streams that can't be bound.", func() float64 { return float64(e.streams.Unbound()) })
	e.gauge("tollgate_edge_config_revision", "Newest revision in force here.", func() float64 { return float64(s.Stats().Rev) })
	e.gauge("tollgate_edge_config_head_revision", "Newest revision that the control plane announced.", func() float64 { return float64(s.Stats().HeadRev) })
	e.gauge("tollgate_edge_config_staleness_seconds", "Time since the edge was last known to be up to date; -1: never since its start.", e.staleness)
	e.gauge("tollgate_edge_config_queue", "Documents waiting to be fetched.", func() float64 { return float64(s.Stats().Queue) })
	e.counter("tollgate_edge_config_gaps_total", "Gaps found in the change stream.", func() uint64 { return s.Stats().Gaps })
	e.counter("tollgate_edge_config_resyncs_total", "Comparisons of everything that succeeded.", func() uint64 { return s.Stats().Resyncs })
	e.counter("tollgate_edge_config_drifts_total", "Differences from the signed digest found without a gap.", func() uint64 { return s.Stats().Drifts })
	e.counter("tollgate_edge_config_tamper_total", "Documents, heads and records that the control plane did not make.", func() uint64 {
		return s.Stats().Tampered + e.keys.Stats().Tampered
	})
	e.snapshotGauge("tollgate_edge_gateways", "Gateways that are served.", func(st snapshot.Stats) int64 { return int64(st.Gateways) })
	e.snapshotGauge("tollgate_edge_gateways_compiled", "Gateways in memory.", func(st snapshot.Stats) int64 { return int64(st.Compiled) })
	e.snapshotGauge("tollgate_edge_gateways_failed", "Gateways whose newest version is not in force.", func(st snapshot.Stats) int64 { return int64(st.Failed) })
	e.snapshotGauge("tollgate_edge_gateways_unsaved", "Documents that the disk did not take.", func(st snapshot.Stats) int64 { return int64(st.Unsaved) })
	e.snapshotGauge("tollgate_edge_gateways_bytes", "Estimated size of the gateways in memory.", func(st snapshot.Stats) int64 { return st.Bytes })
	e.keyGauge("tollgate_edge_keys", "API keys on disk.", func(st keystore.Stats) int64 { return int64(st.Keys) })
	e.keyGauge("tollgate_edge_keys_active", "API keys in use.", func(st keystore.Stats) int64 { return int64(st.Active) })
	e.keyGauge("tollgate_edge_keys_bytes", "Bytes of API keys on disk.", func(st keystore.Stats) int64 { return st.Bytes })
	e.counter("tollgate_edge_key_fills_total", "API keys read from Redis.", func() uint64 { return e.keys.Stats().Fills })
	e.counter("tollgate_edge_redis_round_trips_total", "Exchanges with Redis; a pipeline counts once.", e.dialing.RoundTrips)
	e.counter("tollgate_edge_redis_dials_total", "Connections to Redis tried.", e.dialing.Dials)
	e.registerUsageMetrics()
	e.registerOverloadMetrics()
	e.registerCacheMetrics()
	e.registerTelemetryMetrics()
	e.gauge("tollgate_edge_degraded", "1 while a crash could lose more than it should: a disk is full or fails.", e.degraded)
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (e *Edge) gauge(name, help string, f func() float64) {
	e.metrics.Registry().MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f))
}

func (e *Edge) counter(name, help string, f func() uint64) {
	e.metrics.Registry().MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(f()) }))
}

func (e *Edge) snapshotGauge(name, help string, f func(snapshot.Stats) int64) {
	e.gauge(name, help, func() float64 { return float64(f(e.snapshot.Stats())) })
}

func (e *Edge) keyGauge(name, help string, f func(keystore.Stats) int64) {
	e.gauge(name, help, func() float64 { return float64(f(e.keys.Stats())) })
}

func (e *Edge) staleness() float64 {
	at := e.snapshot.Fresh().At()
	if at == 0 {
		return -1
	}
	return float64(e.clock.Boot()-at) / 1e9
}

func (e *Edge) degraded() float64 {
	return number(e.snapshot.Stats().Unsaved > 0 || e.keys.Stats().MemoryOnly != "" ||
		e.limits.Stats().Degraded != "" || e.meter.Stats().Degraded != "")
}
