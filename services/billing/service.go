package billing

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/mailform"
)

// Config is what New needs.
type Config struct {
	Store Store
	Plans *Plans
	// Provider takes payments; nil: there is no payment.
	Provider Provider
	// Live says whether the provider's key is of live mode: events of the other one
	// are ignored.
	Live bool
	// Letters seals mails; nil: nobody is told.
	Letters Letters
	// PublicURL is where browsers reach the portal.
	PublicURL string
	Clock     core.Clock
	Logger    *slog.Logger
}

// Letters seals mails for the queue.
type Letters interface {
	Letter(to string, form mailform.Form) (Letter, error)
}

// Service is the domain's entrance for who pays. It is safe for concurrent use.
type Service struct {
	store    Store
	plans    *Plans
	provider Provider
	clock    core.Clock
	log      *slog.Logger
	live     bool
	letters  Letters
	public   string
	shelf    shelf
	counts   tally
}

// New makes the service.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Plans == nil || c.Clock == nil || c.Logger == nil {
		return nil, errors.New("billing: store, plans, clock and logger are needed")
	}
	return &Service{
		store: c.Store, plans: c.Plans, provider: c.Provider, log: c.Logger, live: c.Live, letters: c.Letters,
		public: strings.TrimRight(c.PublicURL, "/"),
		// Times as the store gives them back.
		clock: func() time.Time { return c.Clock().UTC().Truncate(time.Millisecond) },
	}, nil
}

// Payment says whether there is a payment provider.
func (s *Service) Payment() bool { return s.provider != nil }

// view runs a read that returns one value.
func view[T any](ctx context.Context, s *Service, fn func(Rows) (T, error)) (out T, err error) {
	err = s.store.View(ctx, func(r Rows) error {
		v, err := fn(r)
		if err == nil {
			out = v
		}
		return err
	})
	return out, err
}

func errNoPayment() error {
	return core.Errorf(core.CodePaymentNotSetUp, "the operator has not set up payment: plans are chosen without it, and there are no invoices of a provider")
}
