package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

func TestKeyTenancy(t *testing.T) {
	t.Parallel()
	storetest.Each(t, storetest.KeyTenancy)
}

func record(t *testing.T, db *store.DB, kid uint64) *contract.KeyRecord {
	t.Helper()
	list, err := store.Publisher{DB: db}.Records(t.Context(), []uint64{kid})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d records, %v", len(list), err)
	}
	return list[0]
}

func TestKeyLife(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		d.Consumer(t, org, g, "ann")
		ctx := t.Context()
		issued, err := d.Keys.Create(ctx, org, apikey.Create{Gateway: "shop", Consumer: "ann", Name: "ci", Scopes: []string{"read", "write"}})
		if err != nil {
			t.Fatal(err)
		}
		p, ok := contract.ParseKey(issued.Secret)
		if !ok || p.KID != issued.Key.KID || !strings.HasPrefix(issued.Secret, issued.Key.Prefix+"_") {
			t.Errorf("secret %q, key %+v", issued.Secret, issued.Key)
		}
		plan, err := d.Gateways.UsagePlans.Get(ctx, org, g.ID, "gold")
		if err != nil {
			t.Fatal(err)
		}
		r := record(t, db, p.KID)
		if r.Version != 1 || r.Gateway != g.Num || r.UsagePlan != plan.Value.Num || r.State != contract.KeyActive || r.ConsumerRef != "ann" ||
			strings.Join(r.Scopes, " ") != "read write" || r.Hash != contract.HashKey(&d.Root.Edge.Pepper, issued.Secret) {
			t.Errorf("record %+v", r)
		}
		secret := issued.Secret[len(issued.Key.Prefix)+1:]
		for _, table := range []string{"api_keys", "audit", "outbox"} {
			if n := storetest.Count(t, db, table, "CAST("+map[string]string{"api_keys": "name", "audit": "detail", "outbox": "ref"}[table]+" AS text) LIKE ?", "%"+secret+"%"); n != 0 {
				t.Errorf("the secret is in %s", table)
			}
		}
		// Changing the consumer's plan or name publishes its keys anew.
		if _, err := d.Consumers.Put(ctx, org, gateway.PutConsumer{Gateway: g.ID, Name: "ann", NewName: "anna"}); err != nil {
			t.Fatal(err)
		}
		if r = record(t, db, p.KID); r.Version != 2 || r.UsagePlan != 0 || r.ConsumerRef != "anna" {
			t.Errorf("record after the consumer's change %+v", r)
		}
		k, err := d.Keys.Revoke(ctx, org, apikey.Target{Gateway: g.ID, ID: issued.Key.ID})
		if err != nil || k.Version != 3 || k.Status(time.Now()) != apikey.StatusRevoked {
			t.Fatalf("revoked %+v, %v", k, err)
		}
		if k, err = d.Keys.Revoke(ctx, org, apikey.Target{Gateway: g.ID, ID: issued.Key.ID}); err != nil || k.Version != 3 {
			t.Errorf("revoked twice: %+v, %v", k, err)
		}
		if n := storetest.Count(t, db, "outbox", "kind = 'key' AND kid = ?", p.KID); n != 3 {
			t.Errorf("%d outbox rows, want 3", n)
		}
		name := "x"
		_, err = d.Keys.Update(ctx, org, apikey.Update{Target: apikey.Target{Gateway: g.ID, ID: k.ID}, Name: &name})
		wantCode(t, err, core.CodeConflict)
		_, err = d.Keys.Rotate(ctx, org, apikey.Rotate{Target: apikey.Target{Gateway: g.ID, ID: k.ID}})
		wantCode(t, err, core.CodeConflict)
	})
}

func TestRotate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		d.Limits = core.Limits{Plan: "free", Keys: 1}
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		d.Consumer(t, org, g, "ann")
		old := d.Key(t, org, g, "ann")
		before := time.Now()
		out, err := d.Keys.Rotate(t.Context(), org, apikey.Rotate{Target: apikey.Target{Gateway: g.ID, ID: old.Key.ID}})
		if err != nil {
			t.Fatal(err)
		}
		if out.Key.KID == old.Key.KID || out.Secret == old.Secret || out.Old.RotatedTo != out.Key.KID {
			t.Errorf("rotated %+v", out)
		}
		if left := out.Old.Expires.Sub(before); left < apikey.DefaultOverlap-time.Minute || left > apikey.DefaultOverlap+time.Minute {
			t.Errorf("the old key ends in %s", left)
		}
		if r := record(t, db, old.Key.KID); !r.Rotated || r.Version != 2 || r.Expires == 0 {
			t.Errorf("record %+v", r)
		}
		zero, much := time.Duration(0), apikey.MaxOverlap+time.Second
		_, err = d.Keys.Rotate(t.Context(), org, apikey.Rotate{Target: apikey.Target{Gateway: g.ID, ID: out.Key.ID}, Overlap: &much})
		wantFields(t, err, "/overlap")
		last, err := d.Keys.Rotate(t.Context(), org, apikey.Rotate{Target: apikey.Target{Gateway: g.ID, ID: out.Key.ID}, Overlap: &zero})
		if err != nil {
			t.Fatal(err)
		}
		if st := last.Old.Status(time.Now()); st != apikey.StatusExpired {
			t.Errorf("after an overlap of 0 the key is %s", st)
		}
		// The limit is one key, and one is active.
		_, err = d.Keys.Create(t.Context(), org, apikey.Create{Gateway: g.ID, Consumer: "ann"})
		wantCode(t, err, core.CodeLimitReached)
	})
}

func TestKeyInput(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	d := storetest.NewDomain(t, db)
	org := storetest.Organization(t, db, "acme")
	g := d.Gateway(t, org, "shop")
	d.Consumer(t, org, g, "ann")
	for name, c := range map[string]struct {
		in       apikey.Create
		pointers []string
	}{
		"nothing":     {apikey.Create{Gateway: g.ID}, []string{"/consumer"}},
		"unknown":     {apikey.Create{Gateway: g.ID, Consumer: "bob", UsagePlan: "lead"}, []string{"/consumer", "/usage_plan"}},
		"past":        {apikey.Create{Gateway: g.ID, Consumer: "ann", Expires: time.Unix(1, 0)}, []string{"/expires_at"}},
		"scopes":      {apikey.Create{Gateway: g.ID, Consumer: "ann", Scopes: []string{"a b", "", "ok"}}, []string{"/scopes/0", "/scopes/1"}},
		"name":        {apikey.Create{Gateway: g.ID, Consumer: "ann", Name: "a\nb"}, []string{"/name"}},
		"never valid": {apikey.Create{Gateway: g.ID, Consumer: "ann", NotBefore: time.Now().Add(2 * time.Hour), Expires: time.Now().Add(time.Hour)}, []string{"/not_before"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.Keys.Create(t.Context(), org, c.in)
			wantFields(t, err, c.pointers...)
		})
	}
	_, err := d.Keys.Get(t.Context(), org, g.ID, "key_short")
	wantCode(t, err, core.CodeNotFound)
}

// TestKeyLimitUnderParallelCreates is row ACC20: 100 creates at once, limit 10.
// Nobody is turned away but for the limit.
func TestKeyLimitUnderParallelCreates(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{10, 1000, 0} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				d := storetest.NewDomain(t, db)
				d.Limits = core.Limits{Plan: "free", Keys: limit}
				org := storetest.Organization(t, db, "acme")
				g := d.Gateway(t, org, "shop")
				d.Consumer(t, org, g, "ann")
				errs := make([]error, 100)
				var all sync.WaitGroup
				for i := range errs {
					all.Go(func() {
						_, errs[i] = d.Keys.Create(context.WithoutCancel(t.Context()), org, apikey.Create{Gateway: g.ID, Consumer: "ann"})
					})
				}
				all.Wait()
				made, want := 0, len(errs)
				if limit == 10 {
					want = limit
				}
				for _, err := range errs {
					if err == nil {
						made++
					} else if core.CodeOf(err) != core.CodeLimitReached {
						t.Errorf("limit %d: got %v", limit, err)
					}
				}
				stored := storetest.Count(t, db, "api_keys", "organization_id = ?", string(org))
				if made != want || stored != want {
					t.Errorf("%d keys were answered and %d stored, the limit is %d", made, stored, limit)
				}
			})
		})
	}
}

// TestKeyRoomIsFound: what ended makes room that is found when the counted room
// is used up, and a smaller plan holds at once.
func TestKeyRoomIsFound(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		d.Limits = core.Limits{Plan: "free", Keys: 3}
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		d.Consumer(t, org, g, "ann")
		full := func() {
			t.Helper()
			_, err := d.Keys.Create(t.Context(), org, apikey.Create{Gateway: g.ID, Consumer: "ann"})
			wantCode(t, err, core.CodeLimitReached)
		}
		first := d.Key(t, org, g, "ann").Key
		d.Key(t, org, g, "ann")
		d.Key(t, org, g, "ann")
		full()
		if _, err := d.Keys.Revoke(t.Context(), org, apikey.Target{Gateway: g.ID, ID: first.ID}); err != nil {
			t.Fatal(err)
		}
		d.Key(t, org, g, "ann")
		full()
		d.Limits.Keys = 10
		d.Key(t, org, g, "ann") // room for six more is counted
		d.Limits.Keys = 4
		full()
	})
}

func TestDeletedConsumerEndsItsKeys(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		d.Consumer(t, org, g, "ann")
		k := d.Key(t, org, g, "ann").Key
		if err := d.Consumers.Delete(t.Context(), org, gateway.Delete{Gateway: g.ID, Name: "ann"}); err != nil {
			t.Fatal(err)
		}
		if r := record(t, db, k.KID); r.State != contract.KeyDeleted || r.Version != 2 || r.Consumer != 0 {
			t.Errorf("record %+v", r)
		}
		if n := storetest.Count(t, db, "outbox", "kind = 'key' AND kid = ? AND version = 2", k.KID); n != 1 {
			t.Errorf("%d outbox rows", n)
		}
		list, err := d.Keys.List(t.Context(), org, apikey.List{Gateway: g.ID})
		if err != nil || len(list.Items) != 1 || list.Items[0].Status(time.Now()) != apikey.StatusDeleted {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestKeysPage(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		d.Consumer(t, org, g, "ann")
		d.Consumer(t, org, g, "bob")
		want := map[string]bool{}
		for range 5 {
			want[d.Key(t, org, g, "ann").Key.ID] = true
		}
		d.Key(t, org, g, "bob")
		var cursor string
		for pages := 0; ; pages++ {
			list, err := d.Keys.List(t.Context(), org, apikey.List{Gateway: g.ID, Consumer: "ann", Listing: core.Listing{Page: core.Page{Limit: 2, Cursor: cursor}}})
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range list.Items {
				if !want[k.ID] {
					t.Errorf("%s came twice or is not ann's", k.ID)
				}
				delete(want, k.ID)
			}
			if cursor = list.Next; cursor == "" {
				if pages != 2 {
					t.Errorf("%d pages", pages+1)
				}
				break
			}
		}
		if len(want) != 0 {
			t.Errorf("never listed: %v", want)
		}
		_, err := d.Keys.List(t.Context(), org, apikey.List{Gateway: g.ID, Listing: core.Listing{Page: core.Page{Cursor: "MTp4"}}})
		wantFields(t, err, "/cursor")
	})
}
