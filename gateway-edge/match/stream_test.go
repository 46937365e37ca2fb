package match

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// streamDoc is a gateway with one good stream of each protocol.
func streamDoc() *contract.Gateway {
	return &contract.Gateway{
		Hosts: []string{"demo.example.com", "shop.example.org", "*.api.example.org"},
		Upstreams: []contract.Upstream{
			{Name: "web", Targets: []contract.Target{{URL: "https://a.example.net"}}},
			{Name: "database", Targets: []contract.Target{{URL: "tcp://a.example.net:5432"}}},
			{Name: "dns", Targets: []contract.Target{{URL: "udp://a.example.net:5353"}}},
		},
		Streams: []contract.Stream{
			{Name: "a", Protocol: contract.StreamTCP, Port: 9000, Upstream: "database", Allow: []string{"203.0.113.0/24", "2001:db8::1"}, ProxyProtocol: contract.ProxyV1, AcceptProxyProtocol: true},
			{Name: "b", Protocol: contract.StreamUDP, Port: 9000, Upstream: "dns", ProxyProtocol: contract.ProxyV2},
			{Name: "c", Protocol: contract.StreamTLS, SNI: []string{"db.demo.example.com", "*.demo.example.com", "shop.example.org", "x.api.example.org", "*.api.example.org"}, Upstream: "database"},
		},
	}
}

func TestCheckStreams(t *testing.T) {
	t.Parallel()
	if errs := CheckStreams(streamDoc()); len(errs) > 0 {
		t.Fatalf("good streams are refused: %v", errs)
	}
	for name, c := range map[string]struct {
		change func(tcp, udp, tls *contract.Stream)
		at     string
		says   string
	}{
		"protocol":                  {func(a, _, _ *contract.Stream) { a.Protocol = "tpc" }, "/streams/0/protocol", "did you mean tcp"},
		"no upstream":               {func(a, _, _ *contract.Stream) { a.Upstream = "" }, "/streams/0/upstream", "tcp://"},
		"an unknown upstream":       {func(a, _, _ *contract.Stream) { a.Upstream = "databse" }, "/streams/0/upstream", `did you mean "database"`},
		"an upstream of HTTP":       {func(a, _, _ *contract.Stream) { a.Upstream = "web" }, "/streams/0/upstream", "http://"},
		"an upstream of UDP":        {func(_, _, c *contract.Stream) { c.Upstream = "dns" }, "/streams/2/upstream", "udp://"},
		"a port of TLS":             {func(_, _, c *contract.Stream) { c.Port = 9001 }, "/streams/2/port", "shared TLS port"},
		"a port twice":              {func(_, b, _ *contract.Stream) { b.Protocol, b.Upstream = "tcp", "database" }, "/streams/1/port", "/streams/0"},
		"a port of no kind":         {func(a, _, _ *contract.Stream) { a.Port = 70000 }, "/streams/0/port", "65535"},
		"names of TCP":              {func(a, _, _ *contract.Stream) { a.SNI = []string{"x.demo.example.com"} }, "/streams/0/sni", "tls"},
		"no name":                   {func(_, _, c *contract.Stream) { c.SNI = nil }, "/streams/2/sni", "1 to 20"},
		"a name twice":              {func(_, _, c *contract.Stream) { c.SNI[1] = c.SNI[0] }, "/streams/2/sni/1", "already"},
		"somebody else's name":      {func(_, _, c *contract.Stream) { c.SNI[0] = "db.other.example.com" }, "/streams/2/sni/0", "custom domains"},
		"under somebody's domain":   {func(_, _, c *contract.Stream) { c.SNI[0] = "db.shop.example.org" }, "/streams/2/sni/0", "custom domains"},
		"a suffix that is no label": {func(_, _, c *contract.Stream) { c.SNI[0] = "xdemo.example.com" }, "/streams/2/sni/0", "custom domains"},
		"the gateway's own host":    {func(_, _, c *contract.Stream) { c.SNI[0] = "demo.example.com" }, "/streams/2/sni/0", "serves HTTP"},
		"a name in upper case":      {func(_, _, c *contract.Stream) { c.SNI[0] = "DB.demo.example.com" }, "/streams/2/sni/0", "db.demo.example.com"},
		"a name that is none":       {func(_, _, c *contract.Stream) { c.SNI[0] = "a b" }, "/streams/2/sni/0", ""},
		"v1 of UDP":                 {func(_, b, _ *contract.Stream) { b.ProxyProtocol = "v1" }, "/streams/1/proxy_protocol", "v2"},
		"headers of datagrams":      {func(_, b, _ *contract.Stream) { b.AcceptProxyProtocol = true }, "/streams/1/accept_proxy_protocol", "datagrams"},
		"headers of TLS":            {func(_, _, c *contract.Stream) { c.AcceptProxyProtocol = true }, "/streams/2/accept_proxy_protocol", "trusted proxies"},
		"silence too short":         {func(a, _, _ *contract.Stream) { a.IdleTimeout = 1 }, "/streams/0/idle_timeout", "1s"},
		"connecting too long":       {func(a, _, _ *contract.Stream) { a.ConnectTimeout = contract.Duration(2 * contract.MaxStreamConnect) }, "/streams/0/connect_timeout", "1m"},
		"connections below nothing": {func(a, _, _ *contract.Stream) { a.MaxConnections = -1 }, "/streams/0/max_connections", "0"},
		"no address":                {func(a, _, _ *contract.Stream) { a.Deny = []string{"203.0.113.0/33"} }, "/streams/0/deny/0", "CIDR"},
	} {
		doc := streamDoc()
		c.change(&doc.Streams[0], &doc.Streams[1], &doc.Streams[2])
		found := false
		errs := CheckStreams(doc)
		for _, e := range errs {
			found = found || e.Pointer == c.at && strings.Contains(e.Detail, c.says)
		}
		if !found {
			t.Errorf("%s: %v", name, errs)
		}
	}
}

func TestStreamTargets(t *testing.T) {
	t.Parallel()
	strict, open := &Guard{}, &Guard{AllowPrivate: true, Own: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9000")}}
	for _, c := range []struct {
		url  string
		g    *Guard
		good bool
	}{
		{"tcp://db.example.com:5432", strict, true},
		{"udp://db.example.com:53", strict, true},
		{"tcp://8.8.8.8:6379", strict, true},
		{"tcp://[2606:4700::1]:443", strict, true},
		{"tcp://db.example.com", strict, false},
		{"tcp://db.example.com:0", strict, false},
		{"tcp://db.example.com:5432/", strict, false},
		{"tcp://db.example.com:5432/x", strict, false},
		{"tcp://user@db.example.com:5432", strict, false},
		{"tcp://db.example.com:25", strict, false},
		{"udp://8.8.8.8:19", strict, false},
		{"tcp://8.8.8.8:10250", strict, false},
		{"tcp://10.0.0.1:5432", strict, false},
		{"tcp://127.0.0.1:5432", open, true},
		{"tcp://127.0.0.1:9000", open, false},
		{"tcp://169.254.169.254:80", open, false},
		{"sctp://db.example.com:5432", open, false},
	} {
		u, err := c.g.CheckUpstreamURL(c.url)
		if (err == nil) != c.good {
			t.Errorf("%s: %v", c.url, err)
		}
		if err == nil && u.String() != c.url {
			t.Errorf("%s is written %s", c.url, u)
		}
	}
	if err := strict.CheckAddr(netip.MustParseAddrPort("8.8.8.8:5432")); err == nil {
		t.Error("a target of HTTP may have a database's port")
	}
	if _, err := strict.CheckFetchURL("tcp://db.example.com:5432"); err == nil {
		t.Error("a document may be fetched over a stream")
	}
}

func TestStreamUpstreams(t *testing.T) {
	t.Parallel()
	good := contract.Upstream{
		Targets: []contract.Target{{URL: "tcp://a.example.net:1"}, {URL: "tcp://b.example.net:1"}}, Algorithm: contract.ConsistentHash,
		HashOn: &contract.HashOn{Source: "ip"}, Health: &contract.HealthCheck{Type: "tcp"}, Outlier: &contract.OutlierDetection{ConsecutiveErrors: 3},
	}
	if _, errs := CheckUpstream(&good, &Guard{}); len(errs) > 0 {
		t.Fatal(errs)
	}
	for at, change := range map[string]func(*contract.Upstream){
		"/targets/1/url":          func(u *contract.Upstream) { u.Targets[1].URL = "udp://b.example.net:1" },
		"/protocol":               func(u *contract.Upstream) { u.Protocol = "h2c" },
		"/tls":                    func(u *contract.Upstream) { u.TLS = &contract.UpstreamTLS{} },
		"/keepalive":              func(u *contract.Upstream) { u.Keepalive = &contract.Keepalive{} },
		"/retries":                func(u *contract.Upstream) { u.Retries = &contract.Retries{} },
		"/hash_on/source":         func(u *contract.Upstream) { u.HashOn = &contract.HashOn{Source: "header", Name: "X-A"} },
		"/session_persistence/by": func(u *contract.Upstream) { u.Sessions = &contract.Sessions{By: "cookie"} },
		"/health/type":            func(u *contract.Upstream) { u.Health = &contract.HealthCheck{Type: "http"} },
		"/health/payload":         func(u *contract.Upstream) { u.Health = &contract.HealthCheck{Type: "tcp", Payload: []byte("x")} },
	} {
		u := good
		u.Targets = append([]contract.Target(nil), good.Targets...)
		change(&u)
		found := false
		_, errs := CheckUpstream(&u, &Guard{})
		for _, e := range errs {
			found = found || e.Pointer == at
		}
		if !found {
			t.Errorf("%s: %v", at, errs)
		}
	}
}

// TestUpstreamOfStreams: what means something to HTTP only is refused, field by
// field, so that nobody relies on it.
func TestUpstreamOfStreams(t *testing.T) {
	t.Parallel()
	u := contract.Upstream{
		Name: "database", Targets: []contract.Target{{URL: "tcp://db.example.net:5432"}},
		Timeouts: &contract.Timeouts{Connect: contract.Duration(time.Second)},
	}
	g := &Guard{}
	if _, errs := CheckUpstream(&u, g); len(errs) > 0 {
		t.Fatal(errs)
	}
	u.Timeouts.PerTry, u.Timeouts.Total, u.Timeouts.Idle = u.Timeouts.Connect, u.Timeouts.Connect, u.Timeouts.Connect
	u.Protocol, u.Keepalive, u.Retries = "h2", &contract.Keepalive{}, &contract.Retries{}
	_, errs := CheckUpstream(&u, g)
	text := fmt.Sprint(errs)
	for _, at := range []string{"/timeouts/per_try", "/timeouts/total", "/timeouts/idle", "/protocol", "/keepalive", "/retries"} {
		if !strings.Contains(text, at) {
			t.Errorf("%s is not refused: %s", at, text)
		}
	}
}
