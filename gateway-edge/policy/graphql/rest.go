package graphql

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// rest runs an operation for REST requests. It is immutable.
type rest struct {
	operation, name string
	path            []byte
	vars            map[string]*variable
	whole           string
	ignore          map[string]bool
	result          []string
	pass            bool
	null            int
	statuses        map[string]int
	max             int64
}

// Needs is policy.Needer.
func (t *rest) Needs() (request, response policy.Need) {
	return policy.Need{Mode: policy.NeedWhole, Max: t.max}, policy.Need{Mode: policy.NeedWhole, Max: maxBytes}
}

// WantsBody is policy.Chooser.
func (t *rest) WantsBody(x *policy.Exchange, s policy.Side) bool {
	return s == policy.OnTheRequest || x.Translated() && x.Response().Origin == policy.FromBackend && isJSON(x.Response().Header)
}

// isJSON reports whether a body is JSON, GraphQL's kind of it too.
func isJSON(h policy.Headers) bool {
	ct, _ := h.Get(policy.ContentType)
	media, _, _ := ct.Cut(';')
	media = media.Trim()
	return media.Fold("application/json") || media.Fold("application/graphql-response+json")
}

func bodyOf(x *policy.Exchange) (out []byte) {
	for c := range x.Body().Chunks() {
		out = append(out, c...)
	}
	return out
}

// OnRequest makes a request of GraphQL.
func (t *rest) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	body := bodyOf(x)
	if len(body) > 0 && !isJSON(x.Request().Header) {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "the body is sent as Content-Type: application/json")
	}
	vars, err := t.variables(x, body)
	if err != nil {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, err.Error())
	}
	q := request{Query: t.operation, OperationName: t.name, Variables: vars}
	return q.send(x, t.path)
}

// request is a request of GraphQL over HTTP.
type request struct {
	Query         string                     `json:"query"`
	OperationName string                     `json:"operationName,omitempty"`
	Variables     map[string]json.RawMessage `json:"variables,omitempty"`
	Extensions    map[string]json.RawMessage `json:"extensions,omitempty"`
}

// send puts q in the request's place; a nil path keeps the present one.
func (q *request) send(x *policy.Exchange, path []byte) policy.Action {
	out, err := json.Marshal(q)
	if err != nil {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "the variables are no JSON")
	}
	x.Translate()
	r := x.Request()
	r.Method = policy.Static("POST")
	r.Header.Set(policy.ContentType, "application/json")
	r.Header.Set(policy.Accept, "application/graphql-response+json, application/json")
	for _, n := range []policy.Name{policy.ContentEncoding, policy.AcceptEncoding, policy.IfNoneMatch, policy.IfModifiedSince, policy.Range} {
		r.Header.Del(n)
	}
	x.ReplaceBody(out)
	if path == nil {
		path = []byte(r.Path.Clone())
	}
	return x.Rewrite(path, []byte{})
}

// variables puts the variables together: from the path, the query, and the body.
// The error names every one that is wrong.
func (t *rest) variables(x *policy.Exchange, body []byte) (map[string]json.RawMessage, error) {
	out := map[string]json.RawMessage{}
	var bad []string
	words := func(name string, list []string) {
		v := t.vars[name]
		if v == nil {
			bad = append(bad, fmt.Sprintf("%q is not known", name))
			return
		}
		if out[name] != nil {
			bad = append(bad, fmt.Sprintf("%q is given twice", name))
			return
		}
		js, err := v.fromWords(list)
		if err != nil {
			bad = append(bad, fmt.Sprintf("%q %s", name, err))
			return
		}
		out[name] = js
	}
	for name, value := range x.Params() {
		if w, err := url.PathUnescape(value.Clone()); err == nil && t.vars[name] != nil {
			words(name, []string{w})
		}
	}
	query, err := url.ParseQuery(x.Request().Query.Clone())
	if err != nil {
		return nil, errors.New("the query is malformed")
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !t.ignore[name] {
			words(name, query[name])
		}
	}
	if err := t.fromBody(body, out, &bad); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(t.vars)) {
		if v := out[name]; t.vars[name].required && (v == nil || string(v) == "null") {
			bad = append(bad, fmt.Sprintf("%q is missing", name))
		}
	}
	if len(bad) > 0 {
		return nil, errors.New(strings.Join(bad[:min(len(bad), 20)], "; "))
	}
	return out, nil
}

func (t *rest) fromBody(body []byte, out map[string]json.RawMessage, bad *[]string) error {
	if len(body) == 0 {
		return nil
	}
	if t.whole != "" {
		if !json.Valid(body) {
			return errors.New("the body is no JSON")
		}
		if out[t.whole] != nil {
			*bad = append(*bad, fmt.Sprintf("%q is given twice", t.whole))
		}
		out[t.whole] = body
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return errors.New("the body is no JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch {
		case t.vars[name] == nil:
			*bad = append(*bad, fmt.Sprintf("%q is not known", name))
		case out[name] != nil:
			*bad = append(*bad, fmt.Sprintf("%q is given twice", name))
		default:
			out[name] = fields[name]
		}
	}
	return nil
}

// defaultStatuses are what servers of GraphQL say in extensions.code.
var defaultStatuses = map[string]int{
	"UNAUTHENTICATED": 401, "FORBIDDEN": 403, "NOT_FOUND": 404, "CONFLICT": 409, "BAD_REQUEST": 400, "BAD_USER_INPUT": 400,
	"GRAPHQL_PARSE_FAILED": 400, "GRAPHQL_VALIDATION_FAILED": 400, "OPERATION_RESOLUTION_FAILURE": 400,
	"TOO_MANY_REQUESTS": 429, "RATE_LIMITED": 429, "INTERNAL_SERVER_ERROR": 500, "SERVICE_UNAVAILABLE": 503, "TIMEOUT": 504,
}

// OnResponse unwraps the answer.
func (t *rest) OnResponse(x *policy.Exchange, _ *policy.Slot) policy.Action {
	r := x.Response()
	if r.Origin != policy.FromBackend {
		return x.Next()
	}
	var answer struct {
		Data   json.RawMessage   `json:"data"`
		Errors []json.RawMessage `json:"errors"`
	}
	if !isJSON(r.Header) || json.Unmarshal(bodyOf(x), &answer) != nil || answer.Data == nil && len(answer.Errors) == 0 {
		if r.Status >= 400 { // it did not come to GraphQL
			return x.RejectDetail(contract.CodeUpstreamProtocol, 0, fmt.Sprintf("the backend answered %d without a result of GraphQL", r.Status))
		}
		return x.RejectDetail(contract.CodeUpstreamProtocol, 0, "the backend did not answer in GraphQL")
	}
	r.Header.Set(policy.ContentType, "application/json")
	r.Header.Del(policy.ETag)
	data := find(answer.Data, t.result)
	switch null := data == nil || string(data) == "null"; {
	case len(answer.Errors) > 0 && (null || !t.pass):
		r.Status = t.status(answer.Errors, r.Status)
		out, _ := json.Marshal(map[string]any{"errors": answer.Errors})
		x.ReplaceBody(out)
	case len(answer.Errors) > 0:
		r.Status = 200
		out, _ := json.Marshal(map[string]any{"data": data, "errors": answer.Errors})
		x.ReplaceBody(out)
	case null:
		r.Status = t.null
		x.ReplaceBody([]byte("null"))
	default:
		r.Status = 200
		x.ReplaceBody(data)
	}
	return x.Next()
}

// status is that of the first error with a code that has one; 502 where none has,
// or the backend's own where that says it already.
func (t *rest) status(errs []json.RawMessage, came int) int {
	for _, raw := range errs {
		var e struct {
			Extensions struct {
				Code string `json:"code"`
			} `json:"extensions"`
		}
		if json.Unmarshal(raw, &e) == nil {
			if s := t.statuses[e.Extensions.Code]; s != 0 {
				return s
			}
		}
	}
	if came >= 400 {
		return came
	}
	return 502
}

// find follows a pointer through objects and arrays; nil where it leads nowhere.
func find(data json.RawMessage, path []string) json.RawMessage {
	for _, part := range path {
		var object map[string]json.RawMessage
		if json.Unmarshal(data, &object) == nil {
			data = object[part]
			continue
		}
		var list []json.RawMessage
		i, err := index(part)
		if err != nil || json.Unmarshal(data, &list) != nil || i >= len(list) {
			return nil
		}
		data = list[i]
	}
	return data
}

func index(s string) (int, error) {
	n, ok := policy.Static(s).Int()
	if !ok || n > 1_000_000 {
		return 0, errors.New("no index")
	}
	return int(n), nil
}

var (
	_ policy.Needer    = (*rest)(nil)
	_ policy.Chooser   = (*rest)(nil)
	_ policy.Responder = (*rest)(nil)
)
