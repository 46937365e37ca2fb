package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/webhook"
)

// TestKilled: a worker that dies between sending and storing has what it sent sent
// again by another one, under the same id, and writes nothing when it was not dead.
func TestKilled(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, r := newWorld(t, db), newReceiver(t)
		w.hook(t, "hook", r.URL)
		w.Key(t, w.org, w.gw, "ann")
		now := w.Clock.Now()
		claim := webhook.Claim{Holder: "dead", Now: now, Until: now.Add(20 * time.Second), Limit: 10, Healthy: true, Most: 10}
		taken, err := w.store.ClaimLanes(t.Context(), claim)
		if err != nil || len(taken) != 1 {
			t.Fatalf("%+v, %v", taken, err)
		}
		sent, err := w.store.Due(t.Context(), taken[0].ID, now, 10)
		if err != nil || len(sent) != 1 {
			t.Fatalf("%+v, %v", sent, err)
		}
		w.send(t)
		if got := r.take(); len(got) != 0 {
			t.Errorf("what somebody holds was sent: %v", types(got))
		}
		w.Clock.Add(15 * time.Second)
		if err := w.store.ExtendLanes(t.Context(), "dead", []string{taken[0].ID}, w.Clock.Now().Add(20*time.Second)); err != nil {
			t.Fatal(err)
		}
		w.Clock.Add(15 * time.Second)
		if w.send(t); len(r.take()) != 0 {
			t.Error("what somebody still holds was sent")
		}
		w.Clock.Add(6 * time.Second)
		w.send(t)
		if got := r.take(); len(got) != 1 || got[0].ID != sent[0].ID {
			t.Errorf("sent %v, want %s again", types(got), sent[0].ID)
		}
		late := sent[0]
		late.State, late.Attempts = webhook.DeliveryFailed, 1
		err = w.store.Tx(t.Context(), func(tx webhook.Tx) error {
			wrote, err := tx.SaveDelivery(w.org, &late, webhook.DeliveryWaiting, 0)
			if wrote {
				t.Error("the late one wrote")
			}
			return err
		})
		if err != nil || w.newest(t, "hook").State != webhook.DeliverySent {
			t.Errorf("%+v, %v", w.newest(t, "hook"), err)
		}
	})
}

// TestManyWorkers: however many workers there are, each event is sent once.
func TestManyWorkers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, r := newWorld(t, db), newReceiver(t)
		const hooks, events = 5, 20
		for i := range hooks {
			w.hook(t, fmt.Sprintf("hook%d", i), r.URL+fmt.Sprintf("/%d", i))
		}
		for range events {
			w.Key(t, w.org, w.gw, "ann")
		}
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				if err := w.sender(fmt.Sprintf("worker%d", i)).Send(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		w.send(t) // what was held when another one looked
		n := map[string]int{}
		for _, m := range r.take() {
			n[m.ID]++
		}
		if len(n) != events {
			t.Errorf("%d events, want %d", len(n), events)
		}
		for id, times := range n {
			if times != hooks {
				t.Errorf("%s was sent %d times to %d webhooks", id, times, hooks)
			}
		}
	})
}

// TestSlowHoldsNobody: a receiver that does not answer has a few requests at once,
// and others get theirs meanwhile.
func TestSlowHoldsNobody(t *testing.T) {
	t.Parallel()
	w, slow, quick := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil)), newReceiver(t), newReceiver(t)
	var open, most atomic.Int64
	release := make(chan struct{})
	slow.answers(func(http.ResponseWriter, *http.Request) {
		if n := open.Add(1); n > most.Load() {
			most.Store(n)
		}
		<-release
		open.Add(-1)
	})
	came := make(chan struct{}, 100)
	quick.answers(func(http.ResponseWriter, *http.Request) { came <- struct{}{} })
	w.hook(t, "slow", slow.URL)
	w.hook(t, "quick", quick.URL)
	const events = 12
	for range events {
		w.Key(t, w.org, w.gw, "ann")
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.sender("one").Run(ctx) }()
	for range events {
		<-came // it waits for ever where the slow one holds the others
	}
	close(release)
	for w.get(t, "slow").State.Delivered < events {
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if most.Load() > 4 {
		t.Errorf("%d requests at once", most.Load())
	}
}

// TestFairness: an organization with many webhooks leaves room for the others.
func TestFairness(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, r := newWorld(t, db), newReceiver(t)
		for i := range webhook.MaxWebhooks {
			w.hook(t, fmt.Sprintf("hook%d", i), r.URL)
		}
		w.Key(t, w.org, w.gw, "ann")
		small := storetest.Organization(t, db, "small")
		g := w.Gateway(t, small, "small")
		w.Consumer(t, small, g, "bob")
		if _, err := w.svc.Put(t.Context(), small, webhook.Put{Gateway: "small", Name: "hook", Spec: webhook.Spec{URL: r.URL}}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Keys.Create(t.Context(), small, apikey.Create{Gateway: "small", Consumer: "bob"}); err != nil {
			t.Fatal(err)
		}
		now := w.Clock.Now()
		claim := webhook.Claim{Holder: "one", Now: now, Until: now.Add(time.Minute), Limit: 4, Healthy: true, Most: 16}
		of := func(list []webhook.Webhook) (n int) {
			for i := range list {
				if list[i].Organization == small {
					n++
				}
			}
			return n
		}
		first, err := w.store.ClaimLanes(t.Context(), claim)
		if err != nil || len(first) != 4 || of(first) != 1 {
			t.Fatalf("%d of %d are the small one's, %v", of(first), len(first), err)
		}
		claim.Full = []core.OrganizationID{w.org}
		if more, err := w.store.ClaimLanes(t.Context(), claim); err != nil || len(more) != 0 {
			t.Errorf("%d of an organization that has no more room, %v", len(more), err)
		}
		claim.Full, claim.Limit, claim.Most = nil, 100, 10
		more, err := w.store.ClaimLanes(t.Context(), claim)
		if err != nil || len(more) != 10 {
			t.Errorf("%d at once of one organization, %v", len(more), err)
		}
		served := []string{}
		for _, l := range [][]webhook.Webhook{first, more} {
			for i := range l {
				served = append(served, l[i].ID)
				if err := w.store.ReleaseLane(t.Context(), "one", l[i].ID, w.Clock.Now()); err != nil {
					t.Fatal(err)
				}
			}
		}
		// Whoever had no turn yet comes first.
		claim.Limit = 4
		next, err := w.store.ClaimLanes(t.Context(), claim)
		if err != nil || len(next) != 4 {
			t.Fatalf("%d, %v", len(next), err)
		}
		for i := range next {
			if next[i].Organization == w.org && slices.Contains(served, next[i].ID) {
				t.Errorf("%s has its second turn before others had one", next[i].Spec.Name)
			}
		}
	})
}

func TestTrim(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, r := newWorld(t, db), newReceiver(t)
		w.hook(t, "hook", r.URL)
		w.Key(t, w.org, w.gw, "ann")
		trim := func() int {
			if err := w.sender("one").Trim(t.Context()); err != nil {
				t.Fatal(err)
			}
			return len(w.deliveries(t, "hook"))
		}
		w.Clock.Add(webhook.Kept - time.Minute)
		if n := trim(); n != 1 {
			t.Errorf("%d deliveries are left too early", n)
		}
		w.Clock.Add(2 * time.Minute)
		if n := trim(); n != 0 {
			t.Errorf("%d deliveries are left", n)
		}
	})
}
