package tenant

import (
	"context"
	"errors"
	"fmt"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

const (
	// maxOrganizations bounds how many organizations one user may belong to.
	maxOrganizations = 100
	// maxFreeOwned bounds how many of them may be on the default plan and the
	// user's own: the plan's limits are each organization's.
	maxFreeOwned = 10
)

// freeOwned counts the organizations on the default plan that the user owns.
func (s *Service) freeOwned(all []Membership) (n int) {
	for i := range all {
		if all[i].Role == RoleOwner && all[i].Organization.Plan == s.plans.Default() {
			n++
		}
	}
	return n
}

// newOrganization is a row on the default plan, from today.
func (s *Service) newOrganization(name string, owner *User) Organization {
	now := s.clock()
	o := Organization{
		ID: core.OrganizationID(core.NewID(core.PrefixOrganization)), Name: name,
		Plan: s.plans.Default(), PlanSince: now, Verified: owner.Verified(),
		Revision: 1, CreatedAt: now, UpdatedAt: now,
	}
	o.PeriodStart, o.PeriodEnd = period(o.PlanSince, now)
	return o
}

// insertOrganization stores an organization with its owner.
func (s *Service) insertOrganization(ctx context.Context, tx Tx, o *Organization, owner *User) error {
	if err := tx.InsertOrganization(ctx, o); err != nil {
		return err
	}
	m := s.newMember(o.ID, owner, RoleOwner)
	if err := tx.InsertMember(ctx, &m); err != nil {
		return err
	}
	return tx.Record(ctx, o.ID, core.Change{
		Action: "organization.create", ResourceType: "organization", ResourceID: string(o.ID), ResourceName: o.Name,
		Detail:  map[string]any{"plan": o.Plan},
		Publish: []core.Publish{o.publish()},
	})
}

func (o *Organization) publish() core.Publish {
	return core.Publish{Kind: core.PublishOrganization, ID: string(o.ID), Version: o.Revision}
}

// CreateOrganization makes another organization that the user owns. Who owns one that
// is suspended gets core.CodeOrganizationSuspended: what was stopped there would go on
// in the next.
func (s *Service) CreateOrganization(ctx context.Context, userID string, in OrganizationInput) (Organization, error) {
	if err := in.Validate(); err != nil {
		return Organization{}, err
	}
	var o Organization
	err := s.store.Tx(ctx, func(tx Tx) error {
		u, err := tx.FindUser(ctx, userID)
		if err != nil {
			return err
		}
		all, err := tx.ListMemberships(ctx, userID, "", maxOrganizations+1)
		if err != nil {
			return err
		}
		for i := range all {
			if all[i].Role == RoleOwner && all[i].Organization.Suspended {
				return core.Errorf(core.CodeOrganizationSuspended, "you own %q, which is suspended: until that has ended you can't make another organization", all[i].Organization.Name)
			}
		}
		if len(all) >= maxOrganizations {
			return core.Errorf(core.CodeLimitReached, "a user can belong to %d organizations; leave one first", maxOrganizations)
		}
		if s.freeOwned(all) >= maxFreeOwned {
			return core.Errorf(core.CodeLimitReached, "a user can own %d organizations on the plan %s; put one on another plan first", maxFreeOwned, s.plans.Default())
		}
		o = s.newOrganization(in.Name, &u)
		return s.insertOrganization(ctx, tx, &o, &u)
	})
	return o, err
}

// Organization returns one organization.
func (s *Service) Organization(ctx context.Context, org core.OrganizationID) (Organization, error) {
	return view(ctx, s, func(r Rows) (Organization, error) { return r.FindOrganization(ctx, org) })
}

// updateOrganization stores o, whose edges are told.
func (s *Service) updateOrganization(ctx context.Context, tx Tx, o *Organization, action string, detail any) error {
	o.UpdatedAt = s.clock()
	if err := tx.UpdateOrganization(ctx, o); err != nil {
		return err
	}
	return tx.Record(ctx, o.ID, core.Change{
		Action: action, ResourceType: "organization", ResourceID: string(o.ID), ResourceName: o.Name,
		Detail: detail, Publish: []core.Publish{o.publish()},
	})
}

// changeOrganization reads, changes and stores one organization, and does more
// in the same transaction.
func (s *Service) changeOrganization(ctx context.Context, org core.OrganizationID, action string, change func(*Organization) (detail any, err error), more ...func(Tx) error) (Organization, error) {
	var o Organization
	err := s.store.Tx(ctx, func(tx Tx) (err error) {
		if o, err = tx.FindOrganization(ctx, org); err != nil {
			return err
		}
		detail, err := change(&o)
		if err != nil {
			return err
		}
		for _, do := range more {
			if err := do(tx); err != nil {
				return err
			}
		}
		return s.updateOrganization(ctx, tx, &o, action, detail)
	})
	return o, err
}

// UpdateOrganization changes what its members may change.
func (s *Service) UpdateOrganization(ctx context.Context, org core.OrganizationID, match core.IfMatch, in OrganizationPatch) (Organization, error) {
	if err := in.Validate(); err != nil {
		return Organization{}, err
	}
	return s.changeOrganization(ctx, org, "organization.update", func(o *Organization) (any, error) {
		if err := match.Check(o.Revision); err != nil {
			return nil, err
		}
		detail := map[string]any{}
		if in.Name != nil && *in.Name != o.Name {
			detail["name"], o.Name = *in.Name, *in.Name
		}
		if in.StrictFreshness != nil && *in.StrictFreshness != o.StrictFreshness {
			detail["strict_freshness"], o.StrictFreshness = *in.StrictFreshness, *in.StrictFreshness
		}
		return detail, nil
	})
}

// SetPlan puts an organization on a plan at once. Its period goes on, and with it
// what was used of the period. That the plan exists and is paid for is the caller's
// business.
func (s *Service) SetPlan(ctx context.Context, org core.OrganizationID, plan string) (Organization, error) {
	return s.changeOrganization(ctx, org, "organization.plan", func(o *Organization) (any, error) {
		detail := map[string]any{"from": o.Plan, "to": plan}
		o.Plan, o.NextPlan = plan, ""
		return detail, nil
	})
}

// RollPeriods moves every organization whose billing period has ended into the
// present one, on the plan that was chosen for it, and returns how many those were.
// The worker calls it every second.
func (s *Service) RollPeriods(ctx context.Context) (int, error) {
	ended, err := view(ctx, s, func(r Rows) ([]Organization, error) { return r.EndedPeriods(ctx, s.clock(), 500) })
	if err != nil {
		return 0, err
	}
	var errs []error
	for i := range ended { // one whose period can't begin keeps nobody else in the last
		if err := s.rollPeriod(ctx, ended[i].ID); err != nil {
			errs = append(errs, fmt.Errorf("period of organization %s: %w", ended[i].ID, err))
		}
	}
	return len(ended), errors.Join(errs...)
}

// errRolled says that somebody else began the period meanwhile.
var errRolled = errors.New("the period has not ended")

// rollPeriod begins an organization's periods one after the other up to the present
// one: each hour lies in exactly one, however long no worker ran.
func (s *Service) rollPeriod(ctx context.Context, org core.OrganizationID) error {
	for {
		_, err := s.changeOrganization(ctx, org, "organization.period", func(o *Organization) (any, error) {
			if !o.roll(s.clock()) {
				return nil, errRolled
			}
			detail := map[string]any{"start": o.PeriodStart, "end": o.PeriodEnd}
			if o.NextPlan != "" {
				detail["plan"] = map[string]any{"from": o.Plan, "to": o.NextPlan}
				o.Plan, o.NextPlan = o.NextPlan, ""
			}
			return detail, nil
		})
		if errors.Is(err, errRolled) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Limits are what an organization's plan allows it to configure.
func (s *Service) Limits(ctx context.Context, org core.OrganizationID) (core.Limits, error) {
	o, err := s.Organization(ctx, org)
	if err != nil {
		return core.Limits{}, err
	}
	return s.plans.Limits(o.Plan), nil
}

// Document is what edges are told of an organization now.
func (s *Service) Document(ctx context.Context, org core.OrganizationID) (contract.Organization, error) {
	o, err := s.Organization(ctx, org)
	if err != nil {
		return contract.Organization{}, err
	}
	docs, err := s.documents(ctx, []Organization{o})
	if err != nil {
		return contract.Organization{}, err
	}
	return docs[0], nil
}

// Documents returns what edges are told of up to limit organizations of all
// tenants, in the order of their ids, after one of them ("" for the start).
func (s *Service) Documents(ctx context.Context, after core.OrganizationID, limit int) ([]contract.Organization, error) {
	rows, err := view(ctx, s, func(r Rows) ([]Organization, error) { return r.ListOrganizations(ctx, string(after), limit) })
	if err != nil {
		return nil, err
	}
	return s.documents(ctx, rows)
}

// documents are what edges are told: the one place where a plan's limits and what
// else bounds an organization meet.
func (s *Service) documents(ctx context.Context, rows []Organization) ([]contract.Organization, error) {
	docs := make([]contract.Organization, len(rows))
	for i := range rows {
		docs[i] = rows[i].base()
		s.plans.Apply(rows[i].Plan, rows[i].Verified, &docs[i])
	}
	if s.allowances == nil || len(docs) == 0 {
		return docs, nil
	}
	return docs, s.allowances.Allow(ctx, docs)
}
