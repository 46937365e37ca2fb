package storetest

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
)

// BulkKeys stores n keys of a consumer without outbox rows, as if they had been
// published long ago, and returns their numbers.
func BulkKeys(t testing.TB, db *store.DB, org core.OrganizationID, c *gateway.Consumer, n int) []uint64 {
	t.Helper()
	const batch = 1000 // parameters of one statement are limited
	kids := make([]uint64, n)
	for i := range kids {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], uint64(i))
		d := sha256.Sum256(append(b[:], c.ID...))
		kids[i] = binary.BigEndian.Uint64(d[:]) >> 5 // 59 bits, as a kid has
	}
	for from := 0; from < n; from += batch {
		err := db.Tx(t.Context(), func(tx *store.Txn) error {
			rows := make([]map[string]any, 0, batch)
			for _, kid := range kids[from:min(n, from+batch)] {
				rows = append(rows, map[string]any{
					"kid": kid, "shard": contract.KeyShard(kid), "organization_id": string(org), "gateway_id": c.Gateway, "consumer_id": c.ID,
					"name": "bulk", "test": false, "hash": make([]byte, 32), "pepper": 1, "scopes": "", "state": int(contract.KeyActive),
					"version": 1, "created_by": "test", "created_at": tx.Now, "updated_at": tx.Now,
				})
			}
			return tx.Table("api_keys").Create(&rows).Error
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return kids
}
