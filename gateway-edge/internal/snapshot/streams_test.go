package snapshot

import (
	"fmt"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
)

// TestServerNamesOfOthers: a gateway with a wildcard does not get the streams of
// hosts below it that are another gateway's, whichever came last.
func TestServerNamesOfOthers(t *testing.T) {
	t.Parallel()
	for _, wildLast := range []bool{false, true} {
		for _, sni := range []string{"api.example.com", "*.example.com"} {
			t.Run(fmt.Sprintf("%s, the wildcard last: %v", sni, wildLast), func(t *testing.T) {
				t.Parallel()
				b := newBed(t)
				b.org()
				wild := streamed(1, "*.example.com", sni)
				puts := []*contract.Gateway{wild, streamed(2, "api.example.com", "api.example.com"), streamed(3, "web.example.com", "")}
				if wildLast {
					puts = []*contract.Gateway{puts[1], puts[2], wild}
				}
				for _, g := range puts {
					b.put(g)
				}
				table := b.Table()
				for name, want := range map[string]string{"api.example.com": "gw_2", "other.example.com": "gw_1", "db.gw1.edge.test": "gw_1", "example.com": ""} {
					if name == "other.example.com" && sni != "*.example.com" {
						want = ""
					}
					got := ""
					if e := table.AtServerName(name); e != nil {
						got = e.ID()
					}
					if got != want {
						t.Errorf("%s is %q's, want %q", name, got, want)
					}
				}
				if e := table.AtServerName("web.example.com"); e != nil && e.ID() != "gw_3" {
					t.Errorf("%s takes the connections to web.example.com", e.ID())
				}
			})
		}
	}
}

// streamed is a gateway with a custom domain, and a stream by server name there
// and under its own host.
func streamed(n int, domain, sni string) *contract.Gateway {
	own := fmt.Sprintf("gw%d.edge.test", n)
	g := doc(n, 1, "1", own, domain)
	g.Upstreams = append(g.Upstreams, contract.Upstream{ID: "up_s", Num: 900, Name: "tcp", Targets: []contract.Target{{URL: "tcp://127.0.0.1:9"}}})
	s := contract.Stream{ID: "str", Num: contract.FirstStreamNum + uint64(n), Name: "s", Protocol: contract.StreamTLS, Upstream: "tcp", SNI: []string{"db." + own}}
	if sni != "" {
		s.SNI = append(s.SNI, sni)
	}
	g.Streams = []contract.Stream{s}
	return g
}
