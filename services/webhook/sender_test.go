package webhook_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/alert"
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
	w, r := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil)), newReceiver(t)
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
	w, r := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil)), newReceiver(t)
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
	w, r := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil)), newReceiver(t)
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
	w, r := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil)), newReceiver(t)
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
