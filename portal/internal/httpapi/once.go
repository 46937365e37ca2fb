package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/services/audit"
	"github.com/tollgate/tollgate/services/core"
)

// Headers of idempotent requests.
const (
	idempotencyHeader = "Idempotency-Key"
	replayedHeader    = "Idempotent-Replayed"
)

// kept are the headers of an answer that a replay repeats.
var kept = []string{"Content-Type", "ETag", "Tollgate-Version"}

// recorder holds an answer back until it has been kept for replays.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// takesKey says whether an operation honours Idempotency-Key.
func takesKey(op *authz.Operation) bool {
	return op.Spec.Parameters.GetByInAndName(openapi3.ParameterInHeader, idempotencyHeader) != nil
}

// onceKey names a request: who sent it and under which key; digest says which
// request it is.
func onceKey(c *call) (key, digest string) {
	who := "client " + c.client
	if c.token != nil {
		who = c.token.ID
	} else if c.user.ID != "" {
		who = c.user.ID + " " + string(c.org)
	}
	return hashed(who, c.request.Header.Get(idempotencyHeader)), hashed(c.request.Method, c.request.URL.RequestURI(), string(c.body))
}

func hashed(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		n := sha256.Sum256([]byte(p)) // fixed length: no two tuples give the same input
		h.Write(n[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// once runs next, or answers as it was answered before under the same
// Idempotency-Key.
func (s *Server) once(c echo.Context, cl *call, next echo.HandlerFunc) error {
	if !takesKey(cl.op) || cl.request.Header.Get(idempotencyHeader) == "" {
		return next(c)
	}
	ctx := c.Request().Context()
	key, digest := onceKey(cl)
	replay, err := s.Audit.Begin(ctx, key, digest)
	if err != nil {
		return err
	}
	if replay != nil && replay.Answer != nil {
		return writeReplay(c, replay.Answer)
	}
	if replay != nil {
		if done, err := s.recoverAnswer(c, cl, replay.Made, key); done || err != nil {
			return err
		}
		// The change is harmless to make again; it just must not claim the key.
		return next(c)
	}
	a := core.ActorFrom(ctx)
	a.Idempotency = key
	c.SetRequest(c.Request().WithContext(core.WithActor(ctx, a)))
	return s.record(c, cl, key, next)
}

// record runs next, keeps its answer and sends it.
func (s *Server) record(c echo.Context, cl *call, key string, next echo.HandlerFunc) error {
	res := c.Response()
	wire := res.Writer
	rec := &recorder{header: wire.Header(), status: http.StatusOK}
	res.Writer = rec
	err := next(c)
	res.Writer = wire
	// The change is made, or not: what is kept of it must not depend on whether
	// the caller still waits.
	ctx := context.WithoutCancel(c.Request().Context())
	if err != nil || rec.status >= 400 {
		if drop := s.Audit.Drop(ctx, key); drop != nil {
			s.log.Warn("idempotency key was not freed", "request_id", cl.requestID, "error", drop)
		}
		return err
	}
	a := audit.Answer{Status: rec.status, Headers: map[string]string{}, Body: withoutSecrets(cl.op, rec.body.Bytes())}
	for _, h := range kept {
		if v := rec.header.Get(h); v != "" {
			a.Headers[h] = v
		}
	}
	if err := s.Audit.Finish(ctx, key, a); err != nil {
		s.log.Warn("answer was not kept for replays", "request_id", cl.requestID, "error", err)
	}
	wire.WriteHeader(rec.status)
	_, err = wire.Write(rec.body.Bytes())
	return err
}

func writeReplay(c echo.Context, a *audit.Answer) error {
	h := c.Response().Header()
	for k, v := range a.Headers {
		h.Set(k, v)
	}
	h.Set(replayedHeader, "true")
	c.Response().WriteHeader(a.Status)
	_, err := c.Response().Write(a.Body)
	return err
}

// withoutSecrets removes from an answer what the document marks as shown once.
func withoutSecrets(op *authz.Operation, body []byte) []byte {
	secret := shownOnce(op)
	if len(secret) == 0 {
		return body
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil // never keep what can't be read: it might hold the secret
	}
	maps.DeleteFunc(fields, func(k string, _ json.RawMessage) bool { return slices.Contains(secret, k) })
	out, err := json.Marshal(fields)
	if err != nil {
		return nil
	}
	return out
}

// shownOnce lists the top-level fields of an operation's 201 that are shown once.
func shownOnce(op *authz.Operation) (names []string) {
	r := op.Spec.Responses.Status(http.StatusCreated)
	if r == nil || r.Value.Content.Get("application/json") == nil {
		return nil
	}
	for name, p := range r.Value.Content.Get("application/json").Schema.Value.Properties {
		if once, _ := p.Value.Extensions["x-tollgate-shown-once"].(bool); once {
			names = append(names, name)
		}
	}
	return names
}

// made are the operations that make one resource, with the path under which it
// can be read: after a crash between the commit and the answer, a retry answers
// with what GET says.
var made = map[string]func(e *audit.Entry) string{
	"createGateway":      func(e *audit.Entry) string { return "/v1/gateways/" + e.ResourceID },
	"createUpstream":     func(e *audit.Entry) string { return inGateway(e, "upstreams", e.ResourceName) },
	"createRoute":        func(e *audit.Entry) string { return inGateway(e, "routes", e.ResourceName) },
	"createUsagePlan":    func(e *audit.Entry) string { return inGateway(e, "usage-plans", e.ResourceName) },
	"createConsumer":     func(e *audit.Entry) string { return inGateway(e, "consumers", e.ResourceName) },
	"createKey":          func(e *audit.Entry) string { return inGateway(e, "keys", e.ResourceID) },
	"rotateKey":          func(e *audit.Entry) string { return inGateway(e, "keys", e.ResourceID) },
	"createToken":        func(e *audit.Entry) string { return "/v1/tokens/" + e.ResourceID },
	"acceptInvitation":   func(e *audit.Entry) string { return "/v1/members/" + e.ResourceID },
	"giveCredit":         func(e *audit.Entry) string { return "/v1/operator/organizations/" + e.ResourceID },
	"createOrganization": func(*audit.Entry) string { return "/v1/organization" },
}

func inGateway(e *audit.Entry, kind, name string) string {
	return "/v1/gateways/" + e.Gateway + "/" + kind + "/" + url.PathEscape(name)
}

// recoverAnswer answers a retry whose change was committed but whose answer was
// never kept. It says done false for a change that is harmless to make again.
func (s *Server) recoverAnswer(c echo.Context, cl *call, e *audit.Entry, key string) (done bool, err error) {
	if cl.op.ID == "signup" {
		return true, core.Errorf(core.CodeEmailTaken, "the account was made by the first request: sign in")
	}
	path := made[cl.op.ID]
	if path == nil {
		return false, nil
	}
	ctx := c.Request().Context()
	get, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, path(e), nil)
	if err != nil {
		return true, err
	}
	get.RemoteAddr = c.Request().RemoteAddr
	get.Header = c.Request().Header.Clone()
	get.Header.Set(organizationHeader, string(e.Organization))
	get.Header.Del(idempotencyHeader)
	rec := &recorder{header: http.Header{}, status: http.StatusOK}
	s.echo.ServeHTTP(rec, get)
	if rec.status != http.StatusOK {
		return true, core.Errorf(core.CodeConflict, "the first request made %s %s, which can't be read any more", e.ResourceType, e.ResourceID)
	}
	a := audit.Answer{Status: http.StatusCreated, Headers: map[string]string{}, Body: rec.body.Bytes()}
	for _, h := range kept {
		if v := rec.header.Get(h); v != "" {
			a.Headers[h] = v
		}
	}
	if err := s.Audit.Finish(ctx, key, a); err != nil {
		return true, err
	}
	return true, writeReplay(c, &a)
}
