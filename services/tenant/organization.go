package tenant

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Organization is one tenant.
type Organization struct {
	ID   core.OrganizationID
	Num  uint64
	Name string
	Plan string // name of its subscription plan
	// NextPlan is the one that the next period begins with; empty: the same.
	NextPlan string
	// PlanSince anchors the billing periods: 00:00 UTC of that day.
	PlanSince   time.Time
	PeriodStart time.Time
	PeriodEnd   time.Time
	// Verified: the address of an owner was proved, or no mail is set up.
	Verified        bool
	Suspended       bool
	StrictFreshness bool // edges fail closed after 30 s without a heartbeat
	// DeletedAt is when its owner deleted it; zero: it lives. The row stays, since
	// the ledger and invoices refer to it.
	DeletedAt time.Time
	Revision  uint64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// OrganizationInput makes an organization.
type OrganizationInput struct {
	Name string
}

// Validate names every bad field.
func (in *OrganizationInput) Validate() error {
	var errs contract.FieldErrors
	checkTitle("/name", in.Name, &errs)
	return core.Invalid(errs.Err())
}

// OrganizationPatch changes what is not nil.
type OrganizationPatch struct {
	Name            *string
	StrictFreshness *bool
}

// Validate names every bad field.
func (in *OrganizationPatch) Validate() error {
	var errs contract.FieldErrors
	if in.Name != nil {
		checkTitle("/name", *in.Name, &errs)
	}
	return core.Invalid(errs.Err())
}

// MaxTitle bounds names that people read (organizations, tokens), in characters.
const MaxTitle = 100

// checkTitle accepts any printable text: it is only ever shown, always escaped.
func checkTitle(pointer, s string, errs *contract.FieldErrors) {
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s):
		errs.Add(pointer, "must be UTF-8")
	case strings.TrimSpace(s) == "":
		errs.Add(pointer, "must not be empty")
	case n > MaxTitle:
		errs.Add(pointer, "must be at most 100 characters")
	case strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0:
		errs.Add(pointer, "must not hold control or invisible characters")
	}
}

// period returns the billing period that now falls into: months counted from the
// anchor's day, at 00:00 UTC; a day that a month lacks is that month's last.
func period(anchor, now time.Time) (start, end time.Time) {
	anchor = anchor.UTC().Truncate(24 * time.Hour)
	now = now.UTC()
	n := (now.Year()-anchor.Year())*12 + int(now.Month()) - int(anchor.Month())
	if addMonths(anchor, n).After(now) {
		n--
	}
	return addMonths(anchor, n), addMonths(anchor, n+1)
}

// roll begins the period after one that has ended by now, where that one ended; it
// reports whether it did.
func (o *Organization) roll(now time.Time) bool {
	if o.PeriodEnd.After(now) {
		return false
	}
	if o.PeriodEnd.IsZero() {
		o.PeriodStart, o.PeriodEnd = period(o.PlanSince, now)
		return true
	}
	_, end := period(o.PlanSince, o.PeriodEnd)
	o.PeriodStart, o.PeriodEnd = o.PeriodEnd, end
	return true
}

func addMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

// base is the part of an organization's document that its row gives; the plan
// adds its limits.
func (o *Organization) base() contract.Organization {
	return contract.Organization{
		Schema: contract.SchemaVersion, ID: string(o.ID), Num: o.Num, Version: o.Revision,
		PeriodStart: o.PeriodStart.Unix(), PeriodEnd: o.PeriodEnd.Unix(),
		Suspended: o.Suspended, StrictFreshness: o.StrictFreshness,
	}
}
