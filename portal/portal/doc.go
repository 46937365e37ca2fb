// Package portal is the public face of Tollgate as one process part: the
// management API, the documentation and the few pages around them, the queue of
// mails, and health and metrics on an address of their own.
//
// New opens the listeners and fails on anything that is wrong with the
// configuration; Run serves until its context ends and then drains: readiness
// turns 503 at once, streams end, open requests finish. The services come from
// services/app; in one process the portal shares them with the worker, so that
// what it commits is published at once.
package portal
