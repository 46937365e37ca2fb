package policy

import (
	"slices"
	"strings"
)

// Detach copies the request and who made it into an exchange of its own, for what
// a policy asks an upstream after this one has ended. Nothing is written to a
// client from it, and no chain runs over it: Receive puts an answer into it, which
// the policy then looks at as in OnResponse.
func (x *Exchange) Detach() *Exchange {
	y := EngineNew(x.e.Clock, x.e.Canon)
	y.e.responding = true
	to, from := &y.e.Req, &x.e.Req
	for _, t := range [...]struct{ to, from *Text }{
		{&to.Method, &from.Method},
		{&to.Scheme, &from.Scheme},
		{&to.Host, &from.Host},
		{&to.Path, &from.Path},
		{&to.Query, &from.Query},
		{&y.e.RequestID, &x.e.RequestID},
		{&y.e.asked, &x.e.asked},
	} {
		t.to.s = strings.Clone(t.from.s)
	}
	for _, f := range x.e.ReqHeader.f {
		if !f.Dead {
			y.e.ReqHeader.AppendString(strings.Clone(f.Name), strings.Clone(f.Value))
		}
	}
	y.e.ClientAddr, y.e.Route, y.e.principal = x.e.ClientAddr, x.e.Route, x.e.principal
	return y
}

// Call is the request of the exchange, without its body, as one to an upstream:
// with what the engine tells a backend of the caller.
func (x *Exchange) Call() *CallRequest {
	r := &CallRequest{
		Method: x.e.Req.Method.Clone(), Path: x.e.Req.Path.Clone(), Query: x.e.Req.Query.Clone(),
		Client: x.e.ClientAddr, Header: map[string][]string{},
	}
	if x.e.Route != nil && x.e.Route.PreserveHost {
		r.Host = x.e.Req.Host.Clone()
	}
	for _, f := range x.e.ReqHeader.f {
		if name := strings.Clone(f.Name); !f.Dead {
			r.Header[name] = append(r.Header[name], strings.Clone(f.Value))
		}
	}
	own := x.Forwarding()
	for name := range r.Header {
		for mine := range own {
			if strings.EqualFold(name, mine) {
				delete(r.Header, name)
			}
		}
	}
	for name, v := range own {
		r.Header[name] = v
	}
	return r
}

// Receive puts the answer of an upstream's Caller in the place of the response of
// an exchange that Detach made.
func (x *Exchange) Receive(r *FetchResponse) {
	x.e.now = 0
	x.e.RespHeader.Reset()
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range r.Header[name] {
			x.e.RespHeader.AppendString(name, v)
		}
	}
	x.e.Resp.Status, x.e.Resp.Origin, x.e.Resp.Length = r.Status, FromBackend, int64(len(r.Body))
}
