package chaos

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/failpoint"
	"github.com/tollgate/tollgate/tests/harness"
)

// failing is a point, and what brings a process to it.
type failing struct {
	point failpoint.Point
	what  string // told from other rows of the point
	role  string // edge, worker or portal
	// action is kill where it is empty; the process lives through any other.
	action string
	// The process dies at hit first+1 to first+most, by the seed; most 0 is 1.
	first, most int
	// do is done while the load is on and the process is to die; nil: the load is
	// enough. It must have waited for what it wants of a process that lives.
	do func(r *failRun)
	// dead is done while the process is dead, and after when it is back.
	dead, after func(r *failRun)
	// start is for a process that dies while it starts: do is done instead of all
	// that.
	start bool
	// mayBe are answers that the load may have had beside 200.
	mayBe string
}

func (f *failing) may(what string) bool { return f.mayBe != "" && strings.HasPrefix(what, f.mayBe) }

// failings are all points. What is written of each is what holds beside the books.
var failings = []failing{
	{point: failpoint.EdgeAfterHeaderWrite, role: "edge", most: 400},
	{point: failpoint.EdgeBeforeAdd, role: "edge", most: 400},
	{point: failpoint.EdgeSlotDirAppend, role: "edge", most: 12},
	{point: failpoint.EdgeAfterXaddBeforeMark, role: "edge", most: 5, dead: withoutRedis},
	{point: failpoint.EdgeEpochBump, role: "edge", most: 2, start: true, do: dieAtStart},
	{point: failpoint.EdgeSeal, what: " at the start", role: "edge"},
	{point: failpoint.EdgeSeal, what: " of an hour", role: "edge", first: 1, do: nextHour},
	{point: failpoint.EdgeInPolicy, what: " (E04)", role: "edge", action: "panic", most: 200, do: onePanic, mayBe: "500 internal"},

	{point: failpoint.ConfigApplyStart, role: "edge", do: change, dead: withoutRedis, after: live},
	{point: failpoint.ConfigApplyMid, what: " (C03)", role: "edge", first: 2, do: change, dead: withoutRedis, after: quarantined},
	{point: failpoint.ConfigApplyMid, what: " (C02)", role: "edge", action: "panic", first: 2, do: compilerPanics},
	{point: failpoint.ConfigApplyEnd, role: "edge", do: change, dead: withoutRedis, after: live},
	{point: failpoint.LKGAfterTmp, role: "edge", do: largeChanges, dead: withoutRedis, after: small},
	{point: failpoint.LKGAfterRename, role: "edge", do: largeChanges, dead: withoutRedis, after: small},

	{point: failpoint.WorkerAfterRead, role: "worker", most: 3},
	{point: failpoint.WorkerTxBeforeCommit, role: "worker", most: 3},
	{point: failpoint.WorkerTxBeforeCommit, what: " (P02)", role: "worker", action: "sleep=1500", most: 3, do: postgresDies},
	{point: failpoint.WorkerAfterCommitBeforeXack, role: "worker", most: 3},
	{point: failpoint.WorkerAfterXackBeforeAckKey, role: "worker", most: 3},
	{point: failpoint.RollupMid, role: "worker", most: 3},
	{point: failpoint.ProjAfterPostBeforeStore, what: " (S08)", role: "worker", most: 2, do: (*failRun).jump, after: posted},
	{point: failpoint.OutboxAssignedBeforePublish, what: " (C05)", role: "worker", most: 2, do: newKey, after: keysInForce},
	{point: failpoint.OutboxPublishBeforeMark, role: "worker", most: 2, do: newKey, after: keysInForce},
	{point: failpoint.HookAfterPostBeforeStore, role: "worker", do: tell, after: toldTwice},

	{point: failpoint.WebhookAfterCommitBefore200, what: " (S07)", role: "portal", do: subscriptionChanges, after: eventOnce},
	{point: failpoint.PortalKeyBeforeCommit, what: " (X01)", role: "portal", do: issueKey, after: keyAgain},
	{point: failpoint.PortalKeyAfterCommitBeforeReply, what: " (X01)", role: "portal", do: issueKey, after: keyReplayed},
}

// TestFailpoints has a process die at every step between two writes, by the seed
// sooner or later, under load, and start again. Then what is billed is what callers
// received, by organization, hour, route and key: exactly where another process than an
// edge died, and else but for what that edge had in flight. At the end a billing period
// passes, and Stripe's totals and invoices are the ledger's.
func TestFailpoints(t *testing.T) {
	seeds := uint64(2)
	if os.Getenv("TOLLGATE_LONG") != "" {
		seeds = 20
	}
	s := newFailSite(t)
	for i := range failings {
		f := &failings[i]
		t.Run(string(f.point)+f.what, func(t *testing.T) {
			for seed := range seeds {
				if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { s.once(t, f, seed) }) {
					t.FailNow() // what the next runs begin with is not known
				}
			}
		})
	}
	t.Run("books", func(t *testing.T) {
		s.to(t)
		s.books()
	})
	s.to(t)
	s.table()
}

// to makes a test the one that fails.
func (s *failSite) to(t *testing.T) {
	s.t, s.T = t, t
	for _, o := range s.tenants {
		o.T = t
	}
}

// once has a process die once.
func (s *failSite) once(t *testing.T, f *failing, seed uint64) {
	s.to(t)
	s.whole()
	t.Cleanup(func() {
		for _, p := range []*harness.Process{s.Edges[0].Process, s.Worker, s.Portal} {
			if log := p.Log(); t.Failed() {
				t.Logf("---- %s\n%s", p.Name, log[max(0, len(log)-3000):])
			}
		}
	})
	if s.now().Minute() > 56 {
		s.jump() // the hour must not end in a run by itself
	}
	r := s.begin(f, seed)
	p, _ := s.role(f.role)
	n := f.first + 1 + rand.New(rand.NewPCG(seed, uint64(f.first))).IntN(max(f.most, 1))
	action := f.action
	if action == "" {
		action = "kill"
	}
	r.fp = fmt.Sprintf("%s:%s:%d", f.point, action, n)
	t.Log(r.fp)
	if !f.start {
		r.arm()
		if f.first > 0 {
			r.warm(0) // gateways are compiled when they are asked for
		}
	}
	r.load()
	t.Cleanup(r.halt) // where the run ends early
	r.pause(time.Second)
	switch {
	case f.start:
		f.do(r)
	case f.action != "":
		f.do(r)
		if n := r.hits(p); n != 1 {
			t.Errorf("%d times at %s\n%s", n, f.point, p.Log())
		}
		select {
		case <-p.Exited():
			t.Fatalf("%s died\n%s", p.Name, p.Log())
		default:
		}
		set(p, "")
	default:
		if f.do != nil {
			f.do(r)
		}
		r.died()
		r.pause(300 * time.Millisecond)
		if f.dead != nil {
			f.dead(r)
		} else {
			r.revive()
		}
	}
	time.Sleep(time.Second)
	if f.after != nil {
		f.after(r)
	}
	r.halt()
	r.judge()
}

// dieAtStart kills the edge, and has it die while it begins its next epoch.
func dieAtStart(r *failRun) {
	p, _ := r.role("edge")
	epochs := r.epochs()
	p.Kill()
	p.Forget()
	set(p, r.fp)
	must(r.t, p.Start())
	r.died()
	r.revive()
	r.until(20*time.Second, func() error {
		if n := r.epochs(); n <= epochs {
			return fmt.Errorf("%d epochs, %d before", n, epochs)
		}
		return nil
	})
	if n := r.number("SELECT count(*) FROM (SELECT epoch FROM usage_sources WHERE edge = $1 GROUP BY epoch HAVING count(*) > 1) e", r.Edges[0].ID); n != 0 {
		r.t.Errorf("%d epochs were used twice", n)
	}
}

func (r *failRun) epochs() int64 {
	r.t.Helper()
	return r.number("SELECT count(*) FROM usage_sources WHERE edge = $1", r.Edges[0].ID)
}

// withoutRedis starts the dead edge, by every second seed while Redis is away: it
// serves what its disk has.
func withoutRedis(r *failRun) {
	if r.seed%2 == 0 {
		r.revive()
		return
	}
	r.Redis.Kill()
	r.revive()
	for o := range r.tenants {
		r.until(5*time.Second, func() error { return r.request(0, o, 0, 0) })
	}
	must(r.t, r.Redis.Start())
	must(r.t, r.Redis.Wait(r.t.Context()))
}

// nextHour begins when the edge has told of the hour that it started in.
func nextHour(r *failRun) {
	time.Sleep(2500 * time.Millisecond)
	r.jump()
}

// onePanic waits for the one request that fails.
func onePanic(r *failRun) {
	r.until(30*time.Second, func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if n := r.other["500 internal"]; n != 1 {
			return fmt.Errorf("%d requests failed: %v", n, r.other)
		}
		return nil
	})
}

// change publishes a new version of the first organization's gateway.
func change(r *failRun) {
	r.serial++
	r.tenants[0].Must("PUT", "/v1/gateways/acme/routes/extra", harness.Object{
		"match": harness.Object{"path": fmt.Sprintf("/extra/%d", r.serial)}, "upstream": "app", "public": true,
	})
}

// largeChanges publish so much that the edge has to compact its log.
func largeChanges(r *failRun) {
	p, _ := r.role("edge")
	for i := range 60 {
		text := make([]byte, 60_000) // that nothing makes shorter
		for i := range text {
			text[i] = byte('!' + r.random.IntN(90))
		}
		r.tenants[0].Must("PUT", fmt.Sprintf("/v1/gateways/acme/routes/large-%d", i%4), harness.Object{
			"match": harness.Object{"path": fmt.Sprintf("/large/%d", i%4)}, "public": true,
			"policies": []harness.Object{{"type": "mock", "config": harness.Object{"status": 200, "body": string(text)}}},
		})
		select {
		case <-p.Exited():
			return
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// small waits until both edges serve what largeChanges left, and takes it back.
func small(r *failRun) {
	live(r)
	for i := range 4 {
		r.tenants[0].Must("DELETE", fmt.Sprintf("/v1/gateways/acme/routes/large-%d", i), nil)
	}
	live(r)
}

// live waits until both edges serve the newest version.
func live(r *failRun) { r.tenants[0].WaitLive("acme") }

// quarantined finds that the edge holds the version back that it died of, serves the
// one before, and takes the next.
func quarantined(r *failRun) {
	r.held("quarantine")
	for route := range failRoutes {
		must(r.t, r.request(0, 0, route, 0))
	}
	change(r)
	live(r)
}

// compilerPanics is quarantined without a death.
func compilerPanics(r *failRun) {
	change(r)
	r.held("failed to compile")
	change(r)
	live(r)
}

// held waits until the first edge, and no other, says why it keeps an older version.
func (r *failRun) held(why string) {
	r.t.Helper()
	r.until(20*time.Second, func() error {
		for _, e := range r.tenants[0].Must("GET", "/v1/gateways/acme/live", nil)["edges"].([]any) {
			e := e.(harness.Object)
			reason, _ := e["reason"].(string)
			if first := e["edge"] == r.Edges[0].ID; first == (e["live"] == true) || first && !strings.Contains(reason, why) {
				return fmt.Errorf("%v", e)
			}
		}
		return nil
	})
}

// postgresDies kills PostgreSQL while a transaction has everything but its commit.
func postgresDies(r *failRun) {
	p, _ := r.role("worker")
	r.until(20*time.Second, func() error {
		if r.hits(p) == 0 {
			return fmt.Errorf("the worker has not come to %s", r.point.point)
		}
		return nil
	})
	r.Postgres.Kill()
	time.Sleep(time.Second)
	must(r.t, r.Postgres.Start())
	must(r.t, r.Postgres.Wait(r.t.Context()))
}

// posted finds each hour at Stripe as it is in the ledger, once: what the dead worker
// had claimed is posted again when the claim has run out.
func posted(r *failRun) {
	r.moveTo(r.now().Add(5 * time.Minute))
	r.atStripe()
}

// atStripe waits until all that has ended is posted, and holds Stripe's hours against
// the ledger's.
func (s *failSite) atStripe() {
	s.t.Helper()
	s.until(60*time.Second, func() error {
		if n := s.number("SELECT count(*) FROM billing_hours WHERE posted <> total AND hour < $1", s.now().Unix()/3600); n != 0 {
			return fmt.Errorf("%d hours are not posted", n)
		}
		return nil
	})
	for _, o := range s.tenants {
		got := s.fake.Usage(o.customer, failUsage)
		rows, err := s.db.Query("SELECT hour, total FROM billing_hours WHERE organization = $1 AND posted > 0", o.num)
		must(s.t, err)
		n := 0
		for ; rows.Next(); n++ {
			var hour, total int64
			must(s.t, rows.Scan(&hour, &total))
			if got[hour*3600] != total && hour < s.now().Unix()/3600 {
				s.t.Errorf("%s: Stripe has %d in hour %d, the ledger %d", o.name, got[hour*3600], hour, total)
			}
		}
		must(s.t, rows.Close())
		if n != len(got) {
			s.t.Errorf("%s: Stripe has %d hours, the ledger posted %d", o.name, len(got), n)
		}
	}
}

// newKey issues a key, revokes the one before, and changes the gateway.
func newKey(r *failRun) {
	o := r.tenants[0]
	id, _ := o.Key(o.name, "alice", harness.Object{"name": "revoked"})
	o.Must("POST", "/v1/gateways/"+o.name+"/keys/"+id+"/revoke", nil)
	change(r)
	r.names = append(r.names, id)
	_, key := o.Key(o.name, "alice", harness.Object{"name": "issued"})
	r.names = append(r.names, key)
	change(r)
}

// keysInForce finds that nothing of newKey was lost.
func keysInForce(r *failRun) {
	o := r.tenants[0]
	r.until(15*time.Second, func() error {
		if a := r.call.Get(r.Edges[0].Addr(), o.host, "/reads/1", r.names[len(r.names)-1]); a.Err != nil || a.Status != 200 {
			return fmt.Errorf("the key that was issued: %d %s %w", a.Status, a.Body, a.Err)
		}
		return nil
	})
	live(r)
	r.until(10*time.Second, func() error {
		if n := r.number("SELECT count(*) FROM outbox WHERE sent_at = 0"); n != 0 {
			return fmt.Errorf("%d changes are not sent", n)
		}
		return nil
	})
}

// tell does what a webhook tells of.
func tell(r *failRun) {
	r.serial++
	r.tenants[0].Must("PUT", fmt.Sprintf("/v1/gateways/acme/consumers/new-%d", r.serial), harness.Object{})
}

// toldTwice waits until the message came again, under its id, and is settled.
func toldTwice(r *failRun) {
	r.until(60*time.Second, func() error {
		if n := r.number("SELECT count(*) FROM webhook_deliveries WHERE state = 'waiting'"); n != 0 {
			return fmt.Errorf("%d messages wait", n)
		}
		return nil
	})
	// Four are sent at once.
	if n := r.hook.twice() - r.twice; n < 1 || n > 4 {
		r.t.Errorf("%d messages came twice", n)
	}
}

// subscriptionChanges has Stripe tell of a change; there is no answer.
func subscriptionChanges(r *failRun) {
	must(r.t, r.deliver())
	r.cancelAtEnd(true)
	event := r.fake.Pending()[0].ID
	r.names = append(r.names, event)
	if status, err := r.post(event); err == nil {
		r.t.Fatalf("the portal answers %d", status)
	}
}

func (r *failRun) cancelAtEnd(on bool) {
	r.t.Helper()
	list, err := r.fake.Do("GET", "/v1/subscriptions", url.Values{"customer": {r.tenants[0].customer}})
	must(r.t, err)
	id := list["data"].([]any)[0].(map[string]any)["id"].(string)
	_, err = r.fake.Do("POST", "/v1/subscriptions/"+id, url.Values{"cancel_at_period_end": {fmt.Sprint(on)}})
	must(r.t, err)
}

// eventOnce sends the event again, twice, and finds one note and one effect.
func eventOnce(r *failRun) {
	event := r.names[len(r.names)-1]
	effect := func(want bool) {
		r.until(20*time.Second, func() error {
			if got := r.tenants[0].Must("GET", "/v1/subscription", nil)["cancel_at_period_end"]; got != want {
				return fmt.Errorf("cancel_at_period_end is %v", got)
			}
			return nil
		})
	}
	effect(true)
	for range 2 {
		if status, err := r.post(event); err != nil || status/100 != 2 {
			r.t.Errorf("sent again: %d, %v", status, err)
		}
	}
	must(r.t, r.deliver())
	if n := r.number("SELECT count(*) FROM stripe_events WHERE event_id = $1", event); n != 1 {
		r.t.Errorf("%d notes of one event", n)
	}
	r.cancelAtEnd(false)
	must(r.t, r.deliver())
	effect(false)
}

// issueKey asks for a key under an Idempotency-Key; there is no answer.
func issueKey(r *failRun) {
	if a, err := r.request1(); err == nil {
		r.t.Fatalf("the portal answers %d %s", a.Status, a.Body)
	}
}

// request1 sends the run's one request for a key.
func (r *failRun) request1() (*harness.Reply, error) {
	name := fmt.Sprintf("once-%s-%d", r.point.point, r.seed)
	return r.tenants[0].Do("POST", "/v1/gateways/acme/keys", harness.Object{"consumer": "alice", "name": name}, "Idempotency-Key", name)
}

// named is how many keys the run's one request has made.
func (r *failRun) named() int64 {
	r.t.Helper()
	return r.number("SELECT count(*) FROM api_keys WHERE name = $1", fmt.Sprintf("once-%s-%d", r.point.point, r.seed))
}

// keyAgain finds no key, that the first request counts as under way for a while, and
// that the second one then makes the key and shows it.
func keyAgain(r *failRun) {
	if n := r.named(); n != 0 {
		r.t.Fatalf("%d keys of a transaction that was not committed", n)
	}
	if a, err := r.request1(); err != nil || a.Status != 409 {
		r.t.Errorf("at once: %+v, %v", a, err)
	}
	r.moveTo(r.now().Add(46 * time.Second))
	a, err := r.request1()
	must(r.t, err)
	var made struct{ ID, Key string }
	if err := json.Unmarshal(a.Body, &made); err != nil || a.Status != 201 || made.Key == "" || r.named() != 1 {
		r.t.Fatalf("%d %s, %d keys", a.Status, a.Body, r.named())
	}
	r.until(10*time.Second, func() error {
		if a := r.call.Get(r.Edges[0].Addr(), r.tenants[0].host, "/reads/1", made.Key); a.Err != nil || a.Status != 200 {
			return fmt.Errorf("%d %s %w", a.Status, a.Body, a.Err)
		}
		return nil
	})
}

// keyReplayed finds the one key by the request sent again, without its text, and has
// another in its place.
func keyReplayed(r *failRun) {
	var ids []string
	for range 2 {
		a, err := r.request1()
		must(r.t, err)
		var made struct{ ID, Key string }
		if err := json.Unmarshal(a.Body, &made); err != nil || a.Status != 201 || made.ID == "" || made.Key != "" || a.Header.Get("Idempotent-Replayed") != "true" {
			r.t.Fatalf("%d %v %s", a.Status, a.Header, a.Body)
		}
		ids = append(ids, made.ID)
	}
	if ids[0] != ids[1] || r.named() != 1 {
		r.t.Errorf("%v, %d keys", ids, r.named())
	}
	if key, _ := r.tenants[0].Must("POST", "/v1/gateways/acme/keys/"+ids[0]+"/rotate", harness.Object{})["key"].(string); key == "" {
		r.t.Error("the owner can't rotate the key that nobody was shown")
	}
}

// books lets the billing period pass and holds Stripe's invoices against the ledger,
// and the ledger against its own rules.
func (s *failSite) books() {
	s.jump()
	s.hoursAgree()
	s.atStripe()
	for _, o := range s.tenants {
		n := int64(0)
		for _, hour := range s.fake.Usage(o.customer, failUsage) {
			n += hour
		}
		if want := s.number("SELECT COALESCE(CAST(SUM(billed) AS bigint), 0) FROM usage_counters WHERE organization = $1 AND plan = 2", o.num); n != want || n == 0 {
			s.t.Errorf("%s: Stripe has %d, %d were counted", o.name, n, want)
		}
	}
	end, err := time.Parse(time.RFC3339, s.tenants[0].Must("GET", "/v1/subscription", nil)["period_end"].(string))
	must(s.t, err)
	for _, at := range []time.Time{end.Add(time.Minute), end.Add(3 * time.Hour)} {
		s.moveTo(at)
		s.until(20*time.Second, s.deliver)
	}
	for _, o := range s.tenants {
		s.until(30*time.Second, func() error { return s.invoiced(o) })
	}
	// A worker that starts asks at once what must hold of the books.
	s.Worker.Kill()
	must(s.t, s.Worker.Start())
	s.WaitWorker()
	time.Sleep(2 * time.Second)
	rules := 0
	for _, m := range harness.Scrape(s.t, s.WorkerURL+"/metrics") {
		if m.Name == "tollgate_billing_broken_invariant_rows" {
			if rules++; m.Value != 0 {
				s.t.Errorf("%v: %v rows", m.Labels, m.Value)
			}
		}
	}
	if rules == 0 {
		s.t.Error("no rule of the books was asked")
	}
}

// invoiced holds the usage on an organization's invoice of the cycle against its hours.
func (s *failSite) invoiced(o *failTenant) error {
	list, err := s.fake.Do("GET", "/v1/invoices", url.Values{"customer": {o.customer}, "limit": {"10"}})
	if err != nil {
		return err
	}
	for _, i := range list["data"].([]any) {
		i := i.(map[string]any)
		if i["billing_reason"] != "subscription_cycle" || i["status"] == "draft" {
			continue
		}
		lines, err := s.fake.Do("GET", "/v1/invoices/"+i["id"].(string)+"/lines", url.Values{"limit": {"100"}})
		if err != nil {
			return err
		}
		sum := 0.0
		for _, l := range lines["data"].([]any) {
			l := l.(map[string]any)
			price, _ := l["price"].(map[string]any)
			recurring, _ := price["recurring"].(map[string]any)
			if n, ok := l["quantity"].(float64); ok && recurring["usage_type"] == "metered" {
				sum += n
			}
		}
		if want := s.number("SELECT CAST(SUM(total) AS bigint) FROM billing_hours WHERE organization = $1 AND plan = 2", o.num); int64(sum) != want {
			return fmt.Errorf("%s: the invoice bills %v requests, the ledger has %d", o.name, sum, want)
		}
		s.t.Logf("%s: the invoice bills the %v requests of the ledger", o.name, sum)
		return nil
	}
	return fmt.Errorf("%s: no invoice of the period is final: %.300v", o.name, list)
}

// table prints what came of all runs.
func (s *failSite) table() {
	var out strings.Builder
	fmt.Fprintf(&out, "%-44s %5s %7s %9s %9s %5s %7s %9s\n", "point", "runs", "deaths", "received", "billed", "lost", "double", "in flight")
	sums := map[string]*failRow{}
	for _, r := range s.rows {
		sum := sums[r.point]
		if sum == nil {
			sum = &failRow{}
			sums[r.point] = sum
		}
		sum.runs, sum.deaths, sum.served, sum.billed = sum.runs+r.runs, sum.deaths+r.deaths, sum.served+r.served, sum.billed+r.billed
		sum.lost, sum.double, sum.bound = sum.lost+r.lost, sum.double+r.double, sum.bound+r.bound
	}
	for i := range failings {
		name := string(failings[i].point) + failings[i].what
		if r := sums[name]; r != nil {
			fmt.Fprintf(&out, "%-44s %5d %7d %9d %9d %5d %7d %9d\n", name, r.runs, r.deaths, r.served, r.billed, r.lost, r.double, r.bound)
		}
	}
	s.t.Logf("\n%s", out.String())
}

// TestEveryFailpoint holds the list of runs against the points that there are.
func TestEveryFailpoint(t *testing.T) {
	have := map[failpoint.Point]bool{}
	for i := range failings {
		have[failings[i].point] = true
	}
	for _, p := range failpoint.Points {
		if !have[p] {
			t.Errorf("no process dies at %s", p)
		}
	}
}
