package balance

import (
	"bytes"
	"regexp"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Kinds of active checks.
const (
	CheckHTTP = "http"
	CheckTCP  = "tcp"
	CheckGRPC = "grpc"
	CheckUDP  = "udp"
)

// Check is an upstream's active health check with every default filled in.
type Check struct {
	Kind              string
	Path, Host        string // Host is empty for the target's own
	Statuses          []int  // empty: 200 to 399
	Headers           []contract.HealthHeader
	Service           string // of a check by gRPC
	Payload           []byte // of a check by UDP; empty: no answer is expected
	Interval, Timeout time.Duration
	contains          []byte
	regex             *regexp.Regexp // nil: none
	unhealthy         int            // checks in a row
	healthy           int
}

// Good reports whether a status is that of a healthy target.
func (c *Check) Good(status int) bool {
	if len(c.Statuses) == 0 {
		return status >= 200 && status < 400
	}
	for _, s := range c.Statuses {
		if s == status {
			return true
		}
	}
	return false
}

// LooksAtBody reports whether GoodBody must be asked.
func (c *Check) LooksAtBody() bool { return len(c.contains) > 0 || c.regex != nil }

// GoodBody reports whether a body, as far as it was read, is that of a healthy
// target.
func (c *Check) GoodBody(body []byte) bool {
	return bytes.Contains(body, c.contains) && (c.regex == nil || c.regex.Match(body))
}

func checkOf(h *contract.HealthCheck) (*Check, error) {
	if h == nil {
		return nil, nil
	}
	c := &Check{
		Kind: h.Type, Path: h.Path, Host: h.Host, Statuses: h.Statuses, Headers: h.Headers, Service: h.Service, Payload: h.Payload,
		Interval: or(h.Interval, 2*time.Second), Timeout: or(h.Timeout, time.Second),
		contains: []byte(h.BodyContains), unhealthy: h.Unhealthy, healthy: h.Healthy,
	}
	if h.BodyRegex != "" {
		var err error
		if c.regex, err = regexp.Compile(h.BodyRegex); err != nil {
			return nil, err
		}
	}
	if c.Path == "" {
		c.Path = "/"
	}
	if c.unhealthy == 0 {
		c.unhealthy = defaultThreshold
	}
	if c.healthy == 0 {
		c.healthy = defaultThreshold
	}
	return c, nil
}
