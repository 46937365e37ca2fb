package publish

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/builtin"
	"github.com/tollgate/tollgate/gateway-edge/policy/compose"
	"github.com/tollgate/tollgate/services/contract"
)

// Checker checks whole documents. It is immutable.
type Checker struct {
	// Guard says which addresses upstreams may have.
	Guard match.Guard
}

// maxFindings bounds what one check reports: the first thousand are enough to go on.
const maxFindings = 1000

// Check returns everything that is wrong with a document, with pointers from its
// root. A panic of a policy's constructor becomes a finding of its own: one
// gateway's document must not stop the process that checks it.
func (c *Checker) Check(doc *contract.Gateway) (errs contract.FieldErrors) {
	defer func() {
		if p := recover(); p != nil {
			errs.Add("", fmt.Sprintf("the check itself failed: %v", p))
		}
	}()
	f := &findings{seen: map[contract.FieldError]bool{}}
	for i := range doc.Upstreams {
		c.upstream(f, contract.Pointer("upstreams", i), &doc.Upstreams[i])
	}
	clientCertificates(f, doc)
	names := routeNames(doc)
	for i := range doc.UsagePlans {
		usagePlan(f, contract.Pointer("usage_plans", i), &doc.UsagePlans[i], names)
	}
	for _, e := range match.CheckStreams(doc) {
		f.add(e.Pointer, e.Detail)
	}
	for _, e := range match.Conflicts(doc.Routes, doc.Hosts) {
		f.add("/routes"+e.Pointer, e.Detail)
	}
	if _, err := compose.Forks(doc, builtin.Lookup); err != nil {
		f.addAt("", err)
	}
	var api *policy.Document
	if len(doc.OpenAPI) > 0 {
		api = policy.NewDocument(doc.OpenAPI)
	}
	for i := range doc.Policies {
		at := contract.Pointer("policies", i)
		_, err := builtin.New(doc.Policies[i].Type, doc.Policies[i].Config, dryDeps(doc, api, nil, compose.FromGateway))
		f.addAt(at, err)
	}
	gatewayOK := len(f.errs) == 0
	var own []ownPath
	for i := range doc.Routes {
		own = append(own, c.route(f, doc, api, i, gatewayOK)...)
	}
	if len(f.errs) == 0 {
		checkPaths(f, doc, own)
	}
	return f.errs
}

// findings collects what is wrong once: an inherited policy is looked at for
// every route.
type findings struct {
	errs contract.FieldErrors
	seen map[contract.FieldError]bool
}

func (f *findings) add(pointer, detail string) {
	e := contract.FieldError{Pointer: pointer, Detail: detail}
	if !f.seen[e] && len(f.errs) < maxFindings {
		f.seen[e] = true
		f.errs = append(f.errs, e)
	}
}

func (f *findings) addf(pointer, format string, args ...any) {
	f.add(pointer, fmt.Sprintf(format, args...))
}

func (f *findings) addAt(prefix string, err error) {
	var errs contract.FieldErrors
	errs.AddAt(prefix, err)
	for _, e := range errs {
		f.add(e.Pointer, e.Detail)
	}
}

func routeNames(doc *contract.Gateway) map[string]bool {
	names := make(map[string]bool, len(doc.Routes))
	for i := range doc.Routes {
		names[doc.Routes[i].Name] = true
	}
	return names
}

// Bounds of a route.
const (
	maxPriority = 1_000_000
	maxTimeout  = time.Hour
	maxBody     = 10 << 30
)

// route checks a route, and returns the paths that its policies answer at.
func (c *Checker) route(f *findings, doc *contract.Gateway, api *policy.Document, n int, gatewayOK bool) []ownPath {
	r := &doc.Routes[n]
	at := contract.Pointer("routes", n)
	if r.Priority < -maxPriority || r.Priority > maxPriority {
		f.addf(at+"/priority", "must be from %d to %d", -maxPriority, maxPriority)
	}
	duration(f, at+"/timeout", r.Timeout, maxTimeout)
	if r.MaxBodyBytes < 0 || r.MaxBodyBytes > maxBody {
		f.addf(at+"/max_body_bytes", "must be from 0 to %d", int64(maxBody))
	}
	if r.WebSocket != nil {
		webSocket(f, at+"/websocket", doc, r)
	}
	if r.Upstream != "" {
		if _, err := dryUpstream(doc, r.Upstream); err != nil {
			f.add(at+"/upstream", err.Error())
		}
	}
	steps, err := compose.Route(doc, n, builtin.Lookup)
	if err != nil {
		f.addAt("", err)
		return nil
	}
	built, err := compose.Build(steps, dryDeps(doc, api, r, ""))
	if err != nil {
		f.addAt("", err)
		return nil
	}
	if gatewayOK {
		if _, err := policy.CompileChain(built); err != nil {
			f.addAt(at+"/policies", err)
		}
	}
	return ownPaths(n, steps, built)
}

// dryUpstream says whether requests can be sent to an upstream of the document;
// what it returns refuses use.
func dryUpstream(doc *contract.Gateway, name string) (policy.Caller, error) {
	if !hasUpstream(doc, name) {
		names := make([]string, len(doc.Upstreams))
		for i := range doc.Upstreams {
			names[i] = doc.Upstreams[i].Name
		}
		text := fmt.Sprintf("the gateway has no upstream %.140q", name)
		if near, ok := contract.Closest(name, names); ok {
			text += fmt.Sprintf("; did you mean %q?", near)
		}
		return nil, errors.New(text)
	}
	if t := transportOf(doc, name); t != "" {
		return nil, fmt.Errorf("the targets of %.140q are %s://, for streams: a route needs http:// or https:// ones", name, t)
	}
	for i := range doc.Upstreams {
		if u := &doc.Upstreams[i]; u.Name == name && speaksHTTP1(u) {
			return dryOpener{}, nil
		}
	}
	return dry{}, nil
}

func speaksHTTP1(u *contract.Upstream) bool { return u.Protocol == "" || u.Protocol == "http1" }

func hasUpstream(doc *contract.Gateway, name string) bool {
	for i := range doc.Upstreams {
		if doc.Upstreams[i].Name == name {
			return true
		}
	}
	return false
}

// transportOf is what a named upstream's targets speak, empty for HTTP.
func transportOf(doc *contract.Gateway, name string) string {
	for i := range doc.Upstreams {
		if u := &doc.Upstreams[i]; u.Name == name {
			return match.UpstreamTransport(u)
		}
	}
	return ""
}

func duration(f *findings, at string, d contract.Duration, most time.Duration) {
	if d < 0 || d.Std() > most {
		f.addf(at, "is %s: must be from 0s to %s", d, most)
	}
}

// Policies are the types that a document uses: what an edge must know to run it.
func Policies(doc *contract.Gateway) []string {
	seen := map[string]bool{}
	var out []string
	add := func(list []contract.Policy) {
		for i := range list {
			if t := list[i].Type; !seen[t] {
				seen[t] = true
				out = append(out, t)
			}
		}
	}
	add(doc.Policies)
	for i := range doc.Routes {
		add(doc.Routes[i].Steps())
	}
	return out
}

// errDry is what everything in the dry run's Deps answers when it is used: a
// constructor that needs more than its configuration would be a mistake.
var errDry = errors.New("not available while a configuration is checked")

// dryDeps are Deps that refuse use. All routes share api, the OpenAPI document.
func dryDeps(doc *contract.Gateway, api *policy.Document, r *contract.Route, from string) policy.Deps {
	d := policy.Deps{
		Scope: policy.Scope{
			Organization: doc.Organization, Gateway: doc.ID, OrganizationNum: doc.OrganizationNum, GatewayNum: doc.Num,
			Test: doc.Mode == contract.ModeTest, From: from,
		},
		OpenAPI: api, Keys: dry{}, Counters: dry{}, Fetch: dry{}, UsagePlans: doc.PlanNumbers(),
		State: func(_ string, make func() any) any { return make() },
		Wall:  func() time.Time { return time.Time{} },
		// The value is not known here, only that there is one.
		Secret: func(name string) ([]byte, error) {
			if _, ok := doc.Secrets[name]; !ok {
				return nil, fmt.Errorf("the gateway has no secret %.140q: create it first", name)
			}
			return []byte(drySecret), nil
		},
		Upstream: func(name string) (policy.Caller, error) { return dryUpstream(doc, name) },
	}
	if r != nil {
		d.Scope.Route, d.Scope.RouteNum, d.Scope.Params = r.ID, r.Num, params(r)
		d.Scope.Path, d.Scope.Methods = r.Match.Path, r.Match.Methods
	}
	return d
}

// params are the path parameters of a route that are one segment each; none when
// the path can't be parsed, which is a finding of its own.
func params(r *contract.Route) []string {
	out := []string{}
	p, err := match.ParsePath(r.Match.Path)
	if err != nil {
		return out
	}
	for _, s := range p.Segments {
		if s.Param != "" {
			out = append(out, s.Param)
		}
	}
	return out
}

// drySecret stands for every secret's value; long enough for any use as a key.
const drySecret = "a secret's value is not known while a configuration is checked!!"

type dry struct{}

func (dry) Peek(policy.Text, int64) policy.KeyResult {
	return policy.KeyResult{State: policy.KeyUnavailable}
}

func (dry) Load(policy.Blocking, policy.Text, netip.Addr) policy.KeyResult {
	return policy.KeyResult{State: policy.KeyUnavailable}
}

func (dry) Get(policy.Blocking, string, int64) ([]byte, map[string]string, int, error) {
	return nil, nil, 0, errDry
}

func (dry) Do(policy.Blocking, *policy.FetchRequest) (*policy.FetchResponse, error) {
	return nil, errDry
}

func (dry) Call(context.Context, *policy.CallRequest) (*policy.FetchResponse, error) {
	return nil, errDry
}

// dryOpener is an upstream that WebSockets can be opened to.
type dryOpener struct{ dry }

func (dryOpener) Open(context.Context, *policy.OpenRequest) (policy.Channel, *policy.FetchResponse, error) {
	return nil, nil, errDry
}

func (dry) Family(policy.CounterSpec) (policy.Family, error) { return dryFamily{}, nil }

type dryFamily struct{}

func (dryFamily) Of(*policy.Exchange) policy.Cell { return dryCell{} }

type dryCell struct{}

func (dryCell) Take(int64) policy.Verdict           { return policy.Denied }
func (dryCell) Wait(policy.Blocking) policy.Verdict { return policy.Denied }
func (dryCell) Credit()                             {}
func (dryCell) RetryAfter(int64) time.Duration      { return 0 }
func (dryCell) State(int64) policy.CellState        { return policy.CellState{} }
