package snapshot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/meter"
	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/internal/route"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/compose"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/failpoint"
)

// maxRoutes bounds one gateway.
const maxRoutes = 10_000

// Rough sizes of compiled forms in bytes, for the bound on all of them: a
// compiled route with its chain, and a byte of compressed document.
const (
	routeBytes    = 3 << 10
	documentBytes = 12
)

// compile turns a verified document into its compiled form. One gateway at a time
// is compiled, so that the marker names the guilty one; a compilation over its
// time is given up on, not waited for. The entry's lock is held.
func (s *Store) compile(ctx context.Context, e *Entry, doc *contract.Gateway, size int) (*Compiled, error) {
	s.mu.Lock()
	q, barred := s.quarantined[e.id]
	s.mu.Unlock()
	if barred && q.version == doc.Version {
		return nil, fmt.Errorf("version %d is in quarantine: the edge died while it was compiled; change the gateway to try again", doc.Version)
	}
	if e.slow != nil && e.slowVersion == doc.Version {
		select {
		case <-e.slow:
			e.slow = nil
		default: // one document must not use up the marker's slots
			return nil, &slowError{limit: s.cfg.CompileTime}
		}
	}
	org, err := s.ready(ctx, doc.Organization)
	if err != nil {
		return nil, err
	}
	select {
	case s.compiling <- struct{}{}:
	case <-ctx.Done():
		return nil, &temporaryError{ctx.Err()}
	}
	defer func() { <-s.compiling }()
	b := &builder{s: s, e: e, doc: doc, org: org, touched: map[string]bool{}}
	c, err := b.bounded()
	if err != nil {
		return nil, err
	}
	c.bytes = int64(size)*documentBytes + int64(len(c.Routes))*routeBytes + 4<<10
	e.keepState(b.touched)
	return c, nil
}

// builder compiles one document.
type builder struct {
	s       *Store
	e       *Entry
	doc     *contract.Gateway
	org     *Org
	keys    policy.Keys
	callers policy.Identities
	touched map[string]bool
	api     *policy.Document
	ups     map[string]*balance.Upstream
	// forks are the policies that routes have in common which claims choose among, by
	// route; each is filled in by the first of its routes.
	forks map[int]*[]policy.Step
}

// built is what a compilation came to.
type built struct {
	c   *Compiled
	err error
}

// bounded runs build on a goroutine of its own under the marker and the time
// limit. A document can't be interrupted; one that takes too long is left behind
// with its mark set, and the marker's slots bound how many there may be.
func (b *builder) bounded() (*Compiled, error) {
	slot := 0
	if m := b.s.cfg.Marker; m != nil {
		var err error
		if slot, err = m.set(b.doc.ID, b.doc.Version); err != nil {
			return nil, &temporaryError{err}
		}
	}
	done := make(chan built, 1)
	go func() {
		c, err := b.recovered()
		if b.s.cfg.Marker != nil {
			b.s.cfg.Marker.clear(slot)
		}
		done <- built{c, err}
	}()
	timer := time.NewTimer(b.s.cfg.CompileTime)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.c, r.err
	case <-timer.C:
	}
	select {
	case r := <-done: // both: the whole process stood still
		return r.c, r.err
	default:
		b.e.slow, b.e.slowVersion = done, b.doc.Version
		return nil, &slowError{b.s.cfg.CompileTime}
	}
}

// recovered turns a panic into an error: a document must not take others along.
func (b *builder) recovered() (c *Compiled, err error) {
	defer func() {
		if p := recover(); p != nil {
			b.s.cfg.Logger.Error("panic while a gateway was compiled", "gateway", b.doc.ID, "version", b.doc.Version, "panic", p, "stack", string(debug.Stack()))
			c, err = nil, fmt.Errorf("the edge failed to compile it: %v", p)
		}
	}()
	failpoint.Hit(failpoint.ConfigApplyMid)
	return b.build()
}

func (b *builder) build() (*Compiled, error) {
	if n := len(b.doc.Routes); n > maxRoutes {
		return nil, fmt.Errorf("%d routes, at most %d are allowed", n, maxRoutes)
	}
	doc := b.doc
	c := &Compiled{
		ID: doc.ID, Doc: doc, Org: b.org, LogShare: observe.ShareOf(doc.LogSample), Tracing: observe.TracingOf(doc.Tracing),
		Meter:  meter.NewRoute(doc.OrganizationNum, doc.Num, 0, doc.Mode == contract.ModeTest),
		Routes: make([]*Route, len(doc.Routes)),
	}
	var errs contract.FieldErrors
	var err error
	if c.Table, err = route.Build(doc.Routes, doc.Hosts); err != nil {
		errs.AddAt("/routes", err)
	}
	if c.certs, err = b.certificates(); err != nil {
		errs.AddAt("/certificates", err)
	}
	var found contract.FieldErrors
	c.ClientPolicies, found = match.CompileClientCertificates(doc.ClientCertificates, doc.Hosts)
	errs.AddAt("/client_certificates", found.Err())
	b.openAPI()
	if doc.Tracing != nil {
		errs.AddAt("/tracing", doc.Tracing.Check().Err())
	}
	c.upstreams = b.upstreams(&errs)
	c.Streams = b.streams(&errs)
	if b.s.cfg.GatewayKeys != nil {
		b.keys = b.s.cfg.GatewayKeys(doc.Num, doc.Mode == contract.ModeTest, b.org.Strict)
	}
	if b.s.cfg.GatewayIdentities != nil {
		b.callers = b.s.cfg.GatewayIdentities(doc.Num, doc.Mode == contract.ModeTest, b.org.Strict)
	}
	if c.Unrouted, err = b.unrouted(); err != nil {
		errs.AddAt("", err)
	}
	if b.forks, err = b.forked(); err != nil {
		errs.AddAt("", err)
	}
	for i := range doc.Routes {
		if c.Routes[i], err = b.route(i); err != nil {
			errs.AddAt("", err)
		} else if c.Table != nil {
			c.Routes[i].Fork = c.Table.Fork(i)
		}
		if len(errs) > maxErrors {
			break
		}
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// maxErrors is after how many bad fields compiling stops: the control plane has
// named them all to the user before.
const maxErrors = 20

func (b *builder) upstreams(errs *contract.FieldErrors) []*balance.Upstream {
	b.ups = make(map[string]*balance.Upstream, len(b.doc.Upstreams))
	out := make([]*balance.Upstream, 0, len(b.doc.Upstreams))
	for i := range b.doc.Upstreams {
		u, err := b.withClientPEM(&b.doc.Upstreams[i])
		if err != nil {
			errs.AddAt(contract.Pointer("upstreams", i), err)
			continue
		}
		up, err := b.s.cfg.Upstreams.Upstream(balance.Key{Organization: b.doc.OrganizationNum, Upstream: u.Num}, u)
		if err != nil {
			errs.AddAt(contract.Pointer("upstreams", i), err)
			continue
		}
		b.ups[u.Name] = up
		out = append(out, up)
	}
	return out
}

// route compiles route number i.
func (b *builder) route(i int) (*Route, error) {
	r := &b.doc.Routes[i]
	test := b.doc.Mode == contract.ModeTest
	out := &Route{
		Doc: r, Meter: meter.NewRoute(b.doc.OrganizationNum, b.doc.Num, r.Num, test),
		Policy: &policy.Route{
			ID: r.ID, Name: r.Name, Num: r.Num, Gateway: b.doc.Num, Organization: b.doc.OrganizationNum,
			GatewayID: b.doc.ID, GatewayName: b.doc.Name, OrganizationID: b.doc.Organization,
			Version: b.doc.Version, Public: r.Public, PreserveHost: r.PreserveHost, Test: test,
		},
	}
	var err error
	if r.Upstream != "" {
		if out.Upstream, err = b.upstream(r.Upstream); err != nil {
			return nil, contract.FieldErrors{{Pointer: contract.Pointer("routes", i, "upstream"), Detail: err.Error()}}
		}
	}
	steps, err := compose.Route(b.doc, i, b.s.cfg.Lookup)
	if err != nil {
		return nil, err
	}
	deps := b.deps(r)
	chain, err := compose.Build(steps, deps)
	if err != nil {
		return nil, err
	}
	common := b.forks[i]
	if common != nil {
		chain = share(chain, common)
	}
	if chain, err = b.addPlanLimits(chain, deps.Scope, r); err != nil {
		return nil, err
	}
	if out.Chain, err = policy.CompileChain(chain); err == nil && common != nil {
		out.Chain.EngineFork()
	}
	types := make([]string, len(chain))
	for i := range chain {
		types[i] = chain[i].Descriptor.Type
	}
	out.Integration = observe.IntegrationOf(types, r.Integration != nil)
	return out, err
}

// forked finds the routes that claims choose among.
func (b *builder) forked() (map[int]*[]policy.Step, error) {
	lists, err := compose.Forks(b.doc, b.s.cfg.Lookup)
	if err != nil {
		return nil, err
	}
	out := make(map[int]*[]policy.Step)
	for _, list := range lists {
		common := new([]policy.Step)
		for _, i := range list {
			out[i] = common
		}
	}
	return out, nil
}

// share puts what the routes of a fork have in common in the place of the chain's
// own: a request that is on its way through one goes on in another.
func share(chain []policy.Step, common *[]policy.Step) []policy.Step {
	n := 0
	for n < len(chain) && chain[n].Descriptor.Phase <= policy.PhaseAuthenticate {
		n++
	}
	if *common == nil {
		*common = chain[:n:n]
	}
	return append((*common)[:len(*common):len(*common)], chain[n:]...)
}

// upstream finds an upstream that requests can be sent to.
func (b *builder) upstream(name string) (*balance.Upstream, error) {
	up := b.ups[name]
	if up == nil {
		return nil, fmt.Errorf("there is no usable upstream %.64q", name)
	}
	if targets := up.Targets(); len(targets) > 0 && targets[0].URL.Transport != "" {
		return nil, fmt.Errorf("the targets of %.64q are for streams", name)
	}
	return up, nil
}

// caller is policy.Deps.Upstream.
func (b *builder) caller(name string) (policy.Caller, error) {
	up, err := b.upstream(name)
	if err != nil {
		return nil, err
	}
	if b.s.cfg.CallerOf == nil {
		return nil, errors.New("requests to upstreams can't be made here")
	}
	return b.s.cfg.CallerOf(up), nil
}

// unrouted compiles what refusals go through that no route's chain sees.
func (b *builder) unrouted() (*policy.Chain, error) {
	steps, err := compose.Unrouted(b.doc, b.s.cfg.Lookup)
	if err != nil || len(steps) == 0 {
		return nil, err
	}
	deps := b.deps(&contract.Route{})
	deps.Scope.Params = nil
	chain, err := compose.Build(steps, deps)
	if err != nil {
		return nil, err
	}
	return policy.CompileChain(chain)
}

// deps fills in what policies of one route are given.
func (b *builder) deps(r *contract.Route) policy.Deps {
	d := b.s.cfg.Deps
	d.Keys, d.Identities = b.keys, b.callers
	if b.s.cfg.FetchFor != nil {
		d.Fetch = b.s.cfg.FetchFor(b.doc.OrganizationNum)
	}
	d.Upstream = b.caller
	if b.s.cfg.DialFor != nil {
		d.Dial = b.s.cfg.DialFor(b.doc.OrganizationNum)
	}
	if b.s.cfg.CacheFor != nil {
		d.Cache = b.s.cfg.CacheFor(b.doc.ID, b.doc.OrganizationNum)
	}
	if b.s.cfg.KeepFor != nil {
		d.Keep = b.s.cfg.KeepFor(b.doc.OrganizationNum)
	}
	d.Scope = policy.Scope{
		Organization: b.doc.Organization, Gateway: b.doc.ID, Route: r.ID,
		OrganizationNum: b.doc.OrganizationNum, GatewayNum: b.doc.Num, RouteNum: r.Num,
		Test: b.doc.Mode == contract.ModeTest, Params: compose.Params(r), Upstream: r.Upstream,
		Path: r.Match.Path, Methods: r.Match.Methods,
	}
	d.Secret = b.secret
	d.UsagePlans, d.OpenAPI = b.doc.PlanNumbers(), b.api
	d.State = func(key string, make func() any) any {
		return b.e.runtime(key, make, b.touched)
	}
	return d
}

// openAPI takes the gateway's OpenAPI document out of the configuration. What is
// made of it outlives versions that leave it as it was.
func (b *builder) openAPI() {
	text := b.doc.OpenAPI
	if len(text) == 0 {
		return
	}
	b.doc.OpenAPI = nil
	sum := sha256.Sum256(text)
	b.api = b.e.runtime("openapi "+hex.EncodeToString(sum[:]), func() any { return policy.NewDocument(text) }, b.touched).(*policy.Document)
}

// withClientPEM fills in the secret that an upstream shows to its targets.
func (b *builder) withClientPEM(u *contract.Upstream) (*contract.Upstream, error) {
	if u.TLS == nil || u.TLS.ClientCertificate.Secret == "" {
		return u, nil
	}
	pem, err := b.secret(u.TLS.ClientCertificate.Secret)
	if err != nil {
		return nil, err
	}
	out, t := *u, *u.TLS
	t.ClientPEM = string(pem)
	out.TLS = &t
	return &out, nil
}

// secret opens one of the gateway's secrets.
func (b *builder) secret(name string) ([]byte, error) {
	sealed, ok := b.doc.Secrets[name]
	if !ok {
		return nil, fmt.Errorf("there is no secret %.64q", name)
	}
	return b.s.cfg.Keys.OpenSecret(b.doc.ID+"/"+name, sealed)
}

// addPlanLimits puts the implicit step (limits of the organization, then of the
// consumer's usage plan) before the tenant's own limits.
func (b *builder) addPlanLimits(chain []policy.Step, scope policy.Scope, r *contract.Route) ([]policy.Step, error) {
	if b.s.cfg.PlanStep == nil {
		return chain, nil
	}
	facts := b.org.Facts()
	if facts == nil {
		return nil, errors.New("the organization's facts are gone")
	}
	step, err := b.s.cfg.PlanStep(facts.Limits, scope, b.doc.UsagePlans, r.Name)
	if err != nil {
		return nil, err
	}
	at := len(chain)
	for i, s := range chain {
		if s.Descriptor.Phase >= policy.PhaseLimit {
			at = i
			break
		}
	}
	out := make([]policy.Step, 0, len(chain)+1)
	out = append(append(out, chain[:at]...), step)
	return append(out, chain[at:]...), nil
}
