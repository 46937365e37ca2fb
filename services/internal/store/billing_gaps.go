package store

import (
	"context"
	"slices"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
)

// gapRow are hours without a subscription.
type gapRow struct {
	Organization uint64
	FromHour     int64
	ToHour       int64
}

func (gapRow) TableName() string { return "billing_gaps" }

func (r *gapRow) domain() billing.Period { return billing.Period{Start: r.FromHour, End: r.ToHour} }

// inNoGap is the condition for the hours `h` that there was a subscription in, or
// that were before the first one.
const inNoGap = ` AND NOT EXISTS (SELECT 1 FROM billing_gaps g WHERE g.organization = h.organization AND g.from_hour <= h.hour AND g.to_hour > h.hour)`

// PutGaps stores hours without a subscription, where they are new.
func (r *billingRows) PutGaps(_ context.Context, org core.OrganizationID, first int64, gaps []billing.Period) error {
	var num uint64
	if err := take(r.db.Model(&organizationRow{}).Select("num").Where("id = ?", string(org)), &num, "organization", string(org)); err != nil {
		return err
	}
	var had []gapRow
	if err := r.db.Where("organization = ?", num).Order("from_hour").Find(&had).Error; err != nil {
		return err
	}
	var want []gapRow
	for _, g := range had {
		if g.FromHour < first {
			g.ToHour = min(g.ToHour, first)
			want = append(want, g)
		}
	}
	for _, g := range gaps {
		want = append(want, gapRow{Organization: num, FromHour: g.Start, ToHour: g.End})
	}
	if slices.Equal(had, want) {
		return nil
	}
	if err := r.db.Where("organization = ?", num).Delete(&gapRow{}).Error; err != nil || len(want) == 0 {
		return err
	}
	return r.db.Create(&want).Error
}
