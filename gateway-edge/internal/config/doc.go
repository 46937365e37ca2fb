// Package config holds what an edge process is and how it reaches Redis: the lock
// on its data directory, its identity (name, epoch, incarnation, boot), Redis
// clients for every kind of TOLLGATE_REDIS_URL, and the certificate it shows
// where no gateway has one.
//
// The epoch rises durably with every start, before anything is served: counters
// and leases of two runs are never taken for one another. A second process on the
// same directory is refused.
//
// All Redis clients of a process share a Dialing: it counts round trips, and
// after a failed dial refuses further ones for a moment, so that an edge cut off
// from Redis makes a few dials a second however many callers it has.
package config
