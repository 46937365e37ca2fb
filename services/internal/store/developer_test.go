package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

func TestDeveloperTenancy(t *testing.T) {
	t.Parallel()
	storetest.Each(t, storetest.DeveloperTenancy)
}

func TestDeveloperRows(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "shop")
		w := storetest.NewDeveloperWorld(t, db, d, org, "shop")
		other := storetest.NewDeveloperWorld(t, db, d, org, "other")
		s, ctx, g := store.Developers{DB: db}, t.Context(), w.Gateway.ID
		tx := func(fn func(developer.Tx) error) error { return s.Tx(ctx, fn) }

		// One portal's accounts and sessions are nothing at another, even of the same
		// organization.
		must(t, s.View(ctx, func(r developer.Rows) error {
			if _, err := r.FindSession(ctx, org, other.Gateway.ID, w.Session.Hash, w.Session.CreatedAt); core.CodeOf(err) != core.CodeNotFound {
				t.Errorf("another portal's session: %v", err)
			}
			if _, err := r.FindDeveloper(ctx, org, other.Gateway.ID, w.Developer.ID); core.CodeOf(err) != core.CodeNotFound {
				t.Errorf("another portal's developer: %v", err)
			}
			p, err := r.PublishedPortal(ctx, w.Gateway.Label)
			if err != nil || p.ID != g || !p.HasLogo || !p.HasDocument || p.Name != "shop" {
				t.Errorf("published portal %+v, %v", p, err)
			}
			found, err := r.FindDeveloper(ctx, org, g, w.Developer.ID)
			if err != nil || found.Consumer != "dev-1" || found.UsagePlan != "gold" {
				t.Errorf("developer %+v, %v", found, err)
			}
			return nil
		}))
		if err := tx(func(tx developer.Tx) error {
			twin := w.Developer
			twin.ID, twin.Email = core.NewID("dev"), "DEV@example.com"
			return tx.InsertDeveloper(ctx, org, &twin)
		}); core.CodeOf(err) != core.CodeEmailTaken {
			t.Errorf("the same address in another case: %v", err)
		}
		if err := tx(func(tx developer.Tx) error {
			twin := w.Application
			twin.ID = core.NewID("app")
			return tx.InsertApplication(ctx, org, &twin)
		}); core.CodeOf(err) != core.CodeConflict {
			t.Errorf("a second open application: %v", err)
		}
		decide := func(state string) error {
			return tx(func(tx developer.Tx) error {
				a := w.Application
				a.State = state
				return tx.DecideApplication(ctx, org, &a)
			})
		}
		must(t, decide(developer.Refused))
		if err := decide(developer.Approved); core.CodeOf(err) != core.CodeConflict {
			t.Errorf("a decision about a decided application: %v", err)
		}

		// The consumer's other data stays when the plan changes, and its deletion
		// leaves the account.
		if _, err := d.Consumers.Put(ctx, org, gateway.PutConsumer{Gateway: g, Name: "dev-1", UsagePlan: "gold", Metadata: []byte(`{"a":1}`)}); err != nil {
			t.Fatal(err)
		}
		must(t, tx(func(tx developer.Tx) error {
			done, err := tx.GrantPlan(ctx, org, developer.Grant{Gateway: g, Consumer: "dev-1", UsagePlan: "gold", Metadata: []byte(`{"b":2}`)})
			if done.Created {
				t.Error("the consumer was made again")
			}
			return err
		}))
		if c, err := d.Consumers.Get(ctx, org, g, "dev-1"); err != nil || string(c.Metadata) != `{"a":1}` {
			t.Errorf("consumer %+v, %v", c, err)
		}
		must(t, d.Consumers.Delete(ctx, org, gateway.Delete{Gateway: g, Name: "dev-1"}))
		must(t, s.View(ctx, func(r developer.Rows) error {
			found, err := r.FindDeveloper(ctx, org, g, w.Developer.ID)
			if found.ConsumerID != "" || found.Consumer != "" {
				t.Errorf("the developer still has a consumer: %+v", found)
			}
			return err
		}))

		// A deleted gateway's portal is not found, and what expired goes.
		must(t, d.Gateways.Delete(ctx, org, g, core.IfMatch{}))
		must(t, s.View(ctx, func(r developer.Rows) error {
			if _, err := r.PublishedPortal(ctx, w.Gateway.Label); core.CodeOf(err) != core.CodeNotFound {
				t.Errorf("a deleted gateway's portal: %v", err)
			}
			return nil
		}))
		must(t, tx(func(tx developer.Tx) error { return tx.Purge(ctx, time.Now().Add(2*time.Hour), time.Now()) }))
		if n := storetest.Count(t, db, "developer_sessions", "1 = 1") + storetest.Count(t, db, "developer_links", "1 = 1"); n != 0 {
			t.Errorf("%d expired rows are left", n)
		}
		if n := storetest.Count(t, db, "developers", "1 = 1"); n != 2 {
			t.Errorf("%d accounts are left of 2 with proved addresses", n)
		}
	})
}

func TestTickets(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := store.Developers{DB: db}
		take := func(key string) (wait time.Duration) {
			must(t, s.Tx(t.Context(), func(tx developer.Tx) (err error) {
				wait, err = tx.Ticket(context.WithoutCancel(t.Context()), key, 3, time.Hour)
				return err
			}))
			return wait
		}
		for range 3 {
			if wait := take("a"); wait != 0 {
				t.Fatalf("waits %s", wait)
			}
		}
		if wait := take("a"); wait <= 0 || wait > time.Hour {
			t.Errorf("the fourth waits %s", wait)
		}
		if wait := take("b"); wait != 0 {
			t.Errorf("another key waits %s", wait)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
