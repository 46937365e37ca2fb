package mtls

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  "mtls",
	Phase: policy.PhaseAuthenticate,
	New:   New,
}

// Config is the policy's configuration.
type Config struct {
	// Name is what names the caller: common_name, dns, email, uri, subject or
	// fingerprint.
	Name string `json:"name"`
	// Allowed are the names that may call; one that ends with "*" stands for all that
	// begin so, one that begins with "*." for all one label below. Empty: every name.
	Allowed []string `json:"allowed"`
	grant.Consumers
}

var kinds = []string{"common_name", "dns", "email", "uri", "subject", "fingerprint"}

const maxAllowed = 200

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Name: kinds[0]}
	if err := policy.DecodeConfig(raw, &c, c.check); err != nil {
		return nil, err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	p := &certificates{config: c, wall: d.Wall, print: memo.Print(string(text)), known: &known{}}
	if c.Issuer != "" {
		p.identities = d.Identities
	}
	if d.State != nil {
		p.known = d.State("mtls", func() any { return p.known }).(*known)
	}
	return p, nil
}

func (c *Config) check(errs *contract.FieldErrors) {
	if !slices.Contains(kinds, c.Name) {
		errs.Add("/name", fmt.Sprintf("%.40q is not one of %s", c.Name, strings.Join(kinds, ", ")))
	}
	if len(c.Allowed) > maxAllowed {
		errs.Add("/allowed", fmt.Sprintf("has %d entries, at most %d are allowed", len(c.Allowed), maxAllowed))
	}
	for i, a := range c.Allowed {
		at := contract.Pointer("allowed", i)
		endpoint.CheckText(a, at, 512, errs)
		if rest := strings.TrimPrefix(strings.TrimSuffix(a, "*"), "*."); strings.Contains(rest, "*") || strings.HasPrefix(a, "*.") && strings.HasSuffix(a, "*") || a == "*" {
			errs.Add(at, `"*" stands at the end, behind something, or as "*." at the beginning`)
		}
	}
	c.Check(errs)
}

// certificates is immutable but for what is known of callers.
type certificates struct {
	config     Config
	print      [32]byte
	known      *known
	wall       func() time.Time
	identities policy.Identities // nil: callers are no consumers
}

// known are the verdicts on certificates.
type known = memo.Table[entry, *entry]

// entry is the verdict on one certificate under one configuration.
type entry struct {
	hash    [32]byte
	expires int64 // Unix seconds: the certificate's end
	refused string
	caller  caller.Known // set unless refused
}

// Hash implements memo.Entry.
func (e *entry) Hash() *[32]byte { return &e.hash }

// Good implements memo.Entry.
func (e *entry) Good(_, unix int64) bool { return unix < e.expires }

// Weight implements memo.Entry.
func (e *entry) Weight() int { return 512 }

var (
	_ policy.Method = (*certificates)(nil)
	_ policy.Waiter = (*certificates)(nil)
)
