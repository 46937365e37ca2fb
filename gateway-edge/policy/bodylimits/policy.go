package bodylimits

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/coding"
	"github.com/tollgate/tollgate/gateway-edge/policy/scan"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:    "body_limits",
	Phase:   policy.PhaseLimit,
	Request: policy.Need{Mode: policy.NeedWhole, Max: defaultBytes},
	Single:  []policy.Name{policy.ContentType, policy.ContentEncoding},
	New:     New,
}

// Config is the policy's configuration. Sizes are in bytes.
type Config struct {
	// MaxBytes bounds the body, also the decoded one.
	MaxBytes int64 `json:"max_bytes"`
	// ContentTypes are those that are accepted; empty: all.
	ContentTypes []string `json:"content_types"`
	// Untyped lets bodies pass that say no type; they are not looked into.
	Untyped bool `json:"allow_untyped"`
	// Encodings are those of Content-Encoding that are undone to look inside.
	Encodings []string `json:"encodings"`
	// Streaming sends the body on while it is read.
	Streaming bool `json:"streaming"`

	JSON      JSON      `json:"json"`
	XML       XML       `json:"xml"`
	Form      Form      `json:"form"`
	Multipart Multipart `json:"multipart"`
}

// JSON are the limits of JSON bodies.
type JSON struct {
	Depth         int  `json:"depth"`
	Keys          int  `json:"keys"`
	ArrayLength   int  `json:"array_length"`
	Values        int  `json:"values"`
	KeyLength     int  `json:"key_length"`
	StringLength  int  `json:"string_length"`
	NumberLength  int  `json:"number_length"`
	DuplicateKeys bool `json:"allow_duplicate_keys"`
}

// XML are the limits of XML bodies.
type XML struct {
	Depth       int `json:"depth"`
	Elements    int `json:"elements"`
	Attributes  int `json:"attributes"`
	NameLength  int `json:"name_length"`
	ValueLength int `json:"value_length"`
	TextLength  int `json:"text_length"`
}

// Form are the limits of forms.
type Form struct {
	Fields      int `json:"fields"`
	NameLength  int `json:"name_length"`
	ValueLength int `json:"value_length"`
}

// Multipart are the limits of bodies of several parts.
type Multipart struct {
	Parts          int      `json:"parts"`
	NameLength     int      `json:"name_length"`
	PartBytes      int64    `json:"part_bytes"`
	Files          int      `json:"files"`
	FileBytes      int64    `json:"file_bytes"`
	FileNameLength int      `json:"file_name_length"`
	FileTypes      []string `json:"file_types"`
	FileExtensions []string `json:"file_extensions"`
}

const (
	kib          = 1 << 10
	mib          = 1 << 20
	defaultBytes = mib
	maxCollected = 10 * mib
	maxStreamed  = 1 << 40
	maxTypes     = 100
	maxText      = 128
)

func defaults() Config {
	return Config{
		MaxBytes:  defaultBytes,
		JSON:      JSON{Depth: 64, Keys: 1000, ArrayLength: 10_000, Values: 10_000, KeyLength: 256, StringLength: 64 * kib, NumberLength: 64},
		XML:       XML{Depth: 64, Elements: 10_000, Attributes: 64, NameLength: 256, ValueLength: 4 * kib, TextLength: 64 * kib},
		Form:      Form{Fields: 1000, NameLength: 256, ValueLength: 64 * kib},
		Multipart: Multipart{Parts: 100, NameLength: 256, PartBytes: mib, Files: 10, FileBytes: 10 * mib, FileNameLength: 255},
	}
}

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, _ policy.Deps) (policy.Policy, error) {
	c := defaults()
	p := &limits{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		c.check(errs)
		p.types = patterns(c.ContentTypes, "/content_types", errs)
		p.files = patterns(c.Multipart.FileTypes, "/multipart/file_types", errs)
		p.extensions = endings(c.Multipart.FileExtensions, errs)
	})
	if err != nil {
		return nil, err
	}
	p.compile(&c)
	return p, nil
}

// bound is a field and what it may be.
type bound struct {
	pointer       string
	value         int64
	least, utmost int64
}

func (c *Config) check(errs *contract.FieldErrors) {
	j, x, f, m := &c.JSON, &c.XML, &c.Form, &c.Multipart
	for _, b := range []bound{
		{"/max_bytes", c.MaxBytes, 1, maxStreamed},
		{"/json/depth", int64(j.Depth), 1, 1000},
		{"/json/keys", int64(j.Keys), 1, 100_000},
		{"/json/array_length", int64(j.ArrayLength), 1, 1_000_000},
		{"/json/values", int64(j.Values), 1, 1_000_000},
		{"/json/key_length", int64(j.KeyLength), 1, 64 * kib},
		{"/json/string_length", int64(j.StringLength), 1, 1 << 30},
		{"/json/number_length", int64(j.NumberLength), 1, 1000},
		{"/xml/depth", int64(x.Depth), 1, 1000},
		{"/xml/elements", int64(x.Elements), 1, 10_000_000},
		{"/xml/attributes", int64(x.Attributes), 1, 256},
		{"/xml/name_length", int64(x.NameLength), 1, 64 * kib},
		{"/xml/value_length", int64(x.ValueLength), 1, 1 << 30},
		{"/xml/text_length", int64(x.TextLength), 1, 1 << 30},
		{"/form/fields", int64(f.Fields), 1, 1_000_000},
		{"/form/name_length", int64(f.NameLength), 1, 64 * kib},
		{"/form/value_length", int64(f.ValueLength), 1, 1 << 30},
		{"/multipart/parts", int64(m.Parts), 1, 10_000},
		{"/multipart/name_length", int64(m.NameLength), 1, 4 * kib},
		{"/multipart/part_bytes", m.PartBytes, 1, maxStreamed},
		{"/multipart/files", int64(m.Files), 0, 10_000},
		{"/multipart/file_bytes", m.FileBytes, 1, maxStreamed},
		{"/multipart/file_name_length", int64(m.FileNameLength), 1, 4 * kib},
	} {
		if b.value < b.least || b.value > b.utmost {
			errs.Add(b.pointer, fmt.Sprintf("must be a number from %d to %d", b.least, b.utmost))
		}
	}
	if !c.Streaming && c.MaxBytes > maxCollected && c.MaxBytes <= maxStreamed {
		errs.Add("/max_bytes", fmt.Sprintf("is at most %d unless streaming is set: the body is held in memory until it is judged", maxCollected))
	}
	for i, e := range c.Encodings {
		if c := coding.Named(policy.Static(e)); c == coding.Plain || c == coding.Unknown {
			errs.Add(fmt.Sprintf("/encodings/%d", i), fmt.Sprintf("%.40q is not an encoding that can be undone; there are br, deflate, gzip and zstd", e))
		}
	}
	if c.Streaming && len(c.Encodings) > 0 {
		errs.Add("/encodings", "can't be undone while the body is on its way: leave out streaming or the encodings")
	}
}

func patterns(list []string, pointer string, errs *contract.FieldErrors) (out []scan.TypePattern) {
	if len(list) > maxTypes {
		errs.Add(pointer, fmt.Sprintf("has at most %d entries", maxTypes))
	}
	for i, s := range list {
		p, ok := scan.NewTypePattern(s)
		if !ok || len(s) > maxText {
			errs.Add(fmt.Sprintf("%s/%d", pointer, i), fmt.Sprintf("%.40q is not a media type such as application/json or image/*", s))
		}
		out = append(out, p)
	}
	return out
}

func endings(list []string, errs *contract.FieldErrors) (out []string) {
	const pointer = "/multipart/file_extensions"
	if len(list) > maxTypes {
		errs.Add(pointer, fmt.Sprintf("has at most %d entries", maxTypes))
	}
	for i, s := range list {
		if len(s) < 2 || len(s) > maxText || s[0] != '.' || strings.ContainsFunc(s[1:], func(r rune) bool {
			return (r|0x20 < 'a' || r|0x20 > 'z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
		}) {
			errs.Add(fmt.Sprintf("%s/%d", pointer, i), fmt.Sprintf("%.40q is not an ending such as .png", s))
		}
		out = append(out, strings.ToLower(s))
	}
	return out
}
