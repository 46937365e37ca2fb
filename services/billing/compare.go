package billing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// CompareStore keeps what looks at the provider's counts have found.
type CompareStore interface {
	// ClaimComparisons takes up to limit organizations whose customers are due to be
	// looked at, until a time: nobody else takes them before.
	ClaimComparisons(ctx context.Context, q CompareQuery, until time.Time, limit int) ([]Comparison, error)
	// Compared stores what a look found in place of what earlier ones did, and when
	// the next one is due.
	Compared(ctx context.Context, c *Comparison, found []Difference, next time.Time) error
	// ClaimPost takes the organization's posting, as PostStore.ClaimPosts does. It
	// returns false where somebody else has it, or it waits after a failure.
	ClaimPost(ctx context.Context, c *Comparison, now, until time.Time) (p Post, mine bool, err error)
	// Posted and Release are PostStore's.
	Posted(ctx context.Context, p *Post, h *Hour, until time.Time) (bool, error)
	Release(ctx context.Context, p *Post, next time.Time, problem error) error
}

// CompareQuery says who is looked at: who has a live subscription, or an invoice
// that is being drafted.
type CompareQuery struct{ Now time.Time }

// Bounds of what is compared.
const (
	// catchUp is how long the provider's summaries may lag behind what it was told:
	// hours that were told later are not judged.
	catchUp = 15 * time.Minute
	// compareSettled is how long ago an hour must have ended.
	compareSettled = 20 * time.Minute
)

// Drafted is the time before which a customer must have been looked at to be due
// while an invoice of it is being drafted: it is final an hour later.
func (q *CompareQuery) Drafted() time.Time { return q.Now.Add(-catchUp) }

// End is the first hour that is not compared.
func (q *CompareQuery) End() int64 { return HourOf(q.Now.Add(-compareSettled)) }

// Oldest is the first hour that can still be told again.
func (q *CompareQuery) Oldest() int64 {
	p := PostQuery{Now: q.Now}
	return p.Oldest()
}

// Comparison is a claim on the look at one customer.
type Comparison struct {
	Organization core.OrganizationID
	Num          uint64
	Customer     string
	// Period are the hours that count for an invoice which is not final; empty: there
	// are none.
	Period Period
	// Known is what earlier looks found.
	Known []Difference
}

// Difference is an hour of a plan of which the provider counts something else than
// it was told.
type Difference struct {
	Hour    int64
	Plan    uint32
	Told    int64
	Counted int64
	Since   time.Time // the first look that found it
	Looks   int       // in a row that found it
	Retold  int       // times that the hour was told again since
	// StaysAt is when it was found though the hour had been told again; zero: it was not.
	StaysAt time.Time
}

// Comparer looks, once an hour for each customer, whether the payment provider counts
// what it was told of the hours that its next invoice bills. An hour that differs in
// two looks in a row is told again; one that differs still is an alarm. Whatever
// comes of it, a period costs what the ledger says: the Settler sees to that.
type Comparer struct {
	Store CompareStore
	Hours interface {
		Hours(ctx context.Context, org core.OrganizationID, p Period) ([]Hour, error)
	}
	Usage     UsageTaker
	Catalogue func(ctx context.Context) (Catalogue, error)
	Plans     *Plans
	Clock     core.Clock
	Logger    *slog.Logger

	looked, retold, mended, stayed atomic.Uint64
}

// CompareStats are totals since the start.
type CompareStats struct {
	Looked uint64 // customers
	Retold uint64 // hours that were told again
	Mended uint64 // hours that were told again and are counted right since
	Stayed uint64 // hours that were told again in vain
}

// Stats returns the comparer's totals.
func (c *Comparer) Stats() CompareStats {
	return CompareStats{c.looked.Load(), c.retold.Load(), c.mended.Load(), c.stayed.Load()}
}

const (
	compareBatch = 20
	compareClaim = 10 * time.Minute // and when one is tried again whose look failed
	compareEvery = time.Hour
	compareAgain = 20 * time.Minute // while something differs
	// differAtOnce bounds the hours of one plan that one look takes up.
	differAtOnce = 100
	// lookTwice is how many looks in a row must find an hour before it is told again.
	lookTwice = 2
	// retellMost is how often an hour is told again.
	retellMost = 3
)

// Run looks at whoever is due. The worker calls it every minute; several may. A
// provider that is away ends the turn, and the next one goes on.
func (c *Comparer) Run(ctx context.Context) error {
	for {
		q := CompareQuery{Now: c.Clock()}
		due, err := c.Store.ClaimComparisons(ctx, q, q.Now.Add(compareClaim), compareBatch)
		if err != nil || len(due) == 0 {
			return err
		}
		cat, err := c.Catalogue(ctx)
		if err != nil {
			return err
		}
		for i := range due {
			if err := c.look(ctx, &due[i], &cat); err != nil {
				return err
			}
		}
		if len(due) < compareBatch {
			return nil
		}
	}
}

// look looks at one customer and tells again what was missed twice.
func (c *Comparer) look(ctx context.Context, one *Comparison, cat *Catalogue) error {
	found, err := c.compare(ctx, one, cat)
	if is(err, ErrorNotFound) || is(err, ErrorInvalid) {
		// A meter or customer is gone: who posts finds that too, and says so.
		c.Logger.Warn("what the payment provider counts can't be read", "organization", one.Organization, "error", err)
		return c.Store.Compared(ctx, one, one.Known, c.Clock().Add(compareEvery))
	}
	if err != nil {
		return err
	}
	c.looked.Add(1)
	retell := c.retell(ctx, one, found)
	next := compareEvery
	for i := range found {
		if found[i].Retold < retellMost {
			next = compareAgain
		}
	}
	c.tell(one, found)
	return errors.Join(retell, c.Store.Compared(context.WithoutCancel(ctx), one, found, c.Clock().Add(next)))
}

// compare returns the hours that differ now.
func (c *Comparer) compare(ctx context.Context, one *Comparison, cat *Catalogue) (found []Difference, err error) {
	if one.Period.Start >= one.Period.End {
		return nil, nil
	}
	// What was told is read before what is counted: what is told meanwhile can only
	// show as a difference of an hour that is not judged.
	now := c.Clock()
	hours, err := c.Hours.Hours(ctx, one.Organization, one.Period)
	if err != nil {
		return nil, err
	}
	from, to := TimeOf(one.Period.Start), TimeOf(one.Period.End)
	for _, num := range c.Plans.metered() {
		plan, _ := c.Plans.byNum(num)
		meter := cat.Plans[plan.Name].Meter
		if meter == "" {
			continue
		}
		told := map[int64]Hour{}
		var sum int64
		for _, h := range hours {
			if h.Plan == num {
				told[h.Hour], sum = h, Add(sum, h.Posted)
			}
		}
		var counted int64
		err := attempt(ctx, func() (err error) {
			counted, err = c.Usage.UsageTotals(ctx, one.Customer, meter, from, to)
			return err
		})
		if err != nil {
			return nil, err
		}
		if counted == sum {
			continue
		}
		var byHour map[int64]int64
		err = attempt(ctx, func() (err error) {
			byHour, err = c.Usage.UsageHours(ctx, one.Customer, meter, from, to)
			return err
		})
		if err != nil {
			return nil, err
		}
		found = append(found, differ(num, one.Period, told, byHour, one.Known, now)...)
	}
	return found, nil
}

// differ holds a plan's hours against what the provider counts of them. An hour that
// was told a moment ago, or that is to be told, is not judged: what is known of it
// stays where it was told again, and is forgotten elsewhere.
func differ(plan uint32, p Period, told map[int64]Hour, counted map[int64]int64, known []Difference, now time.Time) (out []Difference) {
	before := map[int64]Difference{}
	for _, d := range known {
		if d.Plan == plan {
			before[d.Hour] = d
		}
	}
	for hour := p.Start; hour < p.End && len(out) < differAtOnce; hour++ {
		h, n := told[hour], counted[hour]
		d, again := before[hour]
		if h.Posted != h.Total || h.PostedAt.After(now.Add(-catchUp)) {
			if again && d.Retold > 0 {
				out = append(out, d)
			}
			continue
		}
		if h.Posted == n {
			continue
		}
		if !again {
			d = Difference{Hour: hour, Plan: plan, Since: now}
		}
		if d.Retold > 0 && d.StaysAt.IsZero() {
			d.StaysAt = now
		}
		d.Told, d.Counted, d.Looks = h.Posted, n, d.Looks+1
		out = append(out, d)
	}
	return out
}

// retell tells the hours again that two looks in a row have found, and notes so in
// them. While somebody else posts for the organization it leaves them for the next look.
func (c *Comparer) retell(ctx context.Context, one *Comparison, found []Difference) error {
	var due []*Difference
	for i := range found {
		d := &found[i]
		settled := d.Retold == 0 || !d.StaysAt.IsZero()
		if d.Looks >= lookTwice && d.Retold < retellMost && settled {
			due = append(due, d)
		}
	}
	if len(due) == 0 {
		return nil
	}
	now := c.Clock()
	claim, mine, err := c.Store.ClaimPost(ctx, one, now, now.Add(postClaim))
	if err != nil || !mine {
		return err
	}
	for _, d := range due {
		held, err := c.retellHour(ctx, one, &claim, d, now)
		if is(err, ErrorNotFound) || is(err, ErrorInvalid) {
			// It is tried as often as any other, and in nobody's way.
			c.Logger.Error("the payment provider does not take an hour again", "organization", one.Organization, "plan", d.Plan, "hour", TimeOf(d.Hour), "error", err)
			d.Retold++
			continue
		}
		if err != nil {
			return errors.Join(err, c.Store.Release(context.WithoutCancel(ctx), &claim, time.Time{}, nil))
		}
		if !held {
			return nil
		}
		d.Retold++
		c.retold.Add(1)
	}
	return c.Store.Release(ctx, &claim, time.Time{}, nil)
}

// retellHour sets one hour's total anew, by what the ledger has now that nobody else
// posts. The key names the moment: the provider knows that of the same total from
// when it was told before, and would not look at it.
func (c *Comparer) retellHour(ctx context.Context, one *Comparison, claim *Post, d *Difference, now time.Time) (held bool, err error) {
	hours, err := c.Hours.Hours(ctx, one.Organization, Period{d.Hour, d.Hour + 1})
	if err != nil {
		return false, err
	}
	h := Hour{Organization: one.Num, Plan: d.Plan, Hour: d.Hour}
	for i := range hours {
		if hours[i].Plan == d.Plan {
			h = hours[i]
		}
	}
	plan, _ := c.Plans.byNum(d.Plan)
	ctx, cancel := context.WithTimeout(ctx, postCall)
	defer cancel()
	err = c.Usage.PostUsage(ctx, HourTotal{
		Key:      fmt.Sprintf("%d:%s:%d:%d:again:%d", one.Num, plan.Name, h.Hour, h.Total, now.Unix()),
		Customer: one.Customer, Event: UsageEvent(plan.Name), Item: claim.Items[plan.Name], Hour: TimeOf(h.Hour), Total: h.Total,
	})
	if err != nil {
		return false, err
	}
	return c.Store.Posted(ctx, claim, &h, c.Clock().Add(postClaim))
}

// tell counts and logs what a look came to.
func (c *Comparer) tell(one *Comparison, found []Difference) {
	type place struct {
		hour int64
		plan uint32
	}
	still := map[place]bool{}
	stays := 0
	var worst Difference
	for _, d := range found {
		still[place{d.Hour, d.Plan}] = true
		if !d.StaysAt.IsZero() {
			stays++
			worst = d
		}
	}
	for _, d := range one.Known {
		if d.Retold > 0 && one.Period.Holds(d.Hour) && !still[place{d.Hour, d.Plan}] {
			c.mended.Add(1)
			c.Logger.Warn("the payment provider had not counted what it was told; it does, since it was told again", "organization", one.Organization, "plan", d.Plan, "hour", TimeOf(d.Hour), "told", d.Told, "counted", d.Counted)
		}
	}
	if stays > 0 {
		c.stayed.Add(uint64(stays))
		c.Logger.Error("the payment provider counts something else than it was told, again and again", "organization", one.Organization, "hours", stays, "plan", worst.Plan, "hour", TimeOf(worst.Hour), "told", worst.Told, "counted", worst.Counted)
	}
}
