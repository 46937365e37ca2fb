package usage

import "github.com/tollgate/tollgate/services/contract"

func (p *Point) add(c *contract.Counts) {
	p.Status2xx += int64(c.C2xx)
	p.Status3xx += int64(c.C3xx)
	p.Status4xx += int64(c.C4xx)
	p.Status5xx += int64(c.C5xx)
	p.Requests += int64(c.C2xx + c.C3xx + c.C4xx + c.C5xx)
	p.Errors += int64(c.C4xx + c.C5xx)
	p.Billed += int64(c.Billed)
	p.Refused += int64(c.Refused)
	p.BytesIn += int64(c.BytesIn)
	p.BytesOut += int64(c.BytesOut)
}

func (p *Point) split(c *contract.SplitCounts) {
	p.add(&contract.Counts{C2xx: c.C2xx, C3xx: c.C3xx, C4xx: c.C4xx, C5xx: c.C5xx, BytesIn: c.BytesIn, BytesOut: c.BytesOut})
	p.Failed += int64(c.Failed)
}

// plus adds another point's counts.
func (p *Point) plus(q *Point) { p.combine(q, 1) }

// subtract takes another point's counts away.
func (p *Point) subtract(q *Point) { p.combine(q, -1) }

func (p *Point) combine(q *Point, sign int64) {
	p.Requests += sign * q.Requests
	p.Billed += sign * q.Billed
	p.Refused += sign * q.Refused
	p.Errors += sign * q.Errors
	p.Status2xx += sign * q.Status2xx
	p.Status3xx += sign * q.Status3xx
	p.Status4xx += sign * q.Status4xx
	p.Status5xx += sign * q.Status5xx
	p.Failed += sign * q.Failed
	p.BytesIn += sign * q.BytesIn
	p.BytesOut += sign * q.BytesOut
}

// status counts answers of one code. Code 0 stands for codes that were not told
// apart: they have no class.
func (p *Point) status(code uint16, n int64) {
	p.Requests += n
	switch {
	case code == 0:
	case code < 300:
		p.Status2xx += n
	case code < 400:
		p.Status3xx += n
	case code < 500:
		p.Status4xx += n
		p.Errors += n
	default:
		p.Status5xx += n
		p.Errors += n
	}
}
