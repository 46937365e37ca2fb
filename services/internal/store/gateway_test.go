package store_test

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

func TestGatewayTenancy(t *testing.T) {
	t.Parallel()
	storetest.Each(t, storetest.GatewayTenancy)
}

func wantCode(t *testing.T, err error, want core.Code) *core.Error {
	t.Helper()
	var e *core.Error
	if !errors.As(err, &e) || e.Code != want {
		t.Fatalf("got error %v, want %s", err, want)
	}
	return e
}

func wantFields(t *testing.T, err error, pointers ...string) {
	t.Helper()
	e := wantCode(t, err, core.CodeInvalid)
	got := map[string]bool{}
	for _, f := range e.Fields {
		got[f.Pointer] = true
	}
	for _, p := range pointers {
		if !got[p] {
			t.Errorf("no error at %q in %v", p, e.Fields)
		}
	}
}

func TestEveryChangeLeavesVersionAuditAndOutbox(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop") // create, config
		ctx := core.WithActor(t.Context(), core.Actor{Kind: core.ActorUser, ID: "usr_1", Name: "Ann", Client: "192.0.2.1", RequestID: "r1"})
		r, err := d.Gateways.Routes.Put(ctx, org, gateway.Put[contract.Route]{Gateway: "shop", Name: "new", Value: contract.Route{Match: contract.Match{Path: "/new"}, Upstream: "backend", Public: true}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Version != 3 || !r.Created || r.Revision != 1 || r.Value.Num == 0 || !strings.HasPrefix(r.Value.ID, "rt_") {
			t.Errorf("saved %+v", r)
		}
		again, err := d.Gateways.Routes.Put(ctx, org, gateway.Put[contract.Route]{Gateway: "shop", Name: "new", Value: r.Value})
		if err != nil || again.Version != 3 || again.Created {
			t.Errorf("a change that changes nothing made version %d, %v", again.Version, err)
		}
		for table, where := range map[string]string{
			"gateway_versions": "gateway_id = ?",
			"outbox":           "kind = 'gateway' AND ref = ?",
			"audit":            "gateway_id = ?",
		} {
			if n := storetest.Count(t, db, table, where, g.ID); n != 3 {
				t.Errorf("%d rows in %s, want 3", n, table)
			}
		}
		if n := storetest.Count(t, db, "audit", "actor_name = 'Ann' AND client = '192.0.2.1' AND action = 'route.create' AND resource_id = ?", r.Value.ID); n != 1 {
			t.Errorf("%d audit lines of the route", n)
		}
		v, c, err := d.Gateways.Version(ctx, org, g.ID, 3)
		if err != nil {
			t.Fatal(err)
		}
		if v.AuthorName != "Ann" || v.Summary != "create route new" || len(v.Changes) != 1 || v.Changes[0].Verb() != "create" || len(c.Routes) != 3 {
			t.Errorf("version %+v, %d routes", v, len(c.Routes))
		}
	})
}

func TestGatewayNamesAndLabels(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		a, b := storetest.Organization(t, db, "a"), storetest.Organization(t, db, "b")
		first := d.Gateway(t, a, "shop")
		if first.Hostname != "shop."+storetest.EdgeDomain {
			t.Errorf("host name %q", first.Hostname)
		}
		_, err := d.Gateways.Create(t.Context(), a, gateway.Create{Name: "shop"})
		wantCode(t, err, core.CodeNameTaken)
		other := d.Gateway(t, b, "shop")
		if !strings.HasPrefix(other.Label, "shop-") || len(other.Label) != len("shop-xxxxx") {
			t.Errorf("the second one's label is %q", other.Label)
		}
		if err := d.Gateways.Delete(t.Context(), a, first.ID, core.IfMatch{}); err != nil {
			t.Fatal(err)
		}
		_, err = d.Gateways.Get(t.Context(), a, first.ID)
		wantCode(t, err, core.CodeNotFound)
		again := d.Gateway(t, a, "shop")
		if again.Label == "shop" || again.ID == first.ID {
			t.Errorf("the label %q of a deleted gateway was taken at once", again.Label)
		}
		_, err = d.Gateways.Create(t.Context(), a, gateway.Create{Name: "-bad_", Mode: "fast"})
		wantFields(t, err, "/name", "/mode")
	})
}

func TestLabelIsFreeAfterSevenDays(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	db := storetest.Open(t, migrationstest.SQLite(t), clock)
	try := func(label, gw string) bool {
		t.Helper()
		ok := false
		err := store.Gateways{DB: db}.Tx(t.Context(), func(tx gateway.Tx) (err error) {
			ok, err = tx.TakeLabel("org", label, gw)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	org := storetest.Organization(t, db, "acme")
	d := storetest.NewDomain(t, db)
	g := d.Gateway(t, org, "shop")
	err := store.Gateways{DB: db}.Tx(t.Context(), func(tx gateway.Tx) error {
		return tx.FreeLabel(org, "shop", clock().Add(gateway.LabelReserved))
	})
	if err != nil {
		t.Fatal(err)
	}
	if try("shop", "gw_x") {
		t.Error("a reserved label was taken")
	}
	mu.Lock()
	now = now.Add(gateway.LabelReserved + time.Second)
	mu.Unlock()
	if !try("shop", "gw_x") || try("shop", g.ID) {
		t.Error("a label whose time was over could not be taken once")
	}
}

func TestPutConfigIsAllOrNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		bad := storetest.Config()
		bad.Routes[0].Upstream = "bakend"
		bad.Routes[1].Match.Path = "orders"
		bad.Upstreams[0].Targets[0].URL = "ftp://x"
		bad.UsagePlans[0].Routes = []string{"none"}
		bad.Policies = []contract.Policy{{Type: "no_such"}}
		_, err := d.Gateways.PutConfig(t.Context(), org, gateway.PutConfig{Gateway: g.ID, Config: bad})
		wantFields(t, err, "/routes/0/upstream", "/routes/1/match/path", "/upstreams/0/targets/0/url", "/usage_plans/0/routes/0", "/policies/0/type")
		c, version, err := d.Gateways.Config(t.Context(), org, g.ID)
		if err != nil || version != 2 {
			t.Fatalf("version %d, %v", version, err)
		}
		diff, err := d.Gateways.DiffConfig(t.Context(), org, g.ID, storetest.Config())
		if err != nil || len(diff.Changes) != 0 {
			t.Errorf("a refused document changed %v, %v", diff, err)
		}
		if len(c.Routes) != 2 || c.Routes[0].ID != "" || c.Routes[0].Num != 0 {
			t.Errorf("config %+v", c)
		}
		_, err = d.Gateways.PutConfig(t.Context(), org, gateway.PutConfig{Gateway: g.ID, Config: storetest.Config(), IfMatch: core.Revision(1)})
		wantCode(t, err, core.CodePreconditionFailed)
		twice := storetest.Config()
		twice.Routes = append(twice.Routes, twice.Routes[0])
		_, err = d.Gateways.PutConfig(t.Context(), org, gateway.PutConfig{Gateway: g.ID, Config: twice})
		wantFields(t, err, "/routes/2/name")
	})
}

func TestRenameKeepsIdentityAndReferences(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		ctx := t.Context()
		was, err := d.Gateways.Routes.Get(ctx, org, g.ID, "orders")
		if err != nil {
			t.Fatal(err)
		}
		value := was.Value
		value.Name = "purchases"
		is, err := d.Gateways.Routes.Put(ctx, org, gateway.Put[contract.Route]{Gateway: g.ID, Name: "orders", Value: value, IfMatch: core.Revision(was.Revision)})
		if err != nil {
			t.Fatal(err)
		}
		if is.Value.ID != was.Value.ID || is.Value.Num != was.Value.Num || is.Revision != was.Revision+1 {
			t.Errorf("renamed: %+v was %+v", is, was)
		}
		up, err := d.Gateways.Upstreams.Get(ctx, org, g.ID, "backend")
		if err != nil {
			t.Fatal(err)
		}
		up.Value.Name = "pool"
		if _, err := d.Gateways.Upstreams.Put(ctx, org, gateway.Put[contract.Upstream]{Gateway: g.ID, Name: "backend", Value: up.Value}); err != nil {
			t.Fatal(err)
		}
		c, _, err := d.Gateways.Config(ctx, org, g.ID)
		if err != nil {
			t.Fatal(err)
		}
		if c.Routes[0].Upstream != "pool" || c.UsagePlans[0].Routes[0] != "purchases" {
			t.Errorf("references were not renamed: %+v", c)
		}
		// Two routes swap their names by their ids, in one document.
		full, err := store.Gateways{DB: db}.Source(ctx, org, g.ID)
		if err != nil {
			t.Fatal(err)
		}
		swap, err := full.Config()
		if err != nil {
			t.Fatal(err)
		}
		ids := [2]string{swap.Routes[0].ID, swap.Routes[1].ID}
		swap.Routes[0].Name, swap.Routes[1].Name = swap.Routes[1].Name, swap.Routes[0].Name
		if _, err := d.Gateways.PutConfig(ctx, org, gateway.PutConfig{Gateway: g.ID, Config: *swap}); err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"purchases", "open"} {
			r, err := d.Gateways.Routes.Get(ctx, org, g.ID, name)
			if err != nil || r.Value.ID != ids[i] {
				t.Errorf("%s is %+v, %v; want %s", name, r, err, ids[i])
			}
		}
	})
}

func TestDeleteNamesWhatUsesIt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		d.Consumer(t, org, g, "ann")
		ctx := t.Context()
		_, err := d.Gateways.Upstreams.Delete(ctx, org, gateway.Delete{Gateway: g.ID, Name: "backend"})
		if e := wantCode(t, err, core.CodeInUse); !strings.Contains(e.Detail, "route open, route orders") {
			t.Errorf("detail %q", e.Detail)
		}
		_, err = d.Gateways.Routes.Delete(ctx, org, gateway.Delete{Gateway: g.ID, Name: "orders"})
		if e := wantCode(t, err, core.CodeInUse); !strings.Contains(e.Detail, "usage plan gold") {
			t.Errorf("detail %q", e.Detail)
		}
		_, err = d.Gateways.UsagePlans.Delete(ctx, org, gateway.Delete{Gateway: g.ID, Name: "gold"})
		wantCode(t, err, core.CodeInUse)
		if _, err = d.Consumers.Put(ctx, org, gateway.PutConsumer{Gateway: g.ID, Name: "ann"}); err != nil {
			t.Fatal(err)
		}
		version, err := d.Gateways.UsagePlans.Delete(ctx, org, gateway.Delete{Gateway: g.ID, Name: "gold"})
		if err != nil || version != 3 {
			t.Errorf("version %d, %v", version, err)
		}
		_, err = d.Gateways.Routes.Delete(ctx, org, gateway.Delete{Gateway: g.ID, Name: "gone"})
		wantCode(t, err, core.CodeNotFound)
	})
}

func TestSecretsAreWriteOnly(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		ctx := t.Context()
		const value = "canary-7f3a"
		s, err := d.Gateways.PutSecret(ctx, org, gateway.PutSecret{Gateway: g.ID, Name: "token", Value: []byte(value)})
		if err != nil || s.Version != 3 || !s.Created {
			t.Fatalf("%+v, %v", s, err)
		}
		src, err := store.Gateways{DB: db}.Source(ctx, org, g.ID)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(fmt.Sprintf("%s%s", src.Secrets[0].Sealed, src.Secrets[0].EdgeSealed), value) {
			t.Error("the value is in the database in clear")
		}
		open, err := d.Root.Edge.OpenSecret(g.ID+"/token", src.Secrets[0].EdgeSealed)
		if err != nil || string(open) != value {
			t.Errorf("edges read %q, %v", open, err)
		}
		if n := storetest.Count(t, db, "audit", "detail LIKE ?", "%"+value+"%"); n != 0 {
			t.Error("the value is in the audit log")
		}
		if s, err = d.Gateways.PutSecret(ctx, org, gateway.PutSecret{Gateway: g.ID, Name: "token", Value: []byte("other")}); err != nil || s.Created || s.Revision != 2 || s.Version != 4 {
			t.Errorf("%+v, %v", s, err)
		}
		if _, err := d.Gateways.DeleteSecret(ctx, org, gateway.Delete{Gateway: g.ID, Name: "token", IfMatch: core.Revision(1)}); core.CodeOf(err) != core.CodePreconditionFailed {
			t.Errorf("got %v", err)
		}
		if _, err := d.Gateways.DeleteSecret(ctx, org, gateway.Delete{Gateway: g.ID, Name: "token"}); err != nil {
			t.Error(err)
		}
	})
}

func TestRestoreLeavesConsumersAndKeys(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		ctx := t.Context()
		d.Consumer(t, org, g, "ann")
		key := d.Key(t, org, g, "ann")
		orders, err := d.Gateways.Routes.Get(ctx, org, g.ID, "orders")
		if err != nil {
			t.Fatal(err)
		}
		smaller := storetest.Config()
		smaller.Routes = smaller.Routes[1:]
		smaller.Routes[0].Priority = 7
		if _, err := d.Gateways.PutConfig(ctx, org, gateway.PutConfig{Gateway: g.ID, Config: smaller}); err != nil {
			t.Fatal(err)
		}
		done, err := d.Gateways.Restore(ctx, org, g.ID, 2, core.IfMatch{})
		if err != nil || done.Version != 4 {
			t.Fatalf("%+v, %v", done, err)
		}
		if got, want := done.Config, storetest.Config(); !reflect.DeepEqual(got.Routes, want.Routes) {
			t.Errorf("restored %+v, want %+v", got.Routes, want.Routes)
		}
		back, err := d.Gateways.Routes.Get(ctx, org, g.ID, "orders")
		if err != nil || back.Value.Num != orders.Value.Num {
			t.Errorf("route is %+v, %v; was %+v", back, err, orders)
		}
		k, err := d.Keys.Get(ctx, org, g.ID, key.Key.ID)
		if err != nil || k.Version != 1 || k.Status(time.Now()) != "active" {
			t.Errorf("key %+v, %v", k, err)
		}
		// A version without the usage plan that a consumer has can't come back.
		_, err = d.Gateways.Restore(ctx, org, g.ID, 1, core.IfMatch{})
		wantCode(t, err, core.CodeInUse)
		_, err = d.Gateways.Restore(ctx, org, g.ID, 99, core.IfMatch{})
		wantCode(t, err, core.CodeNotFound)
	})
}

func TestParallelChangesOfOneGateway(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		const n = 24
		versions := make([]uint64, n)
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				name := fmt.Sprintf("r%d", i)
				r, err := d.Gateways.Routes.Put(t.Context(), org, gateway.Put[contract.Route]{Gateway: g.ID, Name: name, Value: contract.Route{Match: contract.Match{Path: "/" + name}, Upstream: "backend", Public: true}})
				if err != nil {
					t.Error(err)
					return
				}
				versions[i] = r.Version
			})
		}
		all.Wait()
		seen := map[uint64]bool{}
		for _, v := range versions {
			if v < 3 || v > 2+n || seen[v] {
				t.Errorf("versions %v are not 3 to %d", versions, 2+n)
				break
			}
			seen[v] = true
		}
		c, _, err := d.Gateways.Config(t.Context(), org, g.ID)
		if err != nil || len(c.Routes) != n+2 {
			t.Errorf("%d routes, %v", len(c.Routes), err)
		}
	})
}

func TestGatewayLimitUnderParallelCreates(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		d.Limits = core.Limits{Plan: "free", Gateways: 3}
		org := storetest.Organization(t, db, "acme")
		var all sync.WaitGroup
		errs := make([]error, 12)
		for i := range errs {
			all.Go(func() { _, errs[i] = d.Gateways.Create(t.Context(), org, gateway.Create{Name: fmt.Sprintf("g%d", i)}) })
		}
		all.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
			} else if e := wantCode(t, err, core.CodeLimitReached); !strings.Contains(e.Detail, "free") {
				t.Errorf("detail %q", e.Detail)
			}
		}
		if made != 3 {
			t.Errorf("%d gateways were made, the limit is 3", made)
		}
	})
}

// TestHistoryRebuildsEveryVersion goes past the versions that hold a whole
// document: each one in between is rebuilt from differences.
func TestHistoryRebuildsEveryVersion(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := d.Gateway(t, org, "shop")
		ctx := t.Context()
		want := map[uint64]int{} // version → priority of the route
		for i := range 60 {
			r, err := d.Gateways.Routes.Put(ctx, org, gateway.Put[contract.Route]{Gateway: g.ID, Name: "one", Value: contract.Route{Match: contract.Match{Path: "/one"}, Upstream: "backend", Public: true, Priority: i + 1}})
			if err != nil {
				t.Fatal(err)
			}
			want[r.Version] = i + 1
		}
		if n := storetest.Count(t, db, "gateway_versions", "document IS NOT NULL"); n != 3 {
			t.Errorf("%d versions hold a whole document, want the first, the configuration and one more", n)
		}
		for version, priority := range want {
			_, c, err := d.Gateways.Version(ctx, org, g.ID, version)
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(c.Routes, func(r contract.Route) bool { return r.Name == "one" })
			if at < 0 || c.Routes[at].Priority != priority || len(c.Routes) != 3 {
				t.Errorf("version %d is %+v, want priority %d", version, c.Routes, priority)
			}
		}
		var seen []uint64
		for cursor := ""; ; {
			page, err := d.Gateways.Versions(ctx, org, g.ID, core.Page{Limit: 25, Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range page.Items {
				seen = append(seen, v.Version)
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if len(seen) != 62 || seen[0] != 62 || seen[61] != 1 || !slices.IsSortedFunc(seen, func(a, b uint64) int { return cmp.Compare(b, a) }) {
			t.Errorf("pages gave %v", seen)
		}
	})
}
