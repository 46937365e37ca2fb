package stripefake

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// webhookState holds what waits for delivery.
type webhookState struct {
	url, secret string
	request     string // Idempotency-Key of the request that is carried out
	queue       []*event
	going       bool // deliveries go out by themselves
	random      *rand.Rand
	wake        chan struct{}
	done        chan struct{}
	ended       sync.WaitGroup
	once        sync.Once
	client      *http.Client
}

func (w *webhookState) init(f *Fake) {
	w.wake, w.done = make(chan struct{}, 1), make(chan struct{})
	w.random = newRand(f.opt.Faults.Seed + 1)
	w.client = &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w.ended.Go(func() { f.deliverAlways() })
}

func (w *webhookState) close() {
	w.once.Do(func() { close(w.done) })
	w.ended.Wait()
}

func (w *webhookState) add(e *event) {
	if w.url == "" {
		return
	}
	w.queue = append(w.queue, e)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Event is an event that waits for its delivery.
type Event struct {
	ID, Type string
	Created  time.Time
}

// SetWebhook sets the endpoint up; events from now on wait for it until Release or
// Deliver. An empty URL takes it away, and what waits.
func (f *Fake) SetWebhook(url, secret string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.webhooks.url, f.webhooks.secret = url, secret
	if url == "" {
		f.webhooks.queue = nil
	}
}

// Release lets deliveries go out by themselves, with the faults that are set, each
// tried up to ten times; Hold keeps them back again.
func (f *Fake) Release() { f.setGoing(true) }

// Hold keeps deliveries back.
func (f *Fake) Hold() { f.setGoing(false) }

func (f *Fake) setGoing(going bool) {
	f.mu.Lock()
	f.webhooks.going = going
	f.mu.Unlock()
	select {
	case f.webhooks.wake <- struct{}{}:
	default:
	}
}

// Pending are the events that wait for delivery, oldest first.
func (f *Fake) Pending() []Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(f.clock())
	var out []Event
	for _, e := range f.webhooks.queue {
		out = append(out, Event{e.id, e.kind, time.Unix(e.created, 0).UTC()})
	}
	return out
}

// Drop forgets deliveries that wait: those of the ids, or all if there are none.
func (f *Fake) Drop(ids ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.webhooks.queue = slices.DeleteFunc(f.webhooks.queue, func(e *event) bool { return len(ids) == 0 || slices.Contains(ids, e.id) })
}

// Deliver posts events in the order given, whether they wait or went out before, and
// answers the status of each; without ids all that wait. An event that is answered
// with 2xx no longer waits.
func (f *Fake) Deliver(ctx context.Context, ids ...string) ([]int, error) {
	if len(ids) == 0 {
		for _, e := range f.Pending() {
			ids = append(ids, e.ID)
		}
	}
	var out []int
	for _, id := range ids {
		body, err := f.Body(id)
		if err != nil {
			return out, err
		}
		status, err := f.post(ctx, body)
		if err != nil {
			return out, err
		}
		if status/100 == 2 {
			f.Drop(id)
		}
		out = append(out, status)
	}
	return out, nil
}

// Body is an event's bytes as a webhook has them.
func (f *Fake) Body(eventID string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.events {
		if e.id == eventID {
			return json.MarshalIndent(e.view(f), "", "  ")
		}
	}
	return nil, fmt.Errorf("stripefake: no event %q", eventID)
}

// Sign makes the header Stripe-Signature for a body.
func Sign(secret string, body []byte, at time.Time) string {
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), signature(secret, body, at))
}

func signature(secret string, body []byte, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.", at.Unix())
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// post sends one webhook. It is signed by the clock that the receiver has: the
// fake's where that stands still, else the machine's.
func (f *Fake) post(ctx context.Context, body []byte) (int, error) {
	f.mu.Lock()
	url, secret, at := f.webhooks.url, f.webhooks.secret, time.Now()
	if !f.opt.Start.IsZero() {
		at = time.Unix(f.clock(), 0)
	}
	f.mu.Unlock()
	if url == "" {
		return 0, errors.New("stripefake: no webhook is set up")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("stripefake: %w", err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	r.Header.Set("Stripe-Signature", Sign(secret, body, at))
	resp, err := f.webhooks.client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("stripefake: %w", err)
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

// deliverAlways posts what waits while deliveries go out by themselves.
func (f *Fake) deliverAlways() {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-f.webhooks.done; cancel() }()
	failed := map[string]int{}
	for {
		e, times := f.next()
		if e == nil {
			select {
			case <-f.webhooks.wake:
				continue
			case <-f.webhooks.done:
				return
			}
		}
		ok := times == 0
		for range times {
			body, err := f.Body(e.id)
			if err != nil {
				ok = true // Stripe keeps events for 30 days
				break
			}
			status, err := f.post(ctx, body)
			ok = err == nil && status/100 == 2
		}
		if failed[e.id]++; ok || failed[e.id] >= 10 {
			delete(failed, e.id)
			continue
		}
		f.again(e)
		select {
		case <-time.After(min(2*time.Second, 50*time.Millisecond<<failed[e.id])):
		case <-f.webhooks.done:
			return
		}
	}
}

// next takes an event out and says how often it is posted: by the faults, one that
// waits further back, none at all, or twice.
func (f *Fake) next() (e *event, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w, faults := &f.webhooks, f.faults.Faults
	if !w.going || len(w.queue) == 0 {
		return nil, 0
	}
	i := 0
	if w.random.Float64() < faults.Reorder {
		i = w.random.IntN(len(w.queue))
	}
	e, times = w.queue[i], 1
	w.queue = slices.Delete(w.queue, i, i+1)
	switch chance := w.random.Float64(); {
	case chance < faults.Lose:
		times = 0
	case chance < faults.Lose+faults.Duplicate:
		times = 2
	}
	return e, times
}

func (f *Fake) again(e *event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.webhooks.url != "" {
		f.webhooks.queue = append(f.webhooks.queue, e)
	}
}
