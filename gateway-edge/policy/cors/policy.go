package cors

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:   "cors",
	Phase:  policy.PhaseGuard,
	Single: []policy.Name{policy.OriginHeader, policy.AccessControlRequestMethod, policy.AccessControlRequestHeaders},
	New:    New,
}

// Config is the policy's configuration.
type Config struct {
	// AllowOrigins are origins such as "https://app.example.com",
	// "https://*.example.com" for all below it, or "*" alone.
	AllowOrigins []string `json:"allow_origins"`
	AllowMethods []string `json:"allow_methods"`
	// AllowHeaders are field names, or "*" alone for those that were asked for.
	AllowHeaders []string `json:"allow_headers"`
	// ExposeHeaders are response fields that scripts may read.
	ExposeHeaders    []string          `json:"expose_headers"`
	AllowCredentials bool              `json:"allow_credentials"`
	MaxAge           contract.Duration `json:"max_age"`
}

// Bounds. Browsers cap the age themselves: 2 h, 24 h.
const (
	maxList = 100
	maxAge  = 24 * time.Hour
)

func defaults() Config {
	return Config{
		AllowMethods:  []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"},
		AllowHeaders:  []string{"Authorization", "Content-Type", "X-API-Key"},
		ExposeHeaders: []string{"X-Request-Id", "RateLimit", "RateLimit-Policy", "Retry-After", "Tollgate-Error"},
		MaxAge:        contract.Duration(10 * time.Minute),
	}
}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, _ policy.Deps) (policy.Policy, error) {
	c := defaults()
	p := &sharing{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		p.origins = compileOrigins(c.AllowOrigins, errs)
		tokens(c.AllowMethods, "allow_methods", false, errs)
		tokens(c.AllowHeaders, "allow_headers", true, errs)
		tokens(c.ExposeHeaders, "expose_headers", true, errs)
		if c.MaxAge < 0 || c.MaxAge.Std() > maxAge {
			errs.Add("/max_age", "is between 0s and 24h")
		}
		c.checkCredentials(errs)
	})
	if err != nil {
		return nil, err
	}
	p.credentials = c.AllowCredentials
	p.anyHeader = wildcard(c.AllowHeaders)
	p.methods, p.headers, p.expose = strings.Join(c.AllowMethods, ", "), strings.Join(c.AllowHeaders, ", "), strings.Join(c.ExposeHeaders, ", ")
	p.maxAge = strconv.FormatInt(int64(c.MaxAge.Std()/time.Second), 10)
	return p, nil
}

// checkCredentials refuses every wildcard beside credentials: it would let any
// site act with its visitors' cookies.
func (c *Config) checkCredentials(errs *contract.FieldErrors) {
	if !c.AllowCredentials {
		return
	}
	for _, l := range []struct {
		field string
		list  []string
	}{{"allow_origins", c.AllowOrigins}, {"allow_headers", c.AllowHeaders}, {"expose_headers", c.ExposeHeaders}} {
		if wildcard(l.list) {
			errs.Add("/"+l.field, `"*" can't be combined with allow_credentials: name what is allowed`)
		}
	}
}

func wildcard(list []string) bool { return len(list) == 1 && list[0] == "*" }

// tokens checks a list of method or field names.
func tokens(list []string, field string, star bool, errs *contract.FieldErrors) {
	if len(list) > maxList {
		errs.Add("/"+field, fmt.Sprintf("has %d entries, at most %d are allowed", len(list), maxList))
		return
	}
	for i, s := range list {
		at := contract.Pointer(field, i)
		if s == "*" {
			if !star {
				errs.Add(at, `name the methods: "*" is not taken`)
			} else if len(list) > 1 {
				errs.Add(at, `"*" stands alone`)
			}
			continue
		}
		if _, err := policy.HeaderName(s); err != nil {
			errs.Add(at, fmt.Sprintf("%.64q is not a name", s))
		} else if field == "allow_methods" && s != strings.ToUpper(s) {
			errs.Add(at, "methods are written in upper case")
		}
	}
}

// sharing is immutable; its strings are the values of the fields.
type sharing struct {
	origins                          origins
	methods, headers, expose, maxAge string
	anyHeader, credentials           bool
}

var (
	_ policy.Policy    = (*sharing)(nil)
	_ policy.Responder = (*sharing)(nil)
)
