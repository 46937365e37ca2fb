package bot

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{Type: "bot", Phase: policy.PhaseGuard, New: New}

// Config is the policy's configuration.
type Config struct {
	// Allow are parts of a User-Agent that let a client pass, whatever else says.
	Allow []string `json:"allow"`
	// Deny are parts of a User-Agent that are refused.
	Deny []string `json:"deny"`
	// Known are classes of clients that are refused.
	Known []string `json:"known"`
	// UserAgent wants every client to name itself.
	UserAgent bool `json:"require_user_agent"`
	// Headers are fields that every client must send.
	Headers []string `json:"require_headers"`
}

const (
	maxList = 200
	maxText = 128
)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, _ policy.Deps) (policy.Policy, error) {
	c := Config{Known: []string{"scanners"}, UserAgent: true}
	p := &guard{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		addAll(&p.allow, c.Allow, "/allow", "", errs)
		addAll(&p.deny, c.Deny, "/deny", "the User-Agent is one of deny", errs)
		for i, name := range c.Known {
			words, ok := classes[name]
			if !ok {
				errs.Add(contract.Pointer("known", i), fmt.Sprintf("%.40q is not a class; there are %s", name, strings.Join(slices.Sorted(maps.Keys(classes)), ", ")))
			}
			for _, w := range words {
				p.deny.add(w, "the User-Agent is one of "+name)
			}
		}
		if len(c.Headers) > 20 {
			errs.Add("/require_headers", "has at most 20 entries")
		}
		for i, h := range c.Headers {
			n, err := policy.HeaderName(h)
			if err != nil {
				errs.Add(contract.Pointer("require_headers", i), err.Error())
			}
			p.headers = append(p.headers, required{n, "there is no " + h})
		}
	})
	if err != nil {
		return nil, err
	}
	p.named = c.UserAgent
	return p, nil
}

func addAll(t *table, list []string, pointer, why string, errs *contract.FieldErrors) {
	if len(list) > maxList {
		errs.Add(pointer, fmt.Sprintf("has at most %d entries", maxList))
	}
	for i, s := range list {
		if len(s) < 2 || len(s) > maxText || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			errs.Add(fmt.Sprintf("%s/%d", pointer, i), fmt.Sprintf("has 2 to %d characters of ASCII", maxText))
			continue
		}
		t.add(strings.ToLower(s), why)
	}
}
