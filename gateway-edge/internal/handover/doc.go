// Package handover passes the listening sockets of an edge that runs to the one
// that takes its place, so that no connection is refused in between.
//
// The running edge (the predecessor) listens on a Unix socket in its data
// directory. A new one (the successor) connects and gets the sockets and the lock
// of the directory; it loads what it needs and says that it is ready. Then the
// predecessor falls silent towards the control plane and says go, the successor
// accepts and says that it serves, and only then the predecessor stops accepting
// and drains. All that time somebody accepts: the sockets are never closed. If the
// successor fails at any step before the last, the predecessor goes on as before.
//
// Messages are JSON behind a length of four bytes; sockets travel beside them
// (SCM_RIGHTS). The package knows neither edges nor what the sockets serve.
package handover
