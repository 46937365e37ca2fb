package compress

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:     "compress",
	Phase:    policy.PhaseGuard,
	Response: policy.Need{Mode: policy.NeedStream},
	New:      New,
}

// Config is the policy's configuration.
type Config struct {
	// Codings that are offered, the first one preferred: "br", "zstd", "gzip".
	Codings []string `json:"codings"`
	// ContentTypes that are compressed; "text/*" is every text.
	ContentTypes []string `json:"content_types"`
	// MinBytes: shorter answers stay as they are.
	MinBytes int64 `json:"min_bytes"`
	// Level is "fast", "balanced" or "small".
	Level string `json:"level"`
}

var defaultTypes = []string{
	"text/*", "application/json", "application/problem+json", "application/javascript", "application/xml", "application/manifest+json",
	"application/geo+json", "application/ld+json", "application/vnd.api+json", "application/xhtml+xml", "application/atom+xml", "application/rss+xml",
	"application/wasm", "image/svg+xml", "font/ttf", "font/otf",
}

const (
	maxTypes = 100
	maxMin   = 1 << 30
)

var levels = []string{"fast", "balanced", "small"}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, _ policy.Deps) (policy.Policy, error) {
	c := Config{Codings: []string{"zstd", "br", "gzip"}, ContentTypes: defaultTypes, MinBytes: 1024, Level: "balanced"}
	p := &compressor{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		level := slices.Index(levels, c.Level)
		if level < 0 {
			errs.Add("/level", `is "fast", "balanced" or "small"`)
			level = 0
		}
		p.compileCodings(&c, level, errs)
		p.compileTypes(&c, errs)
		if c.MinBytes < 0 || c.MinBytes > maxMin {
			errs.Add("/min_bytes", fmt.Sprintf("is between 0 and %d", maxMin))
		}
	})
	if err != nil {
		return nil, err
	}
	p.min = c.MinBytes
	return p, nil
}

func (p *compressor) compileCodings(c *Config, level int, errs *contract.FieldErrors) {
	if len(c.Codings) == 0 {
		errs.Add("/codings", "names at least one coding")
	}
	for i, name := range c.Codings {
		at := contract.Pointer("codings", i)
		_, ok := makers[name]
		switch {
		case !ok:
			errs.Add(at, `is "br", "zstd" or "gzip"`)
		case slices.Contains(c.Codings[:i], name):
			errs.Add(at, "is named twice")
		default:
			p.codings = append(p.codings, newCoding(name, level, all()))
		}
	}
}

func (p *compressor) compileTypes(c *Config, errs *contract.FieldErrors) {
	if len(c.ContentTypes) == 0 || len(c.ContentTypes) > maxTypes {
		errs.Add("/content_types", fmt.Sprintf("has 1 to %d entries", maxTypes))
		return
	}
	for i, s := range c.ContentTypes {
		typ, sub, ok := strings.Cut(s, "/")
		if !ok || typ == "" || sub == "" || len(s) > 256 || strings.ContainsAny(s, " ;,") || strings.Contains(typ, "*") || strings.Contains(sub, "*") && sub != "*" {
			errs.Add(contract.Pointer("content_types", i), `is a media type such as "application/json" or "text/*"`)
			continue
		}
		if sub == "*" {
			p.prefixes = append(p.prefixes, typ+"/")
		} else {
			p.types = append(p.types, s)
		}
	}
}

// compressor is immutable but for the pools of its codings.
type compressor struct {
	codings         []*coding
	types, prefixes []string
	min             int64
}

var (
	_ policy.Policy    = (*compressor)(nil)
	_ policy.Responder = (*compressor)(nil)
	_ policy.Finisher  = (*compressor)(nil)
)
