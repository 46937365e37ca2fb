// Package bench measures Tollgate beside nginx and HAProxy on one machine in the
// same rounds. Only ratios within a round mean anything there: machines are
// shared. `make bench` runs it and prints every round; it needs nginx, haproxy
// and wrk.
//
// The peers do the lesser work: a key looked up in a map, a limit that never
// trips, round robin over two kept-alive origins, forwarding headers. Tollgate
// runs with everything on: hashed keys, rate and quota by leases, exact
// metering, metrics, access log. Each candidate has one core for itself.
package bench
