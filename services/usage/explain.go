package usage

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of an explain question.
const (
	explainTime    = 5 * time.Second
	maxExplainURL  = 16 << 10
	maxExplainHead = 128
	maxExplainBody = 256 << 10
)

// ExplainInput is an explain question.
type ExplainInput struct {
	Gateway string // id or name
	Method  string
	URL     string // absolute, on one of the gateway's hosts
	Headers map[string][]string
	Body    []byte
	Client  string // IP address the request is to come from; empty: 127.0.0.1
}

func (in *ExplainInput) check() error {
	var bad contract.FieldErrors
	if in.Method == "" {
		in.Method = "GET"
	}
	if len(in.Method) > 32 || !token(in.Method) {
		bad.Add("/method", "is not an HTTP method")
	}
	u, err := url.Parse(in.URL)
	switch {
	case len(in.URL) > maxExplainURL:
		bad.Add("/url", "is longer than 16 KiB")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		bad.Add("/url", "must be absolute: http(s)://host/path, with a host of the gateway")
	}
	n := 0
	for name, values := range in.Headers {
		n += len(values)
		if !token(name) {
			bad.Add(contract.Pointer("headers", name), "is not a header field's name")
		}
	}
	if n > maxExplainHead {
		bad.Add("/headers", fmt.Sprintf("are %d fields, at most %d are allowed", n, maxExplainHead))
	}
	if len(in.Body) > maxExplainBody {
		bad.Add("/body", "is longer than 256 KiB")
	}
	if in.Client != "" {
		if _, err := netip.ParseAddr(in.Client); err != nil {
			bad.Add("/client", "is not an IP address")
		}
	}
	return core.Invalid(bad.Err())
}

// token reports whether s is a token of RFC 9110, 5.6.2.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '!', c == '#', c == '$', c == '%', c == '&', c == '\'', c == '*', c == '+', c == '-',
			c == '.', c == '^', c == '_', c == '`', c == '|', c == '~':
		default:
			return false
		}
	}
	return s != ""
}

// Explain asks a live edge what would happen to a request. Nothing is sent on,
// spent or counted.
func (s *Service) Explain(ctx context.Context, org core.OrganizationID, in ExplainInput) (*contract.Trace, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	gateway, err := s.gatewayOf(ctx, org, in.Gateway)
	if err != nil {
		return nil, err
	}
	if s.cfg.Asker == nil {
		return nil, core.Errorf(core.CodeUnavailable, "no edge can be asked: this process has no Redis")
	}
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, fmt.Errorf("read random: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, explainTime)
	defer cancel()
	answer, err := s.cfg.Asker.Ask(ctx, contract.Ask{
		ID: hex.EncodeToString(id[:]), Gateway: gateway.ID, Method: in.Method, URL: in.URL,
		Headers: in.Headers, Body: in.Body, Client: in.Client,
		Deadline: s.cfg.Clock().Add(explainTime).UnixMilli(),
	})
	switch {
	case err != nil:
		return nil, err
	case answer.Error != "":
		return nil, core.Errorf(core.CodeInvalid, "the edge can't explain this request: %.300s", answer.Error)
	case answer.Trace == nil:
		return nil, core.Errorf(core.CodeUnavailable, "the edge gave no explanation")
	}
	return answer.Trace, nil
}
