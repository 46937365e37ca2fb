package webhook_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/mailform"
	"github.com/tollgate/tollgate/services/webhook"
)

// world is a gateway and its webhooks.
type world struct {
	*storetest.Domain
	org   core.OrganizationID
	gw    *gateway.Gateway
	svc   *webhook.Service
	store store.Webhooks
	guard *guard
}

// guard lets webhooks go to this machine unless it is told not to.
type guard struct{ denyDial bool }

func (g *guard) CheckWebhook(url string) error {
	if !strings.HasPrefix(url, "http") {
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

// letters leaves mails readable.
type letters struct{}

func (letters) Letter(to string, f mailform.Form) (string, []byte, error) {
	text, _ := f.Write()
	return core.NewID("mail"), []byte(to + "\n" + f.Subject + "\n" + text), nil
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	d := storetest.NewDomain(t, db)
	w := &world{Domain: d, org: storetest.Organization(t, db, "acme"), guard: &guard{}, store: store.Webhooks{DB: db}}
	w.gw = d.Gateway(t, w.org, "shop")
	d.Consumer(t, w.org, w.gw, "ann")
	var err error
	w.svc, err = webhook.New(webhook.Options{
		Store: w.store, Guard: w.guard, Root: d.Root, Letters: letters{}, PublicURL: "https://portal.example.com", Clock: d.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// hook makes a webhook and returns its secret.
func (w *world) hook(t *testing.T, name, url string, events ...string) string {
	t.Helper()
	v, err := w.svc.Put(t.Context(), w.org, webhook.Put{Gateway: "shop", Name: name, Spec: webhook.Spec{URL: url, Events: events}})
	if err != nil {
		t.Fatal(err)
	}
	return v.SigningSecret
}

func (w *world) sender(holder string) *webhook.Sender {
	return &webhook.Sender{Service: w.svc, Holder: holder, Logger: slog.New(slog.DiscardHandler)}
}

// send sends what is due.
func (w *world) send(t *testing.T) {
	t.Helper()
	if err := w.sender("one").Send(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) get(t *testing.T, name string) *webhook.Webhook {
	t.Helper()
	v, err := w.svc.Get(t.Context(), w.org, "shop", name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (w *world) deliveries(t *testing.T, name string) []webhook.Delivery {
	t.Helper()
	l, err := w.svc.Deliveries(t.Context(), w.org, "shop", name, core.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return l.Items
}

// newest is the newest delivery.
func (w *world) newest(t *testing.T, name string) webhook.Delivery {
	t.Helper()
	all := w.deliveries(t, name)
	if len(all) == 0 {
		t.Fatalf("the webhook %s has no deliveries", name)
	}
	return all[0]
}

// message is what a receiver got.
type message struct {
	header http.Header
	raw    []byte
	event.Message
}

// receiver is where webhooks go. It answers as it is told to.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex // guards the rest
	answer http.HandlerFunc
	got    []message
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		m := message{header: q.Header}
		m.raw, _ = io.ReadAll(q.Body)
		_ = json.Unmarshal(m.raw, &m.Message)
		r.mu.Lock()
		r.got = append(r.got, m)
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w, q)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answers(h http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = h
}

func (r *receiver) status(code int) {
	r.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
}

// take returns what came since it was called last.
func (r *receiver) take() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// types are those of messages, in order.
func types(all []message) (out []string) {
	for i := range all {
		out = append(out, all[i].Type)
	}
	return out
}

// near reports whether two times differ by less than a share of the pause between them
// and a beginning.
func near(at, want time.Time, slack time.Duration) bool {
	d := at.Sub(want)
	return d > -slack && d < slack
}
