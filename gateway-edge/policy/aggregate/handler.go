package aggregate

import (
	"net/url"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/query"
	"github.com/tollgate/tollgate/services/contract"
)

// OnRequest asks for Await.
func (p *aggregate) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Wait() }

// Await makes the calls and the answer.
func (p *aggregate) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	request, err := p.document(x)
	if err != nil {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "the request's body is no JSON")
	}
	r := &run{
		aggregate: p, b: b, until: time.Now().Add(p.budget), request: request, forward: x.Forwarding(), client: x.Client(),
		done: make([]chan struct{}, len(p.calls)), results: make([]result, len(p.calls)),
	}
	for i := range r.done {
		r.done[i] = make(chan struct{})
	}
	r.all()
	values := make(map[string]any, len(p.calls))
	for i := range r.results {
		if got := &r.results[i]; got.err != nil && !p.calls[i].optional && got.err != errNeeded {
			return x.RejectDetail(got.code, 0, "the call "+p.calls[i].name+" failed")
		}
		values[p.calls[i].name] = r.results[i].value
	}
	names, codes := r.failed()
	var out any = values
	if p.response != nil {
		out, err = p.response.Run(map[string]any{"request": request, "calls": values, "failed": codes})
		if err != nil {
			return x.RejectDetail(contract.CodeUpstreamProtocol, 0, "the answer can't be made of what the calls gave")
		}
	}
	body, err := document.AppendJSON(nil, out, maxMade)
	if err != nil {
		return x.Reject(contract.CodeInternal, 0)
	}
	if len(names) > 0 {
		x.Response().Header.SetBytes(policy.PartialResult, list(names, codes))
	}
	return x.AnswerFrom(policy.FromIntegration, 200, "application/json", body)
}

func list(names []string, codes map[string]any) (b []byte) {
	for i, n := range names {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(append(append(b, n...), ";reason="...), codes[n].(string)...)
	}
	return b
}

// document is what programs know of the request. It keeps nothing of the exchange.
func (p *aggregate) document(x *policy.Exchange) (map[string]any, error) {
	q := x.Request()
	params, args, header := map[string]any{}, map[string]any{}, map[string]any{}
	for name, v := range x.Params() {
		params[name] = v.Clone()
	}
	for name, v := range query.Each(q.Query) {
		n, v := unescape(name), unescape(v)
		if _, ok := args[n]; !ok {
			args[n] = v
		}
	}
	for name, v := range q.Header.Each() {
		if n := lower(name); header[n] == nil {
			header[n] = v.Clone()
		}
	}
	doc := map[string]any{
		"method": q.Method.Clone(), "path": q.Path.Clone(), "params": params, "query": args, "headers": header,
		"consumer": nil, "claims": map[string]any{}, "body": nil,
	}
	if who := x.Principal(); who != nil {
		if who.ConsumerName != "" {
			doc["consumer"] = who.ConsumerName
		}
		if who.Claims != nil {
			doc["claims"] = who.Claims // never changed, by nobody
		}
	}
	if !p.body || x.Body().Len() == 0 {
		return doc, nil
	}
	v, err := document.ParseJSON(document.Whole(x.Body()))
	doc["body"] = v
	return doc, err
}

// unescape decodes a name or a value of a query; one with a broken escape stands
// for itself.
func unescape(t policy.Text) string {
	s := t.Clone()
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

func lower(t policy.Text) string {
	b := t.AppendTo(make([]byte, 0, t.Len()))
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}
