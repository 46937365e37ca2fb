package provider

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// lister lists a page of a gateway's objects of a kind.
type lister func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit int, cursor *string) (*http.Response, error)

// view reads whole collections instead of one object after the other: a refresh of
// a thousand routes is a few calls. What it knows is forgotten with the first change
// and after viewAge.
type view struct {
	c    *client.ClientWithResponses
	mu   sync.Mutex
	held map[viewKey]*collection
}

const (
	viewAge  = 5 * time.Second
	viewPage = 200
)

type viewKey struct{ kind, gateway string }

// collection is one list, as it was at a time.
type collection struct {
	ready chan struct{} // closed when it was read
	read  time.Time
	items map[string]shape.Schema
	err   error
}

func newView(c *client.ClientWithResponses) *view {
	return &view{c: c, held: map[viewKey]*collection{}}
}

// get returns one object. An object that the list does not hold is asked for by
// itself.
func (v *view) get(ctx context.Context, k *kind, at address) (answer, error) {
	key := viewKey{k.name, at.gateway}
	v.mu.Lock()
	c := v.held[key]
	if c == nil || time.Since(c.read) > viewAge {
		c = &collection{ready: make(chan struct{}), read: time.Now()}
		v.held[key] = c
		v.mu.Unlock()
		c.items, c.err = v.all(ctx, k, at.gateway)
		close(c.ready)
	} else {
		v.mu.Unlock()
	}
	select {
	case <-c.ready:
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	if item, ok := c.items[at.key]; ok && c.err == nil {
		return answer{body: item}, nil
	}
	return k.get(ctx, v.c, at, nil)
}

func (v *view) all(ctx context.Context, k *kind, gateway string) (map[string]shape.Schema, error) {
	out := map[string]shape.Schema{}
	var cursor *string
	for {
		got, err := read(k.list(ctx, v.c, gateway, viewPage, cursor))
		if err != nil {
			return nil, err
		}
		items, _ := got.body["items"].([]any)
		for _, i := range items {
			if item, ok := i.(shape.Schema); ok {
				name, _ := item[k.key].(string)
				out[name] = item
			}
		}
		next, _ := got.body["next_cursor"].(string)
		if next == "" {
			return out, nil
		}
		cursor = &next
	}
}

// changed forgets what is known of a gateway.
func (v *view) changed(gateway string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for key := range v.held {
		if key.gateway == gateway {
			delete(v.held, key)
		}
	}
}
