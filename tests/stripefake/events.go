package stripefake

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
)

type event struct {
	id, kind, request string
	created           int64
	object            json.RawMessage // as it was then
	previous          obj
	endpoint          bool // a webhook was set up
}

func (e *event) ident() string { return e.id }
func (e *event) made() int64   { return e.created }
func (e *event) view(*Fake) obj {
	data := obj{"object": e.object}
	if e.previous != nil {
		data["previous_attributes"] = e.previous
	}
	pending := 0
	if e.endpoint {
		pending = 1
	}
	return obj{"id": e.id, "object": "event", "api_version": Version, "created": e.created, "data": data, "livemode": false, "pending_webhooks": pending, "request": obj{"id": nil, "idempotency_key": null(e.request)}, "type": e.kind}
}

// emit makes an event of an object's view and hands it to the webhooks.
func (f *Fake) emit(kind string, view, previous obj) {
	raw, err := json.Marshal(view)
	if err != nil {
		panic(fmt.Sprintf("stripefake: %v", err))
	}
	e := &event{id: f.id("evt"), kind: kind, request: f.webhooks.request, created: f.at, object: raw, previous: previous, endpoint: f.webhooks.url != ""}
	f.events = append(f.events, e)
	f.webhooks.add(e)
}

// changed emits an event for an object that changed, unless it did not.
func (f *Fake) changed(kind string, before, after obj) {
	previous := obj{}
	for k, v := range before {
		if !reflect.DeepEqual(v, after[k]) {
			previous[k] = v
		}
	}
	if len(previous) > 0 {
		f.emit(kind, after, previous)
	}
}

func (f *Fake) listEvents(c *call) (obj, error) {
	types := c.strs("types")
	if c.has("type") {
		types = append(types, c.str("type"))
	}
	var all []*event
	for _, e := range slices.Backward(f.events) {
		if (len(types) == 0 || slices.Contains(types, e.kind)) && c.within("created", e.created) {
			all = append(all, e)
		}
	}
	return listing(f, c, "/v1/events", all)
}

func (f *Fake) getEvent(c *call) (obj, error) {
	for _, e := range f.events {
		if e.id == c.ids[0] {
			return e.view(f), nil
		}
	}
	return nil, notFound("event", c.ids[0])
}
