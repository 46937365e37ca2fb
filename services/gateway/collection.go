package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Collection is the upstreams, routes, usage plans or streams of gateways.
type Collection[T any] struct {
	s *Service
	d *part[T]
}

// ListInput asks for a page of a gateway's items. Upstream (a name), Method and
// Policy (a type) narrow routes.
type ListInput struct {
	Gateway string
	core.Listing
	Upstream, Method, Policy string
}

// List returns a page of a gateway's items, by name where nothing else is asked.
func (c *Collection[T]) List(ctx context.Context, org core.OrganizationID, in ListInput) (core.List[Item[T]], error) {
	var none core.List[Item[T]]
	w, err := in.Window(core.SortName, core.SortCreated, core.SortUpdated)
	if err != nil {
		return none, err
	}
	g, err := c.s.store.Gateway(ctx, org, in.Gateway)
	if err != nil {
		return none, err
	}
	found, err := c.s.store.ListEntries(ctx, org, g.ID, EntryList{
		Kind: c.d.kind, Window: w, Upstream: in.Upstream, Method: in.Method, Policy: in.Policy,
	})
	if err != nil {
		return none, err
	}
	items := make([]Item[T], len(found.Items))
	for i := range found.Items {
		if items[i], err = c.d.item(&found.Items[i]); err != nil {
			return none, err
		}
	}
	return core.Cut(&w, core.Found[Item[T]]{Items: items, Total: found.Total}, func(it *Item[T]) (string, time.Time, time.Time, string) {
		return *c.d.name(&it.Value), it.CreatedAt, it.UpdatedAt, *c.d.id(&it.Value)
	}), nil
}

// Get finds an item by its name.
func (c *Collection[T]) Get(ctx context.Context, org core.OrganizationID, ref, name string) (*Item[T], error) {
	g, err := c.s.store.Gateway(ctx, org, ref)
	if err != nil {
		return nil, err
	}
	entries, err := c.s.store.Entries(ctx, org, g.ID, EntryQuery{Kind: c.d.kind, Name: name, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, core.NotFound(c.d.title, name)
	}
	it, err := c.d.item(&entries[0])
	if err != nil {
		return nil, err
	}
	return &it, nil
}

// Put is the input of Collection.Put.
type Put[T any] struct {
	Gateway string
	// Name is the item's present name, that of the path. The value's own name may
	// be empty, or another one: then the item is renamed.
	Name       string
	Value      T
	IfMatch    core.IfMatch // on the item's revision
	CreateOnly bool         // POST: a taken name is an error
}

// Put creates or replaces one item. A renamed upstream or route is renamed in
// what refers to it, in the same version.
func (c *Collection[T]) Put(ctx context.Context, org core.OrganizationID, in Put[T]) (*Saved[T], error) {
	if *c.d.name(&in.Value) == "" {
		*c.d.name(&in.Value) = in.Name
	}
	if in.Name == "" {
		in.Name = *c.d.name(&in.Value)
	}
	var id string
	var at int
	created := false
	done, err := c.s.change(ctx, org, edit{
		gateway: in.Gateway, action: c.d.change + ".update",
		apply: func(d *draft) error {
			var err error
			if at, err = c.put(d, in); err != nil {
				return err
			}
			created = *c.d.id(&(*c.d.list(&d.config))[at]) == ""
			return nil
		},
		rebase: func(errs contract.FieldErrors, d *draft) contract.FieldErrors {
			return rebase(errs, contract.Pointer(c.d.field, at), &d.config)
		},
	})
	if err != nil {
		return nil, err
	}
	id = *c.d.id(&(*c.d.list(&done.config))[at])
	e, ok := done.entries[id]
	if !ok { // nothing changed
		it, err := c.Get(ctx, org, done.gateway.ID, in.Name)
		if err != nil {
			return nil, err
		}
		return &Saved[T]{Item: *it, Version: done.gateway.Version}, nil
	}
	it, err := c.d.item(e)
	if err != nil {
		return nil, err
	}
	return &Saved[T]{Item: it, Version: done.gateway.Version, Created: created}, nil
}

// put edits a draft and returns the index of the item.
func (c *Collection[T]) put(d *draft, in Put[T]) (int, error) {
	items := c.d.list(&d.config)
	at := c.d.find(&d.config, in.Name)
	name := *c.d.name(&in.Value)
	if at < 0 {
		if err := in.IfMatch.Check(0); err != nil {
			return 0, err
		}
		if name != in.Name && c.d.find(&d.config, name) >= 0 {
			return 0, core.Errorf(core.CodeNameTaken, "the gateway has a %s %q already, and none called %q that could take its name", c.d.title, name, in.Name)
		}
		*c.d.id(&in.Value) = ""
		*items = append(*items, in.Value)
		return len(*items) - 1, nil
	}
	if in.CreateOnly {
		return 0, core.Errorf(core.CodeNameTaken, "the gateway has a %s %q already: PUT replaces it", c.d.title, in.Name)
	}
	old := &(*items)[at]
	if err := in.IfMatch.Check(d.source.entry(c.d.kind, *c.d.id(old)).Revision); err != nil {
		return 0, err
	}
	*c.d.id(&in.Value) = *c.d.id(old)
	if name != in.Name {
		if c.d.find(&d.config, name) >= 0 {
			return 0, core.Errorf(core.CodeNameTaken, "the gateway has a %s %q already", c.d.title, name)
		}
		d.config.rename(c.d.kind, in.Name, name)
	}
	(*items)[at] = in.Value
	return at, nil
}

// rename changes every reference to an upstream or route.
func (c *Config) rename(k Kind, from, to string) {
	switch k {
	case KindUpstream:
		for i := range c.Routes {
			if c.Routes[i].Upstream == from {
				c.Routes[i].Upstream = to
			}
			renameIn(&c.Routes[i], from, to)
		}
		c.Policies = renamed(c.Policies, from, to)
		for i := range c.Streams {
			if c.Streams[i].Upstream == from {
				c.Streams[i].Upstream = to
			}
		}
	case KindRoute:
		for i := range c.UsagePlans {
			p := &c.UsagePlans[i]
			if at := slices.Index(p.Routes, from); at >= 0 {
				p.Routes = slices.Clone(p.Routes)
				p.Routes[at] = to
			}
		}
	}
}

// Delete is the input of Collection.Delete.
type Delete struct {
	Gateway string
	Name    string
	IfMatch core.IfMatch // on the item's revision
}

// Delete removes an item that nothing refers to, and returns the version.
func (c *Collection[T]) Delete(ctx context.Context, org core.OrganizationID, in Delete) (version uint64, err error) {
	done, err := c.s.change(ctx, org, edit{
		gateway: in.Gateway, action: c.d.change + ".delete",
		apply: func(d *draft) error {
			at := c.d.find(&d.config, in.Name)
			if at < 0 {
				return core.NotFound(c.d.title, in.Name)
			}
			items := c.d.list(&d.config)
			if err := in.IfMatch.Check(d.source.entry(c.d.kind, *c.d.id(&(*items)[at])).Revision); err != nil {
				return err
			}
			if users := d.config.users(c.d.kind, in.Name); len(users) > 0 {
				return core.Errorf(core.CodeInUse, "the %s %q is used by %s", c.d.title, in.Name, enumerate(users))
			}
			*items = slices.Delete(*items, at, at+1)
			return nil
		},
		rebase: func(errs contract.FieldErrors, d *draft) contract.FieldErrors {
			return rebase(errs, "\x00", &d.config)
		},
	})
	if err != nil {
		return 0, err
	}
	return done.gateway.Version, nil
}

// users names what refers to an upstream or route inside the configuration.
func (c *Config) users(k Kind, name string) (out []string) {
	switch k {
	case KindUpstream:
		for i := range c.Routes {
			if c.Routes[i].Upstream == name || anySendsTo(c.Routes[i].Steps(), name) {
				out = append(out, "route "+c.Routes[i].Name)
			}
		}
		if anySendsTo(c.Policies, name) {
			out = append(out, "the gateway's policies")
		}
		for i := range c.Streams {
			if c.Streams[i].Upstream == name {
				out = append(out, "stream "+c.Streams[i].Name)
			}
		}
	case KindRoute:
		for i := range c.UsagePlans {
			if slices.Contains(c.UsagePlans[i].Routes, name) {
				out = append(out, "usage plan "+c.UsagePlans[i].Name)
			}
		}
	}
	return out
}

func enumerate(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// rebase turns pointers into the whole document into pointers into the one item
// at prefix that was sent. What is wrong elsewhere stands at the root, with the
// name of the place.
func rebase(errs contract.FieldErrors, prefix string, c *Config) contract.FieldErrors {
	out := make(contract.FieldErrors, 0, len(errs))
	for _, e := range errs {
		if rest, ok := strings.CutPrefix(e.Pointer, prefix); ok && (rest == "" || rest[0] == '/') {
			out.Add(rest, e.Detail)
			continue
		}
		out.Add("", c.place(e.Pointer)+": "+e.Detail)
	}
	return out
}

// place names what a pointer into the configuration points at: "/routes/3/path"
// is "route orders at /path".
func (c *Config) place(pointer string) string {
	var field string
	var i int
	if n, _ := fmt.Sscanf(strings.ReplaceAll(pointer, "/", " "), "%s %d", &field, &i); n == 2 {
		rest := strings.TrimPrefix(pointer, contract.Pointer(field, i))
		for _, p := range []struct {
			field, title string
			n            int
			name         func() string
		}{
			{"routes", "route", len(c.Routes), func() string { return c.Routes[i].Name }},
			{"upstreams", "upstream", len(c.Upstreams), func() string { return c.Upstreams[i].Name }},
			{"usage_plans", "usage plan", len(c.UsagePlans), func() string { return c.UsagePlans[i].Name }},
			{"streams", "stream", len(c.Streams), func() string { return c.Streams[i].Name }},
		} {
			if field == p.field && i >= 0 && i < p.n {
				if rest == "" {
					return p.title + " " + p.name()
				}
				return p.title + " " + p.name() + " at " + rest
			}
		}
	}
	if pointer == "" {
		return "the gateway"
	}
	return "the gateway at " + pointer
}
