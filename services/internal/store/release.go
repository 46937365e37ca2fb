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
func (s Gateways) Releasing(ctx context.Context, after string, limit int) ([]gateway.Release, error) {
	var rows []entryRow
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		return db.Table("routes").Select("routes.*").
			Where("REPLACE(tags, '"+releasing+"', '') <> tags").
			Where("routes.id > ?", after).
			Where("EXISTS (SELECT 1 FROM gateways WHERE gateways.id = routes.gateway_id AND gateways.deleted_at = 0)").
			Order("routes.id").Limit(limit).Find(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	return releasesIn(rows, (*gateway.Release).Running)
}

// FailedReleases is gateway.Store's.
func (s Gateways) FailedReleases(ctx context.Context, org core.OrganizationID, id string) ([]gateway.Release, error) {
	var rows []entryRow
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		return db.Table("routes").Where("organization_id = ? AND gateway_id = ?", string(org), id).
			Where("REPLACE(tags, '" + releaseFailed + "', '') <> tags").Order("id").Find(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	return releasesIn(rows, (*gateway.Release).Failed)
}

// releasesIn reads the releases of routes, of those that are wanted.
func releasesIn(rows []entryRow, want func(*gateway.Release) bool) (out []gateway.Release, err error) {
	for i := range rows {
		var doc struct {
			Upstream string
			Policies []contract.Policy
		}
		if err := json.Unmarshal([]byte(rows[i].Document), &doc); err != nil {
			return nil, fmt.Errorf("decode route %s: %w", rows[i].ID, err)
		}
		r := gateway.ReleaseOf(doc.Policies)
		if !want(r) {
			continue
		}
		r.Organization, r.Gateway, r.Route, r.RouteName, r.Stable = core.OrganizationID(rows[i].OrganizationID), rows[i].GatewayID, rows[i].ID, rows[i].Name, doc.Upstream
		out = append(out, *r)
	}
	return out, nil
}
