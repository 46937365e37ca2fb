package snapshot

import (
	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/meter"
	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/internal/route"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Compiled is one version of a gateway, ready to serve. It is immutable but for
// the atomic parts of what it points to; a request pins one and uses nothing else.
type Compiled struct {
	ID  string
	Doc *contract.Gateway
	Org *Org
	// Routes stand in the order of Doc.Routes, which is that of Table's results.
	Routes []*Route
	Table  *route.Table
	// Unrouted is what refusals go through before a route's chain runs; nil: nothing.
	Unrouted *policy.Chain
	// Streams stand in the order of Doc.Streams.
	Streams []*Stream
	// Meter counts requests that matched no route.
	Meter *meter.Route
	// LogShare says which requests are logged.
	LogShare observe.Share
	// Tracing says which requests are traced.
	Tracing observe.Tracing

	upstreams []*balance.Upstream

	bytes int64 // rough size, for the bound on all compiled forms
	certs []*certificate
	// ClientPolicies say which client certificates hosts ask for.
	ClientPolicies []*match.ClientPolicy
}

// Route is one route of a Compiled gateway.
type Route struct {
	Policy *policy.Route
	Doc    *contract.Route
	Chain  *policy.Chain
	// Fork is what the caller's claims choose among; nil: nothing.
	Fork *route.Fork
	// Upstream is nil where a policy always answers.
	Upstream *balance.Upstream
	// Integration is how requests are sent on, for metrics.
	Integration observe.Integration
	Meter       *meter.Route
}

// Version returns the version of the gateway's document.
func (c *Compiled) Version() uint64 { return c.Doc.Version }
