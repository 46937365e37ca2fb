package billing

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// is says whether an error is the provider's, of a kind.
func is(err error, kind ErrorKind) bool {
	var e *ProviderError
	return errors.As(err, &e) && e.Kind == kind
}

const (
	tries     = 4                      // of one call whose outcome is not known
	firstWait = 100 * time.Millisecond // doubled each time, and jittered
	longWait  = 2 * time.Second        // longer ones are the caller's business
)

// attempt calls until the outcome is known: do has the same key each time.
func attempt(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		var e *ProviderError
		if err == nil || n == tries || !errors.As(err, &e) || e.Kind != ErrorTemporary || e.RetryAfter > longWait {
			return err
		}
		wait := firstWait << n
		t := time.NewTimer(max(e.RetryAfter, wait/2+rand.N(wait/2)))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return err
		}
	}
}

// refused makes what a caller may know of a provider's error. What is the
// operator's to mend is logged.
func (s *Service) refused(err error) error {
	var e *ProviderError
	if !errors.As(err, &e) {
		return err
	}
	switch e.Kind {
	case ErrorRefused:
		return core.Wrap(core.CodePaymentRefused, err, "the bank refused the payment or wants to hear from you, and nothing has changed: put in another card, then try again")
	case ErrorTemporary:
		out := core.Wrap(core.CodeUnavailable, err, "the payment provider does not answer; try again in a moment")
		out.RetryAfter = max(e.RetryAfter, time.Second)
		return out
	}
	s.counts.alarms.Add(1)
	s.log.Error("the payment provider refuses what billing asks of it", "error", err)
	out := core.Wrap(core.CodeUnavailable, err, "the payment provider refuses this at the moment; the operator has been told")
	out.RetryAfter = time.Minute
	return out
}
