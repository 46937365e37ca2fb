package redirect

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/template"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:    "redirect",
	Phase:   policy.PhaseTransform,
	Answers: true,
	New:     New,
}

// Config is the policy's configuration.
type Config struct {
	Status int `json:"status"`
	// Location is an absolute URL or a path, with variables.
	Location string `json:"location"`
	// KeepQuery appends the request's query when Location has none.
	KeepQuery bool `json:"keep_query"`
}

// vars are the variables that a location takes: parts of the request that are
// canonical already, and who calls.
var vars = template.Only(template.Host, template.Path, template.Query, template.Param, template.Consumer, template.Claim)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	c := Config{Status: 308, KeepQuery: true}
	p := &redirect{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		switch c.Status {
		case 301, 302, 303, 307, 308:
		default:
			errs.Add("/status", "is one of 301, 302, 303, 307, 308")
		}
		t, err := template.Parse(c.Location, template.Options{Vars: vars, Place: template.URL, Params: d.Scope.Params})
		if err == nil {
			err = checkLocation(t, c.KeepQuery)
		}
		if err != nil {
			errs.Add("/location", err.Error())
			return
		}
		p.location = t
	})
	if err != nil {
		return nil, err
	}
	p.status = c.Status
	p.keepQuery = c.KeepQuery && !strings.Contains(c.Location, "?")
	return p, nil
}

// checkLocation holds a template to one place: whatever the values, scheme and
// host are those of the configuration.
func checkLocation(t *template.Template, keepQuery bool) error {
	var text strings.Builder
	for v, s := range t.Parts() {
		if v != template.Literal {
			text.WriteByte(placeholder(v))
			continue
		}
		for i := range len(s) {
			if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
				return fmt.Errorf("the character %q can't stand in a URL: escape it", c)
			}
		}
		text.WriteString(s)
	}
	s := text.String()
	if keepQuery && strings.Contains(s, "#") {
		return fmt.Errorf("with a fragment (\"#\"), set keep_query to false and write ?{query} before it")
	}
	for _, scheme := range []string{"https://", "http://"} {
		if rest, ok := strings.CutPrefix(s, scheme); ok {
			return checkAuthority(rest)
		}
	}
	return checkPath(s)
}

// redirect is immutable.
type redirect struct {
	status    int
	location  *template.Template
	keepQuery bool
}

var _ policy.Policy = (*redirect)(nil)
