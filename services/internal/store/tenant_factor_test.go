package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/tenant"
)

func TestIdentityRows(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a, b := storetest.NewAccount(t, db, "acme"), storetest.NewAccount(t, db, "beta")
		s, ctx, now := store.Tenants{DB: db}, t.Context(), core.FromMillis(core.Millis(time.Now()))
		one := tenant.LinkedIdentity{
			ID: core.NewID("idn"), UserID: a.User.ID, Provider: "corp", Issuer: "https://corp", Subject: "1", Email: "x@example.com", UsedAt: now, CreatedAt: now,
		}
		tx(t, db, func(tx tenant.Tx) error { return tx.InsertIdentity(ctx, &one) })
		err := s.Tx(ctx, func(tx tenant.Tx) error {
			two := one
			two.ID, two.UserID = core.NewID("idn"), b.User.ID
			return tx.InsertIdentity(ctx, &two)
		})
		if core.CodeOf(err) != core.CodeConflict {
			t.Errorf("an identity of two users: %v", err)
		}
		tx(t, db, func(tx tenant.Tx) error {
			got, err := tx.FindIdentity(ctx, "https://corp", "1")
			if err != nil || got != one {
				t.Errorf("found %+v, %v, want %+v", got, err, one)
			}
			if _, err := tx.FindIdentity(ctx, "https://other", "1"); core.CodeOf(err) != core.CodeNotFound {
				t.Errorf("the subject of another issuer: %v", err)
			}
			if err := tx.DeleteIdentity(ctx, b.User.ID, one.ID); core.CodeOf(err) != core.CodeNotFound {
				t.Errorf("another user deletes it: %v", err)
			}
			if err := tx.TouchIdentity(ctx, one.ID, now.Add(time.Hour)); err != nil {
				return err
			}
			list, err := tx.ListIdentities(ctx, a.User.ID)
			if err != nil || len(list) != 1 || !list[0].UsedAt.Equal(now.Add(time.Hour)) {
				t.Errorf("identities %+v, %v", list, err)
			}
			return tx.DeleteUser(ctx, a.User.ID)
		})
		tx(t, db, func(tx tenant.Tx) error {
			if _, err := tx.FindIdentity(ctx, "https://corp", "1"); core.CodeOf(err) != core.CodeNotFound {
				t.Errorf("the identity outlives its user: %v", err)
			}
			if _, err := tx.FindTokenByKID(ctx, a.Token.KID); core.CodeOf(err) != core.CodeNotFound {
				t.Errorf("a token outlives its user: %v", err)
			}
			return nil
		})
	})
}

// TestFactorsWorkOnce takes one recovery code and one key that works once from
// many sides at once.
func TestFactorsWorkOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db, "acme")
		s, ctx, now := store.Tenants{DB: db}, t.Context(), core.FromMillis(core.Millis(time.Now()))
		want := tenant.TOTP{UserID: a.User.ID, Sealed: []byte("sealed"), LastStep: 7, ConfirmedAt: now, CreatedAt: now}
		tx(t, db, func(tx tenant.Tx) error {
			if err := tx.PutTOTP(ctx, &tenant.TOTP{UserID: a.User.ID, Sealed: []byte("older"), CreatedAt: now}); err != nil {
				return err
			}
			if err := tx.PutTOTP(ctx, &want); err != nil {
				return err
			}
			got, err := tx.FindTOTP(ctx, a.User.ID)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("found %+v, %v, want %+v", got, err, want)
			}
			if err := tx.PutRecoveryCodes(ctx, a.User.ID, [][]byte{[]byte("old")}); err != nil {
				return err
			}
			return tx.PutRecoveryCodes(ctx, a.User.ID, [][]byte{[]byte("x"), []byte("y")})
		})
		var codes, spent atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if s.Tx(ctx, func(tx tenant.Tx) error { return tx.TakeRecoveryCode(ctx, a.User.ID, []byte("x")) }) == nil {
					codes.Add(1)
				}
				if s.Tx(ctx, func(tx tenant.Tx) error { return tx.Spend(ctx, "flow", now.Add(time.Hour)) }) == nil {
					spent.Add(1)
				}
			})
		}
		all.Wait()
		if codes.Load() != 1 || spent.Load() != 1 {
			t.Errorf("a recovery code worked %d times, a flow %d times", codes.Load(), spent.Load())
		}
		tx(t, db, func(tx tenant.Tx) error {
			if n, err := tx.CountRecoveryCodes(ctx, a.User.ID); err != nil || n != 1 {
				t.Errorf("%d recovery codes are left, %v", n, err)
			}
			if err := tx.PurgeSpent(ctx, now); err != nil {
				return err
			}
			if err := tx.Spend(ctx, "other", now); err != nil {
				return err
			}
			return tx.PurgeSpent(ctx, now)
		})
		tx(t, db, func(tx tenant.Tx) error { return tx.Spend(ctx, "other", now) }) // it was purged
		err := s.Tx(ctx, func(tx tenant.Tx) error { return tx.Spend(ctx, "flow", now) })
		if core.CodeOf(err) != core.CodeConflict {
			t.Errorf("a flow that was not purged: %v", err)
		}
	})
}

func TestDeletedOrganizations(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a, b := storetest.NewAccount(t, db, "acme"), storetest.NewAccount(t, db, "beta")
		ctx, now := t.Context(), core.FromMillis(core.Millis(time.Now()))
		tx(t, db, func(tx tenant.Tx) error {
			o := a.Organization
			o.DeletedAt = now
			if err := tx.UpdateOrganization(ctx, &o); err != nil {
				return err
			}
			return tx.DeleteEveryone(ctx, o.ID)
		})
		tx(t, db, func(tx tenant.Tx) error {
			list, err := tx.DeletedOrganizations(ctx, 10)
			if err != nil || len(list) != 1 || list[0].ID != a.Organization.ID || !list[0].DeletedAt.Equal(now) {
				t.Errorf("deleted %+v, %v", list, err)
			}
			ended, err := tx.EndedPeriods(ctx, now.AddDate(1, 0, 0), 10)
			if err != nil || len(ended) != 1 || ended[0].ID != b.Organization.ID {
				t.Errorf("periods go on for %+v, %v", ended, err)
			}
			if err := tx.ClearedOrganization(ctx, b.Organization.ID, now); core.CodeOf(err) != core.CodeNotFound {
				t.Errorf("one that lives is cleared: %v", err)
			}
			return tx.ClearedOrganization(ctx, a.Organization.ID, now)
		})
		tx(t, db, func(tx tenant.Tx) error {
			if list, err := tx.DeletedOrganizations(ctx, 10); err != nil || len(list) != 0 {
				t.Errorf("still to clear %+v, %v", list, err)
			}
			if list, err := tx.ListMembers(ctx, a.Organization.ID, "", 10); err != nil || len(list) != 0 {
				t.Errorf("members %+v, %v", list, err)
			}
			list, err := tx.ListMembers(ctx, b.Organization.ID, "", 10)
			if err != nil || len(list) != 1 {
				t.Errorf("the other's members %+v, %v", list, err)
			}
			return nil
		})
	})
}
