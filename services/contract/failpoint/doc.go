// Package failpoint names the steps at which a process of Tollgate is made to die by
// tests, between two writes that must not contradict each other.
//
// Without the build tag "chaos" Hit and Ahead are empty and inlined: a released
// program has neither the calls nor the names. With it the environment says what
// happens where:
//
//	FP=worker.after_read:kill:3,edge.in_policy:panic:1
//
// kills the process at the third read and has the first request panic. The number
// counts from 1 and is of the one hit at which it happens. Actions:
//
//	kill        SIGKILL to itself: nothing is flushed, nothing is closed
//	exit        exit code 3, as os.Exit
//	panic       a panic with the point's name
//	sleep=2000  wait so many milliseconds, and go on
//
// What was done is said on standard error first. FP with a name, an action or a number
// that is not known ends the process at its start with code 2.
//
// FP_AHEAD names a file with a duration ("36h"), by which the process's wall clock is
// ahead of the machine's. It is read again twenty times a second, so that a test can
// let months pass; a file that can't be read leaves the clock as it is.
package failpoint
