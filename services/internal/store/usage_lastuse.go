package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
)

// LastUses reads the newest minute or hour in which keys were counted. Each key
// is two probes of an index, whatever it was used for. CROSS JOIN has SQLite keep
// the order of the tables: it would look for each among all keys of the gateway.
func (u *Usage) LastUses(ctx context.Context, org core.OrganizationID, gateway uint64, kids []uint64) (map[uint64]time.Time, error) {
	type in struct {
		Kid uint64 `json:"kid"`
	}
	rows := make([]in, len(kids))
	for i, kid := range kids {
		rows[i].Kid = kid
	}
	out := make(map[uint64]time.Time, len(kids))
	err := u.DB.View(ctx, func(db *gorm.DB) error {
		query := (&Txn{DB: db, d: u.DB}).input([]string{"kid"}, nil) + `SELECT i.kid,
			(SELECT m.minute FROM usage_minutes m WHERE m.kid = i.kid AND m.kid <> 0 ORDER BY m.minute DESC LIMIT 1) AS minute,
			(SELECT c.hour FROM usage_counters c WHERE c.kid = i.kid AND c.kid <> 0 ORDER BY c.hour DESC LIMIT 1) AS hour
			FROM input i CROSS JOIN api_keys k CROSS JOIN gateways g
			WHERE k.kid = i.kid AND g.id = k.gateway_id AND g.num = ? AND g.organization_id = ?`
		return eachChunk(rows, func(js string) error {
			var found []struct {
				Kid          uint64
				Minute, Hour int64
			}
			if err := db.Raw(query, js, int64(gateway), string(org)).Scan(&found).Error; err != nil {
				return err
			}
			for _, f := range found {
				if at := max(f.Minute*60, f.Hour*3600); at > 0 {
					out[f.Kid] = time.Unix(at, 0).UTC()
				}
			}
			return nil
		})
	})
	return out, err
}
