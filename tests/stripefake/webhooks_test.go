package stripefake_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/stripefake"
)

// inbox is an endpoint that answers with a status and keeps the ids of events.
type inbox struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	ids    []string
}

func receive(t *testing.T, secret string) *inbox {
	in := &inbox{status: 200}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if got := r.Header.Get("Stripe-Signature"); got != stripefake.Sign(secret, body, noon) {
			t.Errorf("signature %q", got)
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		id := string(body)[strings.Index(string(body), `"evt_`)+1:]
		in.ids = append(in.ids, id[:strings.IndexByte(id, '"')])
		w.WriteHeader(in.status)
	}))
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) got() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.ids)
}

func TestWebhooksInOrder(t *testing.T) {
	a, in := start(t, stripefake.Options{}), receive(t, "whsec_x")
	a.SetWebhook(in.URL, "whsec_x")
	for range 3 {
		a.ok("POST", "/v1/customers", "")
	}
	all := a.Pending()
	want(t, "pending", len(all), 3)
	order := []string{all[2].ID, all[0].ID, all[2].ID}
	if _, err := a.Deliver(t.Context(), order...); err != nil {
		t.Fatal(err)
	}
	want(t, "delivered", fmt.Sprint(in.got()), fmt.Sprint(order))
	want(t, "left", a.Pending()[0].ID, all[1].ID)
	in.mu.Lock()
	in.status = 503
	in.mu.Unlock()
	statuses, err := a.Deliver(t.Context())
	want(t, "refused", fmt.Sprint(statuses, err, len(a.Pending())), "[503] <nil> 1")
	a.Drop()
	want(t, "dropped", len(a.Pending()), 0)
}

func TestWebhooksAtRandom(t *testing.T) {
	a, in := start(t, stripefake.Options{Faults: stripefake.Faults{Seed: 1, Duplicate: 0.2, Reorder: 0.3, Lose: 0.2}}), receive(t, "whsec_x")
	a.SetWebhook(in.URL, "whsec_x")
	for range 60 {
		a.ok("POST", "/v1/customers", "")
	}
	a.Release()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && len(a.Pending()) > 0; {
		time.Sleep(5 * time.Millisecond)
	}
	a.Close() // the last delivery has ended
	got := in.got()
	distinct := slices.Compact(slices.Sorted(slices.Values(got)))
	if len(distinct) == 60 || len(distinct) == len(got) || slices.IsSorted(got) {
		t.Errorf("%d deliveries of %d events of 60, in order: %v", len(got), len(distinct), slices.IsSorted(got))
	}
}
