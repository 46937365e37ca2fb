package tenant

import (
	"context"
	"encoding/json"

	"github.com/tollgate/tollgate/services/contract"
)

// Passwords are the rules and the work of passwords for other accounts than
// users. Each has slots of its own, so that a crowd at one kind of account keeps
// nobody from signing in at the other.
type Passwords struct{ h *hasher }

// NewPasswords makes one.
func NewPasswords(cost HashCost) (*Passwords, error) {
	h, err := newHasher(cost)
	return &Passwords{h}, err
}

// CheckEmail names what is wrong with an address.
func (*Passwords) CheckEmail(pointer, email string, errs *contract.FieldErrors) {
	checkEmail(pointer, email, errs)
}

// CheckPassword names what is wrong with a new password.
func (*Passwords) CheckPassword(pointer, password, email string, errs *contract.FieldErrors) {
	checkPassword(pointer, password, email, errs)
}

// Hash returns the stored form of a password.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	return p.h.hash(ctx, password)
}

// Matches compares a password with a stored hash; an empty hash takes as long and
// never matches.
func (p *Passwords) Matches(ctx context.Context, password, hash string) (bool, error) {
	return p.h.matches(ctx, password, hash)
}

// Task is work of another domain that becomes a mail when its turn comes. It is
// kept sealed, as mails are.
type Task struct {
	Kind    string
	Payload json.RawMessage
}

// TaskWriter does a task. It returns nil when there is nothing to send, and is
// called again when sending failed.
type TaskWriter func(ctx context.Context, t Task) (*Mail, error)

// OnTasks sets who writes the mails of tasks. It is called before RunMail.
func (s *Service) OnTasks(w TaskWriter) { s.writeTask = w }

// QueueTask adds a task to the queue of mails.
func (s *Service) QueueTask(ctx context.Context, t Task) error {
	err := s.store.Tx(ctx, func(tx Tx) error { return s.queue(ctx, tx, letter{Task: &t}) })
	if err == nil {
		s.poke()
	}
	return err
}
