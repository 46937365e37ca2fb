package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/audit"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/tenant"
)

func TestTenantTenancy(t *testing.T) {
	t.Parallel()
	storetest.Each(t, storetest.TenantTenancy)
}

// tx runs one transaction that must not fail.
func tx(t *testing.T, db *store.DB, fn func(tenant.Tx) error) {
	t.Helper()
	if err := (store.Tenants{DB: db}).Tx(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func TestAccountRowsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db, "acme")
		ctx := t.Context()
		if a.Organization.Num == 0 {
			t.Error("the organization has no number")
		}
		tx(t, db, func(tx tenant.Tx) error {
			o, err := tx.FindOrganization(ctx, a.Organization.ID)
			if err != nil || o != a.Organization {
				t.Errorf("organization %+v, %v, want %+v", o, err, a.Organization)
			}
			u, err := tx.FindUserByEmail(ctx, "acme@example.com")
			if err != nil || u != a.User {
				t.Errorf("user %+v, %v, want %+v", u, err, a.User)
			}
			m, err := tx.FindMemberByUser(ctx, a.Organization.ID, a.User.ID)
			if err != nil || m != a.Member {
				t.Errorf("member %+v, %v, want %+v", m, err, a.Member)
			}
			tok, err := tx.FindTokenByKID(ctx, a.Token.KID)
			if err != nil || fmt.Sprint(tok) != fmt.Sprint(a.Token) {
				t.Errorf("token %+v, %v, want %+v", tok, err, a.Token)
			}
			list, err := tx.ListMemberships(ctx, a.User.ID, "", 10)
			if err != nil || len(list) != 1 || list[0].Organization != a.Organization || list[0].Role != tenant.RoleOwner {
				t.Errorf("memberships %+v, %v", list, err)
			}
			return nil
		})
	})
}

func TestAccountConflicts(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db, "acme")
		s, ctx := store.Tenants{DB: db}, t.Context()
		err := s.Tx(ctx, func(tx tenant.Tx) error {
			u := a.User
			u.ID, u.Email = core.NewID("usr"), "ACME@Example.com"
			return tx.InsertUser(ctx, &u)
		})
		if core.CodeOf(err) != core.CodeEmailTaken {
			t.Errorf("the same address twice: %v", err)
		}
		err = s.Tx(ctx, func(tx tenant.Tx) error {
			m := a.Member
			m.ID = core.NewID("mem")
			return tx.InsertMember(ctx, &m)
		})
		if core.CodeOf(err) != core.CodeConflict {
			t.Errorf("a member twice: %v", err)
		}
		old := a.Organization
		tx(t, db, func(tx tenant.Tx) error { o := old; o.Name = "new"; return tx.UpdateOrganization(ctx, &o) })
		err = s.Tx(ctx, func(tx tenant.Tx) error { o := old; o.Name = "newer"; return tx.UpdateOrganization(ctx, &o) })
		if core.CodeOf(err) != core.CodePreconditionFailed {
			t.Errorf("an update of an old revision: %v", err)
		}
	})
}

// TestLinksWorkOnce takes one link and one invitation from many sides at once.
func TestLinksWorkOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db, "acme")
		s, ctx, now := store.Tenants{DB: db}, t.Context(), time.Now()
		tx(t, db, func(tx tenant.Tx) error {
			return tx.PutLink(ctx, &tenant.Link{Hash: []byte("l"), Kind: "reset", UserID: a.User.ID, ExpiresAt: now.Add(time.Hour)})
		})
		var links, invitations atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				err := s.Tx(ctx, func(tx tenant.Tx) error {
					_, err := tx.TakeLink(ctx, "reset", []byte("l"), now)
					return err
				})
				if err == nil {
					links.Add(1)
				}
				err = s.Tx(ctx, func(tx tenant.Tx) error {
					_, err := tx.TakeInvitation(ctx, []byte("hash of acme"), now)
					return err
				})
				if err == nil {
					invitations.Add(1)
				}
			})
		}
		all.Wait()
		if links.Load() != 1 || invitations.Load() != 1 {
			t.Errorf("a link worked %d times, an invitation %d times", links.Load(), invitations.Load())
		}
		tx(t, db, func(tx tenant.Tx) error {
			return tx.PutLink(ctx, &tenant.Link{Hash: []byte("m"), Kind: "reset", UserID: a.User.ID, ExpiresAt: now.Add(time.Hour)})
		})
		for name, take := range map[string]struct {
			kind string
			at   time.Time
		}{"another kind": {"verify", now}, "too late": {"reset", now.Add(time.Hour)}} {
			err := s.Tx(ctx, func(tx tenant.Tx) error {
				_, err := tx.TakeLink(ctx, take.kind, []byte("m"), take.at)
				return err
			})
			if core.CodeOf(err) != core.CodeNotFound {
				t.Errorf("a link of %s: %v", name, err)
			}
		}
	})
}

// TestMailsAreClaimedOnce claims from many sides at once.
func TestMailsAreClaimedOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s, ctx, now := store.Tenants{DB: db}, t.Context(), time.Now()
		tx(t, db, func(tx tenant.Tx) error {
			for i := range 30 {
				if err := tx.InsertMail(ctx, &tenant.QueuedMail{ID: fmt.Sprint("mail", i), Sealed: []byte("s"), NextAt: now, CreatedAt: now}); err != nil {
					return err
				}
			}
			return nil
		})
		var mu sync.Mutex
		seen := map[string]int{}
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				var got []tenant.QueuedMail
				err := s.Tx(ctx, func(tx tenant.Tx) (err error) {
					got, err = tx.ClaimMails(ctx, now, now.Add(time.Minute), 10)
					return err
				})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, m := range got {
					seen[m.ID]++
				}
			})
		}
		all.Wait()
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s was claimed %d times", id, n)
			}
		}
	})
}

func TestOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s, ctx, now := store.Audits{DB: db}, t.Context(), time.Now()
		o := audit.Once{Key: "k", Digest: "d", LockedUntil: now.Add(time.Minute), Expires: now.Add(time.Hour)}
		for i, want := range []bool{true, false} {
			seen, err := s.BeginOnce(ctx, o, now)
			if err != nil || (seen == nil) != want {
				t.Fatalf("begin %d: %+v, %v", i, seen, err)
			}
		}
		if seen, err := s.BeginOnce(ctx, o, now.Add(2*time.Minute)); err != nil || seen != nil {
			t.Fatalf("a dead request was not taken over: %+v, %v", seen, err)
		}
		answer := audit.Answer{Status: 201, Headers: map[string]string{"ETag": `"1"`}, Body: []byte("{}")}
		if err := s.FinishOnce(ctx, "k", answer); err != nil {
			t.Fatal(err)
		}
		seen, err := s.BeginOnce(ctx, o, now)
		if err != nil || seen == nil || fmt.Sprint(seen.Answer) != fmt.Sprint(answer) {
			t.Fatalf("the answer came back as %+v, %v", seen, err)
		}
		if err := s.DropOnce(ctx, "k"); err != nil {
			t.Fatal(err)
		}
		if seen, err = s.BeginOnce(ctx, o, now); err != nil || seen == nil {
			t.Fatalf("an answered request was dropped: %+v, %v", seen, err)
		}
		if seen, err = s.BeginOnce(ctx, o, now.Add(2*time.Hour)); err != nil || seen != nil {
			t.Fatalf("an expired key is not free: %+v, %v", seen, err)
		}
		if n, err := s.PurgeOnce(ctx, now.Add(48*time.Hour)); err != nil || n != 1 {
			t.Fatalf("purged %d, %v", n, err)
		}
	})
}

// TestOneChangePerIdempotencyKey writes two changes under one key.
func TestOneChangePerIdempotencyKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := storetest.NewAccount(t, db, "acme")
		s, audits := store.Tenants{DB: db}, store.Audits{DB: db}
		ctx := core.WithActor(t.Context(), core.Actor{Kind: core.ActorUser, ID: a.User.ID, Idempotency: "key"})
		change := func(id string) error {
			return s.Tx(ctx, func(tx tenant.Tx) error {
				for range 2 { // the second line of one transaction carries no key
					if err := tx.Record(ctx, a.Organization.ID, core.Change{Action: "thing.create", ResourceType: "thing", ResourceID: id}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := change("first"); err != nil {
			t.Fatal(err)
		}
		if err := change("second"); core.CodeOf(err) != core.CodeConflict {
			t.Fatalf("a second change under the key: %v", err)
		}
		e, err := audits.FindOnce(t.Context(), "key")
		if err != nil || e == nil || e.ResourceID != "first" {
			t.Fatalf("found %+v, %v", e, err)
		}
		list, err := audits.List(t.Context(), a.Organization.ID, audit.Filter{Action: "thing.create"}, "", 10)
		if err != nil || len(list) != 2 || list[0].ID < list[1].ID {
			t.Fatalf("lines %+v, %v", list, err)
		}
	})
}
