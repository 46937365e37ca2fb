package static

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the integration's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:    "static",
	Phase:   policy.PhaseIntegrate,
	Answers: true,
	New:     New,
}

// Config is the integration's configuration.
type Config struct {
	Documents []Document `json:"documents"`
	// MaxAge is how long caches may keep the documents; 0: they ask each time.
	MaxAge contract.Duration `json:"max_age"`
}

// Document is one answer. Exactly one of Body, JSON and Base64 is its content.
type Document struct {
	// Path is canonical; empty: every path that no other document has.
	Path        string          `json:"path"`
	ContentType string          `json:"content_type"`
	Body        string          `json:"body"`
	JSON        json.RawMessage `json:"json"`
	Base64      string          `json:"base64"`
}

// Bounds of a configuration.
const (
	maxDocuments = 100
	maxBytes     = 512 << 10 // of all documents together
	maxAge       = 365 * 24 * 3600
)

// New makes the integration. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, _ policy.Deps) (policy.Policy, error) {
	var c Config
	p := &documents{byPath: map[string]*document{}}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) { p.compile(&c, errs) })
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (p *documents) compile(c *Config, errs *contract.FieldErrors) {
	switch n := len(c.Documents); {
	case n == 0:
		errs.Add("/documents", "is empty: give at least one document")
	case n > maxDocuments:
		errs.Add("/documents", fmt.Sprintf("has %d documents, at most %d are allowed", n, maxDocuments))
		return
	}
	if s := int64(c.MaxAge.Std().Seconds()); s < 0 || s > maxAge {
		errs.Add("/max_age", "must be from 0s to 8760h")
	} else {
		p.cache = "no-cache"
		if s > 0 {
			p.cache = "public, max-age=" + strconv.FormatInt(s, 10)
		}
	}
	total := 0
	for i := range c.Documents {
		d := &c.Documents[i]
		at := contract.Pointer("documents", i)
		doc := d.compile(at, errs)
		total += len(doc.body)
		switch {
		case d.Path == "" && p.rest != nil:
			errs.Add(at+"/path", "another document has no path already")
		case d.Path == "":
			p.rest = doc
		case p.byPath[d.Path] != nil:
			errs.Add(at+"/path", "another document has this path already")
		default:
			if canon, _, err := match.CanonPath(nil, d.Path); err != nil || canon != d.Path || d.Path[0] != '/' || len(d.Path) > 1024 {
				errs.Add(at+"/path", "is no path in canonical form, such as \"/robots.txt\"")
			}
			p.byPath[d.Path] = doc
		}
	}
	if total > maxBytes {
		errs.Add("/documents", fmt.Sprintf("are %d bytes together, at most %d are allowed", total, maxBytes))
	}
}

func (d *Document) compile(at string, errs *contract.FieldErrors) *document {
	out := &document{contentType: d.ContentType, body: []byte(d.Body)}
	given, def := 0, "text/plain; charset=utf-8"
	if d.Body != "" {
		given++
	}
	if len(d.JSON) > 0 {
		given++
		def = "application/json"
		var b bytes.Buffer
		if json.Compact(&b, d.JSON) == nil {
			out.body = b.Bytes()
		}
	}
	if d.Base64 != "" {
		given++
		def = "application/octet-stream"
		var err error
		if out.body, err = base64.StdEncoding.DecodeString(d.Base64); err != nil {
			errs.Add(at+"/base64", "is not base64 (RFC 4648 section 4)")
		}
	}
	if given > 1 {
		errs.Add(at, "only one of body, json and base64 can be given")
	}
	if out.contentType == "" {
		out.contentType = def
	} else if _, _, err := mime.ParseMediaType(d.ContentType); err != nil || !strings.Contains(d.ContentType, "/") || len(d.ContentType) > 256 {
		errs.Add(at+"/content_type", "is no media type such as \"application/json\"")
	}
	sum := sha256.Sum256(append([]byte(out.contentType+"\x00"), out.body...))
	out.etag = `"` + hex.EncodeToString(sum[:16]) + `"`
	return out
}

// documents is immutable.
type documents struct {
	byPath map[string]*document
	rest   *document // nil: other paths have none
	cache  string
}

type document struct {
	contentType string
	etag        string
	body        []byte
}

var _ policy.Policy = (*documents)(nil)
