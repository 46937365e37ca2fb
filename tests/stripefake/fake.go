package stripefake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// Version is the only version of the API that is answered.
const Version = "2023-10-16"

// Options of a Fake. The zero value is a Stripe that behaves, on the machine's clock.
type Options struct {
	// Start: the clock stands there and moves by Advance alone. Zero: the machine's
	// clock, ahead by what Advance added.
	Start time.Time
	// Key is the secret key that requests must carry; empty: any sk_test_ one.
	Key string
	// Grace is how long an invoice of a cycle stays a draft; zero: an hour.
	Grace time.Duration
	// Retries are the waits before each further attempt to collect an invoice; nil:
	// 3, 5 and 7 days.
	Retries []time.Duration
	// Exhausted is what a subscription becomes when they are used up: "past_due"
	// (it stays so, the default), "unpaid" or "canceled".
	Exhausted string
	// WholeHours: a meter's hour belongs to the subscription's period that holds its
	// start. Else to the one that holds the timestamp of its newest event.
	WholeHours bool
	// KeepItems: the items of a draft that is deleted wait again. Else they go with it.
	KeepItems bool
	// SummaryLag is how long a meter's summaries do not show an event.
	SummaryLag time.Duration
	// Log is how many requests are kept for Log; zero: 20,000; negative: none.
	Log int
	// Faults from the start.
	Faults Faults
}

// Fake is one Stripe account. Safe for concurrent use.
type Fake struct {
	opt      Options
	server   *http.Server
	shutdown context.CancelFunc

	mu      sync.Mutex // guards all that follows
	at      int64      // the time that was reached, Unix seconds
	settled int64      // up to where all that was due is done
	ahead   time.Duration
	serial  int
	faults  faultState

	customers            map[string]*customer
	products             map[string]*product
	prices               map[string]*price
	meters               map[string]*meter
	subs                 map[string]*subscription
	invoices             map[string]*invoice
	items                map[string]*invoiceItem
	sessions             map[string]*session
	portals              map[string]*portalSession
	balances             []*balanceTransaction
	portalConfigurations []*portalConfiguration

	usage       map[usageKey]map[int64]sample // by hour
	records     map[string]map[int64]int64    // subscription item → timestamp → quantity
	identifiers map[string]int64              // of meter events → when

	answers map[string]*kept // by Idempotency-Key
	log     []Entry
	base    string // where the fake's pages are

	events   []*event
	webhooks webhookState
}

// New makes a Fake without a listener: it is an http.Handler.
func New(o Options) *Fake {
	if o.Grace == 0 {
		o.Grace = time.Hour
	}
	if o.Retries == nil {
		o.Retries = []time.Duration{3 * day, 5 * day, 7 * day}
	}
	if o.Exhausted == "" {
		o.Exhausted = "past_due"
	}
	if o.Log == 0 {
		o.Log = 20_000
	}
	f := &Fake{
		opt: o, customers: map[string]*customer{}, products: map[string]*product{}, prices: map[string]*price{},
		meters: map[string]*meter{}, subs: map[string]*subscription{}, invoices: map[string]*invoice{},
		items: map[string]*invoiceItem{}, sessions: map[string]*session{}, portals: map[string]*portalSession{},
		usage: map[usageKey]map[int64]sample{}, records: map[string]map[int64]int64{}, identifiers: map[string]int64{},
		answers: map[string]*kept{}, base: "http://stripefake.invalid",
	}
	f.at = f.clock()
	f.faults.set(o.Faults)
	f.webhooks.init(f)
	return f
}

// Listen serves on the address (host:port, port 0 for a free one) until Close, and
// returns the base URL, without a path.
func (f *Fake) Listen(addr string) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("stripefake: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.shutdown = cancel
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() {
		if err := f.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic(fmt.Sprintf("stripefake: %v", err))
		}
	}()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.base = "http://" + l.Addr().String()
	return f.base, nil
}

// Close ends the listener and the delivery of webhooks.
func (f *Fake) Close() {
	f.webhooks.close()
	if f.server != nil {
		f.shutdown()
		f.server.Close()
	}
}

const day = 24 * time.Hour

// clock is what the clock shows, whatever has been done up to then.
func (f *Fake) clock() int64 {
	if f.opt.Start.IsZero() {
		return time.Now().Add(f.ahead).Unix()
	}
	return f.opt.Start.Add(f.ahead).Unix()
}

// Now is what the fake's clock shows.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Unix(f.clock(), 0).UTC()
}

// Advance moves the clock on and does all that falls due on the way, each at its
// time: periods end, invoices are finalized, collected and tried again.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ahead += d
	f.settle(f.clock())
}

// AdvanceTo moves the clock on to a time; nothing happens if it is past.
func (f *Fake) AdvanceTo(t time.Time) {
	if d := t.Sub(f.Now()); d > 0 {
		f.Advance(d)
	}
}

// id makes an id of a kind: "cus" gives cus_0001.
func (f *Fake) id(kind string) string {
	f.serial++
	return fmt.Sprintf("%s_1Fake%08d", kind, f.serial)
}

// obj is an object as the API shows it.
type obj = map[string]any

// null is what the API shows for an absent string or time.
func null[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x5742)) }
