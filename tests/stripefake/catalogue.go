package stripefake

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
)

const priceParams = "currency! active? billing_scheme=per_unit|tiered lookup_key transfer_lookup_key? metadata[*] nickname product product_data[name] product_data[id] product_data[metadata][*] recurring[interval]=month|year|week|day recurring[interval_count]# recurring[usage_type]=licensed|metered recurring[aggregate_usage]=sum|max|last_during_period|last_ever recurring[meter] tax_behavior=inclusive|exclusive|unspecified tiers_mode=graduated|volume tiers[][up_to] tiers[][unit_amount]# tiers[][unit_amount_decimal] tiers[][flat_amount]# tiers[][flat_amount_decimal] unit_amount# unit_amount_decimal"

type product struct {
	id       string
	created  int64
	active   bool
	fields   map[string]string
	metadata map[string]string
}

func (p *product) ident() string { return p.id }
func (p *product) made() int64   { return p.created }
func (p *product) view(*Fake) obj {
	return obj{
		"id": p.id, "object": "product", "active": p.active, "created": p.created, "default_price": null(p.fields["default_price"]),
		"description": null(p.fields["description"]), "features": []any{}, "images": []any{}, "livemode": false, "metadata": clone(p.metadata), "name": p.fields["name"],
		"package_dimensions": nil, "shippable": nil, "statement_descriptor": null(p.fields["statement_descriptor"]), "tax_code": null(p.fields["tax_code"]),
		"unit_label": null(p.fields["unit_label"]), "updated": p.created, "url": null(p.fields["url"]),
	}
}

func (p *product) set(in params) {
	if p.fields == nil {
		p.fields = map[string]string{}
	}
	for _, name := range []string{"name", "description", "default_price", "statement_descriptor", "tax_code", "unit_label", "url"} {
		if in.has(name) {
			p.fields[name] = in.str(name)
		}
	}
	if in.has("active") {
		p.active = in.truth("active")
	}
	p.metadata = in.merge("metadata", p.metadata)
}

func (f *Fake) createProduct(c *call) (obj, error) {
	id := c.str("id")
	if id == "" {
		id = f.id("prod")
	}
	if f.products[id] != nil {
		return nil, refuse("id", "resource_already_exists", "Product already exists: %s", id)
	}
	p := &product{id: id, created: c.now, active: true}
	p.set(c.params)
	f.products[id] = p
	f.emit("product.created", p.view(f), nil)
	return p.view(f), nil
}

func (f *Fake) listProducts(c *call) (obj, error) {
	ids := c.strs("ids")
	return listing(f, c, "/v1/products", newest(f.products, func(p *product) bool {
		return (!c.has("active") || p.active == c.truth("active")) && c.within("created", p.created) && (ids == nil || slices.Contains(ids, p.id))
	}))
}

func (f *Fake) getProduct(c *call) (obj, error) {
	p := f.products[c.ids[0]]
	if p == nil {
		return nil, notFound("product", c.ids[0])
	}
	return p.view(f), nil
}

func (f *Fake) updateProduct(c *call) (obj, error) {
	p := f.products[c.ids[0]]
	if p == nil {
		return nil, notFound("product", c.ids[0])
	}
	p.set(c.params)
	return p.view(f), nil
}

func (f *Fake) deleteProduct(c *call) (obj, error) {
	if f.products[c.ids[0]] == nil {
		return nil, notFound("product", c.ids[0])
	}
	for _, p := range f.prices {
		if p.product == c.ids[0] {
			return nil, refuse("", "", "This product cannot be deleted because it has one or more user-created prices.")
		}
	}
	delete(f.products, c.ids[0])
	return obj{"id": c.ids[0], "object": "product", "deleted": true}, nil
}

// tier is one step of a graduated price.
type tier struct {
	upTo       int64 // 0: without end
	unit, flat *big.Rat
}

type price struct {
	id, product, currency, lookupKey, nickname string
	created                                    int64
	active, metered, recurring                 bool
	interval                                   string
	count                                      int64
	meter                                      string
	unit                                       *big.Rat // nil for tiers
	tiers                                      []tier
	metadata                                   map[string]string
}

func (p *price) ident() string { return p.id }
func (p *price) made() int64   { return p.created }

// cents shows an amount twice, as Stripe does: whole cents or null, and a decimal.
func cents(r *big.Rat) (whole any, exact any) {
	if r == nil {
		return nil, nil
	}
	text := r.FloatString(12)
	text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	if r.IsInt() {
		return r.Num().Int64(), text
	}
	return nil, text
}

func (p *price) view(*Fake) obj {
	whole, exact := cents(p.unit)
	out := obj{
		"id": p.id, "object": "price", "active": p.active, "billing_scheme": "per_unit", "created": p.created, "currency": p.currency, "custom_unit_amount": nil,
		"livemode": false, "lookup_key": null(p.lookupKey), "metadata": clone(p.metadata), "nickname": null(p.nickname), "product": p.product, "recurring": nil,
		"tax_behavior": "unspecified", "tiers_mode": nil, "transform_quantity": nil, "type": "one_time", "unit_amount": whole, "unit_amount_decimal": exact,
	}
	if p.tiers != nil {
		out["billing_scheme"], out["tiers_mode"] = "tiered", "graduated"
	}
	if p.recurring {
		usage, aggregate := "licensed", any(nil)
		if p.metered {
			usage = "metered"
			if p.meter == "" {
				aggregate = "sum"
			}
		}
		out["type"] = "recurring"
		out["recurring"] = obj{"aggregate_usage": aggregate, "interval": p.interval, "interval_count": p.count, "meter": null(p.meter), "trial_period_days": nil, "usage_type": usage}
	}
	return out
}

func (p *price) tiersView() any {
	if p.tiers == nil {
		return nil
	}
	out := []any{}
	for _, t := range p.tiers {
		unit, unitExact := cents(t.unit)
		flat, flatExact := cents(t.flat)
		out = append(out, obj{"flat_amount": flat, "flat_amount_decimal": flatExact, "unit_amount": unit, "unit_amount_decimal": unitExact, "up_to": null(t.upTo)})
	}
	return out
}

// decimal reads an amount that may come whole or with up to 12 decimals.
func decimal(p params, name string) (*big.Rat, *apiError) {
	whole, exact := p.str(name), p.str(name+"_decimal")
	if whole != "" && exact != "" {
		return nil, refuse(name, "", "You may only specify one of these parameters: %s, %s_decimal.", name, name)
	}
	text := whole + exact
	if text == "" {
		return nil, nil
	}
	r, ok := new(big.Rat).SetString(text)
	if _, fraction, _ := strings.Cut(text, "."); !ok || strings.ContainsAny(text, "eE/_") || len(fraction) > 12 {
		return nil, refuse(name+"_decimal", "parameter_invalid_decimal", "Invalid decimal: %s (at most 12 decimal places)", text)
	}
	if r.Sign() < 0 {
		return nil, refuse(name, "parameter_invalid_integer", "Invalid non-negative integer")
	}
	return r, nil
}

func readTiers(p params) ([]tier, *apiError) {
	var out []tier
	list := p.list("tiers")
	for i, in := range list {
		var t tier
		var err *apiError
		if t.unit, err = decimal(in, "unit_amount"); err != nil {
			return nil, err
		}
		if t.flat, err = decimal(in, "flat_amount"); err != nil {
			return nil, err
		}
		last := i == len(list)-1
		if up := in.str("up_to"); (up == "inf") != last {
			return nil, refuse("tiers", "", "The last tier, and only the last, must have `up_to` equal `inf`.")
		} else if !last {
			n, err := strconv.ParseInt(up, 10, 64)
			if err != nil || n <= 0 || i > 0 && n <= out[i-1].upTo {
				return nil, refuse("tiers", "", "Invalid up_to: %s", up)
			}
			t.upTo = n
		}
		if t.unit == nil && t.flat == nil {
			return nil, refuse("tiers", "", "Each tier needs an amount.")
		}
		out = append(out, t)
	}
	return out, nil
}

func (f *Fake) createPrice(c *call) (obj, error) {
	p := &price{created: c.now, active: !c.has("active") || c.truth("active"), currency: c.str("currency"), nickname: c.str("nickname"), metadata: c.merge("metadata", nil), product: c.str("product")}
	var err *apiError
	if p.unit, err = decimal(c.params, "unit_amount"); err != nil {
		return nil, err
	}
	if p.tiers, err = readTiers(c.params); err != nil {
		return nil, err
	}
	tiered := c.str("billing_scheme") == "tiered"
	switch {
	case tiered && (p.tiers == nil || c.str("tiers_mode") != "graduated"):
		return nil, refuse("tiers", "", "A tiered price needs `tiers` and `tiers_mode` (this fake knows graduated).")
	case !tiered && p.tiers != nil:
		return nil, refuse("tiers", "", "`tiers` need `billing_scheme=tiered`.")
	case tiered == (p.unit != nil):
		return nil, refuse("unit_amount", "parameter_missing", "A price per unit needs `unit_amount` or `unit_amount_decimal`; a tiered one has none.")
	}
	if r := c.sub("recurring"); len(r) > 0 {
		if p.interval = r.str("interval"); p.interval != "month" || r.has("interval_count") && r.num("interval_count") != 1 {
			return nil, refuse("recurring[interval]", "", "This fake knows monthly prices only.")
		}
		p.recurring, p.count, p.metered, p.meter = true, 1, r.str("usage_type") == "metered", r.str("meter")
		switch {
		case p.meter != "" && !p.metered:
			return nil, refuse("recurring[meter]", "", "A price with a meter must be metered.")
		case p.meter != "" && f.meters[p.meter] == nil:
			return nil, missing("billing meter", p.meter, "recurring[meter]")
		case p.meter != "" && r.has("aggregate_usage"):
			return nil, refuse("recurring[aggregate_usage]", "", "`aggregate_usage` cannot be given with a meter.")
		}
	}
	if err := f.claim(p, c.params); err != nil {
		return nil, err
	}
	if name := c.sub("product_data").str("name"); name != "" {
		made := &product{id: f.id("prod"), created: c.now, active: true, fields: map[string]string{"name": name}}
		f.products[made.id], p.product = made, made.id
	}
	if f.products[p.product] == nil {
		return nil, missing("product", p.product, "product")
	}
	p.id = f.id("price")
	f.prices[p.id] = p
	f.emit("price.created", p.view(f), nil)
	return p.view(f), nil
}

// claim gives a price its lookup key, which one price can have.
func (f *Fake) claim(p *price, in params) *apiError {
	key := in.str("lookup_key")
	if key == "" {
		return nil
	}
	for _, other := range f.prices {
		if other != p && other.lookupKey == key {
			if !in.truth("transfer_lookup_key") {
				return refuse("lookup_key", "", "A price (`%s`) already uses that lookup key.", other.id)
			}
			other.lookupKey = ""
		}
	}
	p.lookupKey = key
	return nil
}

func (f *Fake) listPrices(c *call) (obj, error) {
	keys, r := c.strs("lookup_keys"), c.sub("recurring")
	if len(keys) > 10 {
		return nil, refuse("lookup_keys", "", "You may only specify up to 10 lookup keys.")
	}
	return listing(f, c, "/v1/prices", newest(f.prices, func(p *price) bool {
		return (!c.has("active") || p.active == c.truth("active")) && (!c.has("currency") || p.currency == c.str("currency")) &&
			(!c.has("product") || p.product == c.str("product")) && (keys == nil || p.lookupKey != "" && slices.Contains(keys, p.lookupKey)) &&
			(!r.has("meter") || p.meter == r.str("meter")) && (!r.has("usage_type") || p.metered == (r.str("usage_type") == "metered")) &&
			(!c.has("type") || p.recurring == (c.str("type") == "recurring")) && c.within("created", p.created)
	}))
}

func (f *Fake) getPrice(c *call) (obj, error) {
	p := f.prices[c.ids[0]]
	if p == nil {
		return nil, notFound("price", c.ids[0])
	}
	return p.view(f), nil
}

func (f *Fake) updatePrice(c *call) (obj, error) {
	p := f.prices[c.ids[0]]
	if p == nil {
		return nil, notFound("price", c.ids[0])
	}
	if err := f.claim(p, c.params); err != nil {
		return nil, err
	}
	before := p.view(f)
	if c.has("active") {
		p.active = c.truth("active")
	}
	if c.has("nickname") {
		p.nickname = c.str("nickname")
	}
	p.metadata = c.merge("metadata", p.metadata)
	f.changed("price.updated", before, p.view(f))
	return p.view(f), nil
}
