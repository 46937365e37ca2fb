package billing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/services/contract/failpoint"
	"github.com/tollgate/tollgate/services/core"
)

// PostStore keeps what the payment provider was told of the ledger.
type PostStore interface {
	// ClaimPosts takes up to limit organizations that have hours to be posted, until
	// a time or until it is released: nobody else takes them before.
	ClaimPosts(ctx context.Context, q PostQuery, until time.Time, limit int) ([]Post, error)
	// Unposted are the hours that a claimed organization has to be posted, the
	// oldest first.
	Unposted(ctx context.Context, p *Post, q PostQuery, limit int) ([]Hour, error)
	// Posted notes that the provider has an hour's total, and holds the claim until
	// a time. It reports whether the claim was still held: else nothing was written.
	Posted(ctx context.Context, p *Post, h *Hour, until time.Time) (bool, error)
	// Release ends a claim; the organization is taken again at next, or when it has
	// hours to be posted where that is zero.
	Release(ctx context.Context, p *Post, next time.Time, problem error) error
	// Park keeps a plan's hours of an organization back until a time.
	Park(ctx context.Context, p *Post, plan uint32, until time.Time, reason string) error
}

// PostQuery says which hours are to be posted.
type PostQuery struct {
	Now time.Time
	// Plans are those that bill requests.
	Plans []uint32
}

// PostDays is how old usage may be that the provider still takes, in days.
const PostDays = 35

// Oldest is the first hour that is still posted; what is older becomes a late line.
func (q *PostQuery) Oldest() int64 { return HourOf(q.Now.AddDate(0, 0, -PostDays)) + 1 }

// settled is how long after its end an hour that is not closed is posted.
const settled = 10 * time.Minute

// Ended is the first hour that has not ended, and Settled the first that is posted
// only when it is closed.
func (q *PostQuery) Ended() int64   { return HourOf(q.Now) }
func (q *PostQuery) Settled() int64 { return HourOf(q.Now.Add(-settled)) }

// Post is a claim on an organization's posting.
type Post struct {
	Organization core.OrganizationID
	Num          uint64
	Customer     string
	Items        map[string]string // usage items by plan
	Since        int64             // the hour of its first subscription
	Fence        uint64
	Attempts     int
}

// Poster tells the payment provider the ledger's hours: always the whole total of
// an hour, so that what is told twice, or by a worker that died before it could
// note it, changes nothing.
type Poster struct {
	Store PostStore
	Usage interface {
		PostUsage(ctx context.Context, u HourTotal) error
	}
	Plans  *Plans
	Clock  core.Clock
	Logger *slog.Logger

	shut           atomic.Int64 // until then (Unix milliseconds) the provider wants no calls
	posted, failed atomic.Uint64
}

// PostStats are totals since the start.
type PostStats struct {
	Posted uint64 // totals that the provider took
	Failed uint64 // calls that failed
}

// Stats returns the poster's totals.
func (p *Poster) Stats() PostStats { return PostStats{p.posted.Load(), p.failed.Load()} }

// Bounds of posting.
const (
	postClaim = 5 * time.Minute // for every hour that is posted anew
	postCall  = time.Minute
	postHours = 50 // of one organization in a turn
	// postAtOnce are as many as are claimed: a claim that waits for its turn would run
	// out before it is used.
	postAtOnce  = 4
	postRetry   = 5 * time.Second
	postPatient = 10 * time.Minute
	parkFor     = time.Hour
)

// UsageEvent is the name that a plan's usage is posted under.
func UsageEvent(plan string) string { return "tollgate_requests_" + plan }

// Run posts what is due. The worker calls it every few seconds; several may run.
func (p *Poster) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := p.turn(ctx)
		if err != nil || n < postAtOnce {
			return err
		}
	}
	return ctx.Err()
}

// turn posts for a few organizations, and returns how many those were.
func (p *Poster) turn(ctx context.Context) (int, error) {
	q := PostQuery{Now: p.Clock(), Plans: p.Plans.metered()}
	if len(q.Plans) == 0 || core.Millis(q.Now) < p.shut.Load() {
		return 0, nil
	}
	claims, err := p.Store.ClaimPosts(ctx, q, q.Now.Add(postClaim), postAtOnce)
	if err != nil {
		return 0, err
	}
	var all sync.WaitGroup
	errs := make([]error, len(claims))
	for i := range claims {
		all.Go(func() { errs[i] = p.post(ctx, &claims[i], q) })
	}
	all.Wait()
	return len(claims), errors.Join(errs...)
}

// post posts one organization's hours, and releases it. An error of the provider's
// is noted with the claim, and is none of the caller's.
func (p *Poster) post(ctx context.Context, c *Post, q PostQuery) error {
	hours, err := p.Store.Unposted(ctx, c, q, postHours)
	if err != nil {
		return err
	}
	parked := map[uint32]bool{}
	for i := range hours {
		h := &hours[i]
		plan, ok := p.Plans.byNum(h.Plan)
		if !ok || parked[h.Plan] {
			continue
		}
		err := p.tell(ctx, c, h, plan)
		if err != nil {
			if p.trouble(ctx, c, h, plan.Name, err) {
				parked[h.Plan] = true
				continue
			}
			return p.Store.Release(context.WithoutCancel(ctx), c, p.Clock().Add(p.backoff(c, err)), err)
		}
		failpoint.Hit(failpoint.ProjAfterPostBeforeStore)
		p.posted.Add(1)
		held, err := p.Store.Posted(ctx, c, h, p.Clock().Add(postClaim))
		if err != nil || !held {
			return err // it is posted again, by whoever holds the claim
		}
	}
	return p.Store.Release(ctx, c, time.Time{}, nil)
}

// tell sets one hour's total. It ends well before the claim does: nobody else tells
// a newer total meanwhile, which an older one that comes late would undo.
func (p *Poster) tell(ctx context.Context, c *Post, h *Hour, plan *Plan) error {
	ctx, cancel := context.WithTimeout(ctx, postCall)
	defer cancel()
	if core.Millis(p.Clock()) < p.shut.Load() {
		return &ProviderError{Kind: ErrorTemporary, Call: "post usage", Code: "rate_limited"}
	}
	return p.Usage.PostUsage(ctx, HourTotal{
		Key: fmt.Sprintf("%d:%s:%d:%d", c.Num, plan.Name, h.Hour, h.Total), Customer: c.Customer, Event: UsageEvent(plan.Name),
		Item: c.Items[plan.Name], Hour: TimeOf(h.Hour), Total: h.Total,
	})
}

// trouble counts a failed post, and reports whether the plan was parked for it:
// what the provider does not know, or does not take as it is, would fail again.
func (p *Poster) trouble(ctx context.Context, c *Post, h *Hour, plan string, err error) (parked bool) {
	p.failed.Add(1)
	var e *ProviderError
	if !errors.As(err, &e) || e.Kind != ErrorNotFound && e.Kind != ErrorInvalid {
		p.Logger.Warn("usage can't be posted now; it is tried again", "organization", c.Organization, "plan", plan, "hour", h.Hour, "error", err)
		return false
	}
	p.Logger.Error("the payment provider does not take usage: it is kept", "organization", c.Organization, "plan", plan, "hour", h.Hour, "again_in", parkFor, "error", err)
	if err := p.Store.Park(ctx, c, h.Plan, p.Clock().Add(parkFor), e.Error()); err != nil {
		p.Logger.Warn("a plan can't be parked", "organization", c.Organization, "plan", plan, "error", err)
		return false
	}
	return true
}

// backoff is how long an organization waits after its attempts failed, with jitter.
// Where the provider says how long, or that it knows nobody of us, everybody waits.
func (p *Poster) backoff(c *Post, err error) time.Duration {
	wait := min(postRetry<<min(c.Attempts, 10), postPatient)
	wait += rand.N(wait / 2)
	var e *ProviderError
	if errors.As(err, &e) && (e.RetryAfter > 0 || e.Kind == ErrorUnauthorized) {
		wait = max(wait, e.RetryAfter)
		p.shut.Store(core.Millis(p.Clock().Add(min(max(e.RetryAfter, postRetry), postPatient))))
	}
	return wait
}

// metered are the numbers of the plans that bill requests.
func (p *Plans) metered() (nums []uint32) {
	for i := range p.list {
		if PriceOf(&p.list[i]).Metered() {
			nums = append(nums, p.list[i].Num)
		}
	}
	return nums
}

// byNum finds a plan by its number.
func (p *Plans) byNum(num uint32) (*Plan, bool) {
	for i := range p.list {
		if p.list[i].Num == num {
			return &p.list[i], true
		}
	}
	return nil, false
}
