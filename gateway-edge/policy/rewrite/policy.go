package rewrite

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/target"
	"github.com/tollgate/tollgate/gateway-edge/policy/template"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  "rewrite",
	Phase: policy.PhaseTransform,
	New:   New,
}

// Config is the policy's configuration. Path excludes the two prefixes.
type Config struct {
	// StripPrefix is taken off a path that lies below it; others stay.
	StripPrefix string `json:"strip_prefix"`
	AddPrefix   string `json:"add_prefix"`
	// Path replaces the whole path; it takes variables.
	Path  string       `json:"path"`
	Query target.Query `json:"query"`
}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	var c Config
	p := &rewrite{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		p.strip = prefix(c.StripPrefix, "/strip_prefix", errs)
		p.add = prefix(c.AddPrefix, "/add_prefix", errs)
		if c.Path != "" {
			if c.StripPrefix+c.AddPrefix != "" {
				errs.Add("/path", "replaces the whole path: strip_prefix and add_prefix can't stand beside it")
			}
			p.path = target.CompilePath(c.Path, d.Scope.Params, errs)
		}
		p.query = c.Query.Compile(d.Scope.Params, errs)
		if c.StripPrefix+c.AddPrefix+c.Path == "" && c.Query.Empty() {
			errs.Add("", "strip_prefix, add_prefix, path or query is needed: without one the policy does nothing")
		}
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// prefix checks a prefix: canonical, without a trailing slash.
func prefix(s, at string, errs *contract.FieldErrors) string {
	if s == "" {
		return ""
	}
	canon, err := match.PathString(s)
	switch {
	case err != nil:
		errs.Add(at, err.Error())
	case s == "/" || strings.HasSuffix(s, "/"):
		errs.Add(at, "has no \"/\" at its end")
	case canon != s:
		errs.Add(at, fmt.Sprintf("is not in canonical form; write %q", canon))
	}
	return s
}

// rewrite is immutable.
type rewrite struct {
	strip, add string
	path       *template.Template
	query      *target.Edits
}

var _ policy.Policy = (*rewrite)(nil)
