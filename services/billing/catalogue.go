package billing

import (
	"context"
	"sync"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

const (
	// catalogueLasts is how long ids of prices are believed.
	catalogueLasts = time.Hour
	// catalogueTime bounds one fetch, which makes what lacks.
	catalogueTime = time.Minute
)

// shelf keeps the provider's catalogue.
type shelf struct {
	mu       sync.Mutex // guards the rest
	have     Catalogue
	fetched  time.Time
	fetching *fetching // nil: nobody fetches it
}

// fetching is a fetch that is under way, for all who wait for it.
type fetching struct {
	done chan struct{} // closed when the rest is there
	got  Catalogue
	err  error
}

// Catalogue are the provider's ids of what can be bought, made where they lack. It is
// fetched once for all who ask meanwhile, whoever of them goes away.
func (s *Service) Catalogue(ctx context.Context) (Catalogue, error) {
	if s.provider == nil {
		return Catalogue{}, errNoPayment()
	}
	s.shelf.mu.Lock()
	if !s.shelf.fetched.IsZero() && s.clock().Sub(s.shelf.fetched) < catalogueLasts {
		defer s.shelf.mu.Unlock()
		return s.shelf.have, nil
	}
	if f := s.shelf.fetching; f != nil {
		s.shelf.mu.Unlock()
		select {
		case <-f.done:
			return f.got, f.err
		case <-ctx.Done():
			return Catalogue{}, ctx.Err()
		}
	}
	f := &fetching{done: make(chan struct{})}
	s.shelf.fetching = f
	s.shelf.mu.Unlock()
	s.fetchCatalogue(context.WithoutCancel(ctx), f)
	return f.got, f.err
}

func (s *Service) fetchCatalogue(ctx context.Context, f *fetching) {
	defer func() {
		s.shelf.mu.Lock()
		defer s.shelf.mu.Unlock()
		s.shelf.fetching = nil
		if f.err == nil {
			s.shelf.have, s.shelf.fetched = f.got, s.clock()
		}
		close(f.done)
	}()
	ctx, cancel := context.WithTimeout(ctx, catalogueTime)
	defer cancel()
	f.err = &ProviderError{Kind: ErrorTemporary, Call: "fetch catalogue"} // what stays if it panics
	f.err = attempt(ctx, func() (err error) {
		f.got, err = s.provider.Catalogue(ctx, s.plans.List())
		return err
	})
}

// ForgetCatalogue has the ids of prices fetched anew: one of them was refused.
func (s *Service) ForgetCatalogue() {
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	s.shelf.fetched = time.Time{}
}

// priced returns the ids of a paid plan.
func (s *Service) priced(ctx context.Context, plan string) (Catalogue, CataloguePlan, error) {
	c, err := s.Catalogue(ctx)
	if err != nil {
		return c, CataloguePlan{}, s.refused(err)
	}
	p, ok := c.Plans[plan]
	if !ok {
		return c, p, core.Errorf(core.CodeConflict, "the plan %q costs nothing and needs no checkout", plan)
	}
	return c, p, nil
}
