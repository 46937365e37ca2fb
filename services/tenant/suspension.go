package tenant

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/mailform"
)

// SuspendedBy says who keeps an organization from being served.
type SuspendedBy string

// Who suspends. Each lifts only its own suspension: an invoice that is paid does
// not end what an operator decided, nor the other way round.
const (
	SuspendedByOperator SuspendedBy = "operator"
	SuspendedByBilling  SuspendedBy = "billing"
)

// Suspension is one reason why an organization is not served.
type Suspension struct {
	By      SuspendedBy
	Reason  string // the organization's members read it
	Message string // of an operator to the owners; may be empty
	At      time.Time
}

// Bounds of what operators write, in characters.
const (
	MaxReason  = 500
	MaxMessage = 2000
)

// CheckText names what is wrong with a text of several lines, which holds from
// least (0 or 1) to most characters.
func CheckText(pointer, s string, least, most int, errs *contract.FieldErrors) {
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s):
		errs.Add(pointer, "must be UTF-8")
	case least > 0 && strings.TrimSpace(s) == "":
		errs.Add(pointer, "must not be empty")
	case n > most:
		errs.Add(pointer, fmt.Sprintf("must be at most %d characters", most))
	case strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\t' }) >= 0:
		errs.Add(pointer, "must not hold control or invisible characters")
	}
}

// Suspensions returns why an organization is suspended; none for one that is not.
func (s *Service) Suspensions(ctx context.Context, org core.OrganizationID) ([]Suspension, error) {
	return view(ctx, s, func(r Rows) ([]Suspension, error) { return r.ListSuspensions(ctx, org) })
}

// SetSuspended suspends an organization for one of two causes, or lifts what that
// cause has set. It is served again when no cause is left. Asking for what is
// there already changes nothing. Edges are told by the same transaction.
func (s *Service) SetSuspended(ctx context.Context, org core.OrganizationID, by SuspendedBy, reason string, on bool) (Organization, error) {
	o, _, err := s.setSuspended(ctx, org, Suspension{By: by, Reason: reason}, on, nil)
	return o, err
}

// SuspendInput is what an operator says of a suspension.
type SuspendInput struct {
	Reason  string // shown to the members, kept in both audits
	Message string // to the owners, in the mail and in the portal; may be empty
}

// Validate names every bad field.
func (in *SuspendInput) Validate() error {
	var errs contract.FieldErrors
	CheckText("/reason", in.Reason, 1, MaxReason, &errs)
	CheckText("/message", in.Message, 0, MaxMessage, &errs)
	return core.Invalid(errs.Err())
}

// Suspend suspends an organization for an operator, and mails owners and billing
// members.
func (s *Service) Suspend(ctx context.Context, org core.OrganizationID, in SuspendInput) (Organization, error) {
	if err := in.Validate(); err != nil {
		return Organization{}, err
	}
	to := Suspension{By: SuspendedByOperator, Reason: in.Reason, Message: in.Message}
	return s.suspendAndTell(ctx, org, to, true)
}

// Resume lifts an operator's suspension, and mails owners and billing members. A
// suspension by billing stays.
func (s *Service) Resume(ctx context.Context, org core.OrganizationID, reason string) (Organization, error) {
	var errs contract.FieldErrors
	CheckText("/reason", reason, 1, MaxReason, &errs)
	if err := core.Invalid(errs.Err()); err != nil {
		return Organization{}, err
	}
	return s.suspendAndTell(ctx, org, Suspension{By: SuspendedByOperator, Reason: reason}, false)
}

func (s *Service) suspendAndTell(ctx context.Context, org core.OrganizationID, to Suspension, on bool) (Organization, error) {
	o, changed, err := s.setSuspended(ctx, org, to, on, func(tx Tx, o *Organization) error {
		return s.tellPayers(ctx, tx, o, func(m *Member) Mail { return s.suspensionMail(m.Email, o, &to, on) })
	})
	if changed {
		s.poke()
	}
	return o, err
}

// setSuspended changes one cause's suspension, and does more in the transaction
// when that changes something.
func (s *Service) setSuspended(ctx context.Context, org core.OrganizationID, to Suspension, on bool, more func(Tx, *Organization) error) (o Organization, changed bool, err error) {
	err = s.store.Tx(ctx, func(tx Tx) (err error) {
		changed = false
		if o, err = tx.FindOrganization(ctx, org); err != nil {
			return err
		}
		if !o.DeletedAt.IsZero() {
			return core.NotFound("organization", string(org))
		}
		all, err := tx.ListSuspensions(ctx, org)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(x Suspension) bool { return x.By == to.By })
		if on == (i >= 0) && (!on || all[i].Reason == to.Reason && all[i].Message == to.Message) {
			return nil
		}
		changed = true
		action, others := "organization.suspend", len(all) > 1 || len(all) == 1 && i < 0
		detail := map[string]any{"by": to.By, "reason": to.Reason}
		if on {
			to.At = s.clock()
			if i >= 0 {
				to.At = all[i].At
			}
			err = tx.PutSuspension(ctx, org, &to)
		} else {
			action = "organization.resume"
			err = tx.DeleteSuspension(ctx, org, to.By)
		}
		if err != nil {
			return err
		}
		o.Suspended = on || others
		detail["suspended"] = o.Suspended
		if err := s.updateOrganization(ctx, tx, &o, action, detail); err != nil {
			return err
		}
		if more == nil {
			return nil
		}
		return more(tx, &o)
	})
	return o, changed && err == nil, err
}

// tellPayers queues a mail to every owner and billing member.
func (s *Service) tellPayers(ctx context.Context, tx Tx, o *Organization, write func(*Member) Mail) error {
	for after := ""; ; {
		all, err := tx.ListMembers(ctx, o.ID, after, core.MaxPage)
		if err != nil {
			return err
		}
		for i := range all {
			if m := &all[i]; m.Role == RoleOwner || m.Role == RoleBilling {
				if err := s.queue(ctx, tx, letter{Mail: write(m)}); err != nil {
					return err
				}
			}
		}
		if len(all) < core.MaxPage {
			return nil
		}
		after = all[len(all)-1].ID
	}
}

func (s *Service) suspensionMail(to string, o *Organization, x *Suspension, on bool) Mail {
	f := mailform.Form{
		Subject: o.Name + " is served again",
		Text:    []string{"The operator of this Tollgate has ended the suspension of " + o.Name + "."},
		Facts:   []mailform.Fact{{Name: "Reason", Value: x.Reason}},
		Action:  &mailform.Action{Label: "Open the portal", URL: s.base + "/"},
		After:   []string{"Its gateways answer again."},
		Why:     "You are an owner of " + o.Name + " or look after its payments.",
	}
	switch {
	case on:
		f.Subject = o.Name + " is suspended"
		f.Text = []string{"The operator of this Tollgate has suspended " + o.Name + ". Its gateways answer 403 organization_suspended from now on."}
		if x.Message != "" {
			f.Text = append(f.Text, x.Message)
		}
		f.After = []string{"Nothing is lost, and everything can still be read in the portal. Write to the operator to have the suspension ended."}
	case o.Suspended:
		f.Subject = "The operator's suspension of " + o.Name + " has ended"
		f.After = []string{"It stays suspended until its invoices are paid."}
		f.Action = &mailform.Action{Label: "Open the subscription", URL: s.base + "/subscription"}
	}
	return Compose(to, f)
}
