// Package quota is the policy quota: a number of requests in a calendar period for
// each key, consumer, route, client address or all together. Over all edges it is
// exact.
package quota
