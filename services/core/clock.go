package core

import (
	"time"

	"github.com/tollgate/tollgate/services/contract/failpoint"
)

// Clock tells the time; a service is given one so that tests can set it.
type Clock func() time.Time

// SystemClock is the wall clock in UTC.
func SystemClock() time.Time { return time.Now().Add(failpoint.Ahead()).UTC() }

// Millis is t as Unix milliseconds, the form in which every time is stored. The
// zero time is 0 and back: "never".
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// FromMillis is the time of Unix milliseconds; 0 is the zero time.
func FromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
