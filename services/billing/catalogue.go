package billing

import (
	"context"
	"sync"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// catalogueLasts is how long ids of prices are believed.
const catalogueLasts = time.Hour

// shelf keeps the provider's catalogue.
type shelf struct {
	mu      sync.Mutex // held while the catalogue is fetched: one fetch at a time
	have    Catalogue
	fetched time.Time
}

// Catalogue are the provider's ids of what can be bought, made where they lack.
func (s *Service) Catalogue(ctx context.Context) (Catalogue, error) {
	if s.provider == nil {
		return Catalogue{}, errNoPayment()
	}
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	now := s.clock()
	if !s.shelf.fetched.IsZero() && now.Sub(s.shelf.fetched) < catalogueLasts {
		return s.shelf.have, nil
	}
	var c Catalogue
	err := attempt(ctx, func() (err error) {
		c, err = s.provider.Catalogue(ctx, s.plans.List())
		return err
	})
	if err != nil {
		return Catalogue{}, err
	}
	s.shelf.have, s.shelf.fetched = c, now
	return c, nil
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
