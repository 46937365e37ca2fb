package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
)

// Billed sums what an organization's gateways were billed from the day on that
// from is in.
func (u *Usage) Billed(ctx context.Context, org core.OrganizationID, from time.Time) (n int64, err error) {
	err = u.DB.View(ctx, func(db *gorm.DB) error {
		return db.Raw(`SELECT CAST(COALESCE(SUM(s.billed), 0) AS bigint) FROM usage_sums s JOIN gateways g ON g.num = s.gateway
			WHERE g.organization_id = ? AND s.span = ? AND s.part = ? AND s.at >= ?`,
			string(org), spanDay, partGateway, from.Unix()/daySeconds).Scan(&n).Error
	})
	return n, err
}
