package waf

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

// order is a JSON body of a kilobyte as shops send it, with times, addresses of
// pages and text of people.
const order = `{"id":"7f3a1c52-9d4e-4b6a-8f21-0c5d7e9b3a64","created_at":"2026-11-22T16:45:07.123Z","updated_at":"2026-11-22T16:45:09Z","currency":"EUR","reference":"PO 2026-1184, Munich","total":129.85,"paid":true,` +
	`"customer":{"name":"Conor O'Brien","email":"conor.obrien@example.com","phone":"+49 30 1234567","language":"en-GB","since":"2019-04-01"},` +
	`"shipping":{"street":"12 St. Johns Road","zip":"10115","city":"Berlin","country":"DE","note":"Please leave it with the neighbours, thank you","express":false},` +
	`"return_url":"https://shop.example.com/orders/thanks?step=3","items":[{"sku":"AB-1001","title":"Cotton shirt, blue, size M","quantity":2,"price":24.95,"gift":false},` +
	`{"sku":"CD-2040","title":"Wool socks, three pairs","quantity":1,"price":14.5,"gift":true},{"sku":"EF-7730","title":"Leather belt, brown, 95 cm","quantity":1,"price":39,"gift":false},` +
	`{"sku":"GH-0042","title":"Travel mug, steel","quantity":1,"price":26.45,"gift":false}],"tags":["web","newsletter","autumn sale"],"discounts":[{"code":"AUTUMN10","amount":10}]}`

// stockShare is how much of stock Coraza's processor time a request may take.
const stockShare = 0.33

// TestBenchStock holds the processor time of a JSON POST of a kilobyte against what
// Coraza takes as it comes, with the same rules, in the same rounds.
func TestBenchStock(t *testing.T) {
	if os.Getenv("TOLLGATE_BENCH") == "" {
		t.Skip("make bench runs it")
	}
	if len(order) < 1000 || len(order) > 1200 {
		t.Fatal(len(order))
	}
	fast, err := engines[1]()
	if err != nil {
		t.Fatal(err)
	}
	stock, err := newEngine(1, false)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Mode: "block", Threshold: 5, MaxBody: defaultBody}
	ours, theirs := newFirewall(&c, fast, nil), newFirewall(&c, stock, nil)
	q := policytest.Request{Method: "POST", Path: "/orders", Header: policytest.Fields{
		"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Accept", "application/json", "Accept-Language", "en-GB,en;q=0.8", "Content-Type", "application/json",
	}, Body: order}
	for _, w := range []*firewall{ours, theirs} {
		if notes := w.scoreOf(t, q); len(notes) > 0 {
			t.Fatalf("the order is no ordinary one: %s", strings.Join(notes, "; "))
		}
	}
	const rounds, each = 9, 40
	var ratios, a, b []float64
	for range rounds {
		x, y := cpuOf(ours, t, q, each), cpuOf(theirs, t, q, each)
		a, b, ratios = append(a, x), append(b, y), append(ratios, x/y)
	}
	for _, l := range [][]float64{ratios, a, b} {
		slices.Sort(l)
	}
	mid := rounds / 2
	t.Logf("a JSON POST of %d bytes takes %.3f of stock Coraza's processor time, %.3f to %.3f in %d rounds of %d; %.2f ms (%.2f to %.2f), stock %.2f ms (%.2f to %.2f); the bar is %.2f",
		len(order), ratios[mid], ratios[0], ratios[rounds-1], rounds, each, a[mid], a[0], a[rounds-1], b[mid], b[0], b[rounds-1], stockShare)
	if ratios[mid] > stockShare {
		t.Errorf("the ratio is %.3f, at most %.2f is wanted", ratios[mid], stockShare)
	}
}

// cpuOf is the processor time of a look through a request, in milliseconds.
func cpuOf(w *firewall, t *testing.T, q policytest.Request, n int) float64 {
	from := processorTime(t)
	for range n {
		w.scoreOf(t, q)
	}
	return float64(processorTime(t)-from) / float64(n) / 1e6
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
