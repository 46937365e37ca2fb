package errorpages

import (
	"encoding/json"
	"fmt"
	"html/template"
	"slices"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:     "error_pages",
	Phase:    policy.PhaseGuard,
	Response: policy.Need{Mode: policy.NeedWhole, Max: maxSeen},
	Unrouted: true,
	New:      New,
}

// maxSeen bounds a backend's body that is thrown away; none is ever wanted.
const maxSeen = 64 << 10

// Config is the policy's configuration. JSON or HTML is given, or Backend is not
// "none".
type Config struct {
	// JSON is the shape of application/json; its strings take variables. Empty: only
	// problem+json.
	JSON json.RawMessage `json:"json"`
	// HTML is the page; it takes variables.
	HTML string `json:"html"`
	// Default is the form for callers that say nothing: "problem", "json" or "html".
	Default string `json:"default"`
	// Backend says which of the backend's answers with 5xx get a page: "none",
	// "bare" (without a body) or "all".
	Backend string `json:"backend"`
}

const maxPage = 64 << 10

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, _ policy.Deps) (policy.Policy, error) {
	c := Config{Default: "problem", Backend: "none"}
	p := &pages{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		if len(c.JSON) > 0 {
			p.shape = compileShape(c.JSON, errs)
		}
		if c.HTML != "" {
			p.page = compilePage(c.HTML, errs)
		}
		p.compileDefault(&c, errs)
		if !slices.Contains([]string{"none", "bare", "all"}, c.Backend) {
			errs.Add("/backend", `is "none", "bare" or "all"`)
		}
		if len(c.JSON) == 0 && c.HTML == "" && c.Backend == "none" {
			errs.Add("", "json, html or backend is needed: without one the policy does nothing")
		}
	})
	if err != nil {
		return nil, err
	}
	p.bare, p.all = c.Backend == "bare", c.Backend == "all"
	return p, nil
}

func (p *pages) compileDefault(c *Config, errs *contract.FieldErrors) {
	switch c.Default {
	case "problem":
		p.def = formProblem
	case "json":
		p.def = formJSON
		if len(c.JSON) == 0 {
			errs.Add("/default", "json is needed for this default")
		}
	case "html":
		p.def = formHTML
		if c.HTML == "" {
			errs.Add("/default", "html is needed for this default")
		}
	default:
		errs.Add("/default", `is "problem", "json" or "html"`)
	}
}

func compileShape(raw json.RawMessage, errs *contract.FieldErrors) any {
	if len(raw) > maxPage {
		errs.Add("/json", fmt.Sprintf("is %d bytes, at most %d are allowed", len(raw), maxPage))
		return nil
	}
	v, err := document.ParseJSON(raw)
	if err != nil {
		errs.Add("/json", err.Error())
		return nil
	}
	return parsed(v, "/json", errs)
}

// parsed puts a text in the place of every string.
func parsed(v any, at string, errs *contract.FieldErrors) any {
	switch v := v.(type) {
	case string:
		t, err := parseText(v)
		if err != nil {
			errs.Add(at, err.Error())
		}
		return t
	case []any:
		for i := range v {
			v[i] = parsed(v[i], at+contract.Pointer(i), errs)
		}
	case map[string]any:
		for _, name := range sorted(v) {
			v[name] = parsed(v[name], at+contract.Pointer(name), errs)
		}
	}
	return v
}

// pages is immutable.
type pages struct {
	shape     any // of JSON, with texts for strings; nil: none
	page      *template.Template
	def       form
	bare, all bool
}

var (
	_ policy.Policy    = (*pages)(nil)
	_ policy.Responder = (*pages)(nil)
	_ policy.Chooser   = (*pages)(nil)
)
