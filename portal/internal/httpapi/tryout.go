package httpapi

import (
	"context"
	"encoding/base64"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/portal/internal/relay"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// Pace of test requests of one caller to one gateway, in each process.
const (
	relayEvery = time.Second
	relayBurst = 20
	relayKeys  = 10_000
)

// gatewayURL is where callers reach a gateway.
func (s *Server) gatewayURL(g *gateway.Gateway) string {
	u := url.URL{Scheme: s.edge.Scheme, Host: g.Hostname}
	if port := s.edge.Port(); port != "" {
		u.Host = net.JoinHostPort(g.Hostname, port)
	}
	return u.String()
}

// GetInstallation says what this installation offers.
func (s *Server) GetInstallation(context.Context, gen.GetInstallationRequestObject) (gen.GetInstallationResponseObject, error) {
	return gen.GetInstallation200JSONResponse{
		EdgeDomain: s.edge.Hostname(), EdgeURL: s.edge.String(), EchoURL: optional(s.echoURL),
		TestRequests: s.relay != nil, Mail: s.mail,
	}, nil
}

// SendTestRequest sends one request through an edge.
func (s *Server) SendTestRequest(ctx context.Context, r gen.SendTestRequestRequestObject) (gen.SendTestRequestResponseObject, error) {
	c := callOf(ctx)
	in := testRequest(c, r.Body)
	if err := s.mayRelay(core.ActorFrom(ctx).ID+" "+c.ref(), in); err != nil {
		return nil, err
	}
	path, _, _ := strings.Cut(in.Path, "?")
	if err := s.Gateways.NoteRequest(ctx, c.org, c.ref(), in.Method, path); err != nil {
		return nil, err
	}
	a, err := s.relay.Send(ctx, c.gateway.Hostname, in)
	if err != nil {
		return nil, err
	}
	return gen.SendTestRequest200JSONResponse(toTestAnswer(a)), nil
}

func testRequest(c *call, in *gen.TestRequest) *relay.Request {
	return &relay.Request{
		Method: value(in.Method), Path: in.Path, Headers: value(in.Headers), Body: []byte(value(in.Body)), Client: c.client,
	}
}

// mayRelay checks a request and counts it for who sends it.
func (s *Server) mayRelay(who string, in *relay.Request) error {
	if s.relay == nil {
		return core.Errorf(core.CodeUnavailable, "the operator has not set an edge for test requests")
	}
	if err := in.Validate(); err != nil {
		return err
	}
	if wait := s.relayPace.Take(who); wait > 0 {
		e := core.Errorf(core.CodeThrottled, "test requests are for trying: at most one each second after the first %d", relayBurst)
		e.RetryAfter = max(wait, time.Second)
		return e
	}
	return nil
}

func toTestAnswer(a *relay.Answer) gen.TestAnswer {
	out := gen.TestAnswer{
		Status: a.Status, Headers: a.Header, BodyBytes: int64(len(a.Body)), Truncated: a.Truncated, RequestID: optional(a.RequestID),
		FirstByteMs: milliseconds(a.FirstByte), TotalMs: milliseconds(a.Total),
	}
	body := a.Body
	if a.Truncated {
		body = wholeRunes(body)
	}
	if utf8.Valid(body) {
		out.Body = new(string(body))
	} else {
		out.BodyBase64 = new(base64.StdEncoding.EncodeToString(a.Body))
	}
	return out
}

// wholeRunes drops a character that was cut at the end.
func wholeRunes(b []byte) []byte {
	for i := 1; i <= utf8.UTFMax && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// CopyGateway puts one gateway's configuration into another.
func (s *Server) CopyGateway(ctx context.Context, r gen.CopyGatewayRequestObject) (gen.CopyGatewayResponseObject, error) {
	c := callOf(ctx)
	in := gateway.Copy{
		From: c.ref(), To: r.Body.To, Create: value(r.Body.Create), Mode: string(value(r.Body.Mode)),
		KeepTargets: value(r.Body.KeepTargets), DryRun: value(r.Body.DryRun), IfMatch: core.ParseIfMatch(value(r.Params.IfMatch)),
	}
	for _, p := range value(r.Body.Parts) {
		in.Parts = append(in.Parts, string(p))
	}
	for _, n := range value(r.Body.Secrets) {
		in.Secrets = append(in.Secrets, gateway.NewSecret{Name: n.Name, Value: []byte(n.Value)})
	}
	if len(in.Secrets) > 0 && !authz.Allowed(c.role, c.scopes, authz.SecretsWrite) {
		return nil, core.Errorf(core.CodeForbidden, "secrets need the permission %s", authz.SecretsWrite)
	}
	done, err := s.Gateways.Copy(ctx, c.org, in)
	if err != nil {
		return nil, err
	}
	g := &done.Gateway
	return gen.CopyGateway200JSONResponse{
		DryRun: in.DryRun, Created: done.Created, ID: optional(g.ID), Name: g.Name, Mode: gen.GatewayMode(g.Mode), Version: int64(g.Version),
		Changes: each(done.Changes, toDifference),
		Secrets: each(done.Secrets, func(n *gateway.SecretNeed) struct {
			Name   string   `json:"name"`
			Set    bool     `json:"set"`
			UsedBy []string `json:"used_by"`
		} {
			return struct {
				Name   string   `json:"name"`
				Set    bool     `json:"set"`
				UsedBy []string `json:"used_by"`
			}{n.Name, n.Set, n.UsedBy}
		}),
	}, nil
}
