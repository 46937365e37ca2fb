package chaos

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// watch shakes hands with edges for a host until it is stopped, and notes what must
// never be: a certificate that is over, or none of the authority's.
type watch struct {
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	shown map[string]map[string]bool // edge → serials
	wrong []string
	hands int
}

func startWatch(edges []*harness.Edge, host string) *watch {
	w := &watch{stop: make(chan struct{}), shown: map[string]map[string]bool{}}
	for _, e := range edges {
		w.shown[e.ID] = map[string]bool{}
		w.done.Go(func() {
			for {
				select {
				case <-w.stop:
					return
				case <-time.After(100 * time.Millisecond):
				}
				leaf, err := e.Shown(host)
				w.mu.Lock()
				w.hands++
				switch {
				case err != nil:
					w.wrong = append(w.wrong, e.ID+": "+err.Error())
				case time.Now().After(leaf.NotAfter) || leaf.VerifyHostname(host) != nil || !strings.Contains(leaf.Issuer.CommonName, "Pebble"):
					w.wrong = append(w.wrong, fmt.Sprintf("%s shows a certificate of %s until %s", e.ID, leaf.Issuer, leaf.NotAfter))
				default:
					w.shown[e.ID][leaf.SerialNumber.String()] = true
				}
				w.mu.Unlock()
			}
		})
	}
	return w
}

// least is on how many certificates the edge that has seen fewest has been.
func (w *watch) least() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := -1
	for _, serials := range w.shown {
		if n < 0 || len(serials) < n {
			n = len(serials)
		}
	}
	return n
}

func (w *watch) end(t *testing.T) {
	close(w.stop)
	w.done.Wait()
	if len(w.wrong) > 0 {
		t.Errorf("%d of %d handshakes went wrong, the first: %s", len(w.wrong), w.hands, w.wrong[0])
	}
	t.Logf("%d handshakes, none with a certificate that was over", w.hands)
}

// TestACMERenewal: certificates of 90 s are renewed at their own time, twice, and
// both edges show the new one without a restart and the old one until then. With
// the authority away the domain says so well before the end, and the certificate is
// renewed when it is back, as another authority that knows no account of ours.
func TestACMERenewal(t *testing.T) {
	const life = 90 * time.Second
	a := harness.NewACME(t, harness.ACMEOptions{Edges: 2, Validity: life})
	api := a.SignUp("renewal")
	api.Must("POST", "/v1/gateways", harness.Object{"name": "renewal"})
	const host = "short.example.com"
	a.AddDomain(api, "renewal", host)
	a.Issued([]string{host}, time.Minute)
	w := startWatch(a.Edges, host)
	defer w.end(t)
	certificate := func() harness.Object {
		return api.Must("GET", "/v1/gateways/renewal/domains/"+host, nil)["certificate"].(harness.Object)
	}
	for n := 2; n <= 3; n++ {
		c := certificate()
		until, err := time.Parse(time.RFC3339, c["not_after"].(string))
		if err != nil {
			t.Fatal(err)
		}
		next, err := time.Parse(time.RFC3339, c["next_attempt_at"].(string))
		if err != nil || c["state"] != "issued" {
			t.Fatalf("%v, %v", c, err)
		}
		if left := until.Sub(next); left < life/6-2*time.Second || left > life*2/3+2*time.Second {
			t.Errorf("the renewal is due %s before the end", left)
		}
		if err := harness.Until(t.Context(), time.Until(until), func() error {
			time.Sleep(200 * time.Millisecond)
			if w.least() < n {
				return fmt.Errorf("%d certificates seen", w.least())
			}
			return nil
		}); err != nil {
			t.Fatalf("the edges do not show certificate %d: %v", n, err)
		}
		if late := time.Since(next); late < -2*time.Second {
			t.Errorf("renewed %s too soon", -late)
		} else {
			t.Logf("certificate %d on both edges %s after its time, %s before the end of the one before", n, late.Round(100*time.Millisecond), time.Until(until).Round(time.Second))
		}
	}
	a.Pebble.Kill()
	var until time.Time
	if err := harness.Until(t.Context(), life, func() error {
		time.Sleep(200 * time.Millisecond)
		c := certificate()
		if c["state"] != "failing" || c["problem"] == nil {
			return fmt.Errorf("it says %v", c)
		}
		var err error
		until, err = time.Parse(time.RFC3339, c["not_after"].(string))
		return err
	}); err != nil {
		t.Fatalf("the authority is away: %v", err)
	}
	t.Logf("said to fail %s before the end", time.Until(until).Round(time.Second))
	if time.Until(until) < 5*time.Second {
		t.Error("that is too late")
	}
	if err := a.Pebble.Start(); err != nil {
		t.Fatal(err)
	}
	a.Pebble.WaitUp(t)
	if err := harness.Until(t.Context(), time.Until(until), func() error {
		time.Sleep(200 * time.Millisecond)
		if w.least() < 4 {
			return fmt.Errorf("%v", certificate())
		}
		return nil
	}); err != nil {
		t.Fatalf("the authority is back: %v", err)
	}
}

// TestACMEWorkerKilled: the worker is killed again and again in the midst of orders;
// the next one goes on with them. None is stuck, and no more orders are made than
// there are domains and orders that a killed worker had under way.
func TestACMEWorkerKilled(t *testing.T) {
	const domains, kills = 40, 3
	a := harness.NewACME(t, harness.ACMEOptions{Edges: 2, RejectNonces: 30})
	api := a.SignUp("killed")
	api.Must("POST", "/v1/gateways", harness.Object{"name": "killed"})
	var hosts []string
	for i := range domains {
		hosts = append(hosts, fmt.Sprintf("k%02d.example.com", i))
		a.AddDomain(api, "killed", hosts[i])
	}
	began := time.Now()
	counts := func() map[string]int {
		out := map[string]int{}
		for _, d := range api.Must("GET", "/v1/gateways/killed/domains?limit=200", nil)["items"].([]any) {
			out[d.(harness.Object)["certificate"].(harness.Object)["state"].(string)]++
		}
		return out
	}
	underWay := 0
	for n := range kills {
		// Each time when some are there and others are not.
		want := min(domains-2, (n+1)*domains/(kills+1))
		if err := harness.Until(t.Context(), 2*time.Minute, func() error {
			if c := counts(); c["issued"] < want {
				return fmt.Errorf("%v", c)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		a.Worker.Kill()
		c := counts()
		underWay += domains - c["issued"]
		t.Logf("kill %d after %.1f s: %v, %d orders so far", n+1, time.Since(began).Seconds(), c, a.Pebble.Orders())
		if err := a.Worker.Start(); err != nil {
			t.Fatal(err)
		}
	}
	took := a.Issued(hosts, 3*time.Minute)
	c, orders := counts(), a.Pebble.Orders()
	if c["issued"] != domains {
		t.Errorf("stuck: %v", c)
	}
	if orders < domains || orders > domains+underWay {
		t.Errorf("%d orders for %d domains, of which %d were under way at the kills", orders, domains, underWay)
	}
	t.Logf("%d domains, %d kills: all served by 2 edges %.1f s after the last restart; %d orders, %d more than domains (%d were under way at the kills), none stuck",
		domains, kills, took[domains-1].Seconds(), orders, orders-domains, underWay)
}
