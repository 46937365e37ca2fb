package bench

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// Load of TestBenchKeys.
const (
	issuers   = 16
	issueFor  = 5 * time.Second
	allAtOnce = 100
)

// TestBenchKeys issues keys through the API with 16 clients, in an organization
// without keys and in one that has 100,000, and then a hundred at once: none is
// turned away.
func TestBenchKeys(t *testing.T) {
	c := harness.New(t, harness.Options{})
	api := c.SignUp("crowd")
	api.HTTP = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: allAtOnce, MaxConnsPerHost: allAtOnce}}
	api.Must("POST", "/v1/gateways", harness.Object{"name": "crowd"})
	api.Must("PUT", "/v1/gateways/crowd/consumers/ann", harness.Object{})
	issue := func() bool {
		r, err := api.Do("POST", "/v1/gateways/crowd/keys", harness.Object{"consumer": "ann"})
		if err != nil || r.Status != 201 {
			t.Errorf("a key: %v %+v", err, r)
			return false
		}
		return true
	}
	measure := func(name string) {
		var made atomic.Int64
		var all sync.WaitGroup
		began := time.Now()
		for range issuers {
			all.Go(func() {
				for time.Since(began) < issueFor && issue() {
					made.Add(1)
				}
			})
		}
		all.Wait()
		t.Logf("%-36s %6.0f keys/s with %d clients", name, float64(made.Load())/time.Since(began).Seconds(), issuers)
	}
	measure("into an empty gateway")
	if _, err := c.Postgres.SQL(context.Background(), crowdSeed); err != nil {
		t.Fatal(err)
	}
	measure("beside 100,000 keys")
	var all sync.WaitGroup
	began := time.Now()
	for range allAtOnce {
		all.Go(func() { issue() })
	}
	all.Wait()
	t.Logf("%-36s %6d ms for all", "a hundred at once", time.Since(began).Milliseconds())
}
