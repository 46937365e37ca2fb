package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// pool is an upstream of n origins behind the site's two edges, with a public route.
type pool struct {
	*site
	origins []*origin
}

var pools atomic.Int64

func newPool(t *testing.T, s *site, n int, upstream harness.Object) *pool {
	t.Helper()
	p := &pool{site: s}
	var targets []harness.Object
	for i := range n {
		o := newOrigin(t, fmt.Sprint(i))
		p.origins = append(p.origins, o)
		targets = append(targets, harness.Object{"url": o.url})
	}
	if upstream["targets"] == nil {
		upstream["targets"] = targets
	}
	// An upstream of its own: what edges know of one outlives its targets.
	name := fmt.Sprint("pool-", pools.Add(1))
	s.put("upstreams/"+name, upstream)
	s.put("routes/all", harness.Object{"match": harness.Object{"path": "/*"}, "upstream": name, "public": true})
	s.api.WaitLive(s.name)
	return p
}

// pour keeps n clients asking the first edge for d and returns the time of each
// answer and the number of each status.
func (p *pool) pour(n int, d time.Duration) (times spread, statuses map[int]int) {
	statuses = map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for end := time.Now().Add(d); n > 0; n-- {
		wg.Go(func() {
			for time.Now().Before(end) {
				began := time.Now()
				r := p.get(p.Edges[0], "/x", "")
				took := time.Since(began)
				mu.Lock()
				times = append(times, took)
				statuses[r.Status]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return times, statuses
}

func only200(statuses map[int]int) error {
	if len(statuses) != 1 || statuses[200] == 0 {
		return fmt.Errorf("not only 200: %v", statuses)
	}
	return nil
}

// TestBalance is section 2 and 3.5 of the issue on balancing, on real edges.
func TestBalance(t *testing.T) {
	s := newSite(t, harness.Options{Edges: 2}, "balance")
	t.Run("least time leaves a slow target out", func(t *testing.T) { leastTime(t, s) })
	t.Run("least request gives a slow target its share", func(t *testing.T) { leastRequest(t, s) })
	t.Run("a capped target never sees one more", func(t *testing.T) { capped(t, s) })
	t.Run("half errors open the breaker within 1 s", func(t *testing.T) { breaker(t, s) })
	t.Run("origins that close idle connections", func(t *testing.T) { closing(t, s) })
	t.Run("sessions over two edges", func(t *testing.T) { sticky(t, s) })
}

func leastTime(t *testing.T, s *site) {
	bestOf(t, func() (string, error) {
		healthy := newPool(t, s, 2, harness.Object{"algorithm": "least_time"})
		for _, o := range healthy.origins {
			o.delay.Store(int64(20 * time.Millisecond))
		}
		healthy.pour(16, 500*time.Millisecond)
		alone, _ := healthy.pour(16, 3*time.Second)
		p := newPool(t, s, 3, harness.Object{"algorithm": "least_time"})
		for _, o := range p.origins {
			o.delay.Store(int64(20 * time.Millisecond))
		}
		p.origins[1].delay.Store(int64(200 * time.Millisecond))
		p.pour(16, 500*time.Millisecond)
		times, statuses := p.pour(16, 3*time.Second)
		text := fmt.Sprintf("healthy only %v; with one 10 times slower %v (it served %d)", alone, times, p.origins[1].served.Load())
		if times.at(0.99) > alone.at(0.99)*13/10 {
			return text, errors.New(text)
		}
		return text, only200(statuses)
	})
}

func leastRequest(t *testing.T, s *site) {
	bestOf(t, func() (string, error) {
		p := newPool(t, s, 3, harness.Object{"algorithm": "least_request"})
		for _, o := range p.origins {
			o.delay.Store(int64(20 * time.Millisecond))
		}
		p.origins[1].delay.Store(int64(200 * time.Millisecond))
		_, statuses := p.pour(64, 4*time.Second)
		all := int64(0)
		for _, o := range p.origins {
			all += o.served.Load()
		}
		share, most := float64(p.origins[1].served.Load())/float64(all), 2*0.1/(3-0.9)
		text := fmt.Sprintf("64 in flight: the slow target's share is %.4f, at most %.4f (%d requests)", share, most, all)
		if share > most {
			return text, errors.New(text)
		}
		return text, only200(statuses)
	})
}

func capped(t *testing.T, s *site) {
	p := newPool(t, s, 1, harness.Object{"max_requests": 5})
	p.origins[0].delay.Store(int64(5 * time.Millisecond))
	times, statuses := p.pour(40, 2*time.Second)
	t.Logf("40 clients: %d at once at most, %v", p.origins[0].most.Load(), times)
	if err := only200(statuses); err != nil || p.origins[0].most.Load() != 5 {
		t.Errorf("%d at once, %v", p.origins[0].most.Load(), err)
	}
}

func killedTarget(t *testing.T, s *site) {
	bestOf(t, func() (string, error) {
		p := newPool(t, s, 3, harness.Object{})
		killed := make(chan time.Time, 1)
		time.AfterFunc(700*time.Millisecond, func() {
			killed <- time.Now()
			p.origins[1].kill()
		})
		_, statuses := p.pour(16, 3*time.Second)
		out, err := p.downSince(p.origins[1].url)
		if err != nil {
			return "", err
		}
		after := out.Sub(<-killed)
		text := fmt.Sprintf("%v, ejected %v after its death", statuses, after.Round(time.Millisecond))
		if err := only200(statuses); err != nil {
			return text, err
		}
		if after > 250*time.Millisecond {
			return text, errors.New(text)
		}
		return text, nil
	})
}

// downSince asks the management API since when the first edge has a target out.
func (p *pool) downSince(url string) (at time.Time, err error) {
	err = harness.Until(context.Background(), 3*time.Second, func() error {
		targets, _ := p.api.Must("GET", "/v1/gateways/"+p.name+"/health", nil)["targets"].([]any)
		for _, x := range targets {
			o, _ := x.(map[string]any)
			if o["target"] == url && o["edge"] == p.Edges[0].ID && o["healthy"] == false {
				at, err = time.Parse(time.RFC3339, fmt.Sprint(o["since"]))
				return err
			}
		}
		return errors.New("no edge reports the dead target")
	})
	return at, err
}

func breaker(t *testing.T, s *site) {
	bestOf(t, func() (string, error) {
		p := newPool(t, s, 1, harness.Object{"circuit_breaker": harness.Object{"error_percent": 40, "open": "2s"}})
		o := p.origins[0]
		p.pour(8, time.Second)
		o.fail.Store(50)
		failing := time.Now()
		var opened time.Duration
		for opened == 0 && time.Since(failing) < 5*time.Second {
			if r := p.get(p.Edges[0], "/x", ""); r.Code == "circuit_open" {
				opened = time.Since(failing)
			}
		}
		o.delay.Store(int64(300 * time.Millisecond))
		before := o.served.Load()
		var quick spread
		for range 100 {
			began := time.Now()
			if r := p.get(p.Edges[0], "/x", ""); r.Code != "circuit_open" {
				return "", fmt.Errorf("%d %s from an open breaker", r.Status, r.Code)
			}
			quick = append(quick, time.Since(began))
		}
		sent := o.served.Load() - before
		o.most.Store(0)
		o.fail.Store(100)
		time.Sleep(2200*time.Millisecond - 100*time.Millisecond)
		_, statuses := p.pour(32, 600*time.Millisecond)
		probes := o.served.Load() - before - sent
		text := fmt.Sprintf("open after %v; answers while open %v; half-open: %d probe(s), %d at once, %v", opened.Round(time.Millisecond), quick, probes, o.most.Load(), statuses)
		if opened == 0 || opened > time.Second || quick.at(0.5) > 5*time.Millisecond || sent != 0 || o.most.Load() > 1 || probes != 1 {
			return text, errors.New(text)
		}
		return text, nil
	})
}

func attempts(t *testing.T, s *site) {
	p := newPool(t, s, 3, harness.Object{
		"retries":           harness.Object{"attempts": 3, "on": []string{"500"}},
		"outlier_detection": harness.Object{"disabled": true},
	})
	for _, o := range p.origins {
		o.fail.Store(50)
	}
	times, statuses := p.pour(16, 3*time.Second)
	tries := int64(0)
	for _, o := range p.origins {
		tries += o.served.Load()
	}
	ratio := float64(tries) / float64(len(times))
	t.Logf("%d requests, %d attempts: %.3f; %v", len(times), tries, ratio, statuses)
	if ratio > 1.2 || ratio < 1.1 {
		t.Error("attempts per request", ratio)
	}
}

// closing: origins close idle connections at random moments. Every GET is answered,
// and no POST reaches an origin twice.
func closing(t *testing.T, s *site) {
	p := newPool(t, s, 2, harness.Object{})
	for _, o := range p.origins {
		o.closing.Store(30)
	}
	_, statuses := p.pour(8, 3*time.Second)
	if err := only200(statuses); err != nil {
		t.Error(err)
	}
	var n, lost atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 300 {
				r := p.call.Send(t.Context(), http.MethodPost, p.Edges[0].Addr(), p.host, "/x", "", strings.NewReader(fmt.Sprint("post-", n.Add(1))))
				if r.Status != 200 {
					lost.Add(1)
				}
			}
		})
	}
	wg.Wait()
	twice := 0
	for _, o := range p.origins {
		o.mu.Lock()
		for body, times := range o.posts {
			if other := p.origins[0].posts[body]; times > 1 || o != p.origins[0] && other > 0 {
				twice++
			}
		}
		o.mu.Unlock()
	}
	t.Logf("%v GETs; %d POSTs, %d not answered with 200, %d came twice", statuses, n.Load(), lost.Load(), twice)
	if twice > 0 {
		t.Error("POSTs came twice")
	}
}

func sticky(t *testing.T, s *site) {
	p := newPool(t, s, 5, harness.Object{"session_persistence": harness.Object{"by": "cookie", "cookie": harness.Object{"insecure": true}}})
	cookies, at := make([]string, 1000), make([]string, 1000)
	visit := func(k, edge int) (moved bool) {
		r := p.call.Get(p.Edges[edge].Addr(), p.host, "/x", "", "Cookie", cookies[k])
		if r.Err != nil || r.Status != 200 {
			t.Fatal(r.Status, r.Code, r.Err)
		}
		if set := r.Header.Get("Set-Cookie"); set != "" {
			cookies[k], _, _ = strings.Cut(set, ";")
		}
		moved = at[k] != r.Body
		at[k] = r.Body
		return moved
	}
	flips := 0
	for round := range 4 {
		for k := range cookies {
			if visit(k, (k+round)%2) && round > 0 {
				flips++
			}
		}
	}
	p.origins[3].kill()
	own, others := 0, 0
	moves := make([]int, 1000)
	for round := range 4 {
		for k := range cookies {
			from := at[k]
			if visit(k, (k+round)%2) {
				if moves[k]++; from == "3" {
					own++
				} else {
					others++
				}
			}
		}
	}
	t.Logf("1,000 sessions, 5 targets, 2 edges: %d flips; after a kill %d sessions of the dead target moved, %d others", flips, own, others)
	for k, n := range moves {
		if n > 1 {
			t.Errorf("session %d moved %d times", k, n)
		}
	}
	if flips != 0 || others != 0 || own == 0 {
		t.Error("sessions flipped")
	}
}
