package stripefake

import (
	"maps"
	"slices"
	"strings"
)

// entity is an object that can be listed.
type entity interface {
	ident() string
	made() int64
	view(f *Fake) obj
}

// newest are a map's objects, newest first, that keep says yes to.
func newest[E entity](all map[string]E, keep func(E) bool) []E {
	out := slices.Collect(maps.Values(all))
	if keep != nil {
		out = slices.DeleteFunc(out, func(e E) bool { return !keep(e) })
	}
	slices.SortFunc(out, func(a, b E) int { return strings.Compare(serial(b.ident()), serial(a.ident())) })
	return out
}

// serial is the part of an id that rises.
func serial(id string) string { return id[strings.LastIndexByte(id, '_')+1:] }

const paging = " limit# starting_after ending_before"

// listing is one page of objects that stand newest first.
func listing[E entity](f *Fake, c *call, url string, all []E) (obj, error) {
	limit := int64(10)
	if c.has("limit") {
		if limit = c.num("limit"); limit < 1 || limit > 100 {
			return nil, refuse("limit", "parameter_invalid_integer", "This value must be between 1 and 100 (inclusive).")
		}
	}
	where := func(param string) (int, error) {
		i := slices.IndexFunc(all, func(e E) bool { return e.ident() == c.str(param) })
		if i < 0 {
			return 0, missing("object", c.str(param), param)
		}
		return i, nil
	}
	var from, to int
	var more bool
	switch {
	case c.str("starting_after") != "":
		i, err := where("starting_after")
		if err != nil {
			return nil, err
		}
		from = i + 1
		to = min(len(all), from+int(limit))
		more = to < len(all)
	case c.str("ending_before") != "":
		i, err := where("ending_before")
		if err != nil {
			return nil, err
		}
		to = i
		from = max(0, to-int(limit))
		more = from > 0
	default:
		to = min(len(all), int(limit))
		more = to < len(all)
	}
	data := []any{}
	for _, e := range all[from:to] {
		data = append(data, e.view(f))
	}
	return obj{"object": "list", "url": url, "has_more": more, "data": data}, nil
}

// within says whether a time is in the range of a filter: created=7, created[gte]=7.
func (p params) within(name string, at int64) bool {
	if p.has(name) && p.num(name) != at {
		return false
	}
	in := p.sub(name)
	return (!in.has("gte") || at >= in.num("gte")) && (!in.has("gt") || at > in.num("gt")) &&
		(!in.has("lte") || at <= in.num("lte")) && (!in.has("lt") || at < in.num("lt"))
}

func span(name string) string {
	return strings.ReplaceAll(" N# N[gte]# N[gt]# N[lte]# N[lt]#", "N", name)
}

// expand puts objects in the place of their ids along a path.
func (f *Fake) expand(in any, path []string, whole string) error {
	cannot := refuse("expand", "", "This property cannot be expanded (%s).", whole)
	if len(path) > 4 {
		return refuse("expand", "", "You cannot expand more than 4 levels of a property.")
	}
	o, ok := in.(obj)
	if !ok {
		return cannot
	}
	head, rest := path[0], path[1:]
	if head == "data" && o["object"] == "list" {
		if len(rest) == 0 {
			return cannot
		}
		for _, e := range o["data"].([]any) {
			if err := f.expand(e, rest, whole); err != nil {
				return err
			}
		}
		return nil
	}
	f.include(o, head)
	v, ok := o[head]
	if !ok {
		return cannot
	}
	if id, isID := v.(string); isID {
		e := f.find(id)
		if e == nil {
			return cannot
		}
		v = e.view(f)
		o[head] = v
	}
	if len(rest) == 0 || v == nil {
		return nil
	}
	return f.expand(v, rest, whole)
}

// include adds what an object shows only where it is asked for.
func (f *Fake) include(o obj, name string) {
	id, _ := o["id"].(string)
	switch {
	case name == "tiers" && o["object"] == "price":
		if p := f.prices[id]; p != nil {
			o["tiers"] = p.tiersView()
		}
	case name == "line_items" && o["object"] == "checkout.session":
		o["line_items"] = f.sessions[id].lineItems(f)
	case name == "subscriptions" && o["object"] == "customer":
		data := []any{}
		for _, s := range newest(f.subs, func(s *subscription) bool { return s.customer == id && s.endedAt == 0 }) {
			data = append(data, s.view(f))
		}
		o["subscriptions"] = obj{"object": "list", "url": "/v1/customers/" + id + "/subscriptions", "has_more": false, "data": data}
	}
}

// find is the object of an id, or nil.
func (f *Fake) find(id string) entity {
	switch cut(id, "_") {
	case "cus":
		return found(f.customers, id)
	case "prod":
		return found(f.products, id)
	case "price":
		return found(f.prices, id)
	case "sub":
		return found(f.subs, id)
	case "in":
		return found(f.invoices, id)
	case "ii":
		return found(f.items, id)
	case "mtr":
		return found(f.meters, id)
	case "pi", "ch", "pm":
		return payment{id}
	}
	return found(f.products, id) // whose ids the caller may choose
}

func found[E entity](all map[string]E, id string) entity {
	e, ok := all[id]
	if !ok {
		return nil
	}
	return e
}

// payment stands for a payment intent, a charge or a card: only its id is known.
type payment struct{ id string }

func (p payment) ident() string { return p.id }
func (p payment) made() int64   { return 0 }
func (p payment) view(*Fake) obj {
	kind := map[string]string{"pi": "payment_intent", "ch": "charge", "pm": "payment_method"}[cut(p.id, "_")]
	return obj{"id": p.id, "object": kind, "livemode": false}
}
