// Package ratelimit is the policy rate_limit: a token bucket for each key,
// consumer, route, client address or all together, over all edges or at each one.
package ratelimit
