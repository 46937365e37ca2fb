package extauth

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/gateway-edge/policy/flight"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:       "ext_auth",
	Phase:      policy.PhaseAuthorize,
	Identifies: true,
	Single:     []policy.Name{policy.Authorization},
	New:        New,
}

// Config is the policy's configuration.
type Config struct {
	// URL is the authoriser.
	URL     string            `json:"url"`
	Timeout contract.Duration `json:"timeout"`
	// SendHeaders are fields of the request that the authoriser sees.
	SendHeaders []string `json:"send_headers"`
	// CopyHeaders are fields of its answer that the backend gets.
	CopyHeaders []string `json:"copy_headers"`
	// ConsumerHeader is the field of its answer that names who calls; empty: none.
	ConsumerHeader string `json:"consumer_header"`
	// Denial is what the caller gets of a refusal: "problem" is the edge's own 401 or
	// 403, "pass" the authoriser's status, body and DenialHeaders.
	Denial        string   `json:"denial"`
	DenialHeaders []string `json:"denial_headers"`
	// OnFailure is "deny" or "allow": what happens when it can't be asked.
	OnFailure string `json:"on_failure"`
	// Cache is how long a 2xx is kept for the same question.
	Cache contract.Duration `json:"cache"`
	// Token is sent as a bearer token, so that the authoriser knows the gateway.
	Token endpoint.Secret `json:"token"`
}

const (
	maxTimeout = 5 * time.Second
	maxCache   = time.Hour

	denialPass, denialProblem = "pass", "problem"
	failDeny, failAllow       = "deny", "allow"
)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{
		Timeout: contract.Duration(2 * time.Second), SendHeaders: []string{"Authorization", "Cookie"},
		Denial: denialPass, DenialHeaders: []string{"WWW-Authenticate", "Location", "Content-Type"}, OnFailure: failDeny,
	}
	p := &authoriser{fetch: d.Fetch, wall: d.Wall, identities: d.Identities}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		c.check(errs)
		p.send = requestFields(c.SendHeaders, errs)
		p.copied = copiedFields(c.CopyHeaders, errs)
		p.denial = responseFields(c.DenialHeaders, errs)
		p.token = c.Token.Value(d.Secret, "/token", "", errs)
	})
	if err != nil {
		return nil, err
	}
	p.config = c
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	p.print = memo.Print(string(text), p.token)
	p.state = &state{}
	if d.State != nil {
		p.state = d.State("ext_auth "+c.URL, func() any { return p.state }).(*state)
	}
	return p, nil
}

func (c *Config) check(errs *contract.FieldErrors) {
	endpoint.CheckURL(c.URL, "/url", `the authoriser, such as "https://auth.example.com/check"`, "who listens on the way has every credential, and can let anybody in", errs)
	endpoint.CheckDuration(c.Timeout, "/timeout", 100*time.Millisecond, maxTimeout, errs)
	endpoint.CheckDuration(c.Cache, "/cache", 0, maxCache, errs)
	if c.ConsumerHeader != "" {
		if _, err := policy.HeaderName(c.ConsumerHeader); err != nil {
			errs.Add("/consumer_header", err.Error())
		}
	}
	oneOf(c.Denial, "/denial", denialPass, denialProblem, errs)
	oneOf(c.OnFailure, "/on_failure", failDeny, failAllow, errs)
}

func oneOf(s, at, a, b string, errs *contract.FieldErrors) {
	if s != a && s != b {
		errs.Add(at, fmt.Sprintf("%.40q is neither %q nor %q", s, a, b))
	}
}

// requestFields are those of the request that are shown.
func requestFields(list []string, errs *contract.FieldErrors) []policy.Name {
	return fields(list, "send_headers", errs, func(name, at string) (policy.Name, bool) {
		n, err := policy.HeaderName(name)
		why, protected := fieldedit.Request(name)
		switch {
		case err != nil:
			errs.Add(at, err.Error())
		case protected:
			errs.Add(at, strings.TrimSpace("this field can't be sent: "+why))
		default:
			return n, true
		}
		return n, false
	})
}

// copiedFields are those of the answer that the backend gets.
func copiedFields(list []string, errs *contract.FieldErrors) []policy.Name {
	return fields(list, "copy_headers", errs, func(name, at string) (policy.Name, bool) {
		if strings.EqualFold(name, "authorization") { // a credential for the backend may be what the authoriser is for
			return policy.Authorization, true
		}
		return grant.Field(name, at, errs)
	})
}

// responseFields are those of a refusal that the caller gets.
func responseFields(list []string, errs *contract.FieldErrors) []policy.Name {
	return fields(list, "denial_headers", errs, func(name, at string) (policy.Name, bool) {
		n, err := policy.HeaderName(name)
		why, protected := fieldedit.Response(name)
		switch {
		case err != nil:
			errs.Add(at, err.Error())
		case protected:
			errs.Add(at, strings.TrimSpace("this field can't be passed back: "+why))
		default:
			return n, true
		}
		return n, false
	})
}

func fields(list []string, field string, errs *contract.FieldErrors, one func(name, at string) (policy.Name, bool)) (out []policy.Name) {
	if len(list) > endpoint.MaxList {
		errs.Add("/"+field, fmt.Sprintf("has %d entries, at most %d are allowed", len(list), endpoint.MaxList))
		return nil
	}
	for i, name := range list {
		at := contract.Pointer(field, i)
		n, ok := one(name, at)
		if ok && slices.ContainsFunc(out, func(o policy.Name) bool { return strings.EqualFold(o.String(), n.String()) }) {
			errs.Add(at, "given more than once")
			continue
		}
		if ok {
			out = append(out, n)
		}
	}
	return out
}

// authoriser is immutable; the state is shared by every policy of the organization
// that asks the same one.
type authoriser struct {
	config               Config
	send, copied, denial []policy.Name
	token                string
	print                [32]byte // of the configuration: part of every question's hash
	state                *state
	fetch                policy.Fetch
	wall                 func() time.Time
	identities           policy.Identities // nil: callers are of no consumer
}

// state is what is known of one authoriser in one organization.
type state struct {
	kept    memo.Table[entry, *entry]
	flights flight.Group[[32]byte, *answer]
}

var (
	_ policy.Policy = (*authoriser)(nil)
	_ policy.Waiter = (*authoriser)(nil)
)
