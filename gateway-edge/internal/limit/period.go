package limit

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// validPeriod reports whether a quota may count in it.
func validPeriod(length string) bool {
	switch length {
	case contract.PeriodHour, contract.PeriodDay, contract.PeriodWeek, contract.PeriodMonth:
		return true
	}
	return false
}

// fixedPeriod is a subscription's period, which the control plane moves on.
func fixedPeriod(start, end int64) contract.Period {
	return contract.Period{Name: "s" + strconv.FormatInt(start, 10), Start: start, End: end}
}

// subscriptionAt moves a subscription's period on by months while the control
// plane has not said otherwise: a quota begins anew although nobody could say so.
// It ends where the control plane will say that it ends: on the day of the month
// that the subscription began on, or on the month's last. Of two ends in a row
// one at least is on that day.
func subscriptionAt(p contract.Period, unix int64) contract.Period {
	for range 1200 {
		if unix < p.End || p.End <= p.Start {
			break
		}
		end := time.Unix(p.End, 0).UTC()
		day := max(time.Unix(p.Start, 0).UTC().Day(), end.Day())
		next := time.Date(end.Year(), end.Month()+1, 1, end.Hour(), end.Minute(), end.Second(), 0, time.UTC)
		last := next.AddDate(0, 1, -1).Day()
		p = fixedPeriod(p.End, next.AddDate(0, 0, min(day, last)-1).Unix())
	}
	return p
}

func checkPeriod(length string) error {
	if !validPeriod(length) {
		return fmt.Errorf("%q is not a period: hour, day, week or month", length)
	}
	return nil
}
