// Package flight makes one call for all requests that want the same at the same
// time: a provider that is asked about one token by a thousand requests is asked
// once.
//
// A call belongs to the request that leads it. When that request ends before the
// answer is there, the call says nothing, and one of those who waited leads
// another one.
//
// It is a helper for policies, not a policy; nothing is kept after a call.
package flight
