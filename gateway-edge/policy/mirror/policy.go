package mirror

import (
	"encoding/json"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{Type: "mirror", Phase: policy.PhaseCache, New: New}

// Config is the policy's configuration.
type Config struct {
	Upstream string            `json:"upstream"`
	Percent  float64           `json:"percent"`
	Methods  []string          `json:"methods"`
	MaxBytes int64             `json:"max_bytes"`
	Timeout  contract.Duration `json:"timeout"`
}

const (
	maxMaxBytes = 1 << 20
	maxTimeout  = time.Minute
	// room is how many copies of a gateway may be under way on an edge.
	room = 32
)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Percent: 100, Methods: []string{"GET", "HEAD"}, MaxBytes: 64 << 10, Timeout: contract.Duration(5 * time.Second)}
	p := &mirror{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		var err error
		if c.Upstream == "" {
			errs.Add("/upstream", "is needed")
		} else if p.to, err = d.Upstream(c.Upstream); err != nil {
			errs.Add("/upstream", err.Error())
		}
		if c.Percent < 0 || c.Percent > 100 {
			errs.Add("/percent", "is from 0 to 100")
		}
		if c.MaxBytes < 0 || c.MaxBytes > maxMaxBytes {
			errs.Add("/max_bytes", "is from 0 to 1048576")
		}
		if t := c.Timeout.Std(); t < time.Millisecond || t > maxTimeout {
			errs.Add("/timeout", "must be from 1ms to 1m")
		}
		if len(c.Methods) == 0 || len(c.Methods) > 20 {
			errs.Add("/methods", "has 1 to 20 methods")
		}
	})
	if err != nil {
		return nil, err
	}
	p.percent, p.methods, p.max, p.timeout, p.behind = c.Percent, c.Methods, c.MaxBytes, c.Timeout.Std(), d.Behind
	if d.State != nil {
		p.slots, _ = d.State("mirror", func() any { return make(chan struct{}, room) }).(chan struct{})
	}
	return p, nil
}

// mirror is immutable; slots is the state that outlives versions.
type mirror struct {
	to      policy.Caller
	percent float64
	methods []string
	max     int64
	timeout time.Duration
	slots   chan struct{}
	behind  policy.Behind
}

var (
	_ policy.Needer  = (*mirror)(nil)
	_ policy.Chooser = (*mirror)(nil)
)

// Needs is the request's body: copies are sent whole.
func (p *mirror) Needs() (request, response policy.Need) {
	return policy.Need{Mode: policy.NeedWhole, Max: max(p.max, 1)}, policy.Need{}
}
