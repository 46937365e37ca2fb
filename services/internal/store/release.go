package store

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// Releasing is gateway.Store's. The condition is that of the index routes_releasing,
// word for word.
func (s Gateways) Releasing(ctx context.Context, after string, limit int) (out []gateway.Release, err error) {
	var rows []entryRow
	err = s.DB.View(ctx, func(db *gorm.DB) error {
		return db.Table("routes").Select("routes.*").
			Where("REPLACE(tags, '"+releasing+"', '') <> tags").
			Where("routes.id > ?", after).
			Where("EXISTS (SELECT 1 FROM gateways WHERE gateways.id = routes.gateway_id AND gateways.deleted_at = 0)").
			Order("routes.id").Limit(limit).Find(&rows).Error
	})
	for i := range rows {
		var doc struct {
			Upstream string
			Policies []contract.Policy
		}
		if err := json.Unmarshal([]byte(rows[i].Document), &doc); err != nil {
			return nil, fmt.Errorf("decode route %s: %w", rows[i].ID, err)
		}
		r := gateway.ReleaseOf(doc.Policies)
		if !r.Running() {
			continue
		}
		r.Organization, r.Gateway, r.Route, r.Stable = core.OrganizationID(rows[i].OrganizationID), rows[i].GatewayID, rows[i].ID, doc.Upstream
		out = append(out, *r)
	}
	return out, err
}
