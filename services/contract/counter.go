package contract

import (
	"strconv"
	"time"
)

// Limits in counters' names.
const (
	CounterRate        = ".r"
	CounterQuota       = ".q"
	CounterConcurrency = ".c"
)

// Rates from which edges hold shares of a bucket, in tokens a second and at once.
// Below, one script decides each admission, and Redis knows what is left.
const (
	SharedRate  = 10
	SharedBurst = 8
)

// PlanCounters is the name that the counters of a usage plan's limit begin with:
// one for each consumer.
func PlanCounters(gateway, plan uint64, limit string) string {
	return "g" + base36(gateway) + ".p" + base36(plan) + limit
}

// KeyCounters is the name that the counters of keys' own limits begin with: one
// for each key, or for a key and those that it was rotated to.
func KeyCounters(gateway uint64, limit string) string { return "g" + base36(gateway) + ".k" + limit }

// ConsumerCounter is one consumer's counter among those that begin with name.
func ConsumerCounter(name string, consumer uint64) string { return name + ".c" + base36(consumer) }

// KeyCounter is one key's counter among those that begin with name.
func KeyCounter(name string, kid uint64) string { return name + ".k" + base36(kid) }

func base36(n uint64) string { return strconv.FormatUint(n, 36) }

// Period is one stretch of time that a quota counts in.
type Period struct {
	Name       string // part of the Redis key; its first letter is the length
	Start, End int64  // Unix seconds; [Start, End)
}

// Lengths of quota periods.
const (
	PeriodHour  = "hour"
	PeriodDay   = "day"
	PeriodWeek  = "week"
	PeriodMonth = "month"
)

// CalendarPeriod returns the UTC period that t lies in; weeks begin on Monday. An
// unknown length is a day.
func CalendarPeriod(length string, t time.Time) Period {
	t = t.UTC()
	y, m, d := t.Date()
	switch length {
	case PeriodHour:
		s := time.Date(y, m, d, t.Hour(), 0, 0, 0, time.UTC)
		return Period{s.Format("h2006010215"), s.Unix(), s.Add(time.Hour).Unix()}
	case PeriodWeek:
		s := time.Date(y, m, d-(int(t.Weekday())+6)%7, 0, 0, 0, 0, time.UTC)
		return Period{s.Format("w20060102"), s.Unix(), s.AddDate(0, 0, 7).Unix()}
	case PeriodMonth:
		s := time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
		return Period{s.Format("m200601"), s.Unix(), s.AddDate(0, 1, 0).Unix()}
	default:
		s := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		return Period{s.Format("d20060102"), s.Unix(), s.AddDate(0, 0, 1).Unix()}
	}
}
