package usage

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Billed counts what all gateways of an organization, deleted ones too, were
// billed from a time on, which is taken to the whole day (UTC) that it is in.
func (s *Service) Billed(ctx context.Context, org core.OrganizationID, from time.Time) (int64, error) {
	return s.cfg.Store.Billed(ctx, org, from.UTC())
}
