package ratelimit

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/spend"
)

// handler takes one token for each request. The token is spent once every limit
// has let the request through, whatever becomes of it then; when another limit
// refuses it, it comes back.
type handler struct{ *spend.Limit }

var (
	_ policy.Policy    = (*handler)(nil)
	_ policy.Waiter    = (*handler)(nil)
	_ policy.Responder = (*handler)(nil)
	_ policy.Finisher  = (*handler)(nil)
)
