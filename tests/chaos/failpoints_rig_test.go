package chaos

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

const failSecret = "whsec_of_the_failpoints_0123456789"

// failPlans bill nearly every request.
const failPlans = `{"default": "free", "unverified_requests_per_day": 100, "dunning": {"grace": "168h", "suspend_after": "336h"}, "plans": [
 {"name": "free", "num": 1, "title": "Free", "included_requests": 50, "gateways": 3, "consumers": 100, "keys": 100, "max_body_bytes": 1048576, "log_retention": "24h", "currency": "usd", "price_cents": 0},
 {"name": "pro", "num": 2, "title": "Pro", "included_requests": 100, "requests_per_second": 1000000, "burst": 1000000, "concurrency": 100000, "gateways": 9, "consumers": 100000, "keys": 100000, "max_body_bytes": 1048576, "log_retention": "24h", "currency": "usd", "price_cents": 4900, "overage": {"requests": 100, "price_cents": 1}}]}`

const failUsage = "tollgate_requests_pro"

// failSite is a Tollgate with two edges whose processes die where they are told to,
// and its Stripe. Two organizations pay for what goes through. All clocks but those
// of Redis and PostgreSQL can be moved on together.
type failSite struct {
	*harness.Cluster
	t       *testing.T // of the run
	fake    *stripefake.Fake
	db      *sql.DB
	file    string // how far all clocks are ahead
	ahead   time.Duration
	call    *harness.Caller
	backend *harness.Backend
	tenants []*failTenant
	hook    *failHook
	serial  int
	rows    []failRow
}

// failTenant is an organization on the plan pro with a gateway of two keyed routes.
type failTenant struct {
	*harness.API
	name, host, id, customer string
	num                      int64
	routes                   map[string]int64 // numbers by name
}

// failRoutes are the routes that the load goes through.
var failRoutes = []string{"reads", "writes"}

// failHook keeps the messages of a webhook.
type failHook struct {
	mu   sync.Mutex
	seen map[string]int // by message
}

func newFailSite(t *testing.T) *failSite {
	t.Helper()
	roles := os.Getenv("TOLLGATE_CHAOS_BIN")
	if roles == "" {
		t.Fatal("TOLLGATE_CHAOS_BIN does not say where the roles built with the tag chaos are: run `make chaos`")
	}
	dir := t.TempDir()
	s := &failSite{t: t, file: filepath.Join(dir, "ahead"), call: harness.NewCaller(64), fake: stripefake.New(stripefake.Options{}), hook: &failHook{seen: map[string]int{}}}
	base, err := s.fake.Listen("127.0.0.1:0")
	must(t, err)
	t.Cleanup(s.fake.Close)
	plans := filepath.Join(dir, "plans.json")
	must(t, os.WriteFile(plans, []byte(failPlans), 0o644))
	s.Cluster = harness.New(t, harness.Options{Edges: 2, Roles: roles, Env: []string{
		"TOLLGATE_PLANS_FILE=" + plans, "TOLLGATE_STRIPE_KEY=sk_test_fake", "TOLLGATE_STRIPE_WEBHOOK_SECRET=" + failSecret, "TOLLGATE_STRIPE_URL=" + base,
		"FP_AHEAD=" + s.file,
	}})
	s.fake.SetWebhook(s.PortalURL+"/v1/stripe/webhook", failSecret)
	s.db, err = sql.Open("pgx", s.Postgres.URL("postgres"))
	must(t, err)
	t.Cleanup(func() { s.db.Close() })
	s.backend = harness.StartBackend(t, "only")
	for _, name := range []string{"acme", "beta"} {
		s.tenants = append(s.tenants, s.tenant(name))
	}
	receiver := httptest.NewServer(s.hook)
	t.Cleanup(receiver.Close)
	s.tenants[0].Must("PUT", "/v1/gateways/acme/webhooks/hook", harness.Object{"url": receiver.URL})
	s.jump() // the first hour of a subscription is no whole one
	return s
}

func (s *failSite) tenant(name string) *failTenant {
	s.t.Helper()
	o := &failTenant{API: s.SignUp(name), name: name, routes: map[string]int64{}}
	s.exec("UPDATE tokens SET expires_at = 0") // months pass
	o.host = o.Must("POST", "/v1/gateways", harness.Object{"name": name})["hostname"].(string)
	o.Must("PUT", "/v1/gateways/"+name+"/upstreams/app", harness.Object{"targets": []harness.Object{{"url": s.backend.URL()}}})
	for _, r := range failRoutes {
		o.Must("PUT", "/v1/gateways/"+name+"/routes/"+r, harness.Object{
			"match": harness.Object{"path": "/" + r + "/*"}, "upstream": "app", "policies": []harness.Object{{"type": "api_key", "config": harness.Object{}}},
		})
		o.routes[r] = s.number("SELECT r.num FROM routes r JOIN gateways g ON g.id = r.gateway_id WHERE g.name = $1 AND r.name = $2", name, r)
	}
	o.Must("PUT", "/v1/gateways/"+name+"/consumers/alice", harness.Object{})
	o.WaitLive(name)
	o.id = o.Must("GET", "/v1/organization", nil)["id"].(string)
	o.num = s.number("SELECT num FROM organizations WHERE id = $1", o.id)
	page := o.Must("POST", "/v1/billing/checkout", harness.Object{"plan": "pro"})["url"].(string)
	_, err := s.fake.Pay(page[strings.LastIndexByte(page, '/')+1:], stripefake.CardGood)
	must(s.t, err)
	s.until(20*time.Second, func() error {
		if err := s.deliver(); err != nil {
			return err
		}
		if plan := o.Must("GET", "/v1/subscription", nil)["plan"].(harness.Object)["name"]; plan != "pro" {
			return fmt.Errorf("the plan is %v", plan)
		}
		return nil
	})
	must(s.t, s.db.QueryRow("SELECT customer FROM billing_accounts WHERE organization_id = $1", o.id).Scan(&o.customer))
	return o
}

// ServeHTTP takes a message.
func (h *failHook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var m struct{ ID string }
	if b, err := io.ReadAll(r.Body); err != nil || json.Unmarshal(b, &m) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen[m.ID]++
}

// twice is how many messages came more than once.
func (h *failHook) twice() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, times := range h.seen {
		if times > 1 {
			n++
		}
	}
	return n
}

func (s *failSite) until(limit time.Duration, ok func() error) {
	s.t.Helper()
	must(s.t, harness.Until(context.Background(), limit, ok))
}

func (s *failSite) exec(query string, args ...any) {
	s.t.Helper()
	_, err := s.db.Exec(query, args...)
	must(s.t, err)
}

// number is the one number that a query answers, 0 for no row.
func (s *failSite) number(query string, args ...any) (n int64) {
	s.t.Helper()
	if err := s.db.QueryRow(query, args...).Scan(&n); err != nil && err != sql.ErrNoRows {
		s.t.Fatalf("%s: %v", query, err)
	}
	return n
}

func (s *failSite) now() time.Time { return time.Now().Add(s.ahead).UTC() }

// moveTo moves all clocks on to a time, and waits until everybody has seen it.
func (s *failSite) moveTo(at time.Time) {
	s.t.Helper()
	d := at.Sub(s.now())
	s.ahead += d
	// The name changes at once: nobody reads half of it.
	must(s.t, os.WriteFile(s.file+".new", []byte(s.ahead.String()), 0o644))
	must(s.t, os.Rename(s.file+".new", s.file))
	s.fake.Advance(d)
	time.Sleep(1500 * time.Millisecond)
}

// jump moves all clocks into the next hour, far enough for the last one to be posted.
func (s *failSite) jump() { s.moveTo(s.now().Truncate(time.Hour).Add(71 * time.Minute)) }

// deliver posts all webhooks that wait.
func (s *failSite) deliver() error {
	for _, e := range s.fake.Pending() {
		status, err := s.post(e.ID)
		if err != nil || status/100 != 2 {
			return fmt.Errorf("webhook %s: %d, %w", e.Type, status, err)
		}
		s.fake.Drop(e.ID)
	}
	return nil
}

// post posts one webhook, signed by the clock of all.
func (s *failSite) post(event string) (int, error) {
	body, err := s.fake.Body(event)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequest("POST", s.PortalURL+"/v1/stripe/webhook", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Stripe-Signature", stripefake.Sign(failSecret, body, s.now()))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// role is the process of a point, and how to wait for it.
func (s *failSite) role(name string) (p *harness.Process, ready func()) {
	switch name {
	case "edge":
		return s.Edges[0].Process, func() { s.WaitEdge(s.Edges[0]) }
	case "worker":
		return s.Worker, s.WaitWorker
	}
	return s.Portal, s.WaitPortal
}

// whole starts what an earlier run that failed has left dead.
func (s *failSite) whole() {
	s.t.Helper()
	dead := func(p *harness.Process) bool {
		select {
		case <-p.Exited():
			set(p, "")
			must(s.t, p.Start())
			return true
		default:
			return false
		}
	}
	if dead(s.Redis.Process) {
		must(s.t, s.Redis.Wait(s.t.Context()))
	}
	if dead(s.Postgres.Process) {
		must(s.t, s.Postgres.Wait(s.t.Context()))
	}
	for _, name := range []string{"edge", "worker", "portal"} {
		if p, ready := s.role(name); dead(p) {
			ready()
		}
	}
}

// set puts FP into a process's environment for its next start; "" takes it out.
func set(p *harness.Process, fp string) {
	p.Env = slices.DeleteFunc(p.Env, func(v string) bool { return strings.HasPrefix(v, "FP=") })
	if fp != "" {
		p.Env = append(p.Env, "FP="+fp)
	}
}

// cell is what is counted apart.
type cell struct {
	organization, hour, route, kid int64
}

// failRun is one run of a point: fresh keys, a load, and what was answered.
type failRun struct {
	*failSite
	point  *failing
	fp     string // what is to happen
	seed   uint64
	random *rand.Rand
	names  []string // of the keys
	keys   [][]string
	kids   [][]int64
	before int64 // requests at the backend
	twice  int   // messages that had come twice
	deaths int

	stop context.CancelFunc
	all  sync.WaitGroup

	mu    sync.Mutex
	got   map[cell]int64 // fully received
	other map[string]int64
}

// callers is how many requests may be under way at once: half of them at each edge.
const callers = 8

// begin issues keys and shows that both edges take them.
func (s *failSite) begin(point *failing, seed uint64) *failRun {
	s.t.Helper()
	r := &failRun{failSite: s, point: point, seed: seed, random: rand.New(rand.NewPCG(seed, 946)), got: map[cell]int64{}, other: map[string]int64{}, before: s.backend.Counts(s.t).Requests, twice: s.hook.twice()}
	for _, o := range s.tenants {
		o.T = s.t
		var keys []string
		var kids []int64
		for range 2 {
			s.serial++
			name := fmt.Sprintf("fp-%d", s.serial)
			_, key := o.Key(o.name, "alice", harness.Object{"name": name})
			keys = append(keys, key)
			kids = append(kids, s.number("SELECT kid FROM api_keys WHERE name = $1", name))
			r.names = append(r.names, name)
		}
		r.keys, r.kids = append(r.keys, keys), append(r.kids, kids)
	}
	for e := range s.Edges {
		r.warm(e)
	}
	clear(r.other) // a key may be asked for before it is known
	return r
}

// warm has an edge answer for every key and route.
func (r *failRun) warm(edge int) {
	r.t.Helper()
	for o := range r.tenants {
		for route := range failRoutes {
			for k := range r.keys[o] {
				r.until(20*time.Second, func() error { return r.request(edge, o, route, k) })
			}
		}
	}
}

// request sends one and notes what came. Its error says that it was not served.
func (r *failRun) request(edge, tenant, route, key int) error {
	o := r.tenants[tenant]
	name := failRoutes[route]
	res := r.call.Get(r.Edges[edge].Addr(), o.host, "/"+name+"/1", r.keys[tenant][key])
	hour := r.now().Unix() / 3600
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case res.Err != nil:
		r.other["no answer"]++
		return res.Err
	case res.Status != 200:
		r.other[fmt.Sprint(res.Status, " ", res.Code)]++
		return fmt.Errorf("%d %s", res.Status, res.Body)
	}
	r.got[cell{o.num, hour, o.routes[name], r.kids[tenant][key]}]++
	return nil
}

// load sends requests until halt.
func (r *failRun) load() {
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.all.Go(func() {
		harness.Run(ctx, callers, func(i int) {
			if r.request(i%2, i/2%2, i/4%2, int(time.Now().UnixNano()>>8)%2) != nil {
				time.Sleep(20 * time.Millisecond)
			}
			time.Sleep(2 * time.Millisecond)
		})
	})
}

func (r *failRun) halt() {
	r.stop()
	r.all.Wait()
}

// jump lets an hour pass while nothing is under way, so that it is known in which
// hour each request was counted.
func (r *failRun) jump() {
	r.t.Helper()
	r.halt()
	r.failSite.jump()
	r.load()
}

// pause is a time up to a bound.
func (r *failRun) pause(most time.Duration) { time.Sleep(time.Duration(r.random.Int64N(int64(most)))) }

// arm starts the role anew, to die at a hit of the point.
func (r *failRun) arm() {
	r.t.Helper()
	p, ready := r.role(r.point.role)
	if r.point.role == "edge" {
		p.Kill() // nothing is under way
	} else {
		must(r.t, p.Stop(20*time.Second))
	}
	p.Forget()
	set(p, r.fp)
	must(r.t, p.Start())
	// Others may be dead before they are ready.
	if r.point.role == "portal" || r.point.first > 0 || r.point.action != "" {
		ready()
	}
}

// hits is how often the process has done something at the point since it was armed.
func (r *failRun) hits(p *harness.Process) int {
	return strings.Count(p.Log(), "failpoint "+string(r.point.point)+": ")
}

// died waits for the death of the role's process.
func (r *failRun) died() {
	r.t.Helper()
	p, _ := r.role(r.point.role)
	select {
	case <-p.Exited():
	case <-time.After(60 * time.Second):
		r.t.Fatalf("%s does not come to %s", p.Name, r.point.point)
	}
	if r.hits(p) != 1 {
		r.t.Fatalf("%s died, and not at %s\n%s", p.Name, r.point.point, p.Log())
	}
	r.deaths++
}

// revive starts the role's process as it is.
func (r *failRun) revive() {
	r.t.Helper()
	p, ready := r.role(r.point.role)
	set(p, "")
	must(r.t, p.Start())
	ready()
}
