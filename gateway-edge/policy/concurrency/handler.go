package concurrency

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/spend"
)

// handler holds one slot for as long as the request is open: to the last byte of
// the answer, or the end of a tunnel.
type handler struct{ *spend.Limit }

var (
	_ policy.Policy    = (*handler)(nil)
	_ policy.Waiter    = (*handler)(nil)
	_ policy.Responder = (*handler)(nil)
	_ policy.Finisher  = (*handler)(nil)
)
