package edge_test

import (
	"encoding/json"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
)

// TestCacheOfDeleted: what a gateway stored is free once it is deleted; what another one
// stored stays.
func TestCacheOfDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.start(t, t.TempDir())
	e.waitReady(t)
	w.organization(1)
	stores := func(g *contract.Gateway) {
		g.Policies = []contract.Policy{{Type: "cache", Config: json.RawMessage(`{"default_ttl":"1h"}`)}}
		g.Routes[0].Public = true
	}
	w.pub.Gateway(w.document(1, stores))
	w.pub.Gateway(w.document(1, stores, func(g *contract.Gateway) {
		g.ID, g.Num, g.Name, g.Label, g.Hosts = "gw_other", 12, "other", "other", []string{"other.edge.test"}
		g.Upstreams[0].ID, g.Upstreams[0].Num, g.Routes[0].ID, g.Routes[0].Num = "up_2", 22, "rt_2", 32
	}))
	for _, host := range []string{"shop.edge.test", "other.edge.test"} {
		within(t, host+" serves", func() bool { return e.get(t, host, "/hello", "").status == 200 })
	}
	stored := func(n string) func() bool {
		return func() bool { return has(e.admin(t, "/metrics"), "tollgate_edge_cache_responses "+n+"\n") }
	}
	within(t, "both stored", stored("2"))
	w.pub.Gateway(w.document(2, func(g *contract.Gateway) {
		g.Deleted, g.Hosts, g.Routes, g.Policies, g.Upstreams = true, nil, nil, nil, nil
	}))
	within(t, "the deleted one's freed", stored("1"))
	if a := e.get(t, "other.edge.test", "/hello", ""); a.status != 200 {
		t.Errorf("the other one answers %d", a.status)
	}
}
