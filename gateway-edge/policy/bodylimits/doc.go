// Package bodylimits is the policy "body_limits": it holds the bodies of requests
// to limits on their shape, and refuses those that are malformed or that parsers
// read in different ways.
//
// A body is collected and judged before any of it is sent on, or with "streaming"
// judged piece by piece on its way, so that a bad one never arrives complete. No
// tree is built: memory is bounded by the limits.
package bodylimits
