package billing

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Credit is an amount that an operator gave. It waits until the organization is a
// customer of the provider.
type Credit struct {
	ID           string
	Organization core.OrganizationID
	Customer     string
	Cents        int64 // negative: taken back
	Reason       string
	Actor        string
	Posted       string // the provider's id; empty: it waits
	Attempts     int
	NextAt       time.Time // zero: never again
	LastError    string
	CreatedAt    time.Time
	Fence        uint64 // rises with each claim
}

// maxCredit bounds one credit, in cents.
const maxCredit = 100_000_000

// keyLasts is how long the provider knows a key: after that it is looked for what
// was made under it.
const keyLasts = 20 * time.Hour

// Credit gives an organization cents that its next invoices are lowered by.
func (s *Service) Credit(ctx context.Context, org core.OrganizationID, cents int64, reason string) error {
	var errs contract.FieldErrors
	if cents == 0 || cents > maxCredit || cents < -maxCredit {
		errs.Add("/cents", fmt.Sprintf("must be from %d to %d, and not 0", -maxCredit, maxCredit))
	}
	if reason == "" || utf8.RuneCountInString(reason) > 500 {
		errs.Add("/reason", "must have from 1 to 500 characters")
	}
	if err := core.Invalid(errs.Err()); err != nil {
		return err
	}
	now := s.clock()
	return s.store.Tx(ctx, func(tx Tx) error {
		t, err := tx.Tenant(ctx, org)
		if err != nil {
			return err
		}
		c := &Credit{
			ID: core.NewID("cr"), Organization: org, Cents: cents, Reason: reason, Actor: core.ActorFrom(ctx).Name, NextAt: now, CreatedAt: now,
		}
		if err := tx.AddCredit(ctx, org, c); err != nil {
			return err
		}
		return tx.Record(ctx, org, core.Change{
			Action: "subscription.credit", ResourceType: "subscription", ResourceID: string(org), ResourceName: t.Name,
			Detail: map[string]any{"cents": cents, "reason": reason},
		})
	})
}

const (
	creditBatch = 20
	creditLease = 5 * time.Minute
	creditTime  = 2 * time.Minute // of one; what can't be begun in time is left to the next turn
	creditRetry = 30 * time.Second
)

// GiveCredits gives waiting credits at the provider and returns how many.
func (s *Service) GiveCredits(ctx context.Context) (int, error) {
	if s.provider == nil {
		return 0, nil
	}
	now := s.clock()
	due, err := s.store.DueCredits(ctx, now, now.Add(creditLease), creditBatch)
	if err != nil {
		return 0, err
	}
	for i := range due {
		if s.clock().After(now.Add(creditLease - creditTime)) {
			return i, nil
		}
		if err := s.give(ctx, &due[i]); err != nil {
			return i, err
		}
	}
	return len(due), nil
}

func (s *Service) give(ctx context.Context, c *Credit) error {
	key := "credit:" + c.ID
	err := func() error {
		// Also where no attempt is noted: whoever made it may have died before it could.
		if s.clock().Sub(c.CreatedAt) > keyLasts {
			given, err := s.provider.Credits(ctx, c.Customer, c.CreatedAt.Add(-time.Minute))
			if err != nil {
				return err
			}
			if slices.Contains(given, key) {
				c.Posted = key
				return nil
			}
		}
		return attempt(ctx, func() (err error) {
			c.Posted, err = s.provider.Credit(ctx, key, c.Customer, c.Cents, s.currency(), c.Reason)
			return err
		})
	}()
	c.Attempts++
	c.NextAt, c.LastError = time.Time{}, ""
	if err != nil {
		c.NextAt, c.LastError = s.clock().Add(min(time.Hour, creditRetry<<min(c.Attempts, 7))), fmt.Sprintf("%.500v", err)
		if !is(err, ErrorTemporary) {
			s.counts.alarms.Add(1)
			s.log.Error("a credit can't be given", "credit", c.ID, "organization", string(c.Organization), "error", err)
		}
	} else {
		s.counts.credits.Add(1)
	}
	return s.store.SettleCredit(ctx, c)
}

// currency is that of the paid plans, which have one.
func (s *Service) currency() string {
	for _, p := range s.plans.list {
		if p.Paid() {
			return p.Currency
		}
	}
	return "usd"
}
