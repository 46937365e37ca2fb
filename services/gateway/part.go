package gateway

import (
	"encoding/json"
	"fmt"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// part describes one kind of named parts, so that upstreams, routes, usage
// plans and streams share all code.
type part[T any] struct {
	kind   Kind
	change string // the kind's name in changes and audit lines
	title  string // for people
	field  string // its list in a document
	prefix string // of ids
	most   int
	list   func(*Config) *[]T
	id     func(*T) *string
	num    func(*T) *uint64
	name   func(*T) *string
}

var (
	upstreams = part[contract.Upstream]{
		kind: KindUpstream, change: ChangeUpstream, title: "upstream", field: "upstreams", prefix: core.PrefixUpstream, most: MaxUpstreams,
		list: func(c *Config) *[]contract.Upstream { return &c.Upstreams },
		id:   func(v *contract.Upstream) *string { return &v.ID },
		num:  func(v *contract.Upstream) *uint64 { return &v.Num },
		name: func(v *contract.Upstream) *string { return &v.Name },
	}
	routes = part[contract.Route]{
		kind: KindRoute, change: ChangeRoute, title: "route", field: "routes", prefix: core.PrefixRoute, most: MaxRoutes,
		list: func(c *Config) *[]contract.Route { return &c.Routes },
		id:   func(v *contract.Route) *string { return &v.ID },
		num:  func(v *contract.Route) *uint64 { return &v.Num },
		name: func(v *contract.Route) *string { return &v.Name },
	}
	usagePlans = part[contract.UsagePlan]{
		kind: KindUsagePlan, change: ChangeUsagePlan, title: "usage plan", field: "usage_plans", prefix: core.PrefixUsagePlan, most: MaxUsagePlans,
		list: func(c *Config) *[]contract.UsagePlan { return &c.UsagePlans },
		id:   func(v *contract.UsagePlan) *string { return &v.ID },
		num:  func(v *contract.UsagePlan) *uint64 { return &v.Num },
		name: func(v *contract.UsagePlan) *string { return &v.Name },
	}
	streams = part[contract.Stream]{
		kind: KindStream, change: ChangeStream, title: "stream", field: "streams", prefix: core.PrefixStream, most: MaxStreams,
		list: func(c *Config) *[]contract.Stream { return &c.Streams },
		id:   func(v *contract.Stream) *string { return &v.ID },
		num:  func(v *contract.Stream) *uint64 { return &v.Num },
		name: func(v *contract.Stream) *string { return &v.Name },
	}
)

// document is v as it is stored and compared: without id and num.
func (p *part[T]) document(v T) (json.RawMessage, error) {
	*p.id(&v), *p.num(&v) = "", 0
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", p.title, err)
	}
	return b, nil
}

// item turns an entry back into its value.
func (p *part[T]) item(e *Entry) (Item[T], error) {
	it := Item[T]{Revision: e.Revision, ManagedBy: e.ManagedBy, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt}
	if err := json.Unmarshal(e.Document, &it.Value); err != nil {
		return it, fmt.Errorf("decode %s %s: %w", p.title, e.ID, err)
	}
	*p.id(&it.Value), *p.num(&it.Value), *p.name(&it.Value) = e.ID, e.Num, e.Name
	return it, nil
}

func (p *part[T]) items(entries []Entry) ([]T, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	out := make([]T, len(entries))
	for i := range entries {
		it, err := p.item(&entries[i])
		if err != nil {
			return nil, err
		}
		out[i] = it.Value
	}
	return out, nil
}

// find returns the index of the item with a name, -1 for none.
func (p *part[T]) find(c *Config, name string) int {
	for i := range *p.list(c) {
		if *p.name(&(*p.list(c))[i]) == name {
			return i
		}
	}
	return -1
}

// identify gives each item of now the id and num of the one in before that it
// is: by id where it has one, else by name. What is new gets a new id.
func (p *part[T]) identify(before, now *Config) (errs contract.FieldErrors) {
	byID, byName := map[string]*T{}, map[string]*T{}
	old := *p.list(before)
	for i := range old {
		byID[*p.id(&old[i])], byName[*p.name(&old[i])] = &old[i], &old[i]
	}
	items := *p.list(now)
	if len(items) > p.most {
		errs.Add(contract.Pointer(p.field), fmt.Sprintf("has %d items, a gateway may have %d", len(items), p.most))
		return errs
	}
	ids, names := map[string]int{}, map[string]int{}
	for i := range items {
		v := &items[i]
		if id := *p.id(v); id != "" {
			if byID[id] == nil {
				errs.Add(contract.Pointer(p.field, i, "id"), fmt.Sprintf("the gateway has no %s %.64q; leave the id out to create one", p.title, id))
				continue
			}
			if first, ok := ids[id]; ok {
				errs.Add(contract.Pointer(p.field, i, "id"), fmt.Sprintf("stands at %s already", contract.Pointer(p.field, first)))
				continue
			}
			ids[id] = i
		}
		if first, ok := names[*p.name(v)]; ok {
			errs.Add(contract.Pointer(p.field, i, "name"), fmt.Sprintf("%.140q stands at %s already", *p.name(v), contract.Pointer(p.field, first)))
			continue
		}
		names[*p.name(v)] = i
		errs.AddAt(contract.Pointer(p.field, i, "name"), core.CheckName(*p.name(v)))
	}
	for i := range items {
		v := &items[i]
		was := byID[*p.id(v)]
		if *p.id(v) == "" {
			// A name that an item with an id has left belongs to nobody.
			if same := byName[*p.name(v)]; same != nil {
				if _, claimed := ids[*p.id(same)]; !claimed {
					was = same
				}
			}
		}
		*p.num(v) = 0
		if was != nil {
			*p.id(v), *p.num(v) = *p.id(was), *p.num(was)
		} else if *p.id(v) == "" {
			*p.id(v) = core.NewID(p.prefix)
		}
	}
	return errs
}

// diff lists what changed from before to now, in the order of names.
func (p *part[T]) diff(before, now *Config) ([]Change, error) {
	old := map[string]*T{}
	for i := range *p.list(before) {
		v := &(*p.list(before))[i]
		old[*p.id(v)] = v
	}
	var out []Change
	for i := range *p.list(now) {
		v := &(*p.list(now))[i]
		c := Change{Kind: p.change, ID: *p.id(v), Name: *p.name(v)}
		var err error
		if c.After, err = p.document(*v); err != nil {
			return nil, err
		}
		if was := old[c.ID]; was != nil {
			delete(old, c.ID)
			if c.Before, err = p.document(*was); err != nil {
				return nil, err
			}
			if string(c.Before) == string(c.After) {
				continue
			}
		}
		out = append(out, c)
	}
	for id, was := range old {
		b, err := p.document(*was)
		if err != nil {
			return nil, err
		}
		out = append(out, Change{Kind: p.change, ID: id, Name: *p.name(was), Before: b})
	}
	sortChanges(out)
	return out, nil
}

// redo applies one change to a configuration; others' kinds are left alone.
func (p *part[T]) redo(c *Config, ch *Change) error {
	if ch.Kind != p.change {
		return nil
	}
	items := p.list(c)
	at := -1
	for i := range *items {
		if *p.id(&(*items)[i]) == ch.ID {
			at = i
		}
	}
	if len(ch.After) == 0 {
		if at >= 0 {
			*items = append((*items)[:at:at], (*items)[at+1:]...)
		}
		return nil
	}
	var v T
	if err := json.Unmarshal(ch.After, &v); err != nil {
		return fmt.Errorf("decode %s %s of a version: %w", p.title, ch.ID, err)
	}
	*p.id(&v) = ch.ID
	if at >= 0 {
		(*items)[at] = v
	} else {
		*items = append(*items, v)
	}
	return nil
}
