package edge

import "time"

// registerUsageMetrics adds what the meter and the access log say of themselves.
func (e *Edge) registerUsageMetrics() {
	e.gauge("tollgate_edge_usage_unacknowledged", "Counters of this process that the database has not confirmed.", func() float64 { return float64(e.meter.Stats().Unacked) })
	e.gauge("tollgate_edge_usage_former_files", "Counter files of former processes that the database has not confirmed.", func() float64 { return float64(e.meter.Stats().Old) })
	e.gauge("tollgate_edge_usage_files", "Counter files that are mapped.", func() float64 { return float64(e.meter.Stats().Files) })
	e.gauge("tollgate_edge_usage_counters", "Counters of the present hour.", func() float64 { return float64(e.meter.Stats().Slots) })
	e.gauge("tollgate_edge_usage_acknowledged_seconds", "Time since the database last confirmed usage; -1: never since the start.", func() float64 {
		if at := e.meter.Stats().LastAck; !at.IsZero() {
			return time.Since(at).Seconds()
		}
		return -1
	})
	e.counter("tollgate_edge_usage_ship_errors_total", "Attempts to ship usage that failed; nothing is lost by them.", func() uint64 { return e.meter.Stats().ShipErrors })
	e.counter("tollgate_edge_usage_journal_errors_total", "Attempts to write the journal that failed.", func() uint64 { return e.meter.Stats().JournalErrors })
	e.counter("tollgate_edge_usage_dropped_total", "Counters that found no place: usage was lost.", func() uint64 { return e.meter.Stats().Dropped })
	e.counter("tollgate_edge_log_records_total", "Access log records taken.", func() uint64 { return e.log.Stats().Written })
	e.counter("tollgate_edge_log_dropped_total", "Access log records that found no room or could not be shipped.", func() uint64 { return e.log.Stats().Dropped })
	e.counter("tollgate_edge_log_limited_total", "Access log records left out by the bound on records a second.", func() uint64 { return e.log.Stats().Limited })
}
