package release

import (
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{Type: "release", Phase: policy.PhaseTransform, New: New}

// Config is the policy's configuration.
type Config struct {
	Variants []Variant `json:"variants"`
	StickBy  StickBy   `json:"stick_by"`
	// Header is a field of the answer that names the variant; empty: none.
	Header string `json:"header"`
}

// Variant is an upstream that takes a part of the requests.
type Variant struct {
	Name     string      `json:"name"`
	Upstream string      `json:"upstream"`
	Percent  float64     `json:"percent"`
	When     []Condition `json:"when"`
	// Schedule stands in the place of Percent: State says which share it is at.
	Schedule *contract.ReleaseSchedule `json:"schedule"`
	State    *contract.ReleaseState    `json:"state"`
}

// Condition is one way into a variant beside its share. Exactly one of Header,
// Cookie and Claim is given.
type Condition struct {
	Header string `json:"header"`
	Cookie string `json:"cookie"`
	Claim  string `json:"claim"`
	Value  string `json:"value"`
}

// StickBy says what a caller's place is made of.
type StickBy struct {
	From string `json:"from"`
	Name string `json:"name"`
}

const (
	maxVariants   = 10
	maxConditions = 20
	places        = 1 << 32 // of callers
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{StickBy: StickBy{From: "consumer"}}
	p := &release{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) { p.compile(&c, d, errs) })
	if err != nil {
		return nil, err
	}
	return p, nil
}

// release is immutable.
type release struct {
	variants []variant
	from     string
	header   policy.Name // of stick_by
	cookie   string
	answer   policy.Name
	says     bool
}

type variant struct {
	name  string
	to    policy.Caller
	seed  uint64
	below uint64 // of places: who is in
	when  []condition
}

type condition struct {
	header policy.Name
	cookie string
	claim  string
	value  string
}

var (
	_ policy.Policy    = (*release)(nil)
	_ policy.Responder = (*release)(nil)
)

func (p *release) compile(c *Config, d policy.Deps, errs *contract.FieldErrors) {
	if n := len(c.Variants); n == 0 || n > maxVariants {
		errs.Add("/variants", fmt.Sprintf("has %d variants: 1 to %d are allowed", n, maxVariants))
		return
	}
	p.stick(&c.StickBy, errs)
	if c.Header != "" {
		var err error
		if p.answer, err = policy.HeaderName(c.Header); err != nil {
			errs.Add("/header", err.Error())
		}
		p.says = true
	}
	p.schedules(c, d, errs)
	seen := map[string]bool{}
	left := 100.0 // percent of all callers who reach the variant
	for i := range c.Variants {
		v := &c.Variants[i]
		at := contract.Pointer("variants", i)
		switch {
		case !nameForm.MatchString(v.Name):
			errs.Add(at+"/name", "is needed: letters, digits, dots, underscores and hyphens, at most 64")
		case seen[v.Name]:
			errs.Add(at+"/name", fmt.Sprintf("another variant is called %q already", v.Name))
		}
		seen[v.Name] = true
		out := variant{name: v.Name, seed: hash(offset, policy.Static(v.Name))}
		var err error
		if v.Upstream == "" {
			errs.Add(at+"/upstream", "is needed")
		} else if out.to, err = d.Upstream(v.Upstream); err != nil {
			errs.Add(at+"/upstream", err.Error())
		}
		percent := v.percent()
		switch {
		case percent < 0 || percent > 100:
			errs.Add(at+"/percent", "is from 0 to 100")
		case percent > left+1e-9:
			errs.Add(at+"/percent", fmt.Sprintf("all variants together have more than 100 percent: %g are left for this one", left))
		case left > 0:
			out.below = uint64(percent / left * places)
			left -= percent
		}
		out.when = conditions(v.When, at+"/when", errs)
		p.variants = append(p.variants, out)
	}
}

func (p *release) stick(c *StickBy, errs *contract.FieldErrors) {
	p.from = c.From
	var err error
	switch c.From {
	case "consumer", "ip":
		if c.Name != "" {
			errs.Add("/stick_by/name", "is not given with "+c.From)
		}
	case "header":
		if p.header, err = policy.HeaderName(c.Name); err != nil {
			errs.Add("/stick_by/name", err.Error())
		}
	case "cookie":
		if p.cookie = c.Name; c.Name == "" {
			errs.Add("/stick_by/name", "is needed: the cookie's name")
		}
	default:
		errs.Add("/stick_by/from", "is consumer, ip, header or cookie")
	}
}

func conditions(list []Condition, at string, errs *contract.FieldErrors) (out []condition) {
	if len(list) > maxConditions {
		errs.Add(at, fmt.Sprintf("has %d conditions, at most %d are allowed", len(list), maxConditions))
		return nil
	}
	for i := range list {
		c := &list[i]
		given := 0
		for _, s := range []string{c.Header, c.Cookie, c.Claim} {
			if s != "" {
				given++
			}
		}
		if given != 1 || c.Value == "" {
			errs.Add(at+contract.Pointer(i), "gives one of header, cookie and claim, and its value")
			continue
		}
		one := condition{cookie: c.Cookie, claim: c.Claim, value: c.Value}
		if c.Header != "" {
			var err error
			if one.header, err = policy.HeaderName(c.Header); err != nil {
				errs.Add(at+contract.Pointer(i, "header"), err.Error())
			}
		}
		out = append(out, one)
	}
	return out
}
