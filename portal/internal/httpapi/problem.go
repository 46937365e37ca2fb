package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
)

// httpError is an error of HTTP itself, which no service knows.
type httpError struct {
	info   core.CodeInfo
	detail string
}

func (e *httpError) Error() string { return e.info.Name + ": " + e.detail }

// Codes of HTTP itself.
var (
	methodNotAllowed     = core.CodeInfo{Name: "method_not_allowed", Status: http.StatusMethodNotAllowed, Title: "The path exists, but not for this method"}
	unsupportedMediaType = core.CodeInfo{Name: "unsupported_media_type", Status: http.StatusUnsupportedMediaType, Title: "The body's media type is not supported"}
)

func errMethod() error { return &httpError{methodNotAllowed, "see the Allow header"} }

func errNoPath() error { return core.Errorf(core.CodeNotFound, "the API has no such path") }

func errMediaType(detail string) error { return &httpError{unsupportedMediaType, detail} }

// handleError is the one writer of problem documents (RFC 9457).
func (s *Server) handleError(err error, c echo.Context) {
	r, w := c.Request(), c.Response()
	if w.Committed {
		s.log.Warn("response was broken off", "request_id", requestID(r.Context()), "error", err)
		return
	}
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		err = core.Wrap(core.CodeUnavailable, err, "the request was given up")
	}
	p, retryAfter := s.problem(r, err)
	if retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tollgate"`)
	}
	w.Header().Set("Cache-Control", "no-store")
	if wantsPage(r) {
		writePage(w, p)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		if err := json.NewEncoder(w).Encode(p); err != nil {
			s.log.Debug("problem was not sent", "error", err)
		}
	}
}

// problem turns an error into what the caller may know of it. What it may not is
// logged under the request id.
func (s *Server) problem(r *http.Request, err error) (p gen.Problem, retryAfter int) {
	id := requestID(r.Context())
	p = gen.Problem{RequestID: id}
	var known *core.Error
	var plain *httpError
	var framework *echo.HTTPError
	switch {
	case errors.As(err, &known):
		info := known.Code.Info()
		p.Status, p.Code, p.Title = info.Status, info.Name, info.Title
		p.Detail = optional(known.Detail)
		p.Errors = problemFields(known)
		retryAfter = int(math.Ceil(known.RetryAfter.Seconds()))
		err = known.Err
	case errors.As(err, &plain):
		p.Status, p.Code, p.Title, p.Detail = plain.info.Status, plain.info.Name, plain.info.Title, optional(plain.detail)
		err = nil
	case errors.As(err, &framework):
		return s.problem(r, fromFramework(framework))
	default:
		info := core.CodeInternal.Info()
		p.Status, p.Code, p.Title = info.Status, info.Name, info.Title
	}
	if p.Status >= 500 {
		level := slog.LevelWarn // something that we need is away
		if p.Status == http.StatusInternalServerError {
			level = slog.LevelError // we are wrong
		}
		s.log.Log(r.Context(), level, "request failed", "request_id", id, "method", r.Method, "path", r.URL.Path, "code", p.Code, "error", err)
	}
	p.Type = "/docs/api-errors#" + p.Code
	return p, retryAfter
}

// fromFramework maps what Echo and the generated bindings answer.
func fromFramework(e *echo.HTTPError) error {
	switch e.Code {
	case http.StatusNotFound:
		return errNoPath()
	case http.StatusMethodNotAllowed:
		return errMethod()
	case http.StatusUnsupportedMediaType:
		return errMediaType("send application/json")
	case http.StatusRequestEntityTooLarge:
		return core.Errorf(core.CodeTooLarge, "the body is larger than allowed")
	case http.StatusBadRequest:
		return core.Wrap(core.CodeBadRequest, e, "a parameter or the body can't be read")
	}
	return e.Unwrap()
}

func problemFields(e *core.Error) *[]struct {
	Detail  string `json:"detail"`
	Pointer string `json:"pointer"`
} {
	if len(e.Fields) == 0 {
		return nil
	}
	out := make([]struct {
		Detail  string `json:"detail"`
		Pointer string `json:"pointer"`
	}, len(e.Fields))
	for i, f := range e.Fields {
		out[i].Pointer, out[i].Detail = f.Pointer, f.Detail
	}
	return &out
}

// optional is nil for the zero value.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// value is the zero value for nil.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
