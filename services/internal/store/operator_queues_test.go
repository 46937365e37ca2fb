package store_test

import (
	"testing"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
)

// TestLagOfManyRevisions asks for more revisions than one query takes, in the middle of
// changes that were made in another order than they were sent.
func TestLagOfManyRevisions(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) {
		const newest = 250
		err := u.DB.Tx(t.Context(), func(tx *store.Txn) error {
			if err := tx.Exec("DELETE FROM publisher").Error; err != nil {
				return err
			}
			if err := tx.Exec("INSERT INTO publisher (id, rev, lineage) VALUES (1, ?, 'l')", newest).Error; err != nil {
				return err
			}
			for rev := 2; rev <= newest+1; rev++ {
				sent := rev
				if rev > newest {
					sent = 0 // waits
				}
				// Two changes in one revision, the earlier one last.
				for _, at := range []int{10_000 * rev, 10_000*rev - 1} {
					if err := tx.Exec("INSERT INTO outbox (kind, ref, organization_id, gateway_id, version, created_at, rev, sent_at) VALUES ('key', 'key_1', 'org_1', 'gw_1', 1, ?, ?, ?)", at, rev, sent).Error; err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var revs []uint64
		for rev := range uint64(newest + 3) {
			revs = append(revs, rev)
		}
		lag, err := store.Operators{DB: u.DB}.Lag(t.Context(), revs)
		if err != nil || lag.Rev != newest || lag.Lineage != "l" || len(lag.Since) != newest {
			t.Fatalf("lag %d of %q with %d times, %v", lag.Rev, lag.Lineage, len(lag.Since), err)
		}
		for rev, at := range lag.Since {
			if want := 10_000*max(int64(rev)+1, 2) - 1; core.Millis(at) != want {
				t.Errorf("after revision %d: %d, want %d", rev, core.Millis(at), want)
			}
		}
	})
}
