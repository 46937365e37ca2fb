package chaos

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestOutage stops Redis and PostgreSQL: warm edges serve every known key and
// route without one error.
func TestOutage(t *testing.T) {
	s := newSite(t, harness.Options{Edges: 2}, "outage")
	var keys []string
	for range 10 {
		_, key := s.api.Key(s.name, "alice", nil)
		keys = append(keys, key)
	}
	for _, key := range keys {
		for _, e := range s.Edges {
			if _, err := s.accepted(e, "/x", key, 3*time.Second); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Redis.Kill()
	s.Postgres.Kill()
	s.Portal.Kill()
	s.Worker.Kill()
	tally := harness.NewTally()
	harness.Rate(400, 15*time.Second, func(i int) {
		tally.Add(s.get(s.Edges[i%2], "/x", keys[i%len(keys)]))
	})
	t.Logf("with everything else gone: %v", tally)
	if tally.Get(200) != 400*15 {
		t.Errorf("%d of %d answered 200: %v", tally.Get(200), 400*15, tally)
	}
	e := s.Edges[0]
	e.Kill()
	must(t, e.Start())
	began := time.Now()
	if _, err := s.accepted(e, "/x", keys[0], 5*time.Second); err != nil {
		t.Errorf("an edge restarted alone does not serve: %v", err)
	}
	t.Logf("restarted alone, first 200 after %v", time.Since(began))
}

// TestRestartFromDisk restarts an edge with 1,000 gateways and 100,000 keys on
// its disk and everything else gone: it serves within 1 s.
func TestRestartFromDisk(t *testing.T) {
	const gateways, keys = 1000, 100_000
	s := newSite(t, harness.Options{Edges: 1}, "many")
	e := s.Edges[0]
	harness.Times(gateways-1, 16, func(i int) {
		name := fmt.Sprintf("g-%d", i)
		s.api.Must("POST", "/v1/gateways", harness.Object{"name": name})
		s.api.Must("PUT", "/v1/gateways/"+name+"/routes/all", harness.Object{
			"match": harness.Object{"path": "/*"}, "public": true,
			"policies": []harness.Object{{"type": "mock", "config": harness.Object{"status": 200, "body": "hello"}}},
		})
	})
	all := make([]string, keys)
	harness.Times(keys, 16, func(i int) { _, all[i] = s.api.Key(s.name, "alice", nil) })
	t.Logf("made %d gateways and %d keys", gateways, keys)
	tally := harness.NewTally()
	for try := 0; tally.Get(200) < keys && try < 5; try++ {
		tally = harness.NewTally()
		harness.Times(keys, 64, func(i int) {
			r := s.get(e, "/x", all[i])
			for n := 0; n < 50 && r.Status != 200; n++ { // cold keys are loaded at a bounded pace
				time.Sleep(100 * time.Millisecond)
				r = s.get(e, "/x", all[i])
			}
			tally.Add(r)
		})
	}
	if tally.Get(200) != keys {
		t.Fatalf("not all keys are served: %v", tally)
	}
	s.Redis.Kill()
	s.Postgres.Kill()
	s.Portal.Kill()
	s.Worker.Kill()
	bestOf(t, func() (string, error) {
		e.Kill()
		began := time.Now()
		must(t, e.Start())
		err := harness.Until(context.Background(), 10*time.Second, func() error {
			if r := s.get(e, "/x", all[keys/2]); r.Status != 200 {
				return fmt.Errorf("%d %v", r.Status, r.Err)
			}
			return nil
		})
		first := time.Since(began)
		if err != nil {
			return "", err
		}
		t2 := harness.NewTally()
		harness.Times(2000, 16, func(i int) {
			t2.Add(s.get(e, "/x", all[i*(keys/2000)]))
		})
		text := fmt.Sprintf("process start to first 200: %v; then %v", first, t2)
		if t2.Get(200) != 2000 {
			return text, errors.New("not every key is known after the restart")
		}
		if first > time.Second {
			return text, fmt.Errorf("the bar is 1s: %v", first)
		}
		return text, nil
	})
}
