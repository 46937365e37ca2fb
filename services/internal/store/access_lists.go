package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// Consumers finds a page of consumers.
func (s Consumers) Consumers(ctx context.Context, org core.OrganizationID, id string, w gateway.ConsumerWindow) (core.Found[gateway.Consumer], error) {
	var out core.Found[gateway.Consumer]
	err := s.DB.View(ctx, func(db *gorm.DB) (err error) {
		matching := func() *gorm.DB {
			q := holding(consumers(db, org, id), &w.Window, "LOWER(consumers.name)")
			if w.UsagePlan != "" {
				q = q.Where("usage_plans.name = ?", w.UsagePlan)
			}
			return q
		}
		var rows []consumerRow
		if err := ordered(matching(), &w.Window, "consumers", "id").Find(&rows).Error; err != nil {
			return err
		}
		if out.Items, err = domainConsumers(db, org, id, rows); err != nil {
			return err
		}
		out.Total, err = counted(matching(), &w.Window)
		return err
	})
	return out, err
}

// Keys finds a page of keys. The page is found on the keys' own rows first, so
// that only its keys are joined with what they refer to.
func (s Keys) Keys(ctx context.Context, org core.OrganizationID, id string, f apikey.Filter) (core.Found[apikey.Key], error) {
	var out core.Found[apikey.Key]
	err := s.DB.View(ctx, func(db *gorm.DB) (err error) {
		matching := func() *gorm.DB { return s.matching(db, org, id, &f) }
		var kids []uint64
		if err := ordered(matching(), &f.Window, "api_keys", "kid").Pluck("api_keys.kid", &kids).Error; err != nil {
			return err
		}
		if out.Items, err = keysInOrder(db, org, id, kids); err != nil {
			return err
		}
		out.Total, err = counted(matching(), &f.Window)
		return err
	})
	return out, err
}

// keysInOrder reads keys in the order of their numbers in kids.
func keysInOrder(db *gorm.DB, org core.OrganizationID, id string, kids []uint64) ([]apikey.Key, error) {
	if len(kids) == 0 {
		return []apikey.Key{}, nil
	}
	var rows []keyRow
	// The concatenations keep SQLite, which has no statistics, from looking for
	// each of them among all of the gateway's keys.
	err := joinedKeys(db).Where("api_keys.organization_id || '' = ? AND api_keys.gateway_id || '' = ? AND api_keys.kid IN ?", string(org), id, signed(kids)).
		Find(&rows).Error
	if err != nil {
		return nil, err
	}
	at := make(map[uint64]int, len(rows))
	for i := range rows {
		at[rows[i].KID] = i
	}
	out := make([]apikey.Key, 0, len(rows))
	for _, kid := range kids {
		i, ok := at[kid]
		if !ok {
			continue // deleted in between
		}
		k, err := rows[i].domain()
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

// matching are the keys that a filter chooses, without order and page.
func (s Keys) matching(db *gorm.DB, org core.OrganizationID, id string, f *apikey.Filter) *gorm.DB {
	// Whose the gateway is, is asked of its own row: keys are counted in an index.
	q := db.Table("api_keys").Where("api_keys.gateway_id = (SELECT id FROM gateways WHERE organization_id = ? AND id = ?)", string(org), id)
	if f.Consumer != "" {
		q = q.Where("api_keys.consumer_id IN (?)", db.Table("consumers").Select("id").
			Where("organization_id = ? AND gateway_id = ? AND name = ?", string(org), id, f.Consumer))
	}
	if f.UsagePlan != "" {
		q = q.Where("api_keys.usage_plan_id IN (?)", db.Table("usage_plans").Select("id").
			Where("organization_id = ? AND gateway_id = ? AND name = ?", string(org), id, f.UsagePlan))
	}
	if f.Query != "" {
		pattern := likeWithin(f.Query)
		consumers := db.Table("consumers").Select("id").
			Where("organization_id = ? AND gateway_id = ? AND LOWER(name) LIKE ? ESCAPE '!'", string(org), id, pattern)
		q = q.Where("(LOWER(api_keys.name) LIKE ? ESCAPE '!' OR api_keys.kid BETWEEN ? AND ? OR api_keys.consumer_id IN (?))",
			pattern, int64(f.FromKID), int64(f.ToKID), consumers)
	}
	return inState(q, f.Status, s.DB.Now())
}

// inState keeps the keys that are in a state at a moment, as apikey.Key.Status
// tells it.
func inState(q *gorm.DB, status string, now int64) *gorm.DB {
	const live = "api_keys.state = ? AND (api_keys.expires_at = 0 OR api_keys.expires_at > ?)"
	switch status {
	case apikey.StatusRevoked:
		return q.Where("api_keys.state = ?", int(contract.KeyRevoked))
	case apikey.StatusDeleted:
		return q.Where("api_keys.state = ?", int(contract.KeyDeleted))
	case apikey.StatusExpired:
		return q.Where("api_keys.state = ? AND api_keys.expires_at > 0 AND api_keys.expires_at <= ?", stateActive, now)
	case apikey.StatusPending:
		return q.Where(live+" AND api_keys.not_before > ?", stateActive, now, now)
	case apikey.StatusActive:
		return q.Where(live+" AND api_keys.not_before <= ?", stateActive, now, now)
	}
	return q
}
