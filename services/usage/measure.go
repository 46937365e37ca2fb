package usage

// Measure is what groups are ordered by, the greatest first.
type Measure string

// Measures. Those of status classes order a question that is narrowed to one.
const (
	MeasureRequests       Measure = "requests"
	MeasureErrors         Measure = "errors"
	MeasureRefused        Measure = "refused"
	MeasureUpstreamErrors Measure = "upstream_errors"
	MeasureBilled         Measure = "billed"
	MeasureBytesIn        Measure = "bytes_in"
	MeasureBytesOut       Measure = "bytes_out"
	Measure2xx            Measure = "status_2xx"
	Measure3xx            Measure = "status_3xx"
	Measure4xx            Measure = "status_4xx"
	Measure5xx            Measure = "status_5xx"
	measureEdge           Measure = "edge_ms"
	measureUpstream       Measure = "upstream_ms"
)

// of reads a measure from a point.
func (m Measure) of(p *Point) int64 {
	switch m {
	case MeasureErrors:
		return p.Errors
	case MeasureRefused:
		return p.Refused
	case MeasureUpstreamErrors:
		return p.Errors - p.Refused
	case MeasureBilled:
		return p.Billed
	case MeasureBytesIn:
		return p.BytesIn
	case MeasureBytesOut:
		return p.BytesOut
	}
	return p.Requests
}

// measureNames are the measures that a caller may order by.
var measureNames = map[Measure]struct{}{
	MeasureRequests: {}, MeasureErrors: {}, MeasureRefused: {}, MeasureUpstreamErrors: {}, MeasureBilled: {}, MeasureBytesIn: {}, MeasureBytesOut: {},
}
