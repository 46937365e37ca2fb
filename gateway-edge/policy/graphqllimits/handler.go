package graphqllimits

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/coding"
	"github.com/tollgate/tollgate/gateway-edge/policy/query"
	"github.com/tollgate/tollgate/gateway-edge/policy/scan"
)

// limits is immutable.
type limits struct {
	Config
	factors map[string]bool
}

var _ policy.Needer = (*limits)(nil)

// Needs is the request's whole body.
func (p *limits) Needs() (request, response policy.Need) {
	return policy.Need{Mode: policy.NeedWhole, Max: p.MaxBody}, policy.Need{}
}

// OnRequest judges every document of the request.
func (p *limits) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	w := work{p: p}
	list, why := p.read(x, &w)
	for i := 0; i < len(list) && why == ""; i++ {
		r := &list[i]
		switch {
		case r.Query != "":
			why = w.judge(r)
		case !p.Persisted || len(r.Extensions) == 0:
			why = "there is no operation in the request"
		}
	}
	if why != "" {
		return p.refuse(x, why)
	}
	if x.Tracing() {
		x.TraceDetail(fmt.Sprintf("complexity %d of %d", w.complexity, p.Complexity))
	}
	return x.Next()
}

// refuse answers as a GraphQL server does (GraphQL over HTTP, 6.4).
func (p *limits) refuse(x *policy.Exchange, why string) policy.Action {
	if x.Tracing() {
		x.TraceDetail(why)
	}
	type failure struct {
		Message    string            `json:"message"`
		Extensions map[string]string `json:"extensions"`
	}
	body, err := json.Marshal(map[string][]failure{"errors": {{why, map[string]string{"code": "GRAPHQL_LIMITS"}}}})
	if err != nil {
		body = []byte(`{"errors":[{"message":"the request is refused"}]}`)
	}
	typ := "application/json"
	for v := range x.Request().Header.All(policy.Accept) {
		if bytes.Contains(v.AppendTo(nil), []byte("application/graphql-response+json")) {
			typ = "application/graphql-response+json"
		}
	}
	return x.Answer(400, typ, body)
}

// read takes the documents out of a request, and says why it can't.
func (p *limits) read(x *policy.Exchange, w *work) (list []request, why string) {
	q := x.Request()
	inURL, why := fromQuery(q.Query)
	switch {
	case why != "":
		return nil, why
	case q.Method.Is("GET"), q.Method.Is("HEAD"):
		w.get = true
		if q.Length != 0 {
			return nil, "a GET has no body"
		}
		return []request{inURL}, ""
	case !q.Method.Is("POST"):
		return nil, "GraphQL requests are made by GET or POST"
	case inURL.Query != "" || inURL.Variables != nil || inURL.Extensions != nil:
		return nil, "the operation stands in the body or in the query, not in both"
	}
	v, _ := q.Header.Get(policy.ContentType)
	m, ok := scan.ReadMediaType(v)
	if !ok || !m.UTF8() {
		return nil, "the Content-Type is not one of GraphQL's"
	}
	body := make([]byte, 0, x.Body().Len())
	if err := coding.Decode(coding.Of(q.Header), x.Body().Chunks(), p.MaxBody, func(b []byte) bool {
		body = append(body, b...)
		return true
	}); err != nil {
		return nil, err.Error()
	}
	switch {
	case m.Type.Fold("application/graphql"):
		return []request{{Query: string(body)}}, ""
	case m.Kind == scan.KindJSON:
		return p.fromJSON(body)
	}
	return nil, "the Content-Type is not one of GraphQL's"
}

var jsonLimits = scan.JSONLimits{
	Depth: 64, Keys: 10_000, ArrayLength: 100_000, Values: 100_000, KeyLength: 1024, StringLength: maxBody, NumberLength: 100,
}

func (p *limits) fromJSON(body []byte) (list []request, why string) {
	var s scan.JSON
	s.Reset(&jsonLimits, false)
	if !s.Feed(body) || !s.End() {
		return nil, s.Fault().String()
	}
	const malformed = "the body is not a GraphQL request"
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		r, ok := one(body)
		if !ok {
			return nil, malformed
		}
		return []request{r}, ""
	}
	var raw []json.RawMessage
	if json.Unmarshal(body, &raw) != nil || len(raw) == 0 {
		return nil, malformed
	}
	if len(raw) > p.Batch {
		return nil, fmt.Sprintf("the batch has more than %d operations", p.Batch)
	}
	for _, b := range raw {
		r, ok := one(b)
		if !ok {
			return nil, malformed
		}
		list = append(list, r)
	}
	return list, ""
}

// one reads one request. Field names count by their case, as they do everywhere
// but in Go's own decoder, which also takes "variable\u017f" for "variables": each is
// read by its exact name, and one that differs from ours by ASCII case alone is
// refused.
func one(b []byte) (r request, ok bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(b, &fields) != nil || fields == nil {
		return r, false
	}
	for name := range fields {
		for _, known := range []string{"query", "variables", "extensions", "operationName"} {
			if name != known && policy.Static(name).Fold(known) {
				return r, false
			}
		}
	}
	for _, f := range []struct {
		name string
		to   any
	}{{"query", &r.Query}, {"variables", &r.Variables}, {"extensions", &r.Extensions}} {
		if raw, there := fields[f.name]; there && json.Unmarshal(raw, f.to) != nil {
			return r, false
		}
	}
	return r, true
}

// fromQuery reads a request by GET.
func fromQuery(t policy.Text) (r request, why string) {
	seen := map[string]bool{}
	for name, value := range query.Each(t) {
		for _, known := range []string{"query", "variables", "extensions"} {
			if !query.NameIs(name, known) {
				continue
			}
			text, err := url.QueryUnescape(value.Clone())
			if err != nil || seen[known] {
				return r, "the parameter " + known + " is malformed, or there twice"
			}
			seen[known] = true
			switch known {
			case "query":
				r.Query = text
			case "extensions":
				r.Extensions = json.RawMessage(text)
			default:
				var s scan.JSON
				s.Reset(&jsonLimits, false)
				if !s.Feed([]byte(text)) || !s.End() || json.Unmarshal([]byte(text), &r.Variables) != nil {
					return r, "the parameter variables is not a JSON object"
				}
			}
		}
	}
	return r, ""
}
