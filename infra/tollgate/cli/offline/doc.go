// Package offline checks configurations on this machine alone, with the code that the
// control plane checks them with before it stores them, which is the edge's own. It is
// the one part of the command line that knows the services.
package offline
