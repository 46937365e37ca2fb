package store_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

const gitShop = "git:shop"

func openRoute(name, path string) contract.Route {
	return contract.Route{Name: name, Match: contract.Match{Path: path}, Upstream: "backend", Public: true}
}

// applier applies for an owner, to a gateway made in the portal with Config.
type applier struct {
	*testing.T
	d   *storetest.Domain
	org core.OrganizationID
}

func (a *applier) apply(in gateway.Apply) *gateway.ApplyResult {
	a.Helper()
	in.Gateway = "shop"
	r, err := a.d.Gateways.Apply(a.Context(), a.org, in)
	if err != nil {
		a.Fatal(err)
	}
	return r
}

func (a *applier) refused(in gateway.Apply, words ...string) {
	a.Helper()
	in.Gateway = "shop"
	for name, try := range map[string]func() error{
		"check": func() error { _, err := a.d.Gateways.CheckApply(a.Context(), a.org, in); return err },
		"apply": func() error { _, err := a.d.Gateways.Apply(a.Context(), a.org, in); return err },
	} {
		e := wantCode(a.T, try(), core.CodeManagedElsewhere)
		for _, w := range words {
			if !strings.Contains(e.Detail, w) {
				a.Errorf("%s: %q does not say %q", name, e.Detail, w)
			}
		}
	}
}

// owners are the routes with whose they are.
func (a *applier) owners() map[string]string {
	a.Helper()
	l, err := a.d.Gateways.Routes.List(a.Context(), a.org, gateway.ListInput{Gateway: "shop"})
	if err != nil {
		a.Fatal(err)
	}
	out := map[string]string{}
	for i := range l.Items {
		out[l.Items[i].Value.Name] = l.Items[i].ManagedBy
	}
	return out
}

func (a *applier) want(owners map[string]string) {
	a.Helper()
	got := a.owners()
	if len(got) != len(owners) {
		a.Errorf("the routes are %v, want %v", got, owners)
	}
	for name, owner := range owners {
		if o, ok := got[name]; !ok || o != owner {
			a.Errorf("the routes are %v, want %v", got, owners)
		}
	}
}

func eachApplier(t *testing.T, run func(a *applier)) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a := &applier{t, storetest.NewDomain(t, db), storetest.Organization(t, db, "acme")}
		a.d.Gateway(t, a.org, "shop")
		run(a)
	})
}

// TestApplyPrunesOnlyItsOwn: a sync deletes what its owner made, and nothing of the
// portal's or of another owner's.
func TestApplyPrunesOnlyItsOwn(t *testing.T) {
	eachApplier(t, func(a *applier) {
		shop := gateway.Config{Routes: []contract.Route{openRoute("a", "/a"), openRoute("b", "/b")}}
		first := a.apply(gateway.Apply{Owner: gitShop, Prune: true, Config: shop})
		if len(first.Changes) != 2 || first.Version != 3 {
			a.Errorf("the first apply made version %d with %d changes", first.Version, len(first.Changes))
		}
		a.apply(gateway.Apply{Owner: "git:base", Prune: true, Config: gateway.Config{Routes: []contract.Route{openRoute("c", "/c")}}})
		a.want(map[string]string{"open": "", "orders": "", "a": gitShop, "b": gitShop, "c": "git:base"})
		if again := a.apply(gateway.Apply{Owner: gitShop, Prune: true, Config: shop}); len(again.Changes) != 0 || again.Version != 4 {
			a.Errorf("applied again it makes version %d: %v", again.Version, again.Changes)
		}
		shop.Routes = shop.Routes[:1]
		check, err := a.d.Gateways.CheckApply(a.Context(), a.org, gateway.Apply{Gateway: "shop", Owner: gitShop, Prune: true, Config: shop})
		if err != nil || len(check.Changes) != 1 || check.Changes[0].Verb() != "delete" || check.Version != 4 {
			a.Errorf("the check says %+v, %v", check, err)
		}
		a.apply(gateway.Apply{Owner: gitShop, Config: shop}) // without prune it stays
		a.want(map[string]string{"open": "", "orders": "", "a": gitShop, "b": gitShop, "c": "git:base"})
		a.apply(gateway.Apply{Owner: gitShop, Prune: true, Config: shop})
		a.want(map[string]string{"open": "", "orders": "", "a": gitShop, "c": "git:base"})
		_, err = a.d.Gateways.Apply(a.Context(), a.org, gateway.Apply{Gateway: "shop", Prune: true, Config: shop})
		wantFields(a.T, err, "/owner")
	})
}

// TestApplyRefusesWhatIsSomebodyElses: a conflict says whose it is; taken over, it is
// the owner's, in one version.
func TestApplyRefusesWhatIsSomebodyElses(t *testing.T) {
	eachApplier(t, func(a *applier) {
		a.apply(gateway.Apply{Owner: "git:base", Config: gateway.Config{Routes: []contract.Route{openRoute("c", "/c")}}})
		mine := gateway.Config{Routes: []contract.Route{openRoute("c", "/mine"), openRoute("open", "/mine2"), openRoute("new", "/new")}}
		a.refused(gateway.Apply{Owner: gitShop, Config: mine}, "route c is managed by git:base", "route open is managed by nobody", "git:shop's")
		a.refused(gateway.Apply{Config: gateway.Config{Routes: mine.Routes[:1]}}, "route c is managed by git:base", "nobody's")
		a.want(map[string]string{"open": "", "orders": "", "c": "git:base"})

		// What is alike is nobody's matter, and stays whose it is.
		same := a.apply(gateway.Apply{Owner: gitShop, Config: gateway.Config{Routes: []contract.Route{openRoute("c", "/c")}}})
		if len(same.Changes) != 0 || len(same.TakenOver) != 0 {
			a.Errorf("what is alike was changed: %+v", same)
		}
		done := a.apply(gateway.Apply{Owner: gitShop, TakeOver: true, Config: mine})
		if len(done.Changes) != 3 || len(done.TakenOver) != 2 {
			a.Errorf("taken over: %+v", done)
		}
		a.want(map[string]string{"open": gitShop, "orders": "", "c": gitShop, "new": gitShop})

		// Taken over as it stands, and given up again: no version, but an owner.
		version := done.Version
		alike := gateway.Config{Routes: []contract.Route{{Name: "orders", Match: contract.Match{Path: "/orders/{id}"}, Upstream: "backend", Policies: []contract.Policy{{Type: "api_key"}}}}}
		if r := a.apply(gateway.Apply{Owner: gitShop, TakeOver: true, Config: alike}); len(r.Changes) != 0 || len(r.TakenOver) != 1 || r.Version != version {
			a.Errorf("taken over as it stands: %+v", r)
		}
		a.apply(gateway.Apply{TakeOver: true, Config: gateway.Config{Routes: mine.Routes[:1]}})
		a.want(map[string]string{"open": gitShop, "orders": gitShop, "c": "", "new": gitShop})
	})
}

// TestOwnersSurviveOrdinaryCalls: a PUT keeps the mark, whoever sends it, and deleting
// takes it along.
func TestOwnersSurviveOrdinaryCalls(t *testing.T) {
	eachApplier(t, func(a *applier) {
		a.apply(gateway.Apply{Owner: gitShop, Config: gateway.Config{Routes: []contract.Route{openRoute("a", "/a")}}})
		put := gateway.Put[contract.Route]{Gateway: "shop", Name: "a", Value: openRoute("a2", "/changed")}
		saved, err := a.d.Gateways.Routes.Put(a.Context(), a.org, put)
		if err != nil || saved.ManagedBy != gitShop {
			a.Errorf("a PUT answers %+v, %v", saved, err)
		}
		a.want(map[string]string{"open": "", "orders": "", "a2": gitShop})
		if _, err := a.d.Gateways.Routes.Delete(a.Context(), a.org, gateway.Delete{Gateway: "shop", Name: "a2"}); err != nil {
			a.Fatal(err)
		}
		put.Name, put.Value = "a2", openRoute("a2", "/again")
		if _, err := a.d.Gateways.Routes.Put(a.Context(), a.org, put); err != nil {
			a.Fatal(err)
		}
		a.want(map[string]string{"open": "", "orders": "", "a2": ""})
	})
}

// TestApplySettings: what was not given stays; the gateway's own are the owner's who
// gave some.
func TestApplySettings(t *testing.T) {
	eachApplier(t, func(a *applier) {
		policies := []contract.Policy{{Type: "ip_filter", Config: []byte(`{"allow":["10.0.0.0/8"]}`)}}
		a.apply(gateway.Apply{Owner: gitShop, Config: gateway.Config{Policies: policies, Settings: gateway.Settings{ServerTiming: true}}, Given: []string{"policies", "server_timing"}})
		half := 0.5
		a.apply(gateway.Apply{Owner: gitShop, Config: gateway.Config{Settings: gateway.Settings{LogSample: &half}}, Given: []string{"log_sample"}})
		c, _, err := a.d.Gateways.Config(a.Context(), a.org, "shop")
		if err != nil || !c.ServerTiming || len(c.Policies) != 1 || c.LogSample == nil || len(c.Routes) != 2 {
			a.Errorf("the configuration is %+v, %v", c, err)
		}
		g, err := a.d.Gateways.Get(a.Context(), a.org, "shop")
		if err != nil || g.ManagedBy != gitShop {
			a.Errorf("the gateway is %q's, %v", g.ManagedBy, err)
		}
		a.refused(gateway.Apply{Owner: "git:base", Given: []string{"policies"}}, "the gateway shop is managed by git:shop")
		a.apply(gateway.Apply{Owner: "git:base", TakeOver: true, Given: []string{"policies"}})
		if g, err = a.d.Gateways.Get(a.Context(), a.org, "shop"); err != nil || g.ManagedBy != "git:base" {
			a.Errorf("the gateway is %q's, %v", g.ManagedBy, err)
		}
	})
}

// TestApplyNamesWhatIsWrongWhereItWasSent: pointers are into what was sent, and
// nothing is written.
func TestApplyNamesWhatIsWrongWhereItWasSent(t *testing.T) {
	eachApplier(t, func(a *applier) {
		bad := gateway.Config{Routes: []contract.Route{openRoute("x", "/x"), openRoute("y", "nope")}, Upstreams: []contract.Upstream{{Name: "u"}}}
		_, err := a.d.Gateways.Apply(a.Context(), a.org, gateway.Apply{Gateway: "shop", Owner: gitShop, Config: bad})
		wantFields(a.T, err, "/config/routes/1/match/path", "/config/upstreams/0/targets")
		bad.Routes[1] = bad.Routes[0]
		_, err = a.d.Gateways.Apply(a.Context(), a.org, gateway.Apply{Gateway: "shop", Config: bad})
		wantFields(a.T, err, "/config/routes/1/name")
		a.want(map[string]string{"open": "", "orders": ""})
		entries, err := a.d.Gateways.Versions(a.Context(), a.org, "shop", core.Page{})
		if err != nil || slices.ContainsFunc(entries.Items, func(v gateway.Version) bool { return v.Version > 2 }) {
			a.Errorf("versions %+v, %v", entries.Items, err)
		}
	})
}
