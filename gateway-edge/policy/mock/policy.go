package mock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:    "mock",
	Phase:   policy.PhaseTransform,
	Answers: true,
	New:     New,
}

// Config is the policy's configuration. At most one of Body and JSON is given.
type Config struct {
	Status int `json:"status"`
	// ContentType of the body; empty: application/json for JSON, else text/plain.
	ContentType string            `json:"content_type"`
	Headers     map[string]string `json:"headers"`
	Body        string            `json:"body"`
	JSON        json.RawMessage   `json:"json"`
}

const (
	maxBody    = 64 << 10
	maxHeaders = 50
	maxValue   = 4096
)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, _ policy.Deps) (policy.Policy, error) {
	c := Config{Status: 200}
	p := &answer{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		c.checkBody(errs)
		p.fields = compileFields(c.Headers, errs)
	})
	if err != nil {
		return nil, err
	}
	p.status, p.body, p.contentType = c.Status, []byte(c.Body), c.ContentType
	if len(c.JSON) > 0 {
		p.body = compact(c.JSON)
	}
	if p.contentType == "" && len(p.body) > 0 {
		p.contentType = "text/plain; charset=utf-8"
		if len(c.JSON) > 0 {
			p.contentType = "application/json"
		}
	}
	return p, nil
}

func (c *Config) checkBody(errs *contract.FieldErrors) {
	if c.Status < 200 || c.Status > 599 {
		errs.Add("/status", "is between 200 and 599")
	}
	if c.Body != "" && len(c.JSON) > 0 {
		errs.Add("/json", "body and json can't both be given")
	}
	if n := max(len(c.Body), len(c.JSON)); n > maxBody {
		errs.Add("/body", fmt.Sprintf("the body is %d bytes, at most %d are allowed", n, maxBody))
	} else if n > 0 && (c.Status == 204 || c.Status == 205 || c.Status == 304) {
		errs.Add("/status", fmt.Sprintf("an answer with status %d has no body (RFC 9110 6.4.1)", c.Status))
	}
	if c.ContentType == "" {
		return
	}
	if _, _, err := mime.ParseMediaType(c.ContentType); err != nil || !strings.Contains(c.ContentType, "/") || len(c.ContentType) > 256 {
		errs.Add("/content_type", "is no media type such as \"application/json\"")
	}
}

func compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

func compileFields(m map[string]string, errs *contract.FieldErrors) (out []field) {
	if len(m) > maxHeaders {
		errs.Add("/headers", fmt.Sprintf("has %d fields, at most %d are allowed", len(m), maxHeaders))
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		at := contract.Pointer("headers", name)
		n, err := policy.HeaderName(name)
		why, protected := fieldedit.Response(name)
		switch {
		case err != nil:
			errs.Add(at, err.Error())
		case strings.EqualFold(name, "Content-Type"):
			errs.Add(at, "is given as content_type")
		case protected:
			errs.Add(at, why)
		case !fieldedit.Legal(m[name]) || len(m[name]) > maxValue:
			errs.Add(at, fmt.Sprintf("has a control character or line break, or more than %d bytes", maxValue))
		default:
			out = append(out, field{n, m[name]})
		}
	}
	return out
}

// answer is immutable.
type answer struct {
	status      int
	contentType string
	fields      []field
	body        []byte
}

type field struct {
	name  policy.Name
	value string
}

var _ policy.Policy = (*answer)(nil)
