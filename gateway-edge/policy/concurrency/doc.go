// Package concurrency is the policy concurrency: a number of requests that may be
// open at once for each key, consumer, route, client address or all together.
package concurrency
