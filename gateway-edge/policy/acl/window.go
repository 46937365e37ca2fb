package acl

import (
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // an edge's image has no time zones

	"github.com/tollgate/tollgate/services/contract"
)

// Window is a part of the week.
type Window struct {
	// Days are "mon" to "sun"; empty: every day. Of a window over midnight they are
	// those on which it begins.
	Days []string `json:"days"`
	// From and To are times of day, "08:00" to "24:00"; a window whose From is later
	// than its To goes over midnight. Both empty: the whole day.
	From string `json:"from"`
	To   string `json:"to"`
	// TimeZone is a name of the IANA database; "" is UTC.
	TimeZone string `json:"time_zone"`
}

// window is a compiled Window; from and to are minutes of the day.
type window struct {
	days     [7]bool // by time.Weekday
	from, to int
	zone     *time.Location
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

const minutesOfDay = 24 * 60

func compileWindows(list []Window, at string, errs *contract.FieldErrors) []window {
	if len(list) > maxList {
		errs.Add(at, fmt.Sprintf("has %d entries, at most %d are allowed", len(list), maxList))
		return nil
	}
	out := make([]window, len(list))
	for i, w := range list {
		out[i] = w.compile(at+contract.Pointer(i), errs)
	}
	return out
}

func (w *Window) compile(at string, errs *contract.FieldErrors) window {
	out := window{to: minutesOfDay}
	for i, d := range w.Days {
		n := slices.Index(dayNames, d)
		if n < 0 {
			errs.Add(at+"/days"+contract.Pointer(i), fmt.Sprintf("%.40q is not one of mon, tue, wed, thu, fri, sat, sun", d))
			continue
		}
		out.days[n] = true
	}
	if len(w.Days) == 0 {
		out.days = [7]bool{true, true, true, true, true, true, true}
	}
	ok := true
	if w.From != "" || w.To != "" {
		out.from = minute(w.From, at+"/from", &ok, errs)
		out.to = minute(w.To, at+"/to", &ok, errs)
	}
	if ok && out.from == out.to {
		errs.Add(at+"/to", "is the same as from: leave out both for the whole day")
	}
	var err error
	if out.zone, err = time.LoadLocation(w.TimeZone); err != nil || w.TimeZone == "Local" {
		errs.Add(at+"/time_zone", fmt.Sprintf("%.64q is no time zone of the IANA database, such as \"Europe/Berlin\"", w.TimeZone))
	}
	return out
}

// minute reads "08:00"; "24:00" is the day's end.
func minute(s, at string, ok *bool, errs *contract.FieldErrors) int {
	if s == "24:00" {
		return minutesOfDay
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		errs.Add(at, fmt.Sprintf("%.40q is not a time of day such as \"08:00\"", s))
		*ok = false
		return 0
	}
	return t.Hour()*60 + t.Minute()
}

// holds reports whether t lies in the window.
func (w *window) holds(t time.Time) bool {
	t = t.In(w.zone)
	now, day := t.Hour()*60+t.Minute(), t.Weekday()
	if w.from < w.to {
		return w.days[day] && now >= w.from && now < w.to
	}
	return w.days[day] && now >= w.from || w.days[(day+6)%7] && now < w.to
}
