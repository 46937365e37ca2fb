package store

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/usage"
)

// Gateway resolves an id or a name.
func (u *Usage) Gateway(ctx context.Context, org core.OrganizationID, ref string) (usage.Gateway, error) {
	var g usage.Gateway
	err := u.DB.View(ctx, func(db *gorm.DB) error {
		err := db.Table("gateways").Select("id, num").
			Where("organization_id = ? AND (id = ? OR name = ?) AND deleted_at = 0", string(org), ref, ref).
			Limit(1).Scan(&g).Error
		if err == nil && g.Num == 0 {
			return core.NotFound("gateway", ref)
		}
		return err
	})
	return g, err
}

// ours is the condition that a gateway's number belongs to the organization.
const ours = "gateway = ? AND EXISTS (SELECT 1 FROM gateways g WHERE g.num = ? AND g.organization_id = ?)"

// named says where the resources of a group are.
func named(by usage.Group) (table, num string, err error) {
	switch by {
	case usage.GroupRoute:
		return "routes", "num", nil
	case usage.GroupConsumer:
		return "consumers", "num", nil
	case usage.GroupKey:
		return "api_keys", "kid", nil
	}
	return "", "", fmt.Errorf("group %q has no resources", by)
}

// routesAndStreams are what traffic is counted by as routes: the numbers of the two
// never meet. Where a route and a stream share a name, the route comes first.
const routesAndStreams = "(SELECT num, id, name, organization_id, gateway_id FROM routes UNION ALL " +
	"SELECT num, id, name, organization_id, gateway_id FROM streams ORDER BY num) AS routes"

// Names returns id and name by number.
func (u *Usage) Names(ctx context.Context, org core.OrganizationID, gateway usage.Gateway, by usage.Group, nums []uint64) (map[uint64]usage.Named, error) {
	table, num, err := named(by)
	if err != nil {
		return nil, err
	}
	id := "id"
	if by == usage.GroupKey {
		id = "'' AS id" // made of the number
	}
	if by == usage.GroupRoute {
		table = routesAndStreams
	}
	var rows []struct {
		N        uint64
		ID, Name string
	}
	err = u.DB.View(ctx, func(db *gorm.DB) error {
		return db.Table(table).Select(num+" AS n, "+id+", name").
			Where("organization_id = ? AND gateway_id = ? AND "+num+" IN ?", string(org), gateway.ID, signed(nums)).
			Scan(&rows).Error
	})
	out := make(map[uint64]usage.Named, len(rows))
	for _, r := range rows {
		if by == usage.GroupKey {
			r.ID = keyID(r.N)
		}
		out[r.N] = usage.Named{ID: r.ID, Name: r.Name}
	}
	return out, err
}

const keyPrefix = "key_"

func keyID(kid uint64) string { return keyPrefix + contract.FormatKID(kid) }

// Resolve returns a number by id or name.
func (u *Usage) Resolve(ctx context.Context, org core.OrganizationID, gateway usage.Gateway, by usage.Group, ref string) (uint64, error) {
	table, num, err := named(by)
	if err != nil {
		return 0, err
	}
	var n []uint64
	err = u.DB.View(ctx, func(db *gorm.DB) error {
		if by == usage.GroupRoute {
			table = routesAndStreams
		}
		db = db.Table(table).Where("organization_id = ? AND gateway_id = ?", string(org), gateway.ID)
		if by == usage.GroupKey {
			kid, ok := contract.ParseKID(strings.TrimPrefix(ref, keyPrefix))
			if !ok {
				return core.NotFound(string(by), ref)
			}
			db = db.Where("kid = ?", int64(kid))
		} else {
			db = db.Where("(id = ? OR name = ?)", ref, ref)
		}
		return db.Limit(1).Pluck(num, &n).Error
	})
	if err == nil && len(n) == 0 {
		err = core.NotFound(string(by), ref)
	}
	if err != nil {
		return 0, err
	}
	return n[0], nil
}
