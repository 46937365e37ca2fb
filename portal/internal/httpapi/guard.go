package httpapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/tollgate/tollgate/services/core"
)

// requestIDForm is what a proxy that we trust may call a request.
var requestIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

// arrive runs for every request, known path or not: request id, client address,
// security headers, recovery from panics.
func (s *Server) arrive(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		r := c.Request()
		client, viaProxy := clientAddress(r, s.trusted)
		cl := &call{request: r, response: c.Response(), client: client}
		if id := r.Header.Get("X-Request-Id"); viaProxy && requestIDForm.MatchString(id) {
			cl.requestID = id
		} else {
			cl.requestID = uuid.Must(uuid.NewV7()).String()
		}
		h := c.Response().Header()
		h.Set("X-Request-Id", cl.requestID)
		securityHeaders(h, s.secure)
		h.Set("Cache-Control", "no-store")
		h.Add("Vary", "Authorization, Cookie, "+organizationHeader)
		c.SetRequest(r.WithContext(withCall(r.Context(), cl)))
		cl.request = c.Request()
		began := s.clock()
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				s.log.Error("handler panicked", "request_id", cl.requestID, "panic", p, "stack", string(debug.Stack()))
				err = core.Wrap(core.CodeInternal, fmt.Errorf("panic: %v", p), "")
			}
			if err != nil {
				s.handleError(err, c)
			}
			operation := ""
			if cl.op != nil {
				operation = cl.op.ID
			}
			s.observe(operation, c.Response().Status, s.clock().Sub(began))
			err = nil
		}()
		return next(c)
	}
}

// securityHeaders are those of every response of the portal: nothing is framed,
// sniffed or sent on, and pages run only what the portal itself serves.
func securityHeaders(h http.Header, secure bool) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'")
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}

// clientAddress is the peer's, or, when the peer is a trusted proxy, the last
// address of X-Forwarded-For that no trusted proxy has.
func clientAddress(r *http.Request, trusted []netip.Prefix) (client string, viaProxy bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr, false
	}
	addr := peer.Addr().Unmap()
	if !contains(trusted, addr) {
		return addr.String(), false
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap()
		if !contains(trusted, addr) {
			break
		}
	}
	return addr.String(), true
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// documentPath turns Echo's path pattern into the document's.
func documentPath(pattern string) string {
	steps := strings.Split(pattern, "/")
	for i, s := range steps {
		if name, ok := strings.CutPrefix(s, ":"); ok {
			steps[i] = "{" + name + "}"
		}
	}
	return strings.Join(steps, "/")
}

// guard is the one way into every operation. The order of its steps is what a
// caller can learn: first who it is, then whether the thing exists for it, and
// only then what is wrong with the request.
func (s *Server) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		ctx := r.Context()
		cl := callOf(ctx)
		cl.op = s.operations.Find(r.Method, documentPath(c.Path()))
		if cl.op == nil {
			return errNoPath()
		}
		if err := s.crossOrigin(r); err != nil {
			return err
		}
		if err := checkText(r.URL); err != nil {
			return err
		}
		params := map[string]string{}
		for _, name := range c.ParamNames() {
			params[name] = c.Param(name)
		}
		// Who is not known yet, but where from is: throttles and services ask.
		ctx = core.WithActor(ctx, cl.actor())
		if err := s.findPortal(ctx, cl, params["label"]); err != nil {
			return err
		}
		if err := s.authenticate(ctx, cl); err != nil {
			return err
		}
		if err := s.authorize(ctx, cl); err != nil {
			return err
		}
		if err := s.findGateway(ctx, cl, params["gateway"]); err != nil {
			return err
		}
		if err := s.noteLook(ctx, cl); err != nil {
			return err
		}
		if err := readBody(cl); err != nil {
			return err
		}
		if err := s.validate(ctx, cl, params); err != nil {
			return err
		}
		ctx = core.WithActor(ctx, cl.actor())
		if cl.endless() {
			watched, stop := s.watch(ctx, cl)
			defer stop()
			ctx = watched
		}
		c.SetRequest(cl.request.WithContext(ctx))
		return s.once(c, cl, next)
	}
}
