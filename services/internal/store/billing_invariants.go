package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/billing"
)

var _ billing.InvariantStore = BillingHours{}

// Wrong counts the rows of a query at one moment.
func (b BillingHours) Wrong(ctx context.Context, query string) (n int64, err error) {
	err = b.DB.View(ctx, func(db *gorm.DB) error {
		return db.Raw("SELECT COUNT(*) FROM (" + query + ") AS wrong").Scan(&n).Error
	})
	return n, err
}
