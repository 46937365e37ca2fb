package limit

import (
	"fmt"
	"strconv"
	"time"
)

// period is one stretch of time that a quota counts in.
type period struct {
	name       string // part of the Redis key; its first letter is the length
	start, end int64  // Unix seconds; [start, end)
}

// Lengths of quota periods.
const (
	periodHour  = "hour"
	periodDay   = "day"
	periodWeek  = "week"
	periodMonth = "month"
)

// validPeriod reports whether a quota may count in it.
func validPeriod(length string) bool {
	switch length {
	case periodHour, periodDay, periodWeek, periodMonth:
		return true
	}
	return false
}

// calendarPeriod returns the UTC period that t lies in; weeks begin on Monday.
func calendarPeriod(length string, t time.Time) period {
	t = t.UTC()
	y, m, d := t.Date()
	switch length {
	case periodHour:
		s := time.Date(y, m, d, t.Hour(), 0, 0, 0, time.UTC)
		return period{s.Format("h2006010215"), s.Unix(), s.Add(time.Hour).Unix()}
	case periodWeek:
		s := time.Date(y, m, d-(int(t.Weekday())+6)%7, 0, 0, 0, 0, time.UTC)
		return period{s.Format("w20060102"), s.Unix(), s.AddDate(0, 0, 7).Unix()}
	case periodMonth:
		s := time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
		return period{s.Format("m200601"), s.Unix(), s.AddDate(0, 1, 0).Unix()}
	default:
		s := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		return period{s.Format("d20060102"), s.Unix(), s.AddDate(0, 0, 1).Unix()}
	}
}

// fixedPeriod is a subscription's period, which the control plane moves on.
func fixedPeriod(start, end int64) period {
	return period{"s" + strconv.FormatInt(start, 10), start, end}
}

// at moves a subscription's period on by months while the control plane has not
// said otherwise: a quota begins anew although nobody could say so.
func (p period) at(unix int64) period {
	for range 1200 {
		if unix < p.end || p.end <= p.start {
			break
		}
		p = fixedPeriod(p.end, time.Unix(p.end, 0).UTC().AddDate(0, 1, 0).Unix())
	}
	return p
}

func checkPeriod(length string) error {
	if !validPeriod(length) {
		return fmt.Errorf("%q is not a period: hour, day, week or month", length)
	}
	return nil
}
