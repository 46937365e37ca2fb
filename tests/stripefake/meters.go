package stripefake

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"time"
)

const meterParams = "display_name! event_name! default_aggregation[formula]=count|sum|last! event_time_window=hour|day customer_mapping[type]=by_id customer_mapping[event_payload_key] value_settings[event_payload_key]"

const (
	minute = 60
	hour   = 3600
)

type meter struct {
	id, event, display, formula, window string
	customerKey, valueKey               string
	created, deactivated                int64
}

func (m *meter) ident() string { return m.id }
func (m *meter) made() int64   { return m.created }
func (m *meter) view(*Fake) obj {
	status := "active"
	if m.deactivated != 0 {
		status = "inactive"
	}
	return obj{
		"id": m.id, "object": "billing.meter", "created": m.created, "customer_mapping": obj{"event_payload_key": m.customerKey, "type": "by_id"},
		"default_aggregation": obj{"formula": m.formula}, "display_name": m.display, "event_name": m.event, "event_time_window": null(m.window), "livemode": false,
		"status": status, "status_transitions": obj{"deactivated_at": null(m.deactivated)}, "updated": m.created, "value_settings": obj{"event_payload_key": m.valueKey},
	}
}

// usageKey is whose usage of which meter.
type usageKey struct{ meter, customer string }

// sample is the newest event of an hour. Summaries show before instead of value until
// Options.SummaryLag has passed since it came.
type sample struct{ value, at, came, before int64 }

func (f *Fake) createMeter(c *call) (obj, error) {
	m := &meter{id: f.id("mtr"), created: c.now, event: c.str("event_name"), display: c.str("display_name"), formula: c.str("default_aggregation[formula]"), window: c.str("event_time_window"), customerKey: "stripe_customer_id", valueKey: "value"}
	if m.formula != "sum" || m.window != "hour" {
		return nil, refuse("event_time_window", "", "This fake knows meters with sum and windows of an hour only.")
	}
	if k := c.str("customer_mapping[event_payload_key]"); k != "" {
		m.customerKey = k
	}
	if k := c.str("value_settings[event_payload_key]"); k != "" {
		m.valueKey = k
	}
	for _, other := range f.meters {
		if other.event == m.event && other.deactivated == 0 {
			return nil, refuse("event_name", "resource_already_exists", "There is already an active meter with the event name %s: %s", m.event, other.id)
		}
	}
	f.meters[m.id] = m
	return m.view(f), nil
}

func (f *Fake) listMeters(c *call) (obj, error) {
	return listing(f, c, "/v1/billing/meters", newest(f.meters, func(m *meter) bool {
		return !c.has("status") || (m.deactivated == 0) == (c.str("status") == "active")
	}))
}

func (f *Fake) meterOf(c *call) (*meter, error) {
	m := f.meters[c.ids[0]]
	if m == nil {
		return nil, notFound("billing meter", c.ids[0])
	}
	return m, nil
}

func (f *Fake) getMeter(c *call) (obj, error) {
	m, err := f.meterOf(c)
	if err != nil {
		return nil, err
	}
	return m.view(f), nil
}

func (f *Fake) updateMeter(c *call) (obj, error) {
	m, err := f.meterOf(c)
	if err != nil {
		return nil, err
	}
	if c.has("display_name") {
		m.display = c.str("display_name")
	}
	return m.view(f), nil
}

func (f *Fake) deactivateMeter(c *call) (obj, error) {
	m, err := f.meterOf(c)
	if err != nil {
		return nil, err
	}
	if m.deactivated == 0 {
		m.deactivated = c.now
	}
	return m.view(f), nil
}

func (f *Fake) reactivateMeter(c *call) (obj, error) {
	m, err := f.meterOf(c)
	if err != nil {
		return nil, err
	}
	m.deactivated = 0
	return m.view(f), nil
}

func (f *Fake) createMeterEvent(c *call) (obj, error) {
	var m *meter
	for _, other := range f.meters {
		if other.event == c.str("event_name") && other.deactivated == 0 {
			m = other
		}
	}
	if m == nil {
		return nil, refuse("event_name", "resource_missing", "No active meter found for event_name: %s", c.str("event_name"))
	}
	payload := c.sub("payload")
	who, err := f.customerOf(payload.str(m.customerKey), "payload["+m.customerKey+"]")
	if err != nil {
		return nil, err
	}
	value, ok := new(big.Int).SetString(payload.str(m.valueKey), 10)
	if !ok || value.Sign() < 0 || !value.IsInt64() {
		return nil, refuse("payload["+m.valueKey+"]", "meter_event_invalid_value", "The value must be a whole number that is not negative: %q", payload.str(m.valueKey))
	}
	at := c.now
	if c.has("timestamp") {
		at = c.num("timestamp")
	}
	if at < c.now-35*24*hour || at > c.now+5*minute {
		return nil, refuse("timestamp", "timestamp_out_of_range", "The timestamp must be within the past 35 calendar days or up to 5 minutes in the future.")
	}
	id := c.str("identifier")
	if id == "" {
		id = f.id("evtid")
	} else if t, ok := f.identifiers[id]; ok && c.now-t < 24*hour {
		return nil, refuse("identifier", "duplicate_meter_event", "A meter event with identifier %s already exists.", id)
	}
	f.identifiers[id] = c.now
	key := usageKey{m.id, who.id}
	if f.usage[key] == nil {
		f.usage[key] = map[int64]sample{}
	}
	window := at - at%hour
	if old := f.usage[key][window]; at >= old.at { // else it is older than what stands
		f.usage[key][window] = sample{value.Int64(), at, c.now, f.shown(old)}
	}
	return obj{"object": "billing.meter_event", "created": c.now, "event_name": m.event, "identifier": id, "livemode": false, "payload": flat(payload), "timestamp": at}, nil
}

func flat(p params) obj {
	out := obj{}
	for k := range p {
		out[k] = p.str(k)
	}
	return out
}

// metered is the usage of a meter from one time to another.
func (f *Fake) metered(key usageKey, from, to int64) int64 {
	var sum int64
	for window, s := range f.usage[key] {
		at := s.at
		if f.opt.WholeHours {
			at = window
		}
		if at >= from && at < to {
			sum += s.value
		}
	}
	return sum
}

// Usage is a customer's hours of a meter by its event name: the hour's start in Unix
// seconds and the total that stands.
func (f *Fake) Usage(customerID, eventName string) map[int64]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[int64]int64{}
	for _, m := range f.meters {
		if m.event == eventName {
			for h, s := range f.usage[usageKey{m.id, customerID}] {
				out[h] = s.value
			}
		}
	}
	return out
}

// summary is the usage of one window.
type summary struct {
	meter            string
	from, to, amount int64
}

func (s summary) ident() string { return fmt.Sprintf("mtrusg_%s_%d", serial(s.meter), s.from) }
func (s summary) made() int64   { return s.from }
func (s summary) view(*Fake) obj {
	return obj{"id": s.ident(), "object": "billing.meter_event_summary", "aggregated_value": s.amount, "start_time": s.from, "end_time": s.to, "livemode": false, "meter": s.meter}
}

func (f *Fake) listSummaries(c *call) (obj, error) {
	m, err := f.meterOf(c)
	if err != nil {
		return nil, err
	}
	who, failed := f.customerOf(c.str("customer"), "customer")
	if failed != nil {
		return nil, failed
	}
	from, to, step := c.num("start_time"), c.num("end_time"), int64(minute)
	switch c.str("value_grouping_window") {
	case "hour":
		step = hour
	case "day":
		step = 24 * hour
	}
	if from%step != 0 || to%step != 0 || from >= to {
		return nil, refuse("start_time", "", "start_time and end_time must be multiples of %d s, in order.", step)
	}
	key := usageKey{m.id, who.id}
	var all []summary
	if !c.has("value_grouping_window") {
		all = []summary{{m.id, from, to, f.summed(key, from, to)}}
	} else {
		for at := to - step; at >= from; at -= step {
			if n := f.summed(key, at, at+step); n != 0 {
				all = append(all, summary{m.id, at, at + step, n})
			}
		}
	}
	return listing(f, c, "/v1/billing/meters/"+m.id+"/event_summaries", all)
}

// summed counts hours by their start: summaries know whole windows only.
func (f *Fake) summed(key usageKey, from, to int64) (sum int64) {
	for window, s := range f.usage[key] {
		if window >= from-from%hour && window < to {
			sum += f.shown(s)
		}
	}
	return sum
}

// shown is what summaries show of an hour.
func (f *Fake) shown(s sample) int64 {
	if f.at-s.came < int64(f.opt.SummaryLag/time.Second) {
		return s.before
	}
	return s.value
}

// SetUsage makes the account forget, lose or double what it was told of a customer's
// hour of a meter, by the meter's event name: from now on it counts total there. The
// identifiers of the events that told it are known as before.
func (f *Fake) SetUsage(customerID, eventName string, at time.Time, total int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(f.clock())
	for _, m := range f.meters {
		if m.event != eventName {
			continue
		}
		key, window := usageKey{m.id, customerID}, at.Unix()-at.Unix()%hour
		if f.usage[key] == nil {
			f.usage[key] = map[int64]sample{}
		}
		s := f.usage[key][window]
		s.value, s.before, s.at = total, total, max(s.at, window)
		f.usage[key][window] = s
		return nil
	}
	return fmt.Errorf("stripefake: no meter has the event name %q", eventName)
}

// Usage records, as the API had them before meters.

func (f *Fake) createUsageRecord(c *call) (obj, error) {
	s, it := f.itemOf(c.ids[0])
	if it == nil {
		return nil, notFound("subscription item", c.ids[0])
	}
	if p := f.prices[it.price]; p == nil || !p.metered || p.meter != "" {
		return nil, refuse("subscription_item", "", "Usage records are for metered prices without a meter.")
	}
	if s.endedAt != 0 {
		return nil, refuse("", "", "The subscription of %s is canceled.", it.id)
	}
	at := c.now
	if text := c.str("timestamp"); text != "" && text != "now" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, refuse("timestamp", "parameter_invalid_integer", "Invalid integer: %s", text)
		}
		at = n
	}
	if at > c.now+5*minute || at < f.recordsFrom(s) {
		return nil, refuse("timestamp", "", "Cannot create the usage record with this timestamp: it must be within the current billing period, or the last one while its invoice is a draft.")
	}
	n := c.num("quantity")
	if n < 0 {
		return nil, refuse("quantity", "parameter_invalid_integer", "Invalid non-negative integer")
	}
	if f.records[it.id] == nil {
		f.records[it.id] = map[int64]int64{}
	}
	if c.str("action") == "set" {
		f.records[it.id][at] = n
	} else {
		f.records[it.id][at] += n
	}
	return obj{"id": f.id("mbur"), "object": "usage_record", "livemode": false, "quantity": f.records[it.id][at], "subscription_item": it.id, "timestamp": at}, nil
}

// recordsFrom is the earliest time that usage records may have.
func (f *Fake) recordsFrom(s *subscription) int64 {
	for _, i := range f.invoices {
		if i.sub == s.id && i.status == "draft" && i.periodEnd == s.periodStart {
			return i.periodStart
		}
	}
	return s.periodStart
}

func (f *Fake) recorded(item string, from, to int64) (sum int64) {
	for at, n := range f.records[item] {
		if at >= from && at < to {
			sum += n
		}
	}
	return sum
}

// usedBy is what a metered item used from one time to another.
func (f *Fake) usedBy(s *subscription, it *item, from, to int64) int64 {
	p := f.prices[it.price]
	if p == nil {
		return 0
	}
	if p.meter == "" {
		return f.recorded(it.id, from, to)
	}
	return f.metered(usageKey{p.meter, s.customer}, from, to)
}

func (f *Fake) listUsageRecordSummaries(c *call) (obj, error) {
	s, it := f.itemOf(c.ids[0])
	if it == nil {
		return nil, notFound("subscription item", c.ids[0])
	}
	total := f.usedBy(s, it, s.periodStart, s.periodEnd)
	data := []any{obj{"id": "sis_" + serial(it.id), "object": "usage_record_summary", "invoice": nil, "livemode": false, "period": obj{"start": s.periodStart, "end": nil}, "subscription_item": it.id, "total_usage": total}}
	return obj{"object": "list", "url": "/v1/subscription_items/" + it.id + "/usage_record_summaries", "has_more": false, "data": data}, nil
}

// Remove makes an object as if it had never been, as after a deletion in the
// dashboard: a price, a product, a meter, a customer or a subscription.
func (f *Fake) Remove(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.prices) + len(f.products) + len(f.meters) + len(f.customers) + len(f.subs)
	delete(f.prices, id)
	delete(f.products, id)
	delete(f.meters, id)
	delete(f.customers, id)
	delete(f.subs, id)
	if before == len(f.prices)+len(f.products)+len(f.meters)+len(f.customers)+len(f.subs) {
		return fmt.Errorf("stripefake: nothing has the id %q", id)
	}
	return nil
}

// forget drops what Stripe would no longer know.
func (f *Fake) forget() {
	maps.DeleteFunc(f.identifiers, func(_ string, at int64) bool { return f.at-at > 24*hour })
	maps.DeleteFunc(f.answers, func(_ string, k *kept) bool { return f.at-k.at > 24*hour })
	f.events = slices.DeleteFunc(f.events, func(e *event) bool { return f.at-e.created > 30*24*hour })
}
