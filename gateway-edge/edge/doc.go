// Package edge is the whole data plane as one value: New opens everything and
// binds the addresses, Run serves until its context ends and then drains.
//
// A start goes disk → serve → catch up: what the edge held when it stopped is
// served at once, whether Redis answers or not. An edge that never held anything
// answers 503 and is not ready until it has read a whole configuration.
//
// A drain goes: not ready at once, accept for a moment more (load balancers must
// notice), then every answer is the last of its connection; when no request is
// open any more, or the drain timeout is over, usage is sealed and sent, leases
// are returned, and the last report says that the edge is gone.
//
// This is the only package that knows all rooms of the edge. It decides nothing
// about a request.
package edge
