package alert_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/alert"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/mailform"
)

// world is a gateway, its alerts, and figures that a test sets.
type world struct {
	db    *store.DB
	org   core.OrganizationID
	gw    *gateway.Gateway
	svc   *alert.Service
	guard *guard
	mu    sync.Mutex // guards the rest
	now   time.Time
	value alert.Figure
}

// guard lets webhooks go to this machine unless it is told not to.
type guard struct{ deny, denyDial bool }

func (g *guard) CheckWebhook(url string) error {
	if g.deny || !strings.HasPrefix(url, "http") {
		return errors.New("is not allowed")
	}
	return nil
}

func (g *guard) CheckDial(netip.AddrPort) error {
	if g.denyDial {
		return errors.New("the address is not allowed")
	}
	return nil
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	d := storetest.NewDomain(t, db)
	w := &world{db: db, org: storetest.Organization(t, db, "acme"), guard: &guard{}, now: time.Now().UTC().Truncate(time.Millisecond)}
	w.gw = d.Gateway(t, w.org, "shop")
	var err error
	w.svc, err = alert.New(alert.Options{Store: store.Alerts{DB: db}, Guard: w.guard, Root: d.Root, PublicURL: "https://portal.example.com", Clock: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// at sets what the next evaluation reads, after some time.
func (w *world) at(later time.Duration, value float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now, w.value = w.now.Add(later), alert.Figure{Value: value, Known: true}
}

// Read is the world's one figure.
func (w *world) Read(context.Context, *alert.Alert, time.Time) (alert.Figure, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.value, nil
}

// Letter leaves a mail readable.
func (w *world) Letter(to string, f mailform.Form) (*alert.Letter, error) {
	text, _ := f.Write()
	return &alert.Letter{ID: core.NewID("mail"), Sealed: []byte(to + "\n" + f.Subject + "\n" + text)}, nil
}

func (w *world) evaluator() *alert.Evaluator {
	return &alert.Evaluator{Service: w.svc, Figures: w, Logger: slog.New(slog.DiscardHandler)}
}

func (w *world) put(t *testing.T, r alert.Rule) *alert.Saved {
	t.Helper()
	a, err := w.svc.Put(t.Context(), w.org, alert.Put{Gateway: "shop", Name: "errors", Rule: r})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (w *world) history(t *testing.T) (out []string) {
	t.Helper()
	l, err := w.svc.History(t.Context(), w.org, "shop", "errors", core.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range l.Items {
		out = append([]string{e.Transition}, out...)
	}
	return out
}

// receiver is where webhooks go: it fails as often as it is told to.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex // guards the rest
	fail int
	got  []*http.Request
	body [][]byte
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.fail > 0 {
			r.fail--
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		r.got, r.body = append(r.got, q), append(r.body, b)
	}))
	t.Cleanup(r.Close)
	return r
}

// TestOneNoticeATransition evaluates with several workers at once, some of which
// die between their steps: each transition has one event and one notice a
// channel, whatever happens.
func TestOneNoticeATransition(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, hook := newWorld(t, db), newReceiver(t)
		saved := w.put(t, alert.Rule{Kind: alert.KindErrorRate, Threshold: 10, Channels: []alert.Channel{
			{Type: "webhook", URL: hook.URL}, {Type: "mail", To: []string{"a@example.com", "b@example.com", "a@example.com"}},
		}})
		if !strings.HasPrefix(saved.SigningSecret, "tgwh_") {
			t.Errorf("signing secret %q", saved.SigningSecret)
		}
		for _, value := range []float64{1, 50, 60, 50, 2, 1, 90, 90, 3} {
			w.at(time.Minute, value)
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					if err := w.evaluator().Evaluate(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		if got := strings.Join(w.history(t), " "); got != "firing resolved firing resolved" {
			t.Errorf("history: %s", got)
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				n := alert.NewSender(w.svc, w, slog.New(slog.DiscardHandler))
				if err := n.Send(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(hook.got) != 4 {
			t.Errorf("%d webhooks, want 4", len(hook.got))
		}
		if n := storetest.Count(t, db, "mails", "true"); n != 8 {
			t.Errorf("%d mails, want one for each of 2 addresses and 4 transitions", n)
		}
		for i, q := range hook.got {
			var m alert.Message
			if err := json.Unmarshal(hook.body[i], &m); err != nil || m.Gateway.Name != "shop" || m.Alert.Name != "errors" {
				t.Errorf("body %s", hook.body[i])
			}
			var unix int64
			signature := q.Header.Get(alert.SignatureHeader)
			if _, err := fmt.Sscanf(signature, "t=%d,", &unix); err != nil {
				t.Fatal(err)
			}
			if signature != alert.Sign([]byte(saved.SigningSecret), time.Unix(unix, 0), hook.body[i]) {
				t.Errorf("signature %s of %s", signature, hook.body[i])
			}
		}
	})
}

// TestKilledWorkerLosesNothing takes an alert and a notice as a worker that dies
// does: another one finishes them when the claim has run out.
func TestKilledWorkerLosesNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, hook := newWorld(t, db), newReceiver(t)
		w.put(t, alert.Rule{Kind: alert.KindErrorRate, Threshold: 10, Channels: []alert.Channel{{Type: "webhook", URL: hook.URL}}})
		s := store.Alerts{DB: db}
		w.at(time.Minute, 50)
		taken, err := s.ClaimDue(t.Context(), w.clock(), w.clock().Add(30*time.Second), 10)
		if err != nil || len(taken) != 1 {
			t.Fatalf("%+v, %v", taken, err)
		}
		if err := w.evaluator().Evaluate(t.Context()); err != nil || len(w.history(t)) != 0 {
			t.Errorf("an alert that somebody holds was evaluated: %v, %v", w.history(t), err)
		}
		w.at(time.Minute, 50)
		if err := w.evaluator().Evaluate(t.Context()); err != nil || len(w.history(t)) != 1 {
			t.Errorf("history %v, %v", w.history(t), err)
		}
		// The one that seemed dead writes what it came to: too late.
		state, transition := alert.Next(&taken[0].Rule, taken[0].State, alert.Figure{Value: 50, Known: true}, w.clock())
		e := &alert.Event{ID: core.NewID("event"), Alert: taken[0].ID, At: w.clock(), Transition: transition}
		if wrote, err := s.SaveState(t.Context(), &taken[0], state, w.clock(), e, nil); err != nil || wrote || len(w.history(t)) != 1 {
			t.Errorf("a late evaluation was written: %v, %v", wrote, err)
		}
		if held, err := s.ClaimNotices(t.Context(), w.clock(), w.clock().Add(time.Minute), 10); err != nil || len(held) != 1 {
			t.Fatalf("%+v, %v", held, err)
		}
		n := alert.NewSender(w.svc, w, slog.New(slog.DiscardHandler))
		if err := n.Send(t.Context()); err != nil || len(hook.got) != 0 {
			t.Errorf("a notice that somebody holds was sent: %v", err)
		}
		w.at(2*time.Minute, 50)
		if err := n.Send(t.Context()); err != nil || len(hook.got) != 1 {
			t.Errorf("%d notices, %v", len(hook.got), err)
		}
	})
}

func TestNoticesAreTriedAgain(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	w, hook := newWorld(t, db), newReceiver(t)
	hook.fail = 3
	w.put(t, alert.Rule{Kind: alert.KindErrorRate, Threshold: 10, Channels: []alert.Channel{{Type: "webhook", URL: hook.URL}}})
	if _, err := w.svc.Test(t.Context(), w.org, "shop", "errors"); err != nil {
		t.Fatal(err)
	}
	n := alert.NewSender(w.svc, w, slog.New(slog.DiscardHandler))
	one := func() alert.Delivery {
		l, err := w.svc.Deliveries(t.Context(), w.org, "shop", "errors", core.Page{})
		if err != nil || len(l.Items) != 1 {
			t.Fatalf("%+v, %v", l.Items, err)
		}
		return l.Items[0]
	}
	last := time.Duration(0)
	for i := range 3 {
		if err := n.Send(t.Context()); err != nil {
			t.Fatal(err)
		}
		d := one()
		wait := d.NextAt.Sub(w.clock())
		if d.State != alert.DeliveryWaiting || d.Attempts != i+1 || d.StatusCode != 502 || wait <= last {
			t.Errorf("try %d: %+v, next in %s", i+1, d, wait)
		}
		last = wait
		w.at(wait, 0)
	}
	if err := n.Send(t.Context()); err != nil || one().State != alert.DeliverySent || one().Transition != alert.TransitionTest {
		t.Errorf("%+v, %v", one(), err)
	}
	// An address that is forbidden by the time it is dialled gets nothing.
	w.guard.denyDial = true
	if _, err := w.svc.Test(t.Context(), w.org, "shop", "errors"); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		w.at(time.Hour, 0)
		if err := alert.NewSender(w.svc, w, slog.New(slog.DiscardHandler)).Send(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l, err := w.svc.Deliveries(t.Context(), w.org, "shop", "errors", core.Page{Limit: 1})
	if err != nil || l.Items[0].State != alert.DeliveryFailed || len(hook.got) != 1 {
		t.Errorf("%+v, %d taken, %v", l.Items, len(hook.got), err)
	}
}

func TestRulesAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, migrationstest.SQLite(t), nil))
	hook := []alert.Channel{{Type: "webhook", URL: "ftp://x"}}
	for pointer, r := range map[string]alert.Rule{
		"/kind":            {Kind: "moon", Threshold: 1},
		"/threshold":       {Kind: alert.KindErrorRate},
		"/clear_threshold": {Kind: alert.KindLatency, Threshold: 5, ClearThreshold: new(6.0)},
		"/percentile":      {Kind: alert.KindLatency, Threshold: 5, Percentile: "p42"},
		"/quota":           {Kind: alert.KindQuota, Threshold: 5},
		"/consumer":        {Kind: alert.KindQuota, Threshold: 5, Quota: "consumer"},
		"/window":          {Kind: alert.KindNoTraffic, Threshold: 5, Window: 1},
		"/min_requests":    {Kind: alert.KindRelease, MinRequests: new(int64(5))},
		"/channels/0/url":  {Kind: alert.KindNoTraffic, Threshold: 5, Channels: hook},
		"/channels/0/to":   {Kind: alert.KindNoTraffic, Threshold: 5, Channels: []alert.Channel{{Type: "mail"}}},
		"/channels/0/to/0": {Kind: alert.KindNoTraffic, Threshold: 5, Channels: []alert.Channel{{Type: "mail", To: []string{"Ann <a@b.c>"}}}},
		"/route":           {Kind: alert.KindCertificate, Threshold: 5, Route: "orders"},
		"/usage_plan":      {Kind: alert.KindTelemetry, Threshold: 5, UsagePlan: "free"},
		"/name":            {Name: "no spaces", Kind: alert.KindNoTraffic, Threshold: 5},
	} {
		_, err := w.svc.Put(t.Context(), w.org, alert.Put{Gateway: "shop", Name: "x", Rule: r})
		var e *core.Error
		if !errors.As(err, &e) || e.Code != core.CodeInvalid || e.Fields[0].Pointer != pointer {
			t.Errorf("%s: %v", pointer, err)
		}
	}
	for kind, least := range map[string]float64{alert.KindCertificate: 14, alert.KindTelemetry: 15} {
		_, err := w.svc.Put(t.Context(), w.org, alert.Put{Gateway: "shop", Name: kind, Rule: alert.Rule{Kind: kind, Threshold: 900, ClearThreshold: new(900.0)}})
		if (core.CodeOf(err) == core.CodeInvalid) != (kind == alert.KindCertificate) {
			t.Errorf("%s of 900: %v", kind, err)
		}
		v, err := w.svc.Put(t.Context(), w.org, alert.Put{Gateway: "shop", Name: kind, Rule: alert.Rule{Kind: kind}})
		if err != nil || v.Rule.Threshold != least || v.Rule.Window != 0 {
			t.Errorf("%s: %+v, %v", kind, v, err)
		}
	}
	a := w.put(t, alert.Rule{Kind: alert.KindNoTraffic})
	if _, err := w.svc.Put(t.Context(), w.org, alert.Put{Gateway: "shop", Rule: a.Rule, CreateOnly: true}); core.CodeOf(err) != core.CodeNameTaken {
		t.Errorf("a taken name: %v", err)
	}
	if _, err := w.svc.Test(t.Context(), w.org, "shop", "errors"); core.CodeOf(err) != core.CodeConflict {
		t.Errorf("a test without channels: %v", err)
	}
	if err := w.svc.Delete(t.Context(), w.org, "shop", "errors", core.Revision(7)); core.CodeOf(err) != core.CodePreconditionFailed {
		t.Errorf("a stale delete: %v", err)
	}
	if err := w.svc.Delete(t.Context(), w.org, "shop", "errors", core.Revision(1)); err != nil {
		t.Error(err)
	}
}

// TestOtherOrganizations tries every method of the store with the wrong one.
func TestOtherOrganizations(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		wrong := storetest.Organization(t, db, "wrong")
		w.put(t, alert.Rule{Kind: alert.KindErrorRate, Threshold: 10, Channels: []alert.Channel{{Type: "mail", To: []string{"a@example.com"}}}})
		if _, err := w.svc.Test(t.Context(), w.org, "shop", "errors"); err != nil {
			t.Fatal(err)
		}
		a, err := w.svc.Get(t.Context(), w.org, "shop", "errors")
		if err != nil {
			t.Fatal(err)
		}
		s, ctx, page := store.Alerts{DB: db}, t.Context(), core.Window{Limit: 5, Field: core.SortName}
		storetest.WrongOrganization(t, reflect.TypeFor[alert.Store](), wrong, []storetest.Try{
			{Method: "Gateway", Call: func(o core.OrganizationID) (any, error) {
				id, _, err := s.Gateway(ctx, o, w.gw.ID)
				return id, err
			}},
			{Method: "Alerts", Call: func(o core.OrganizationID) (any, error) {
				found, err := s.Alerts(ctx, o, w.gw.ID, page, "")
				return found.Items, err
			}},
			{Method: "Events", Call: func(o core.OrganizationID) (any, error) { return s.Events(ctx, o, a.ID, "", 5) }},
			{Method: "Deliveries", Call: func(o core.OrganizationID) (any, error) { return s.Deliveries(ctx, o, a.ID, "", 5) }},
		})
		try := func(method string, do func(tx alert.Tx, o core.OrganizationID) (any, error)) storetest.Try {
			return storetest.Try{Method: method, Call: func(o core.OrganizationID) (out any, err error) {
				err = s.Tx(ctx, func(tx alert.Tx) error {
					out, err = do(tx, o)
					return err
				})
				return out, err
			}}
		}
		storetest.WrongOrganization(t, reflect.TypeFor[alert.Tx](), wrong, []storetest.Try{
			try("LockGateway", func(tx alert.Tx, o core.OrganizationID) (any, error) { return nil, tx.LockGateway(o, w.gw.ID) }),
			try("Count", func(tx alert.Tx, o core.OrganizationID) (any, error) { return tx.Count(o, w.gw.ID) }),
			try("Find", func(tx alert.Tx, o core.OrganizationID) (any, error) { return tx.Find(o, w.gw.ID, "errors") }),
			try("Put", func(tx alert.Tx, o core.OrganizationID) (any, error) {
				other := *a
				return nil, tx.Put(o, &other)
			}),
			try("Delete", func(tx alert.Tx, o core.OrganizationID) (any, error) { return nil, tx.Delete(o, a.ID) }),
			try("AddEvent", func(tx alert.Tx, o core.OrganizationID) (any, error) {
				return nil, tx.AddEvent(o, &alert.Event{ID: core.NewID("event"), Alert: a.ID}, nil)
			}),
			try("Record", func(tx alert.Tx, o core.OrganizationID) (any, error) {
				return nil, tx.Record(ctx, o, core.Change{Action: "test", ResourceType: "test"}) // its own line
			}),
		})
		again, err := w.svc.Get(t.Context(), w.org, "shop", "errors")
		if err != nil || again.Revision != a.Revision || len(w.history(t)) != 1 {
			t.Errorf("the wrong organization changed something: %+v, %v", again, err)
		}
	})
}
