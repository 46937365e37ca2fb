package webhook_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/alert"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/webhook"
)

// figure fires an alert, or not.
type figure float64

func (f figure) Read(context.Context, *alert.Alert, time.Time) (alert.Figure, error) {
	return alert.Figure{Value: float64(f), Known: true}, nil
}

// alert has an alert fire and be over.
func (w *world) alert(t *testing.T) {
	t.Helper()
	svc, err := alert.New(alert.Options{Store: store.Alerts{DB: w.DB}, Guard: w.guard, Root: w.Root, Clock: w.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	rule := alert.Rule{Kind: alert.KindErrorRate, Threshold: 10}
	if _, err := svc.Put(t.Context(), w.org, alert.Put{Gateway: "shop", Name: "errors", Rule: rule}); err != nil {
		t.Fatal(err)
	}
	for _, value := range []figure{50, 1} {
		w.Clock.Add(time.Minute)
		if err := (&alert.Evaluator{Service: svc, Figures: value, Logger: slog.New(slog.DiscardHandler)}).Evaluate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTriedAgain: what fails is sent again under the same id, later and later, and
// has failed after the last try; somebody can have it sent again.
func TestTriedAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, r := newWorld(t, db), newReceiver(t)
		w.hook(t, "hook", r.URL)
		r.answers(func(rw http.ResponseWriter, _ *http.Request) {
			http.Error(rw, "no\x00 thanks", http.StatusServiceUnavailable)
		})
		w.Key(t, w.org, w.gw, "ann")
		ids := map[string]bool{}
		last := time.Duration(0)
		for i := range webhook.MaxTries {
			w.send(t)
			d := w.newest(t, "hook")
			if d.Attempts != i+1 || d.StatusCode != 503 || !strings.HasPrefix(d.Answer, "no") || d.LastAt.IsZero() {
				t.Fatalf("try %d: %+v", i+1, d)
			}
			if i+1 == webhook.MaxTries {
				break
			}
			wait := d.NextAt.Sub(w.Clock.Now())
			if d.State != webhook.DeliveryWaiting || wait <= last || wait > 27*time.Hour {
				t.Errorf("try %d: %s, next in %s after %s", i+1, d.State, wait, last)
			}
			w.send(t) // not due
			last = wait
			w.Clock.Add(wait + time.Second)
		}
		got := r.take()
		for _, m := range got {
			ids[m.header.Get(webhook.HeaderID)] = true
		}
		d := w.newest(t, "hook")
		if len(got) != webhook.MaxTries || len(ids) != 1 || d.State != webhook.DeliveryFailed || !d.NextAt.IsZero() {
			t.Errorf("%d messages with %d ids, %+v", len(got), len(ids), d)
		}
		if v := w.get(t, "hook"); v.Status() != webhook.StatusFailing || v.State.Failures != webhook.MaxTries || v.State.StatusCode != 503 {
			t.Errorf("state %+v", v.State)
		}
		r.answers(nil)
		again, err := w.svc.Retry(t.Context(), w.org, "shop", "hook", d.ID)
		if err != nil || again.State != webhook.DeliveryWaiting {
			t.Fatalf("%+v, %v", again, err)
		}
		w.send(t)
		got = r.take()
		if d = w.newest(t, "hook"); len(got) != 1 || !ids[got[0].ID] || d.State != webhook.DeliverySent || d.Error != "" {
			t.Errorf("%d messages, %+v", len(got), d)
		}
		if v := w.get(t, "hook"); v.Status() != webhook.StatusOK || v.State.Failures != 0 || !v.State.FailingSince.IsZero() {
			t.Errorf("state %+v", v.State)
		}
		if _, err := w.svc.Retry(t.Context(), w.org, "shop", "hook", "evt_none"); core.CodeOf(err) != core.CodeNotFound {
			t.Errorf("a delivery that there is not: %v", err)
		}
	})
}

// TestReceiversMisbehave: whatever a receiver does, it is a failure that says what is
// wrong, and not more than that is read, followed or waited for.
func TestReceiversMisbehave(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t, storetest.Open(t, storetest.SQLite(t), nil)), newReceiver(t)
	w.hook(t, "hook", r.URL)
	var read atomic.Int64
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		status int
		says   string
	}{
		"redirect": {func(rw http.ResponseWriter, q *http.Request) {
			http.Redirect(rw, q, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
		}, 302, "redirects are not followed"},
		"closed": {func(rw http.ResponseWriter, _ *http.Request) {
			conn, _, err := rw.(http.Hijacker).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		}, 0, "broke off"},
		"cut": {func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Length", "100")
			_, _ = rw.Write([]byte("short"))
		}, 200, "broke off"},
		"endless": {func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(500)
			block := make([]byte, 64<<10)
			for range 1024 {
				n, err := rw.Write(block)
				if read.Add(int64(n)); err != nil {
					return
				}
			}
		}, 500, "answered 500"},
		"headers": {func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("X", strings.Repeat("x", 64<<10)) }, 0, "broke off"},
	} {
		r.answers(c.answer)
		got, err := w.svc.Test(t.Context(), w.org, "shop", "hook")
		if err != nil || got.OK || got.StatusCode != c.status || !strings.Contains(got.Error, c.says) || len(got.Answer) > 1<<10 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if n := read.Load(); n > 16<<20 {
		t.Errorf("%d bytes of an endless answer were taken", n)
	}
	r.answers(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "thanks") })
	got, err := w.svc.Test(t.Context(), w.org, "shop", "hook")
	if err != nil || !got.OK || got.Answer != "thanks" || got.Type != event.WebhookTest {
		t.Errorf("%+v, %v", got, err)
	}
	// An address that its name leads to by the time it is dialled.
	w.guard.denyDial = true
	r.CloseClientConnections()
	if got, err = w.svc.Test(t.Context(), w.org, "shop", "hook"); err != nil || got.OK || !strings.Contains(got.Error, "can't be reached") || got.StatusCode != 0 {
		t.Errorf("a forbidden address: %+v, %v", got, err)
	}
	if d := w.newest(t, "hook"); d.Type != event.WebhookTest || d.State != webhook.DeliveryFailed || d.Attempts != 1 {
		t.Errorf("the test is kept as %+v", d)
	}
	w.Clock.Add(48 * time.Hour)
	r.take()
	if w.send(t); len(r.take()) != 0 {
		t.Error("a test was tried again")
	}
}

// public is the guard of an installation for strangers, before which a name was
// public when it was written.
type public struct{ match.Guard }

func (public) CheckWebhook(string) error             { return nil }
func (p public) CheckDial(addr netip.AddrPort) error { return p.CheckAddr(addr) }

// TestRebinding: what a name leads to is judged when it is dialled, so that nothing of
// our own network is reached by a name that was public before.
func TestRebinding(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t, storetest.Open(t, storetest.SQLite(t), nil)), newReceiver(t)
	svc, err := webhook.New(webhook.Options{Store: w.store, Guard: public{}, Root: w.Root, Letters: letters{}, Clock: w.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), ":")
	for i, host := range []string{"localhost", "127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "0.0.0.0", "[fd00::1]", "[::ffff:127.0.0.1]"} {
		name := fmt.Sprintf("hook%d", i)
		w.hook(t, name, "http://"+host+":"+port)
		got, err := svc.Test(t.Context(), w.org, "shop", name)
		if err != nil || got.OK || got.StatusCode != 0 || !strings.Contains(got.Error, "can't be reached") {
			t.Errorf("%s: %+v, %v", host, got, err)
		}
	}
	if n := len(r.take()); n != 0 {
		t.Errorf("%d messages came", n)
	}
}

// TestRetryAfter: a receiver may ask for a longer pause, within bounds.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t, storetest.Open(t, storetest.SQLite(t), nil)), newReceiver(t)
	w.hook(t, "hook", r.URL)
	for field, want := range map[string]time.Duration{
		"0": 5 * time.Second, "120": 2 * time.Minute, "99999999": 24 * time.Hour, "soon": 5 * time.Second, "-5": 5 * time.Second,
		w.Clock.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat): 10 * time.Minute,
	} {
		r.answers(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Retry-After", field)
			rw.WriteHeader(429)
		})
		w.Key(t, w.org, w.gw, "ann")
		w.send(t)
		d := w.newest(t, "hook")
		if wait := d.NextAt.Sub(d.LastAt); wait < want*89/100-time.Second || wait > want*111/100+time.Second {
			t.Errorf("Retry-After: %s waits %s, want %s", field, wait, want)
		}
	}
}

// TestSwitchedOff: a receiver that is gone, or took nothing for five days, gets no
// more; the owners are told, and what waited is not sent.
func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, r := newWorld(t, db), newReceiver(t)
		mails := func() int { return storetest.Count(t, db, "mails", "true") }
		const owners = 2
		for i, role := range []string{"owner", "owner", "admin"} {
			err := db.Tx(t.Context(), func(tx *store.Txn) error {
				id := fmt.Sprintf("usr_%d", i)
				err := tx.Exec("INSERT INTO users (id, email, email_key, password_hash, created_at, updated_at) VALUES (?, ?, ?, '', 0, 0)", id, id+"@example.com", id).Error
				if err != nil {
					return err
				}
				return tx.Exec("INSERT INTO members (id, organization_id, user_id, role, created_at, updated_at) VALUES (?, ?, ?, ?, 0, 0)", "mem_"+id, string(w.org), id, role).Error
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		check := func(why string, sent int) {
			t.Helper()
			v := w.get(t, "hook")
			if v.Status() != webhook.StatusDisabled || !strings.Contains(v.DisabledReason, why) || v.DisabledAt.IsZero() || v.State.Waiting != 0 {
				t.Errorf("%s: %s %+v", why, v.Status(), v)
			}
			if n := mails(); n != sent*owners {
				t.Errorf("%d mails, want %d", n, sent*owners)
			}
			if n := storetest.Count(t, db, "audit", "action = 'webhook.disable' AND actor_kind = 'system'"); n != sent {
				t.Errorf("%d lines in the audit log", n)
			}
			w.Key(t, w.org, w.gw, "ann") // it is not told
			r.take()
			if w.send(t); len(r.take()) != 0 {
				t.Error("something was sent")
			}
			for _, d := range w.deliveries(t, "hook") {
				if d.State == webhook.DeliveryWaiting {
					t.Errorf("still waits: %+v", d)
				}
			}
			if _, err := w.svc.Retry(t.Context(), w.org, "shop", "hook", w.newest(t, "hook").ID); core.CodeOf(err) != core.CodeConflict {
				t.Errorf("retry: %v", err)
			}
		}
		w.hook(t, "hook", r.URL)
		r.status(410)
		w.Key(t, w.org, w.gw, "ann")
		w.send(t)
		check("410", 1)

		w.hook(t, "hook", r.URL) // on again
		if v := w.get(t, "hook"); v.Status() != webhook.StatusIdle || v.DisabledReason != "" {
			t.Errorf("on again: %s, %+v", v.Status(), v)
		}
		r.status(500)
		for range 6 {
			w.Key(t, w.org, w.gw, "ann")
			w.send(t)
			if v := w.get(t, "hook"); v.Status() != webhook.StatusFailing && v.Status() != webhook.StatusDisabled {
				t.Fatalf("%s %+v", v.Status(), v)
			}
			w.Clock.Add(24 * time.Hour)
		}
		check("5 days", 2)
	})
}

// TestQuietIsNoFailure: a receiver that was away once is not switched off by the next
// failure weeks later, with nothing sent in between.
func TestQuietIsNoFailure(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t, storetest.Open(t, storetest.SQLite(t), nil)), newReceiver(t)
	w.hook(t, "hook", r.URL)
	r.status(500)
	w.Key(t, w.org, w.gw, "ann")
	for range webhook.MaxTries {
		w.send(t)
		if d := w.newest(t, "hook"); !d.NextAt.IsZero() {
			w.Clock.Add(d.NextAt.Sub(w.Clock.Now()) + time.Second)
		}
	}
	if v := w.get(t, "hook"); v.Status() != webhook.StatusFailing || v.State.Failures != webhook.MaxTries {
		t.Fatalf("%s %+v", v.Status(), v.State)
	}
	w.Clock.Add(10 * 24 * time.Hour)
	w.Key(t, w.org, w.gw, "ann")
	w.send(t)
	if v := w.get(t, "hook"); v.Status() != webhook.StatusFailing || v.State.Waiting != 1 {
		t.Errorf("after ten days without a try and one failure: %s %+v", v.Status(), v.State)
	}
}

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
	w, slow, quick := newWorld(t, storetest.Open(t, storetest.SQLite(t), nil)), newReceiver(t), newReceiver(t)
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
