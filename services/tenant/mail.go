package tenant

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/mailform"
)

// Mail is one message: in plain text, and with HTML too, the same as HTML.
type Mail struct {
	To      string
	Subject string
	Text    string
	HTML    string `json:",omitempty"`
}

// Compose writes a form as a mail to an address.
func Compose(to string, f mailform.Form) Mail {
	m := Mail{To: to, Subject: f.Subject}
	m.Text, m.HTML = f.Write()
	return m
}

// Mailer sends a mail, or says why it couldn't.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// QueuedMail is a mail that waits; what it says is sealed, since it may hold a link.
type QueuedMail struct {
	ID        string
	Sealed    []byte
	Attempts  int
	NextAt    time.Time
	CreatedAt time.Time
}

// letter is what QueuedMail.Sealed holds. A letter that asks for a reset has no
// text yet: the address is looked up when it is sent, so that asking takes the
// same work whether there is such a user or not.
type letter struct {
	Mail
	ResetFor string `json:",omitempty"` // e-mail key
	Task     *Task  `json:",omitempty"` // of another domain, written likewise
}

const (
	mailBatch   = 20
	mailClaim   = 2 * time.Minute // longer than sending a batch takes
	mailTries   = 12              // about a day
	mailPoll    = 2 * time.Second
	mailTimeout = 30 * time.Second
)

// queue adds a letter to the transaction.
func (s *Service) queue(ctx context.Context, tx Tx, l letter) error {
	id := core.NewID("mail")
	js, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode mail: %w", err)
	}
	sealed, err := contract.Seal(s.mailKey, id, js)
	if err != nil {
		return fmt.Errorf("seal mail: %w", err)
	}
	now := s.clock()
	return tx.InsertMail(ctx, &QueuedMail{ID: id, Sealed: sealed, NextAt: now, CreatedAt: now})
}

// poke wakes RunMail after a commit; without it mail waits for the next poll.
func (s *Service) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// RunMail sends what is queued until ctx ends. Several processes may run it. A
// mail that can't be sent is tried again with growing pauses for about a day.
func (s *Service) RunMail(ctx context.Context, m Mailer) error {
	t := time.NewTicker(mailPoll)
	defer t.Stop()
	for {
		if err := s.SendMail(ctx, m); err != nil && ctx.Err() == nil {
			s.log.Warn("mail queue can't be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		case <-s.wake:
		}
	}
}

// SendMail sends what is due now, once.
func (s *Service) SendMail(ctx context.Context, m Mailer) error {
	for {
		now := s.clock()
		var due []QueuedMail
		err := s.store.Tx(ctx, func(tx Tx) (err error) {
			due, err = tx.ClaimMails(ctx, now, now.Add(mailClaim), mailBatch)
			return err
		})
		if err != nil || len(due) == 0 {
			return err
		}
		for i := range due {
			if err := s.deliver(ctx, m, &due[i]); err != nil {
				return err
			}
		}
	}
}

// deliver sends one mail and forgets it, or plans its next try.
func (s *Service) deliver(ctx context.Context, m Mailer, q *QueuedMail) error {
	err := s.sendOne(ctx, m, q)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.store.Tx(ctx, func(tx Tx) error {
		switch {
		case err == nil:
			return tx.DeleteMail(ctx, q.ID)
		case q.Attempts+1 >= mailTries:
			s.log.Error("mail given up", "mail", q.ID, "tries", q.Attempts+1, "error", err)
			return tx.DeleteMail(ctx, q.ID)
		default:
			s.log.Warn("mail not sent, will be tried again", "mail", q.ID, "error", err)
			pause := min(4*time.Hour, 30*time.Second<<q.Attempts)
			return tx.RetryMail(ctx, q.ID, s.clock().Add(pause), fmt.Sprintf("%.500v", err))
		}
	})
}

func (s *Service) sendOne(ctx context.Context, m Mailer, q *QueuedMail) error {
	js, err := contract.Open(s.mailKey, q.ID, q.Sealed)
	if err != nil {
		return err
	}
	var l letter
	if err := json.Unmarshal(js, &l); err != nil {
		return fmt.Errorf("decode mail: %w", err)
	}
	if l.ResetFor != "" {
		send, err := s.writeReset(ctx, &l)
		if err != nil || !send {
			return err
		}
	}
	if l.Task != nil {
		if s.writeTask == nil {
			return fmt.Errorf("nobody writes mails of %s", l.Task.Kind)
		}
		written, err := s.writeTask(ctx, *l.Task)
		if err != nil || written == nil {
			return err
		}
		l.Mail = *written
	}
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	return m.Send(ctx, l.Mail)
}

// writeReset makes the link of a password reset, if there is such a user.
func (s *Service) writeReset(ctx context.Context, l *letter) (known bool, err error) {
	u, err := view(ctx, s, func(r Rows) (User, error) { return r.FindUserByEmail(ctx, l.ResetFor) })
	if core.CodeOf(err) == core.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	secret := newSecret()
	err = s.store.Tx(ctx, func(tx Tx) error {
		return tx.PutLink(ctx, &Link{
			Hash: s.linkHash(linkReset, secret), Kind: linkReset,
			UserID: u.ID, ExpiresAt: s.clock().Add(resetLasts),
		})
	})
	if err != nil {
		return false, err
	}
	l.Mail = resetMail(u.Email, s.linkURL("/reset", secret))
	return true, nil
}

func resetMail(to, link string) Mail {
	return Compose(to, mailform.Form{
		Subject: "Set a new password for Tollgate",
		Text:    []string{"Somebody, hopefully you, asked to set a new password for your Tollgate account.", "Follow this link within 30 minutes; it works once."},
		Action:  &mailform.Action{Label: "Set a new password", URL: link},
		After:   []string{"If it was not you, do nothing: your password stays as it is."},
	})
}

func verifyMailText(to, link string) Mail {
	return Compose(to, mailform.Form{
		Subject: "Confirm your address for Tollgate",
		Text:    []string{"Welcome to Tollgate.", "Follow this link within 7 days to confirm that this address is yours."},
		Action:  &mailform.Action{Label: "Confirm the address", URL: link},
		After:   []string{"Until then your organization may serve 100 requests a day.", "If you did not sign up, do nothing."},
	})
}

func inviteMail(to, organization, inviter, link string) Mail {
	return Compose(to, mailform.Form{
		Subject: "You are invited to an organization on Tollgate",
		Text: []string{
			inviter + " invites you to join the organization \"" + organization + "\" on Tollgate.",
			"Follow this link within 7 days; it works once, and only for this address.",
		},
		Action: &mailform.Action{Label: "Join the organization", URL: link},
		After:  []string{"If you do not know the sender, do nothing."},
	})
}

func emailMail(to, link string) Mail {
	return Compose(to, mailform.Form{
		Subject: "Confirm your new address for Tollgate",
		Text:    []string{"Somebody, hopefully you, asked to use this address for their Tollgate account.", "Follow this link within 24 hours to confirm it; it works once."},
		Action:  &mailform.Action{Label: "Confirm the address", URL: link},
		After:   []string{"If it was not you, do nothing."},
	})
}

// noticeMail tells the owner of an account what happened to it.
func noticeMail(to, subject, text string) Mail {
	return Compose(to, mailform.Form{
		Subject: subject,
		Text:    []string{text, "If it was not you, set a new password at once and look at your sessions and linked sign-ins."},
	})
}
