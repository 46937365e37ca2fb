package acl

import (
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// TestWindows walks two weeks in steps of ten minutes through windows, a change to
// summer time among them.
func TestWindows(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		w    Window
		want func(t time.Time) bool
	}{
		"over midnight": {Window{Days: []string{"fri"}, From: "22:00", To: "06:00"}, func(t time.Time) bool {
			return t.Weekday() == time.Friday && t.Hour() >= 22 || t.Weekday() == time.Saturday && t.Hour() < 6
		}},
		"from Saturday into Sunday": {Window{Days: []string{"sat"}, From: "23:30", To: "00:10"}, func(t time.Time) bool {
			return t.Weekday() == time.Saturday && t.Hour() == 23 && t.Minute() >= 30 || t.Weekday() == time.Sunday && t.Hour() == 0 && t.Minute() < 10
		}},
		"whole days":       {Window{Days: []string{"mon", "wed"}}, func(t time.Time) bool { return t.Weekday() == time.Monday || t.Weekday() == time.Wednesday }},
		"to the day's end": {Window{From: "18:00", To: "24:00"}, func(t time.Time) bool { return t.Hour() >= 18 }},
		"elsewhere": {Window{From: "08:00", To: "18:00", TimeZone: "Europe/Berlin"}, func(t time.Time) bool {
			h := t.In(berlin).Hour()
			return h >= 8 && h < 18
		}},
		"always": {Window{}, func(time.Time) bool { return true }},
	} {
		var errs contract.FieldErrors
		w := c.w.compile("", &errs)
		if len(errs) > 0 {
			t.Fatal(name, errs)
		}
		for now := time.Date(2026, 3, 22, 0, 0, 0, 0, time.UTC); now.Before(time.Date(2026, 4, 5, 0, 0, 0, 0, time.UTC)); now = now.Add(10 * time.Minute) {
			if got := w.holds(now); got != c.want(now) {
				t.Fatalf("%s: %v at %s", name, got, now)
			}
		}
	}
}
