package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// batches sends changes of one gateway's parts that an apply makes at the same time
// as one version: each version costs the whole gateway a check and its edges an
// update.
type batches struct {
	c    *client.ClientWithResponses
	mu   sync.Mutex
	open map[string]*batch // by gateway: the one that still takes changes
	busy map[string]*sync.Mutex
}

// A batch is sent when nothing was added for batchQuiet, and after batchWait at the
// latest.
const (
	batchQuiet = 15 * time.Millisecond
	batchWait  = 150 * time.Millisecond
	batchMost  = 500
)

// batch is changes that are sent together.
type batch struct {
	changes []shape.Schema
	added   chan struct{} // takes one for each change after the first
	done    chan struct{} // closed when it was answered
	parts   []answer
	err     error
}

func newBatches(c *client.ClientWithResponses) *batches {
	return &batches{c: c, open: map[string]*batch{}, busy: map[string]*sync.Mutex{}}
}

// do makes one change of a part, together with others. alone makes it by itself: for
// a change that stands alone, and for all of a batch that was refused, so that each
// gets its own answer.
func (b *batches) do(ctx context.Context, gateway, part string, change shape.Schema, alone func() (answer, error)) (answer, error) {
	b.mu.Lock()
	one := b.open[gateway]
	if one == nil {
		one = &batch{added: make(chan struct{}, batchMost), done: make(chan struct{})}
		b.open[gateway] = one
		if b.busy[gateway] == nil {
			b.busy[gateway] = &sync.Mutex{}
		}
		go b.run(context.WithoutCancel(ctx), gateway, one, b.busy[gateway])
	}
	n := len(one.changes)
	one.changes = append(one.changes, change)
	if n+1 >= batchMost {
		delete(b.open, gateway)
	}
	one.added <- struct{}{}
	b.mu.Unlock()
	select {
	case <-one.done:
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	if one.err != nil || len(one.parts) == 0 {
		return alone()
	}
	got := one.parts[n]
	if body, ok := got.body[part].(shape.Schema); ok {
		got.body = body
	}
	return got, nil
}

// run gathers changes, one batch of a gateway after the other, and sends them.
func (b *batches) run(ctx context.Context, gateway string, one *batch, busy *sync.Mutex) {
	busy.Lock()
	defer busy.Unlock()
	one.gather()
	b.mu.Lock()
	if b.open[gateway] == one {
		delete(b.open, gateway)
	}
	b.mu.Unlock()
	defer close(one.done)
	if len(one.changes) > 1 {
		one.parts, one.err = b.send(ctx, gateway, one.changes)
	}
}

// gather returns when nothing was added for a while.
func (one *batch) gather() {
	latest := time.After(batchWait)
	for {
		select {
		case <-one.added:
		case <-time.After(batchQuiet):
			return
		case <-latest:
			return
		}
	}
}

func (b *batches) send(ctx context.Context, gateway string, changes []shape.Schema) ([]answer, error) {
	body, err := encode(map[string]any{"changes": changes})
	if err != nil {
		return nil, err
	}
	got, err := read(b.c.ChangePartsWithBody(ctx, gateway, nil, mediaJSON, body))
	if err != nil {
		return nil, err
	}
	version, _ := got.body[attrVersion].(json.Number)
	n, _ := version.Int64()
	items, _ := got.body["items"].([]any)
	if len(items) != len(changes) {
		return nil, fmt.Errorf("the management API answered %d changes with %d parts", len(changes), len(items))
	}
	out := make([]answer, len(items))
	for i := range items {
		part, _ := items[i].(shape.Schema)
		out[i] = answer{body: part, version: n}
	}
	return out, nil
}
