package quota

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/spend"
)

// handler takes one unit of the period's quota for each request. It comes back
// when the edge itself ends up answering: only what a backend answered counts.
type handler struct{ *spend.Limit }

var (
	_ policy.Policy    = (*handler)(nil)
	_ policy.Waiter    = (*handler)(nil)
	_ policy.Responder = (*handler)(nil)
	_ policy.Finisher  = (*handler)(nil)
)
