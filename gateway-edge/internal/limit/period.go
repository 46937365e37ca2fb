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
func subscriptionAt(p contract.Period, unix int64) contract.Period {
	for range 1200 {
		if unix < p.End || p.End <= p.Start {
			break
		}
		p = fixedPeriod(p.End, time.Unix(p.End, 0).UTC().AddDate(0, 1, 0).Unix())
	}
	return p
}

func checkPeriod(length string) error {
	if !validPeriod(length) {
		return fmt.Errorf("%q is not a period: hour, day, week or month", length)
	}
	return nil
}
