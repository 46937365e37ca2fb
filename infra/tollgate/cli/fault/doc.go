// Package fault is how the command line fails: an error, what to do next, and the
// exit code by which a script tells one failure from another.
//
// An error of the management API becomes a fault by its status (Of); everything
// else that a command returns without saying more is a plain failure.
package fault
