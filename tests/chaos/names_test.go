package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
	"github.com/tollgate/tollgate/tests/harness"
)

// names is a site whose targets are names of a name server of the test.
type names struct {
	*site
	dns *harness.DNS
}

// at is the n-th loopback address that origins listen at.
func at(n int) string { return "127.0.0." + strconv.Itoa(n+2) }

// fleet starts n origins at addresses of their own and one port.
func (s *names) fleet(t *testing.T, n int) (list []*origin, port string) {
	t.Helper()
	for range 20 {
		free := testport.Free(t)
		port = strconv.Itoa(free)
		busy := false
		for i := range n {
			l, err := net.Listen("tcp", at(i)+":"+port)
			if busy = err != nil; busy {
				break
			}
			_ = l.Close()
		}
		if busy {
			continue
		}
		for i := range n {
			list = append(list, newOriginAt(t, strconv.Itoa(i), at(i)+":"+port))
		}
		return list, port
	}
	t.Fatal("no port is free at all addresses")
	return nil, ""
}

// over makes a pool of origins behind the targets of an upstream.
func (s *names) over(t *testing.T, list []*origin, upstream harness.Object) *pool {
	t.Helper()
	p := newPool(t, s.site, 0, upstream)
	p.origins = list
	return p
}

// shares asks until the first edge sends to all of these origins and no other, and
// returns how many of n requests then came to each.
func (p *pool) shares(t *testing.T, n int, want ...int) []int64 {
	t.Helper()
	counts := func(n int) []int64 {
		before := make([]int64, len(p.origins))
		for i, o := range p.origins {
			before[i] = o.served.Load()
		}
		for range n {
			if r := p.get(p.Edges[0], "/x", ""); r.Status != 200 {
				t.Fatal(r.Status, r.Code, r.Err)
			}
		}
		for i, o := range p.origins {
			before[i] = o.served.Load() - before[i]
		}
		return before
	}
	var last []int64
	err := harness.Until(context.Background(), 8*time.Second, func() error {
		last = counts(60)
		in := map[int]bool{}
		for _, i := range want {
			in[i] = true
		}
		for i, k := range last {
			if (k > 0) != in[i] {
				return fmt.Errorf("requests go to %v, want %v", last, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return counts(n)
}

func newNames(t *testing.T, edges int, name string) *names {
	dns := harness.StartDNS(t)
	return &names{newSite(t, harness.Options{Edges: edges, EdgeEnv: []string{"TOLLGATE_DNS_RESOLVER=" + dns.Addr}}, name), dns}
}

// TestNames: requests are spread over the addresses of names, which come and go
// without a request being dropped.
func TestNames(t *testing.T) {
	s := newNames(t, 1, "names")
	t.Run("addresses come and go", s.comeAndGo)
	t.Run("one address dies", s.dies)
	t.Run("service records", s.services)
	t.Run("IPv6 beside IPv4", s.families)
}

func (s *names) comeAndGo(t *testing.T) {
	list, port := s.fleet(t, 5)
	s.dns.SetAddrs("go.test", at(0), at(1), at(2))
	p := s.over(t, list, harness.Object{"targets": []harness.Object{{"url": "http://go.test:" + port}}})
	got := p.shares(t, 900, 0, 1, 2)
	t.Logf("three addresses: %v of 900", got)
	for _, n := range got[:3] {
		if n < 291 || n > 309 {
			t.Error("not spread within 1 % of all requests", got)
		}
	}
	var times spread
	var statuses map[int]int
	var wg sync.WaitGroup
	wg.Go(func() { times, statuses = p.pour(16, 8*time.Second) })
	changes := 0
	for end := time.Now().Add(7 * time.Second); time.Now().Before(end); changes++ {
		s.dns.SetAddrs("go.test", at(changes%5), at((changes+1)%5), at((changes+2)%5))
		time.Sleep(700 * time.Millisecond)
	}
	wg.Wait()
	used := 0
	for _, o := range list {
		if o.served.Load() > 400 {
			used++
		}
	}
	t.Logf("%d changes of the records: %v, %v; %d of 5 addresses were used", changes, statuses, times, used)
	if err := only200(statuses); err != nil || used != 5 {
		t.Error(err, used)
	}
	s.dns.SetAddrs("go.test", at(4))
	p.shares(t, 60, 4)
}

func (s *names) dies(t *testing.T) {
	list, port := s.fleet(t, 3)
	s.dns.SetAddrs("dies.test", at(0), at(1), at(2))
	p := s.over(t, list, harness.Object{"targets": []harness.Object{{"url": "http://dies.test:" + port}}, "health": harness.Object{"type": "tcp", "interval": "500ms"}})
	p.shares(t, 60, 0, 1, 2)
	time.AfterFunc(300*time.Millisecond, list[1].kill)
	_, statuses := p.pour(8, 2*time.Second)
	if err := only200(statuses); err != nil {
		t.Error(err)
	}
	p.shares(t, 60, 0, 2)
	err := harness.Until(context.Background(), 3*time.Second, func() error {
		targets, _ := p.api.Must("GET", "/v1/gateways/"+p.name+"/health", nil)["targets"].([]any)
		var said []string
		for _, x := range targets {
			if o, _ := x.(map[string]any); o["target"] == "http://dies.test:"+port {
				said = append(said, fmt.Sprint(o["address"], " ", o["healthy"]))
			}
		}
		if want := []string{at(0) + ":" + port + " true", at(1) + ":" + port + " false", at(2) + ":" + port + " true"}; fmt.Sprint(said) != fmt.Sprint(want) {
			return fmt.Errorf("the API says %v, want %v", said, want)
		}
		return nil
	})
	t.Logf("%v while one of three died", statuses)
	if err != nil {
		t.Error(err)
	}
}

func (s *names) services(t *testing.T) {
	list, text := s.fleet(t, 4)
	n, _ := strconv.Atoi(text)
	port := uint16(n)
	for i := range list {
		s.dns.SetAddrs(fmt.Sprintf("n%d.test", i), at(i))
	}
	s.dns.SetSRV("_web._tcp.srv.test",
		harness.SRV{Target: "n0.test", Port: port, Weight: 20}, harness.SRV{Target: "n1.test", Port: port, Weight: 10},
		harness.SRV{Target: "n2.test", Port: port, Priority: 1, Weight: 100})
	p := s.over(t, list, harness.Object{"targets": []harness.Object{{"url": "http://_web._tcp.srv.test", "srv": true}}, "outlier_detection": harness.Object{"max_ejected_percent": 100}})
	got := p.shares(t, 900, 0, 1)
	t.Logf("weights 20 and 10: %v of 900", got)
	if got[0] < 591 || got[0] > 609 {
		t.Error("not by weight within 1 % of all requests", got)
	}
	list[0].kill()
	list[1].kill()
	p.shares(t, 60, 2)
	s.dns.SetSRV("_web._tcp.srv.test", harness.SRV{Target: "n3.test", Port: port, Priority: 7})
	p.shares(t, 60, 3)
}

func (s *names) families(t *testing.T) {
	six, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Logf("this host has no IPv6, so that the address of that family must be left out: %v", err)
		list, port := s.fleet(t, 1)
		s.dns.SetAddrs("both.test", at(0), "::1")
		p := s.over(t, list, harness.Object{"targets": []harness.Object{{"url": "http://both.test:" + port}}})
		p.shares(t, 60, 0)
		return
	}
	_, port, _ := net.SplitHostPort(six.Addr().String())
	_ = six.Close()
	list := []*origin{newOriginAt(t, "six", "[::1]:"+port), newOriginAt(t, "four", "127.0.0.2:"+port)}
	s.dns.SetAddrs("both.test", "127.0.0.2", "::1")
	p := s.over(t, list, harness.Object{"targets": []harness.Object{{"url": "http://both.test:" + port}}})
	t.Logf("IPv6 and IPv4: %v of 300", p.shares(t, 300, 0, 1))
}

func (s *names) failing(t *testing.T) {
	list, port := s.fleet(t, 2)
	s.dns.SetAddrs("fails.test", at(0), at(1))
	p := s.over(t, list, harness.Object{"targets": []harness.Object{{"url": "http://fails.test:" + port}}})
	p.shares(t, 60, 0, 1)
	s.dns.Fail(true)
	defer s.dns.Fail(false)
	_, statuses := p.pour(8, 4*time.Second) // the records hold for a second
	t.Logf("%v while nobody answers for the name", statuses)
	if err := only200(statuses); err != nil {
		t.Error(err)
	}
	p.shares(t, 60, 0, 1)
}

func (s *names) inside(t *testing.T) {
	list, port := s.fleet(t, 1)
	s.dns.SetAddrs("inside.test", at(0))
	p := s.over(t, list, harness.Object{"targets": []harness.Object{{"url": "http://inside.test:" + port}}})
	p.shares(t, 60, 0)
	for _, addr := range []string{"169.254.169.254", "0.0.0.0"} {
		s.dns.SetAddrs("inside.test", at(0), addr)
		err := harness.Until(context.Background(), 5*time.Second, func() error {
			if r := p.get(p.Edges[0], "/x", ""); r.Status != 502 || r.Code != "upstream_forbidden_address" {
				return fmt.Errorf("%d %s", r.Status, r.Code)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", addr, err)
		}
		s.dns.SetAddrs("inside.test", at(0))
		if err := harness.Until(context.Background(), 5*time.Second, func() error {
			if r := p.get(p.Edges[0], "/x", ""); r.Status != 200 {
				return errors.New(r.Code)
			}
			return nil
		}); err != nil {
			t.Errorf("after %s: %v", addr, err)
		}
	}
}
