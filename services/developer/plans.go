package developer

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

const maxMessage = 1000

// Choose is the input of Service.Choose.
type Choose struct {
	UsagePlan string
	Message   string // to the owner, where approval is needed
}

// Choose takes a usage plan that is on offer. A free one is had at once: the
// developer is a consumer of the gateway from then on. One that needs approval
// waits for the owner, and the present plan stays until then.
func (s *Service) Choose(ctx context.Context, p *Portal, id string, in Choose) (*Profile, error) {
	var errs contract.FieldErrors
	offer, ok := p.Offer(in.UsagePlan)
	if !ok {
		errs.Add("/usage_plan", "is not on offer")
	}
	checkMessage(&errs, "/message", in.Message)
	if err := core.Invalid(errs.Err()); err != nil {
		return nil, err
	}
	if err := s.take(ctx, applyOften, p.ID, id); err != nil {
		return nil, err
	}
	limits, err := s.limits.Limits(ctx, p.Organization)
	if err != nil {
		return nil, err
	}
	err = s.store.Tx(ctx, func(tx Tx) error {
		if err := tx.LockGateway(ctx, p.Organization, p.ID); err != nil {
			return err
		}
		d, err := tx.FindDeveloper(ctx, p.Organization, p.ID, id)
		if err != nil {
			return err
		}
		ctx := as(ctx, &d)
		if d.ConsumerID != "" && d.UsagePlan == in.UsagePlan {
			return core.Errorf(core.CodeConflict, "the plan %q is the present one", in.UsagePlan)
		}
		if _, err := tx.WithdrawApplications(ctx, p.Organization, p.ID, d.ID); err != nil {
			return err
		}
		if offer.Approval {
			return s.apply(ctx, tx, &d, in)
		}
		return s.grant(ctx, tx, &d, in.UsagePlan, limits, "developer.plan")
	})
	if err != nil {
		return nil, err
	}
	return s.Profile(ctx, p, id)
}

func checkMessage(errs *contract.FieldErrors, at, text string) {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxMessage || strings.IndexByte(text, 0) >= 0 {
		errs.Add(at, fmt.Sprintf("must be text of at most %d characters", maxMessage))
	}
}

// apply notes what a developer asks the owner for.
func (s *Service) apply(ctx context.Context, tx Tx, d *Developer, in Choose) error {
	a := &Application{
		ID: core.NewID(prefixApplication), Organization: d.Organization, Gateway: d.Gateway, Developer: d.ID,
		UsagePlan: in.UsagePlan, Message: in.Message, State: Pending, CreatedAt: s.clock(),
	}
	if err := tx.InsertApplication(ctx, d.Organization, a); err != nil {
		return err
	}
	return tx.Record(ctx, d.Organization, applicationChange(a, d.Email, "developer.apply"))
}

func applicationChange(a *Application, email, action string) core.Change {
	return core.Change{
		Action: action, ResourceType: "developer_application", ResourceID: a.ID, ResourceName: email, Gateway: a.Gateway,
		Detail: map[string]string{"usage_plan": a.UsagePlan, "developer": a.Developer},
	}
}

// consumerName is the consumer that a developer becomes: it says what it is and
// can't be taken by another.
func consumerName(id string) string { return "dev-" + strings.TrimPrefix(id, prefixDeveloper+"_") }

// grant gives a developer a usage plan, in the transaction that holds the
// gateway's lock.
func (s *Service) grant(ctx context.Context, tx Tx, d *Developer, plan string, limits core.Limits, action string) error {
	name := d.Consumer
	if d.ConsumerID == "" {
		name = consumerName(d.ID)
		if err := roomForConsumer(ctx, tx, d, limits); err != nil {
			return err
		}
	}
	metadata, err := json.Marshal(map[string]string{"developer": d.ID, "email": d.Email, "name": d.Name})
	if err != nil {
		return fmt.Errorf("encode metadata: %w", err)
	}
	done, err := tx.GrantPlan(ctx, d.Organization, Grant{Gateway: d.Gateway, Consumer: name, UsagePlan: plan, Metadata: metadata})
	if err != nil {
		return err
	}
	d.ConsumerID, d.Consumer, d.UsagePlan = done.ConsumerID, name, plan
	if err := tx.UpdateDeveloper(ctx, d.Organization, d); err != nil {
		return err
	}
	c := accountChange(d, action, map[string]any{"usage_plan": plan, "consumer": name, "created": done.Created})
	c.Publish = done.Publish
	told := event.Event{Type: event.ConsumerUpdated, About: event.Consumer{ID: done.ConsumerID, Name: name, UsagePlan: plan}}
	if done.Created {
		told.Type = event.ConsumerCreated
	}
	c.Events = []event.Event{told}
	return tx.Record(ctx, d.Organization, c)
}

func roomForConsumer(ctx context.Context, tx Tx, d *Developer, limits core.Limits) error {
	if limits.Consumers == 0 {
		return nil
	}
	n, err := tx.CountConsumers(ctx, d.Organization, d.Gateway)
	if err != nil {
		return err
	}
	if n >= limits.Consumers {
		return core.Errorf(core.CodeLimitReached, "this gateway takes no more consumers at the moment: ask its owner")
	}
	return nil
}

// Withdraw takes a developer's open application back.
func (s *Service) Withdraw(ctx context.Context, p *Portal, id string) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		d, err := tx.FindDeveloper(ctx, p.Organization, p.ID, id)
		if err != nil {
			return err
		}
		n, err := tx.WithdrawApplications(ctx, p.Organization, p.ID, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return core.Errorf(core.CodeNotFound, "no application is open")
		}
		return tx.Record(as(ctx, &d), p.Organization, accountChange(&d, "developer.withdraw", nil))
	})
}

// Applications returns a page of those in a state (empty: all), newest first.
func (s *Service) Applications(ctx context.Context, g Gateway, state string, page core.Page) (core.List[Application], error) {
	limit, before, err := page.After()
	if err != nil {
		return core.List[Application]{}, err
	}
	items, err := view(ctx, s, func(r Rows) ([]Application, error) {
		return r.ListApplications(ctx, g.Organization, g.ID, state, before, limit+1)
	})
	if err != nil {
		return core.List[Application]{}, err
	}
	return core.NextPage(items, limit, func(a Application) string { return a.ID }), nil
}

// Approve gives a developer the plan that was asked for.
func (s *Service) Approve(ctx context.Context, g Gateway, id string) (*Application, error) {
	limits, err := s.limits.Limits(ctx, g.Organization)
	if err != nil {
		return nil, err
	}
	return s.decide(ctx, g, id, Approved, "", func(ctx context.Context, tx Tx, d *Developer, a *Application) error {
		return s.grant(ctx, tx, d, a.UsagePlan, limits, "developer.approve")
	})
}

// Refuse says no, with a reason that the developer is shown.
func (s *Service) Refuse(ctx context.Context, g Gateway, id, reason string) (*Application, error) {
	var errs contract.FieldErrors
	checkMessage(&errs, "/reason", reason)
	if err := core.Invalid(errs.Err()); err != nil {
		return nil, err
	}
	return s.decide(ctx, g, id, Refused, reason, func(ctx context.Context, tx Tx, d *Developer, a *Application) error {
		return tx.Record(ctx, g.Organization, applicationChange(a, d.Email, "developer.refuse"))
	})
}

func (s *Service) decide(ctx context.Context, g Gateway, id, state, reason string, do func(context.Context, Tx, *Developer, *Application) error) (*Application, error) {
	var out Application
	err := s.store.Tx(ctx, func(tx Tx) error {
		if err := tx.LockGateway(ctx, g.Organization, g.ID); err != nil {
			return err
		}
		a, err := tx.FindApplication(ctx, g.Organization, g.ID, id)
		if err != nil {
			return err
		}
		d, err := tx.FindDeveloper(ctx, g.Organization, g.ID, a.Developer)
		if err != nil {
			return err
		}
		a.State, a.Reason, a.DecidedBy, a.DecidedAt = state, reason, core.ActorFrom(ctx).Name, s.clock()
		if err := tx.DecideApplication(ctx, g.Organization, &a); err != nil {
			return err
		}
		out = a
		return do(ctx, tx, &d, &a)
	})
	if err != nil {
		return nil, err
	}
	return &out, s.queue(ctx, taskDecided, task{Organization: g.Organization, Gateway: g.ID, Application: id, Email: out.Email})
}
