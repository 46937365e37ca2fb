package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestACME takes five domains from their TXT record to a certificate on two edges,
// over an authority that refuses good nonces; a sixth one without an address says
// what is wrong and holds nobody up.
func TestACME(t *testing.T) {
	t.Parallel()
	a := harness.NewACME(t, harness.ACMEOptions{Edges: 2, RejectNonces: 30})
	api := a.SignUp("acme")
	api.Must("POST", "/v1/gateways", harness.Object{"name": "shop"})
	a.DNS.Hide("broken.example.com")
	a.AddDomain(api, "shop", "broken.example.com")
	var hosts []string
	for i := range 5 {
		hosts = append(hosts, fmt.Sprintf("h%d.example.com", i))
		a.AddDomain(api, "shop", hosts[i])
	}
	took := a.Issued(hosts, 90*time.Second)
	t.Logf("5 domains served by 2 edges after %s", took[len(took)-1].Round(time.Millisecond))
	for _, h := range hosts {
		c := api.Must("GET", "/v1/gateways/shop/domains/"+h, nil)["certificate"].(harness.Object)
		if c["state"] != "issued" || c["problem"] != nil || !strings.Contains(c["issuer"].(string), "Pebble") {
			t.Errorf("%s: %v", h, c)
		}
	}
	// HST12: a token that no order of ours has is a request like any other.
	r := harness.NewCaller(1).Get(a.Edges[0].Addr(), hosts[0], "/.well-known/acme-challenge/AAAAAAAAAAAAAAAAAAAAAA", "")
	if r.Status != 404 || r.Code != "no_route" {
		t.Errorf("a token that nobody made: %+v", r)
	}
	err := harness.Until(t.Context(), 60*time.Second, func() error {
		c := api.Must("GET", "/v1/gateways/shop/domains/broken.example.com", nil)["certificate"].(harness.Object)
		if problem, _ := c["problem"].(string); c["state"] != "failing" || !strings.Contains(problem, "broken.example.com") {
			return fmt.Errorf("its certificate says %v", c)
		}
		return nil
	})
	if err != nil {
		t.Errorf("a domain without an address: %v", err)
	}
}

// TestACMEOverTLS: where port 80 leads nowhere, the order that failed by HTTP-01 is
// tried again by TLS-ALPN-01, which the edges answer.
func TestACMEOverTLS(t *testing.T) {
	if !long {
		t.Skip("the second order comes a minute after the first: make e2e")
	}
	a := harness.NewACME(t, harness.ACMEOptions{Edges: 2})
	a.Clear.To()
	api := a.SignUp("alpn")
	api.Must("POST", "/v1/gateways", harness.Object{"name": "shop"})
	a.AddDomain(api, "shop", "alpn.example.com")
	state := func() harness.Object {
		return api.Must("GET", "/v1/gateways/shop/domains/alpn.example.com", nil)["certificate"].(harness.Object)
	}
	if err := harness.Until(t.Context(), 60*time.Second, func() error {
		if c := state(); c["state"] != "failing" || !strings.Contains(fmt.Sprint(c["problem"]), "alpn.example.com") {
			return fmt.Errorf("by HTTP-01: %v", c)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	a.Issued([]string{"alpn.example.com"}, 90*time.Second)
	if c := state(); c["state"] != "issued" || c["attempts"] != nil || fmt.Sprint(c["names"]) != "[alpn.example.com]" {
		t.Errorf("by TLS-ALPN-01: %v", c)
	}
}

// TestACMEWildcard: the edge domain gets a wildcard certificate by DNS-01, through a
// name server that takes signed updates alone. Every gateway is served with it, also
// by an edge that starts without Redis; no record is left behind.
func TestACMEWildcard(t *testing.T) {
	t.Parallel()
	a := harness.NewACME(t, harness.ACMEOptions{Edges: 2, RejectNonces: 30, Wildcard: "gw.example.net"})
	api := a.SignUp("wildcard")
	host := api.Must("POST", "/v1/gateways", harness.Object{"name": "wild"})["hostname"].(string)
	if !strings.HasSuffix(host, ".gw.example.net") {
		t.Fatalf("the gateway is at %s", host)
	}
	a.Issued([]string{host, "any.gw.example.net"}, 90*time.Second)
	leaf, err := a.Edges[0].Shown(host)
	if err != nil || fmt.Sprint(leaf.DNSNames) != "[*.gw.example.net]" {
		t.Fatalf("%v, %v", leaf, err)
	}
	if taken, refused := a.DNS.Updates(); taken < 2 || refused != 0 {
		t.Errorf("%d updates, %d refused", taken, refused)
	}
	if left := a.DNS.TXT("_acme-challenge.gw.example.net"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if n := a.Pebble.Orders(); n != 1 {
		t.Errorf("%d orders", n)
	}
	// A worker that starts anew orders nothing; an edge without Redis has what it had.
	a.Worker.Kill()
	e := a.Edges[1]
	e.Kill()
	a.Redis.Process.Kill()
	if err := a.Worker.Start(); err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	if err := harness.Until(t.Context(), 30*time.Second, func() error {
		again, err := e.Shown(host)
		if err == nil && again.SerialNumber.Cmp(leaf.SerialNumber) != 0 {
			err = fmt.Errorf("shows a certificate of %s", again.Issuer)
		}
		return err
	}); err != nil {
		t.Errorf("without Redis: %v", err)
	}
	if n := a.Pebble.Orders(); n != 1 {
		t.Errorf("%d orders after the restart", n)
	}
}
