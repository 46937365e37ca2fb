package store_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

// lanes makes a gateway with an upstream for streams of each transport.
func lanes(t *testing.T, d *storetest.Domain, org core.OrganizationID, name string) *gateway.Gateway {
	t.Helper()
	g, err := d.Gateways.Create(t.Context(), org, gateway.Create{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	for _, transport := range []string{"tcp", "udp"} {
		_, err := d.Gateways.Upstreams.Put(t.Context(), org, gateway.Put[contract.Upstream]{
			Gateway: name, Name: transport, Value: contract.Upstream{Targets: []contract.Target{{URL: transport + "://10.0.0.1:5000"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// put makes or replaces a stream.
func put(t *testing.T, d *storetest.Domain, org core.OrganizationID, gw, name string, s contract.Stream) (*gateway.Saved[contract.Stream], error) {
	t.Helper()
	if s.Upstream == "" {
		s.Upstream = s.Transport()
	}
	return d.Gateways.Streams.Put(t.Context(), org, gateway.Put[contract.Stream]{Gateway: gw, Name: name, Value: s})
}

// TestPortsOfStreams: a port is one gateway's of all organizations, is kept by its
// stream, and stays reserved for its organization when it is given up.
func TestPortsOfStreams(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		acme, other := storetest.Organization(t, db, "acme"), storetest.Organization(t, db, "other")
		lanes(t, d, acme, "shop")
		lanes(t, d, other, "games")
		first := storetest.StreamPorts.First
		saved := func(s *gateway.Saved[contract.Stream], err error) contract.Stream {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			return s.Value
		}
		a := saved(put(t, d, acme, "shop", "a", contract.Stream{Protocol: "tcp"}))
		if a.Port != first || a.Num < contract.FirstStreamNum || !strings.HasPrefix(a.ID, "str_") {
			t.Errorf("the first stream is %+v", a)
		}
		if b := saved(put(t, d, other, "games", "b", contract.Stream{Protocol: "tcp"})); b.Port != first+1 {
			t.Errorf("another tenant's port is %d", b.Port)
		}
		if u := saved(put(t, d, other, "games", "u", contract.Stream{Protocol: "udp", Port: first})); u.Port != first {
			t.Errorf("UDP has no ports of its own: %d", u.Port)
		}
		for port, says := range map[int]string{first: fmt.Sprintf("%d is taken for tcp; free are %d-", first, first+2), 80: "must be one of"} {
			_, err := put(t, d, other, "games", "c", contract.Stream{Protocol: "tcp", Port: port})
			wantFields(t, err, "/port")
			if !strings.Contains(err.Error(), says) {
				t.Errorf("port %d: %v", port, err)
			}
		}
		if again := saved(put(t, d, acme, "shop", "a", contract.Stream{Protocol: "tcp", MaxConnections: 5})); again.Port != first {
			t.Errorf("a stream that is replaced moved to %d", again.Port)
		}
		if _, err := d.Gateways.Streams.Delete(t.Context(), acme, gateway.Delete{Gateway: "shop", Name: "a"}); err != nil {
			t.Fatal(err)
		}
		_, err := put(t, d, other, "games", "c", contract.Stream{Protocol: "tcp", Port: first})
		wantFields(t, err, "/port")
		if back := saved(put(t, d, acme, "shop", "back", contract.Stream{Protocol: "tcp", Port: first})); back.Port != first {
			t.Errorf("its own port came back as %d", back.Port)
		}
		if err := d.Gateways.Delete(t.Context(), acme, "shop", core.IfMatch{}); err != nil {
			t.Fatal(err)
		}
		if n := storetest.Count(t, db, "stream_ports", "reserved_until > ?", core.Millis(time.Now().Add(gateway.PortReserved-time.Hour))); n != 1 {
			t.Errorf("%d ports are reserved after the gateway is gone", n)
		}
	})
}

// TestPortsTakenAtOnce: gateways that want a port at the same moment get different
// ones, or an error that says so.
func TestPortsTakenAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		const gateways = 6
		orgs := make([]core.OrganizationID, gateways)
		for i := range orgs {
			orgs[i] = storetest.Organization(t, db, fmt.Sprintf("org%d", i))
			lanes(t, d, orgs[i], fmt.Sprintf("gw%d", i))
		}
		var mu sync.Mutex
		owner := map[int]int{}
		var wg sync.WaitGroup
		for i := range orgs {
			wg.Go(func() {
				s, err := put(t, d, orgs[i], fmt.Sprintf("gw%d", i), "s", contract.Stream{Protocol: "tcp"})
				if err != nil {
					if core.CodeOf(err) != core.CodeConflict {
						t.Errorf("gateway %d: %v", i, err)
					}
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if first, ok := owner[s.Value.Port]; ok {
					t.Errorf("gateways %d and %d both have port %d", first, i, s.Value.Port)
				}
				owner[s.Value.Port] = i
			})
		}
		wg.Wait()
		if len(owner) == 0 {
			t.Error("nobody got a port")
		}
	})
}

// TestStreamsInTheDocument: streams stand in the configuration, the document, the
// history, and go with a copy under another host and port.
func TestStreamsInTheDocument(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := storetest.NewDomain(t, db)
		org := storetest.Organization(t, db, "acme")
		g := lanes(t, d, org, "shop")
		for name, s := range map[string]contract.Stream{
			"plain": {Protocol: "tcp"}, "db": {Protocol: "tls", SNI: []string{"db." + g.Hostname}},
		} {
			if _, err := put(t, d, org, "shop", name, s); err != nil {
				t.Fatal(err)
			}
		}
		src, err := store.Gateways{DB: db}.Source(t.Context(), org, g.ID)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := gateway.Compile(src, storetest.EdgeDomain)
		if err != nil || len(doc.Streams) != 2 || doc.Streams[1].Port == 0 || doc.Schema != 3 {
			t.Fatalf("the document has %+v of schema %d, %v", doc.Streams, doc.Schema, err)
		}
		_, err = d.Gateways.Upstreams.Delete(t.Context(), org, gateway.Delete{Gateway: "shop", Name: "tcp"})
		if e := wantCode(t, err, core.CodeInUse); !strings.Contains(e.Error(), "stream") {
			t.Error(e)
		}
		copied, err := d.Gateways.Copy(t.Context(), org, gateway.Copy{From: "shop", To: "staging", Create: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range copied.Config.Streams {
			if s.Name == "db" && s.SNI[0] != "db."+copied.Gateway.Hostname || s.Name == "plain" && (s.Port == 0 || s.Port == doc.Streams[1].Port) {
				t.Errorf("the copy has %+v", s)
			}
		}
		v, _, err := d.Gateways.Version(t.Context(), org, "shop", src.Gateway.Version)
		if err != nil || len(v.Changes) != 1 || v.Changes[0].Kind != gateway.ChangeStream {
			t.Errorf("version %+v, %v", v, err)
		}
	})
}
