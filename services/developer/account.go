package developer

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// Signup is the input of Service.Signup.
type Signup struct {
	Email    string
	Password string
	Name     string // shown to the gateway's owner
}

// Signup makes an account at a portal. Where mail is set up it only queues a task
// and says confirm: whether the address is known, the answer never tells.
// Without mail the account works at once, and a known address is CodeEmailTaken.
func (s *Service) Signup(ctx context.Context, p *Portal, in Signup) (confirm bool, err error) {
	var errs contract.FieldErrors
	s.passwords.CheckEmail("/email", in.Email, &errs)
	s.passwords.CheckPassword("/password", in.Password, in.Email, &errs)
	line(&errs, "/name", in.Name, maxName, true)
	if err := core.Invalid(errs.Err()); err != nil {
		return false, err
	}
	if err := s.take(ctx, signupClient, p.ID, client(ctx)); err != nil {
		return false, err
	}
	if err := s.take(ctx, signupPortal, p.ID); err != nil {
		return false, err
	}
	hash, err := s.passwords.Hash(ctx, in.Password)
	if err != nil {
		return false, err
	}
	if err := s.store.View(ctx, func(r Rows) error { return s.room(ctx, r, p) }); err != nil {
		return false, err
	}
	t := task{Organization: p.Organization, Gateway: p.ID, Email: in.Email, Name: in.Name, Hash: hash}
	if s.verifyMail {
		return true, s.queue(ctx, taskSignup, t)
	}
	d := t.developer()
	d.VerifiedAt = s.clock()
	return false, s.store.Tx(ctx, func(tx Tx) error { return s.insert(ctx, tx, p, d) })
}

// room refuses an account more than the gateway may have.
func (s *Service) room(ctx context.Context, r Rows, p *Portal) error {
	limits, err := s.limits.Limits(ctx, p.Organization)
	if err != nil {
		return err
	}
	most := limits.Consumers
	if most == 0 {
		most = MaxDevelopers
	}
	n, err := r.CountDevelopers(ctx, p.Organization, p.ID)
	if err != nil {
		return err
	}
	if n >= most {
		return core.Errorf(core.CodeLimitReached, "this portal takes no more accounts at the moment: ask its owner")
	}
	return nil
}

// insert stores an account; the gateway's lock keeps two from being the last.
func (s *Service) insert(ctx context.Context, tx Tx, p *Portal, d *Developer) error {
	if err := tx.LockGateway(ctx, p.Organization, p.ID); err != nil {
		return err
	}
	if err := s.room(ctx, tx, p); err != nil {
		return err
	}
	if err := tx.InsertDeveloper(ctx, p.Organization, d); err != nil {
		return err
	}
	return tx.Record(as(ctx, d), p.Organization, accountChange(d, "developer.signup", nil))
}

func accountChange(d *Developer, action string, detail any) core.Change {
	return core.Change{
		Action: action, ResourceType: "developer", ResourceID: d.ID, ResourceName: d.Email, Gateway: d.Gateway, Detail: detail,
	}
}

// queue seals a task for later.
func (s *Service) queue(ctx context.Context, kind string, t task) error {
	js, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode task: %w", err)
	}
	return s.post.Queue(ctx, kind, js)
}

// askMail counts a wish for a mail and queues its task, the same for any address.
func (s *Service) askMail(ctx context.Context, p *Portal, kind, email string) error {
	var errs contract.FieldErrors
	s.passwords.CheckEmail("/email", email, &errs)
	if err := core.Invalid(errs.Err()); err != nil {
		return err
	}
	if err := s.take(ctx, mailClient, p.ID, client(ctx)); err != nil {
		return err
	}
	if err := s.take(ctx, mailAddress, p.ID, emailKey(email)); err != nil {
		return err
	}
	return s.queue(ctx, kind, task{Organization: p.Organization, Gateway: p.ID, Email: email})
}

// Resend queues another confirmation mail, if there is an account that waits for
// one.
func (s *Service) Resend(ctx context.Context, p *Portal, email string) error {
	return s.askMail(ctx, p, taskResend, email)
}

// Forgot queues a mail that sets a new password, if there is such an account.
func (s *Service) Forgot(ctx context.Context, p *Portal, email string) error {
	return s.askMail(ctx, p, taskForgot, email)
}

// errLink is the one answer to a link that is unknown, used or too old.
func errLink() error {
	e := core.Errorf(core.CodeInvalid, "the link does not work (any more): it was used, is too old, or a newer one was sent")
	e.Fields.Add("/token", "is not valid (any more)")
	return e
}

// follow uses a link up and returns its developer.
func (s *Service) follow(ctx context.Context, tx Tx, p *Portal, kind, secret string) (*Developer, error) {
	l, err := tx.TakeLink(ctx, p.Organization, p.ID, kind, s.hash("link", kind, p.ID, secret), s.clock())
	if core.CodeOf(err) == core.CodeNotFound && err != nil {
		return nil, errLink()
	}
	if err != nil {
		return nil, err
	}
	d, err := tx.FindDeveloper(ctx, p.Organization, p.ID, l.Developer)
	return &d, err
}

// Verify proves an address with the secret of a link.
func (s *Service) Verify(ctx context.Context, p *Portal, secret string) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		d, err := s.follow(ctx, tx, p, linkVerify, secret)
		if err != nil {
			return err
		}
		if d.Verified() {
			return nil
		}
		d.VerifiedAt = s.clock()
		if err := tx.UpdateDeveloper(ctx, p.Organization, d); err != nil {
			return err
		}
		return tx.Record(as(ctx, d), p.Organization, accountChange(d, "developer.verify", nil))
	})
}

// Reset sets a new password with the secret of a link, and ends every session.
func (s *Service) Reset(ctx context.Context, p *Portal, secret, password string) error {
	var errs contract.FieldErrors
	s.passwords.CheckPassword("/password", password, "", &errs)
	if err := core.Invalid(errs.Err()); err != nil {
		return err
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(tx Tx) error {
		d, err := s.follow(ctx, tx, p, linkReset, secret)
		if err != nil {
			return err
		}
		d.PasswordHash = hash
		if !d.Verified() { // who could read the mail has proved the address
			d.VerifiedAt = s.clock()
		}
		if err := tx.UpdateDeveloper(ctx, p.Organization, d); err != nil {
			return err
		}
		if err := tx.DeleteSessions(ctx, p.Organization, d.ID, ""); err != nil {
			return err
		}
		return tx.Record(as(ctx, d), p.Organization, accountChange(d, "developer.password", nil))
	})
}

// matches checks a password of a developer, counting the try before it is made.
func (s *Service) matches(ctx context.Context, p *Portal, key, password, hash string) (bool, error) {
	for _, t := range []struct {
		ticket
		parts []string
	}{
		{perAccountClient, []string{p.ID, key, client(ctx)}},
		{perAccount, []string{p.ID, key}},
		{perClient, []string{p.ID, client(ctx)}},
	} {
		if err := s.take(ctx, t.ticket, t.parts...); err != nil {
			return false, err
		}
	}
	return s.passwords.Matches(ctx, password, hash)
}

// ChangePassword sets a new password for a developer who knows the old one, and
// ends every session but the present one.
func (s *Service) ChangePassword(ctx context.Context, p *Portal, in *Current, old, password string) error {
	var errs contract.FieldErrors
	s.passwords.CheckPassword("/password", password, in.Developer.Email, &errs)
	if err := core.Invalid(errs.Err()); err != nil {
		return err
	}
	if err := s.confirm(ctx, p, &in.Developer, old, "/current_password"); err != nil {
		return err
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(tx Tx) error {
		d, err := tx.FindDeveloper(ctx, p.Organization, p.ID, in.Developer.ID)
		if err != nil {
			return err
		}
		d.PasswordHash = hash
		if err := tx.UpdateDeveloper(ctx, p.Organization, &d); err != nil {
			return err
		}
		if err := tx.DeleteSessions(ctx, p.Organization, d.ID, in.Session.ID); err != nil {
			return err
		}
		return tx.Record(as(ctx, &d), p.Organization, accountChange(&d, "developer.password", nil))
	})
}

// confirm asks for the password again before something that can't be undone.
func (s *Service) confirm(ctx context.Context, p *Portal, d *Developer, password, pointer string) error {
	ok, err := s.matches(ctx, p, emailKey(d.Email), password, d.PasswordHash)
	if err != nil {
		return err
	}
	if !ok {
		e := core.Errorf(core.CodeInvalid, "the password is wrong")
		e.Fields.Add(pointer, "is wrong")
		return e
	}
	return nil
}

// Delete deletes a developer's own account with everything that hangs on it: the
// consumer goes too, and its keys end with the same revision.
func (s *Service) Delete(ctx context.Context, p *Portal, in *Current, password string) error {
	if err := s.confirm(ctx, p, &in.Developer, password, "/password"); err != nil {
		return err
	}
	return s.remove(as(ctx, &in.Developer), p.Gateway, in.Developer.ID)
}

// Remove deletes an account at its gateway's owner's wish.
func (s *Service) Remove(ctx context.Context, g Gateway, id string) error {
	return s.remove(ctx, g, id)
}

func (s *Service) remove(ctx context.Context, g Gateway, id string) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		if err := tx.LockGateway(ctx, g.Organization, g.ID); err != nil {
			return err
		}
		d, err := tx.FindDeveloper(ctx, g.Organization, g.ID, id)
		if err != nil {
			return err
		}
		c := accountChange(&d, "developer.delete", nil)
		if d.ConsumerID != "" {
			if c.Publish, err = tx.DropConsumer(ctx, g.Organization, g.ID, d.Consumer); err != nil {
				return err
			}
			about := event.Consumer{ID: d.ConsumerID, Name: d.Consumer, UsagePlan: d.UsagePlan, EndedKeys: len(c.Publish)}
			c.Events = []event.Event{{Type: event.ConsumerDeleted, About: about}}
		}
		c.Detail = map[string]int{"keys": len(c.Publish)}
		if err := tx.DeleteDeveloper(ctx, g.Organization, g.ID, id); err != nil {
			return err
		}
		return tx.Record(ctx, g.Organization, c)
	})
}

// Developers returns a page of a gateway's accounts, oldest first.
func (s *Service) Developers(ctx context.Context, g Gateway, page core.Page) (core.List[Developer], error) {
	limit, after, err := page.After()
	if err != nil {
		return core.List[Developer]{}, err
	}
	items, err := view(ctx, s, func(r Rows) ([]Developer, error) {
		return r.ListDevelopers(ctx, g.Organization, g.ID, after, limit+1)
	})
	if err != nil {
		return core.List[Developer]{}, err
	}
	return core.NextPage(items, limit, func(d Developer) string { return d.ID }), nil
}

// unseen is long enough ago for a session's last use to be written.
func unseen(seen, now time.Time) bool { return now.Sub(seen) >= seenEvery }
