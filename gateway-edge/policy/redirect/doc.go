// Package redirect is the policy "redirect": it answers by itself with another
// address.
//
// Where the answer leads is decided by the configuration's literal text: the
// scheme and the host can't come from the client, except for the gateway's own
// host that the request was routed by. Values that stand in the path or query
// are escaped, so that no request turns the route into an open redirect.
package redirect
