package balance

import "github.com/tollgate/tollgate/services/contract"

// send picks a target for a request of its own, which goes on there.
func send(u *Upstream, h Hash) (*Call, *Target) {
	c := &Call{Hash: h}
	t, _ := u.Pick(c)
	return c, t
}

// visit sends a request that ends at once.
func visit(u *Upstream, h Hash) *Target {
	c, t := send(u, h)
	c.End(ResultNone, 0)
	return t
}

// begin puts a request on a target without choosing.
func (t *Target) begin() *Call {
	c := &Call{}
	t.state.inflight.Add(1)
	c.take(t, false)
	return c
}

// algorithms are all of them.
var algorithms = []string{
	contract.RoundRobin, contract.LeastRequest, contract.LeastTime, contract.Random, contract.RandomOfTwo, contract.IPHash, contract.ConsistentHash,
}
