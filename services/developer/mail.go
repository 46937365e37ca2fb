package developer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/mailform"
)

// Kinds of tasks.
const (
	taskSignup  = "developer.signup"
	taskResend  = "developer.resend"
	taskForgot  = "developer.forgot"
	taskDecided = "developer.decided"
)

// Tasks are the kinds that Write takes.
var Tasks = []string{taskSignup, taskResend, taskForgot, taskDecided}

// Kinds of one-time links.
const (
	linkVerify = "verify"
	linkReset  = "reset"
)

// task is what waits in the queue of mails. Whether there is anything to send is
// found out when its turn comes.
type task struct {
	Organization core.OrganizationID
	Gateway      string
	Email        string
	Name         string `json:",omitempty"`
	Hash         string `json:",omitempty"` // of the password
	Application  string `json:",omitempty"`
}

func (t *task) developer() *Developer {
	return &Developer{
		ID: core.NewID(prefixDeveloper), Organization: t.Organization, Gateway: t.Gateway,
		Email: t.Email, Name: t.Name, PasswordHash: t.Hash,
	}
}

// Mail is what a task becomes.
type Mail struct {
	To   string
	Form mailform.Form
}

// Write does a task and returns its mail; nil when there is nothing to send. It
// may be called again when sending failed.
func (s *Service) Write(ctx context.Context, kind string, payload []byte) (*Mail, error) {
	var t task
	if err := json.Unmarshal(payload, &t); err != nil {
		return nil, fmt.Errorf("decode task: %w", err)
	}
	p, err := view(ctx, s, func(r Rows) (Portal, error) { return r.FindPortal(ctx, t.Organization, t.Gateway) })
	if core.CodeOf(err) == core.CodeNotFound && err != nil {
		return nil, nil // the gateway has gone
	}
	if err != nil {
		return nil, err
	}
	if !p.Published && kind != taskDecided {
		return nil, nil
	}
	switch kind {
	case taskSignup:
		return s.writeSignup(ctx, &p, &t)
	case taskResend, taskForgot:
		return s.writeLink(ctx, &p, kind, t.Email)
	case taskDecided:
		return s.writeDecided(ctx, &p, &t)
	}
	return nil, fmt.Errorf("task %q is not known", kind)
}

// writeSignup makes the account, or one that waits for its proof anew, and mails
// the link; whoever has a proved account is told so.
func (s *Service) writeSignup(ctx context.Context, p *Portal, t *task) (*Mail, error) {
	secret := newSecret()
	known := false
	err := s.store.Tx(ctx, func(tx Tx) error {
		d, err := tx.FindDeveloperByEmail(ctx, p.Organization, p.ID, emailKey(t.Email))
		switch {
		case core.CodeOf(err) == core.CodeNotFound && err != nil:
			d = *t.developer()
			if err := s.insert(ctx, tx, p, &d); err != nil {
				return err
			}
		case err != nil:
			return err
		case d.Verified():
			known = true
			return nil
		default: // nobody has proved it: the newest wish counts
			d.Name, d.PasswordHash = t.Name, t.Hash
			if err := tx.UpdateDeveloper(ctx, p.Organization, &d); err != nil {
				return err
			}
		}
		return s.putLink(ctx, tx, &d, linkVerify, secret)
	})
	switch {
	case core.CodeOf(err) == core.CodeLimitReached && err != nil:
		return nil, nil
	case err != nil:
		return nil, err
	case known:
		return knownMail(p, t.Email, s.URL(p.Label)), nil
	}
	return verifyMail(p, t.Email, s.link(p, linkVerify, secret)), nil
}

// putLink stores a link for a developer.
func (s *Service) putLink(ctx context.Context, tx Tx, d *Developer, kind, secret string) error {
	lasts := resetLasts
	if kind == linkVerify {
		lasts = verifyLasts
	}
	return tx.PutLink(ctx, d.Organization, &Link{
		Hash: s.hash("link", kind, d.Gateway, secret), Kind: kind, Organization: d.Organization, Gateway: d.Gateway,
		Developer: d.ID, ExpiresAt: s.clock().Add(lasts),
	})
}

// link is the address that a mail shows. Its base is configured: no header of a
// request has a part in it.
func (s *Service) link(p *Portal, kind, secret string) string {
	return s.URL(p.Label) + "/" + kind + "?token=" + url.QueryEscape(secret)
}

// writeLink mails a link to an account that is there and needs it.
func (s *Service) writeLink(ctx context.Context, p *Portal, kind, email string) (*Mail, error) {
	secret := newSecret()
	var d Developer
	send := false
	err := s.store.Tx(ctx, func(tx Tx) (err error) {
		d, err = tx.FindDeveloperByEmail(ctx, p.Organization, p.ID, emailKey(email))
		if core.CodeOf(err) == core.CodeNotFound && err != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if kind == taskResend {
			if send = !d.Verified(); !send {
				return nil
			}
			return s.putLink(ctx, tx, &d, linkVerify, secret)
		}
		send = true
		return s.putLink(ctx, tx, &d, linkReset, secret)
	})
	switch {
	case err != nil || !send:
		return nil, err
	case kind == taskResend:
		return verifyMail(p, d.Email, s.link(p, linkVerify, secret)), nil
	}
	return resetMail(p, d.Email, s.link(p, linkReset, secret)), nil
}

func (s *Service) writeDecided(ctx context.Context, p *Portal, t *task) (*Mail, error) {
	a, err := view(ctx, s, func(r Rows) (Application, error) {
		return r.FindApplication(ctx, t.Organization, t.Gateway, t.Application)
	})
	if core.CodeOf(err) == core.CodeNotFound && err != nil {
		return nil, nil // the account has gone
	}
	if err != nil {
		return nil, err
	}
	return decidedMail(p, &a, s.URL(p.Label)), nil
}

func verifyMail(p *Portal, to, link string) *Mail {
	return &Mail{to, mailform.Form{
		From:    p.Name,
		Subject: "Confirm your address for " + p.Name,
		Text:    []string{"Welcome to the developer portal of " + p.Name + ".", "Follow this link within 7 days to confirm that this address is yours."},
		Action:  &mailform.Action{Label: "Confirm the address", URL: link},
		After:   []string{"If you did not sign up, do nothing: the account is never made."},
	}}
}

func knownMail(p *Portal, to, page string) *Mail {
	return &Mail{to, mailform.Form{
		From:    p.Name,
		Subject: "You have an account at " + p.Name,
		Text:    []string{"Somebody, hopefully you, tried to sign up at the developer portal of " + p.Name + " with this address, which has an account already.", "Sign in there, or set a new password."},
		Action:  &mailform.Action{Label: "Open the portal", URL: page},
		After:   []string{"If it was not you, do nothing: nothing was changed."},
	}}
}

func resetMail(p *Portal, to, link string) *Mail {
	return &Mail{to, mailform.Form{
		From:    p.Name,
		Subject: "Set a new password for " + p.Name,
		Text:    []string{"Somebody, hopefully you, asked to set a new password at the developer portal of " + p.Name + ".", "Follow this link within 30 minutes; it works once."},
		Action:  &mailform.Action{Label: "Set a new password", URL: link},
		After:   []string{"If it was not you, do nothing: your password stays as it is."},
	}}
}

func decidedMail(p *Portal, a *Application, page string) *Mail {
	f := mailform.Form{
		From:    p.Name,
		Subject: "Your plan at " + p.Name + " is approved",
		Text:    []string{"You have the plan \"" + a.UsagePlan + "\" at " + p.Name + " now."},
		Action:  &mailform.Action{Label: "Make API keys", URL: page},
		Why:     "You applied for this plan.",
	}
	if a.State != Approved {
		f.Subject = "Your application at " + p.Name + " was refused"
		f.Text = []string{"Your application for the plan \"" + a.UsagePlan + "\" at " + p.Name + " was refused."}
		if a.Reason != "" {
			f.Text = append(f.Text, a.Reason)
		}
		f.Action.Label = "Choose another plan"
	}
	return &Mail{a.Email, f}
}
