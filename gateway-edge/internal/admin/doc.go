// Package admin serves the edge's own address: GET /healthz (alive), /readyz
// (serving; 503 with the reason while draining or before the first
// configuration), /metrics (Prometheus), and Go's profiles under /debug/pprof
// where the address is a loopback one.
//
// It belongs on a private address: it authenticates nobody and is never the
// public listener.
package admin
