package relay

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Request is what to send.
type Request struct {
	Method  string // empty: GET
	Path    string // with its query, as it stands on the wire
	Headers map[string][]string
	Body    []byte
	Client  string // address of the person who asked, for X-Forwarded-For
}

// Bounds of a request's text.
const (
	maxPath    = 8 << 10
	maxHeaders = 16 << 10
)

// refused are the fields that are not the caller's to set: they frame the
// message, name its host, or say where it came from.
var refused = []string{
	"Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Te", "Trailer", "Expect",
	"Proxy-Authorization", "Proxy-Authenticate", "Proxy-Connection", "Http2-Settings", "Forwarded", "Via", "X-Real-Ip", "X-Request-Id",
}

// refusedPrefixes are likewise, with all names that begin so.
var refusedPrefixes = []string{"X-Forwarded-", "Tollgate-", "Proxy-"}

// Validate names every bad field.
func (in *Request) Validate() error {
	var errs contract.FieldErrors
	if in.Method == "" {
		in.Method = http.MethodGet
	}
	switch {
	case !token(in.Method) || len(in.Method) > 32:
		errs.Add("/method", "is not a method")
	case in.Method == http.MethodConnect || in.Method == http.MethodTrace:
		errs.Add("/method", "can't be sent as a test request")
	}
	if _, err := in.url("http", "gateway"); err != nil {
		errs.Add("/path", err.Error())
	}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(in.Headers)) {
		at := contract.Pointer("headers", name)
		if why := checkName(name); why != "" {
			errs.Add(at, why)
		}
		for i, v := range in.Headers[name] {
			size += len(name) + len(v)
			if !fieldValue(v) {
				errs.Add(contract.Pointer("headers", name, i), "must not hold control characters")
			}
		}
	}
	if size > maxHeaders {
		errs.Add("/headers", fmt.Sprintf("are %d bytes together, at most %d are allowed", size, maxHeaders))
	}
	if len(in.Body) > MaxBody {
		errs.Add("/body", fmt.Sprintf("is %d bytes, at most %d are allowed", len(in.Body), MaxBody))
	}
	return core.Invalid(errs.Err())
}

func checkName(name string) string {
	canonical := http.CanonicalHeaderKey(name)
	if !token(name) || len(name) > 256 {
		return "is not the name of a header field"
	}
	if slices.Contains(refused, canonical) {
		return "is set on the way and can't be given"
	}
	for _, p := range refusedPrefixes {
		if strings.HasPrefix(canonical, p) {
			return "is set on the way and can't be given"
		}
	}
	return ""
}

// url is the request's target. Escapes are sent as they were written, so that they
// can be tried; that it is a path and names no host is made sure of here.
func (in *Request) url(scheme, host string) (*url.URL, error) {
	switch {
	case !strings.HasPrefix(in.Path, "/"):
		return nil, fmt.Errorf("must begin with /: requests go to the gateway's own host only")
	case len(in.Path) > maxPath:
		return nil, fmt.Errorf("is %d bytes, at most %d are allowed", len(in.Path), maxPath)
	}
	for i := range len(in.Path) {
		if c := in.Path[i]; c <= ' ' || c >= 0x7f || c == '#' || c == '\\' {
			return nil, fmt.Errorf("holds %q, which must be percent-encoded", c)
		}
	}
	path, query, _ := strings.Cut(in.Path, "?")
	if _, err := url.PathUnescape(path); err != nil {
		return nil, fmt.Errorf("has a broken percent-encoding")
	}
	u := &url.URL{Scheme: scheme, Host: host, RawQuery: query, ForceQuery: query == "" && strings.HasSuffix(in.Path, "?")}
	u.Path, _ = url.PathUnescape(path)
	u.RawPath = path
	return u, nil
}

// build makes the request for a gateway's host.
func (in *Request) build(ctx context.Context, scheme, host string) (*http.Request, error) {
	if err := in.Validate(); err != nil {
		return nil, err
	}
	u, err := in.url(scheme, host)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, in.Method, u.Scheme+"://"+host+"/", bytes.NewReader(in.Body))
	if err != nil {
		return nil, core.Wrap(core.CodeInvalid, err, "the request can't be made")
	}
	req.URL, req.Host = u, host
	if len(in.Body) == 0 {
		req.Body, req.GetBody, req.ContentLength = nil, nil, 0
	}
	for name, values := range in.Headers {
		for _, v := range values {
			req.Header.Add(name, v)
		}
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "Tollgate-Portal")
	}
	if in.Client != "" {
		req.Header.Set("X-Forwarded-For", in.Client) // believed where the portal is a trusted proxy
	}
	return req, nil
}

// token says whether s is a token of RFC 9110, 5.6.2.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// fieldValue says whether s may be a field's value (RFC 9110, 5.5).
func fieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
