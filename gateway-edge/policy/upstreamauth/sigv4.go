package upstreamauth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/services/contract"
)

// AWS is how requests are signed for a service of AWS (Signature Version 4).
type AWS struct {
	Region  string `json:"region"`
	Service string `json:"service"`
	// Host is the backend's, as its targets have it: it is signed.
	Host            string          `json:"host"`
	AccessKeyID     endpoint.Secret `json:"access_key_id"`
	SecretAccessKey endpoint.Secret `json:"secret_access_key"`
	SessionToken    endpoint.Secret `json:"session_token"`
	// UnsignedPayload leaves the body out of the signature, so that it is not held in
	// memory: for s3 only.
	UnsignedPayload bool `json:"unsigned_payload"`
}

// maxSigned bounds a body that is held to be signed.
const maxSigned = 10 << 20

const (
	timeFormat = "20060102T150405Z"
	unsigned   = "UNSIGNED-PAYLOAD"
)

// Fields that a signature is made of. What the client sent under their names goes.
var (
	amzDate    = policy.FixedName("X-Amz-Date")
	amzToken   = policy.FixedName("X-Amz-Security-Token")
	amzContent = policy.FixedName("X-Amz-Content-Sha256")
)

// signer is immutable.
type signer struct {
	region, service, host, id, secret, token string
	s3, unsigned                             bool
	wall                                     func() time.Time
}

func (c *AWS) signer(d policy.Deps, errs *contract.FieldErrors) *signer {
	const at = "/aws_sigv4"
	for _, f := range []struct{ name, v string }{{"region", c.Region}, {"service", c.Service}} {
		if f.v == "" || len(f.v) > 64 || strings.Trim(f.v, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			errs.Add(at+"/"+f.name, `has 1 to 64 lower-case letters, digits and "-"`)
		}
	}
	if host, _, err := match.HostString(c.Host); err != nil {
		errs.Add(at+"/host", err.Error())
	} else if host != c.Host {
		errs.Add(at+"/host", fmt.Sprintf("is the host of the upstream's targets without port: %q", host))
	}
	s := &signer{
		region: c.Region, service: c.Service, host: c.Host, s3: c.Service == "s3", unsigned: c.UnsignedPayload, wall: d.Wall,
		id:     c.AccessKeyID.Value(d.Secret, at+"/access_key_id", "the secret that holds the access key's id", errs),
		secret: c.SecretAccessKey.Value(d.Secret, at+"/secret_access_key", "the secret that holds the secret access key", errs),
		token:  c.SessionToken.Value(d.Secret, at+"/session_token", "", errs),
	}
	if c.UnsignedPayload && !s.s3 {
		errs.Add(at+"/unsigned_payload", "only s3 takes requests whose body is not signed")
	}
	return s
}

// Needs implements policy.Needer: a body that is signed is held whole.
func (p *credential) Needs() (request, response policy.Need) {
	if p.aws != nil && !p.aws.unsigned {
		request = policy.Need{Mode: policy.NeedWhole, Max: maxSigned}
	}
	return request, response
}

// sign writes the signature.
func (p *credential) sign(x *policy.Exchange) policy.Action {
	s, q := p.aws, x.Request()
	if !visible(s.id) || s.token != "" && !visible(s.token) {
		x.TraceDetail("a secret can't stand in a header field")
		return x.Reject(contract.CodeInternal, 0)
	}
	content := unsigned
	if !s.unsigned {
		h := sha256.New()
		for chunk := range x.Body().Chunks() {
			h.Write(chunk)
		}
		content = hex.EncodeToString(h.Sum(nil))
	}
	at := s.wall().UTC()
	q.Header.Del(amzToken)
	q.Header.Del(amzContent)
	q.Header.Set(amzDate, at.Format(timeFormat))
	if s.token != "" {
		q.Header.Set(amzToken, s.token)
	}
	if s.s3 {
		q.Header.Set(amzContent, content)
	}
	q.Header.Set(policy.Authorization, s.authorization(q.Method.Clone(), q.Path.Clone(), q.Query.Clone(), content, at))
	return x.Next()
}

// authorization is the field's value for a request at a time (AWS General
// Reference, Signature Version 4): path and query as they are sent.
func (s *signer) authorization(method, path, query, content string, at time.Time) string {
	stamp := at.Format(timeFormat)
	names, fields := "host", "host:"+s.host+"\n"
	if s.s3 {
		names, fields = names+";x-amz-content-sha256", fields+"x-amz-content-sha256:"+content+"\n"
	}
	names, fields = names+";x-amz-date", fields+"x-amz-date:"+stamp+"\n"
	if s.token != "" {
		names, fields = names+";x-amz-security-token", fields+"x-amz-security-token:"+s.token+"\n"
	}
	canonical := strings.Join([]string{method, s.path(path), canonicalQuery(query), fields, names, content}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	scope := stamp[:8] + "/" + s.region + "/" + s.service + "/aws4_request"
	key := []byte("AWS4" + s.secret)
	for _, part := range []string{stamp[:8], s.region, s.service, "aws4_request"} {
		key = mac(key, part)
	}
	signature := hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hex.EncodeToString(sum[:])))
	return "AWS4-HMAC-SHA256 Credential=" + s.id + "/" + scope + ", SignedHeaders=" + names + ", Signature=" + signature
}

func mac(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}

// path is the canonical one: of s3 encoded once, of every other service what is
// sent is encoded once more.
func (s *signer) path(sent string) string {
	if s.s3 {
		if plain, err := url.PathUnescape(sent); err == nil {
			sent = plain
		}
	}
	return encode(sent, true)
}

// canonicalQuery sorts parameters by name and value, each encoded in the one way.
func canonicalQuery(query string) string {
	if query == "" {
		return ""
	}
	var list [][2]string
	for p := range strings.SplitSeq(query, "&") {
		if p == "" {
			continue
		}
		name, value, _ := strings.Cut(p, "=")
		list = append(list, [2]string{encode(unescape(name), false), encode(unescape(value), false)})
	}
	slices.SortFunc(list, func(a, b [2]string) int {
		if c := strings.Compare(a[0], b[0]); c != 0 {
			return c
		}
		return strings.Compare(a[1], b[1])
	})
	var b strings.Builder
	for i, p := range list {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p[0] + "=" + p[1])
	}
	return b.String()
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// encode is AWS's UriEncode: all but unreserved characters, and "/" where it
// separates.
func encode(s string, slash bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~', c == '/' && slash:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
