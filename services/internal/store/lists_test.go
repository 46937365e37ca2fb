package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

// crowd is a gateway with many routes, consumers and keys.
type crowd struct {
	d    *storetest.Domain
	org  core.OrganizationID
	gw   *gateway.Gateway
	keys map[string]*apikey.Issued // by name
}

func newCrowd(t *testing.T, db *store.DB) *crowd {
	t.Helper()
	c := &crowd{d: storetest.NewDomain(t, db), org: storetest.Organization(t, db, "acme"), keys: map[string]*apikey.Issued{}}
	c.gw = c.d.Gateway(t, c.org, "shop")
	config, _, err := c.d.Gateways.Config(t.Context(), c.org, c.gw.ID)
	if err != nil {
		t.Fatal(err)
	}
	config.Upstreams = append(config.Upstreams, contract.Upstream{Name: "Billing", Targets: []contract.Target{{URL: "http://10.9.9.9:80"}}})
	for i := range 15 {
		r := contract.Route{Name: fmt.Sprintf("r%02d", i), Match: contract.Match{Path: fmt.Sprintf("/Area-%d/_!x%d", i%3, i), Methods: []string{"GET"}}, Upstream: "backend", Public: true}
		if i%5 == 0 {
			r.Upstream, r.Match.Methods = "Billing", []string{"POST", "PUT"}
			r.Policies, r.Public = []contract.Policy{{Type: "api_key"}}, false
		}
		config.Routes = append(config.Routes, r)
	}
	if _, err := c.d.Gateways.PutConfig(t.Context(), c.org, gateway.PutConfig{Gateway: c.gw.ID, Config: *config}); err != nil {
		t.Fatal(err)
	}
	for i := range 7 {
		consumer := c.d.Consumer(t, c.org, c.gw, fmt.Sprintf("Consumer-%d", i))
		for n := range 2 {
			name := fmt.Sprintf("key of %c", 'A'+n) // names are not unique
			k, err := c.d.Keys.Create(t.Context(), c.org, apikey.Create{Gateway: c.gw.ID, Consumer: consumer.Name, Name: name})
			if err != nil {
				t.Fatal(err)
			}
			c.keys[fmt.Sprint(name, i)] = k
		}
	}
	return c
}

// pages reads a whole list three items at a time.
func pages[T any](t *testing.T, in core.Listing, list func(core.Listing) (core.List[T], error), name func(*T) string) (names []string) {
	t.Helper()
	in.Limit, in.Count = 3, true
	for range 100 {
		l, err := list(in)
		if err != nil {
			t.Fatalf("%+v: %v", in, err)
		}
		for i := range l.Items {
			names = append(names, name(&l.Items[i]))
		}
		if in.Cursor = l.Next; in.Cursor == "" {
			if l.Total == nil || *l.Total != int64(len(names)) {
				t.Errorf("%+v: the total is %v, %d were listed", in, l.Total, len(names))
			}
			return names
		}
	}
	t.Fatalf("%+v: the list does not end", in)
	return nil
}

// TestListsInEveryOrder pages through lists in every order: each holds
// everything once, and one order is the other turned round.
func TestListsInEveryOrder(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCrowd(t, db)
		lists := map[string]func(core.Listing) []string{
			"routes": func(in core.Listing) []string { return c.routes(t, gateway.ListInput{Listing: in}) },
			"consumers": func(in core.Listing) []string {
				return pages(t, in, func(in core.Listing) (core.List[gateway.Consumer], error) {
					return c.d.Consumers.List(t.Context(), c.org, gateway.ConsumerList{Gateway: c.gw.ID, Listing: in})
				}, func(v *gateway.Consumer) string { return v.Name })
			},
			"keys": func(in core.Listing) []string { return c.keyList(t, apikey.List{Listing: in}) },
		}
		for what, list := range lists {
			all := list(core.Listing{})
			if want := map[string]int{"routes": 17, "consumers": 7, "keys": 14}[what]; len(all) != want {
				t.Errorf("%s: %d items, want %d", what, len(all), want)
			}
			slices.Sort(all)
			for _, field := range []string{core.SortName, core.SortCreated, core.SortUpdated} {
				up, down := list(core.Listing{Sort: field}), list(core.Listing{Sort: "-" + field})
				slices.Reverse(down)
				if !slices.Equal(up, down) {
					t.Errorf("%s by %s: %v is not %v turned round", what, field, up, down)
				}
				slices.Sort(up)
				if !slices.Equal(up, all) {
					t.Errorf("%s by %s: %v, want %v", what, field, up, all)
				}
			}
		}
	})
}

func (c *crowd) routes(t *testing.T, in gateway.ListInput) []string {
	t.Helper()
	return pages(t, in.Listing, func(l core.Listing) (core.List[gateway.Item[contract.Route]], error) {
		in.Gateway, in.Listing = c.gw.ID, l
		return c.d.Gateways.Routes.List(t.Context(), c.org, in)
	}, func(v *gateway.Item[contract.Route]) string { return v.Value.Name })
}

func (c *crowd) keyList(t *testing.T, in apikey.List) []string {
	t.Helper()
	return pages(t, in.Listing, func(l core.Listing) (core.List[apikey.Key], error) {
		in.Gateway, in.Listing = c.gw.ID, l
		return c.d.Keys.List(t.Context(), c.org, in)
	}, func(v *apikey.Key) string { return v.ID })
}

func TestListsAreSearched(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCrowd(t, db)
		for _, s := range []struct {
			in   gateway.ListInput
			want string
		}{
			{gateway.ListInput{Listing: core.Listing{Query: "R07"}}, "r07"},
			{gateway.ListInput{Listing: core.Listing{Query: "area-1/_!X4"}}, "r04"}, // signs of LIKE are text
			{gateway.ListInput{Listing: core.Listing{Query: "_!x"}}, "r00 r01 r02 r03 r04 r05 r06 r07 r08 r09 r10 r11 r12 r13 r14"},
			{gateway.ListInput{Listing: core.Listing{Query: "billing"}}, "r00 r05 r10"},
			{gateway.ListInput{Listing: core.Listing{Query: "no such"}}, ""},
			{gateway.ListInput{Listing: core.Listing{Query: "%"}}, ""},
			{gateway.ListInput{Listing: core.Listing{Query: "area_1"}}, ""},
			{gateway.ListInput{Upstream: "Billing"}, "r00 r05 r10"},
			{gateway.ListInput{Upstream: "billing"}, ""},
			{gateway.ListInput{Method: "PUT"}, "r00 r05 r10"},
			{gateway.ListInput{Method: "PU"}, ""},
			{gateway.ListInput{Policy: "api_key", Listing: core.Listing{Sort: "-name"}}, "r10 r05 r00 orders"},
			{gateway.ListInput{Policy: "api_key", Upstream: "backend"}, "orders"},
		} {
			if got := strings.Join(c.routes(t, s.in), " "); got != s.want {
				t.Errorf("%+v: %q, want %q", s.in, got, s.want)
			}
		}
		// A rename of an upstream changes what its routes are found by.
		config, _, err := c.d.Gateways.Config(t.Context(), c.org, c.gw.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range config.Upstreams {
			if u.Name == "Billing" {
				u.Name = "Invoices"
				if _, err := c.d.Gateways.Upstreams.Put(t.Context(), c.org, gateway.Put[contract.Upstream]{Gateway: c.gw.ID, Name: "Billing", Value: u}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := strings.Join(c.routes(t, gateway.ListInput{Upstream: "Invoices"}), " "); got != "r00 r05 r10" {
			t.Errorf("after the rename: %q", got)
		}
	})
}

func TestKeysAreSearched(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := newCrowd(t, db)
		ctx := t.Context()
		one := c.keys["key of B3"]
		secretless := one.Key.Prefix
		for _, q := range []string{one.Key.ID, secretless, secretless[:len(secretless)-2], one.Secret} {
			if got := c.keyList(t, apikey.List{Listing: core.Listing{Query: q}}); !slices.Contains(got, one.Key.ID) || len(got) > 2 {
				t.Errorf("looking for the beginning of a key gives %v", got)
			}
		}
		for _, s := range []struct {
			in   apikey.List
			want int
		}{
			{apikey.List{Listing: core.Listing{Query: "KEY OF a"}}, 7},
			{apikey.List{Listing: core.Listing{Query: "consumer-3"}}, 2},
			{apikey.List{Consumer: "Consumer-3"}, 2},
			{apikey.List{Consumer: "consumer-3"}, 0},
			{apikey.List{Listing: core.Listing{Query: "of a"}, Consumer: "Consumer-3"}, 1},
			{apikey.List{Status: apikey.StatusActive}, 14},
			{apikey.List{Status: apikey.StatusRevoked}, 0},
			{apikey.List{UsagePlan: "gold"}, 0},
		} {
			if got := c.keyList(t, s.in); len(got) != s.want {
				t.Errorf("%+v: %d keys, want %d", s.in, len(got), s.want)
			}
		}
		if _, err := c.d.Keys.Revoke(ctx, c.org, apikey.Target{Gateway: c.gw.ID, ID: one.Key.ID}); err != nil {
			t.Fatal(err)
		}
		for status, want := range map[string]int{apikey.StatusActive: 13, apikey.StatusRevoked: 1, apikey.StatusExpired: 0, apikey.StatusPending: 0, apikey.StatusDeleted: 0} {
			if got := c.keyList(t, apikey.List{Status: status}); len(got) != want {
				t.Errorf("%d keys are %s, want %d", len(got), status, want)
			}
		}
		bad := func(in apikey.List, pointer string) {
			t.Helper()
			in.Gateway = c.gw.ID
			_, err := c.d.Keys.List(context.WithoutCancel(ctx), c.org, in)
			wantFields(t, err, pointer)
		}
		bad(apikey.List{Status: "asleep"}, "/state")
		bad(apikey.List{Listing: core.Listing{Sort: "hash"}}, "/sort")
		bad(apikey.List{Listing: core.Listing{Query: strings.Repeat("x", 201)}}, "/q")
		l, err := c.d.Keys.List(ctx, c.org, apikey.List{Gateway: c.gw.ID, Listing: core.Listing{Page: core.Page{Limit: 2}}})
		if err != nil {
			t.Fatal(err)
		}
		bad(apikey.List{Listing: core.Listing{Sort: "name", Page: core.Page{Cursor: l.Next}}}, "/cursor")
	})
}
