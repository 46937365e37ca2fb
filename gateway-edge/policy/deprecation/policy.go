package deprecation

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{Type: "deprecation", Phase: policy.PhaseGuard, New: New}

// Config is the policy's configuration.
type Config struct {
	// Since is when the route became or becomes deprecated, Sunset when it will be
	// gone; RFC 3339, Sunset empty: not known.
	Since  string `json:"since"`
	Sunset string `json:"sunset"`
	// Info is a page about it, Successor what takes its place.
	Info      string `json:"info"`
	Successor string `json:"successor"`
}

const maxURL = 2048

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, _ policy.Deps) (policy.Policy, error) {
	var c Config
	p := &notice{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) { p.compile(&c, errs) })
	if err != nil {
		return nil, err
	}
	return p, nil
}

// notice is immutable: fields of the answer, "" for none.
type notice struct{ since, sunset, info, successor string }

var _ policy.Responder = (*notice)(nil)

func (p *notice) compile(c *Config, errs *contract.FieldErrors) {
	since, err := time.Parse(time.RFC3339, c.Since)
	if err != nil {
		errs.Add("/since", "is needed: a time such as 2026-11-22T00:00:00Z")
	} else {
		p.since = "@" + strconv.FormatInt(since.Unix(), 10) // a Date of RFC 9651
	}
	if c.Sunset != "" {
		sunset, wrong := time.Parse(time.RFC3339, c.Sunset)
		switch {
		case wrong != nil:
			errs.Add("/sunset", "is no time such as 2027-11-22T00:00:00Z")
		case err == nil && sunset.Before(since):
			errs.Add("/sunset", "is before since (RFC 9745 section 4)")
		default:
			p.sunset = sunset.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
		}
	}
	p.info = link(c.Info, "deprecation", "/info", errs)
	p.successor = link(c.Successor, "successor-version", "/successor", errs)
}

// link makes a value of Link (RFC 8288).
func link(s, rel, at string, errs *contract.FieldErrors) string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || len(s) > maxURL || strings.ContainsAny(s, "<>\" \\^`{|}") || !(u.Scheme == "https" || u.Scheme == "http" || u.Scheme == "" && strings.HasPrefix(s, "/")) {
		errs.Add(at, "is no address such as https://example.com/changes or /v2")
		return ""
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			errs.Add(at, "has a character that must be escaped")
			return ""
		}
	}
	return "<" + s + `>; rel="` + rel + `"`
}
