package usage

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// MaxLastUses bounds the keys of one LastUses question.
const MaxLastUses = core.MaxPage

// LastUses tells when each of a gateway's keys was last used, refusals included:
// to the minute within MinuteHistory, to the hour before. A key that was never
// used, or is not the gateway's, is left out.
func (s *Service) LastUses(ctx context.Context, org core.OrganizationID, gateway string, kids []uint64) (map[uint64]time.Time, error) {
	g, err := s.gatewayOf(ctx, org, gateway)
	if err != nil || len(kids) == 0 {
		return nil, err
	}
	return s.cfg.Store.LastUses(ctx, org, g.Num, kids[:min(len(kids), MaxLastUses)])
}
