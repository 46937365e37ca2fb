package chaos

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

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
