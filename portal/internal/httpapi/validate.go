package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer/apidoc"
	"github.com/tollgate/tollgate/services/openapi"
)

// Bounds of bodies.
const (
	maxBody   = 1 << 20
	maxEvent  = 256 << 10 // of Stripe
	maxConfig = contract.MaxDocument
	maxUpload = 2*apidoc.MaxDocument + 4096 // escaped as a JSON string
	maxImport = 2*openapi.MaxImportBytes + 4096
)

// dateTime accepts what the generated types can read, so that a bad time is
// named by its pointer.
var dateTime = openapi3.NewCallbackValidator(func(s string) error {
	if t, err := time.Parse(time.RFC3339, s); err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return errors.New("must be a time such as 2026-11-22T00:00:00Z")
	}
	return nil
})

// schemaOptions are how bodies and parameters are checked: everything that is
// wrong at once.
func schemaOptions() []openapi3.SchemaValidationOption {
	return []openapi3.SchemaValidationOption{
		openapi3.MultiErrors(), openapi3.VisitAsRequest(), openapi3.EnableFormatValidation(),
		openapi3.WithStringFormatValidator("date-time", dateTime),
	}
}

// checkText refuses a target that is no UTF-8 or holds a NUL, which no database
// text can hold: nothing behind this point has to think of them.
func checkText(u *url.URL) error {
	query, err := url.QueryUnescape(u.RawQuery)
	if err != nil || !clean(query) || !clean(u.Path) {
		return core.Errorf(core.CodeBadRequest, "the path or query is not valid UTF-8 text")
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return core.Errorf(core.CodeBadRequest, "the query can't be parsed")
	}
	return nil
}

func clean(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// readBody reads the body of an operation that takes one and checks that it is
// JSON text. It is nil for an optional body that was not sent.
func readBody(c *call) error {
	spec := c.op.Spec.RequestBody
	if spec == nil {
		return nil
	}
	limit := int64(maxBody)
	switch c.op.ID {
	case "putConfig", "diffConfig":
		limit = maxConfig
	case "stripeWebhook":
		limit = maxEvent
	case "putDeveloperPortalOpenAPI", "putOpenAPI", "importNginx":
		limit = maxUpload
	case "importOpenAPI":
		limit = maxImport
	}
	r := c.request
	b, err := io.ReadAll(http.MaxBytesReader(c.response, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return core.Errorf(core.CodeTooLarge, "the body is larger than %d bytes", limit)
	case err != nil:
		return core.Wrap(core.CodeBadRequest, err, "the body broke off")
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	if len(b) == 0 {
		if spec.Value.Required {
			return core.Errorf(core.CodeBadRequest, "a JSON body is needed")
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return errMediaType("send application/json")
	}
	c.body = b
	return nil
}

// parseBody decodes a body to the form that schemas are checked on.
func parseBody(b []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	if err == nil {
		if _, more := dec.Token(); more == io.EOF {
			return v, nil
		}
		return nil, core.Errorf(core.CodeBadRequest, "the body is not JSON: data after the document at byte %d", dec.InputOffset())
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return nil, core.Errorf(core.CodeBadRequest, "the body is not JSON: %v at byte %d", syntax, syntax.Offset)
	}
	return nil, core.Errorf(core.CodeBadRequest, "the body is not JSON: it ends too early, at byte %d", len(b))
}

// validate checks parameters and body against the document and names every bad
// one at once.
func (s *Server) validate(ctx context.Context, c *call, params map[string]string) error {
	var fields contract.FieldErrors
	if err := s.checkParameters(ctx, c, params, &fields); err != nil {
		return err
	}
	if c.body != nil {
		v, err := parseBody(c.body)
		if err != nil {
			return err
		}
		checkStrings(v, "", &fields)
		schema := c.op.Spec.RequestBody.Value.Content.Get("application/json").Schema.Value
		if err := schema.VisitJSON(v, schemaOptions()...); err != nil {
			collect(err, "", &fields)
		}
	}
	return core.Invalid(fields.Err())
}

func (s *Server) checkParameters(ctx context.Context, c *call, params map[string]string, fields *contract.FieldErrors) error {
	known := map[string]bool{}
	for _, list := range []openapi3.Parameters{c.op.Item.Parameters, c.op.Spec.Parameters} {
		for _, p := range list {
			if p.Value.In == openapi3.ParameterInQuery {
				known[p.Value.Name] = true
			}
		}
	}
	for name, values := range c.request.URL.Query() {
		switch {
		case !known[name] && openQuery(c.op):
		case !known[name]:
			fields.Add(pointerTo(name), unknownName("parameter", name, slices.Sorted(maps.Keys(known))))
		case len(values) > 1:
			fields.Add(pointerTo(name), "is given more than once")
		}
	}
	err := openapi3filter.ValidateRequest(ctx, &openapi3filter.RequestValidationInput{
		Request: c.request, PathParams: params,
		Route: &routers.Route{Spec: s.operations.Document, Path: c.op.Path, PathItem: c.op.Item, Method: c.op.Method, Operation: c.op.Spec},
		Options: &openapi3filter.Options{
			ExcludeRequestBody: true, MultiError: true, SkipSettingDefaults: true,
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SchemaValidationOptions: schemaOptions(),
		},
	})
	if err != nil {
		collect(err, "", fields)
	}
	return nil
}

// openQuery says that an operation takes parameters which the document doesn't
// name: RFC 6749 wants a callback to ignore what it doesn't know.
func openQuery(op *authz.Operation) bool {
	open, _ := op.Spec.Extensions["x-tollgate-open-query"].(bool)
	return open
}

// collect turns the document's errors into field errors.
func collect(err error, at string, fields *contract.FieldErrors) {
	switch e := err.(type) { //nolint:errorlint // the tree is walked node by node
	case openapi3.MultiError:
		for _, one := range e {
			collect(one, at, fields)
		}
	case *openapi3filter.RequestError:
		if e.Parameter != nil {
			at = pointerTo(e.Parameter.Name)
		}
		if e.Err == nil {
			fields.Add(at, e.Reason)
			return
		}
		collect(e.Err, at, fields)
	case *openapi3.SchemaError:
		fields.Add(at+pointer(e), reason(e))
	case *openapi3filter.ParseError:
		fields.Add(at, "can't be read as what the document says it is")
	default:
		fields.Add(at, "is not what the document says")
	}
}

// pointer is where a schema's error is; for an unknown property the property
// itself.
func pointer(e *openapi3.SchemaError) string {
	steps := make([]any, 0, 4)
	for _, s := range e.JSONPointer() {
		steps = append(steps, s)
	}
	if name, ok := unknownProperty(e); ok {
		steps = append(steps, name)
	}
	return contract.Pointer(steps...)
}

func pointerTo(steps ...any) string { return contract.Pointer(steps...) }

func unknownProperty(e *openapi3.SchemaError) (string, bool) {
	var name string
	if e.SchemaField != "properties" {
		return "", false
	}
	n, err := fmt.Sscanf(e.Reason, "property %q is unsupported", &name)
	return name, n == 1 && err == nil
}

// reason says what is wrong, in words for the caller and without the value.
func reason(e *openapi3.SchemaError) string {
	if name, ok := unknownProperty(e); ok {
		return unknownName("field", name, slices.Sorted(maps.Keys(e.Schema.Properties)))
	}
	switch e.SchemaField {
	case "required":
		return "is missing"
	case "pattern":
		if d := e.Schema.Description; d != "" {
			return "does not fit: " + d
		}
		return "does not fit the pattern " + e.Schema.Pattern
	case "format":
		if e.Origin != nil {
			return e.Origin.Error()
		}
	case "enum":
		names := make([]string, len(e.Schema.Enum))
		for i, v := range e.Schema.Enum {
			names[i] = fmt.Sprint(v)
		}
		return "must be one of " + strings.Join(names, ", ")
	}
	return bound(e)
}

// bound words a limit of length, number or size; what is none stays as it is.
func bound(e *openapi3.SchemaError) string {
	s := e.Schema
	switch {
	case e.SchemaField == "minLength" && s.MinLength == 1:
		return "is missing"
	case e.SchemaField == "minLength":
		return fmt.Sprintf("must have at least %d characters", s.MinLength)
	case e.SchemaField == "maxLength" && s.MaxLength != nil:
		return fmt.Sprintf("must have at most %d characters", *s.MaxLength)
	case e.SchemaField == "minItems":
		return fmt.Sprintf("must have at least %d", s.MinItems)
	case e.SchemaField == "maxItems" && s.MaxItems != nil:
		return fmt.Sprintf("must have at most %d", *s.MaxItems)
	case e.SchemaField == "minimum" && s.Min != nil:
		return "must be at least " + strconv.FormatFloat(*s.Min, 'f', -1, 64)
	case e.SchemaField == "maximum" && s.Max != nil:
		return "must be at most " + strconv.FormatFloat(*s.Max, 'f', -1, 64)
	}
	return e.Reason
}

func unknownName(kind, name string, names []string) string {
	if near, ok := contract.Closest(name, names); ok {
		return fmt.Sprintf("is not a known %s; did you mean %q?", kind, near)
	}
	return "is not a known " + kind
}

// checkStrings refuses NUL in any text of a body: no database text can hold it.
func checkStrings(v any, at string, fields *contract.FieldErrors) {
	switch v := v.(type) {
	case string:
		if strings.IndexByte(v, 0) >= 0 {
			fields.Add(at, "must not hold the character NUL")
		}
	case []any:
		for i, x := range v {
			checkStrings(x, at+contract.Pointer(i), fields)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if strings.IndexByte(k, 0) >= 0 {
				fields.Add(at, "has a name with the character NUL")
			}
			checkStrings(v[k], at+contract.Pointer(k), fields)
		}
	}
}

// decode reads the body into one of the services' own types, where the shapes
// are the same.
func decode[T any](c *call) (v T, err error) {
	if err := contract.DecodeStrict(c.body, &v); err != nil {
		return v, core.Invalid(err)
	}
	return v, nil
}

// duration reads a duration that is optional, at most a bound.
func duration(name string, text *string, most time.Duration) (time.Duration, error) {
	if text == nil {
		return 0, nil
	}
	d, err := time.ParseDuration(*text)
	if err != nil || d < 0 || d > most {
		return 0, core.Invalid(contract.FieldErrors{{Pointer: pointerTo(name), Detail: fmt.Sprintf("must be a duration from 0s to %s", most)}})
	}
	return d, nil
}
