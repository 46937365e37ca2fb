package l4

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/clock"
	"github.com/tollgate/tollgate/gateway-edge/internal/limit"
	"github.com/tollgate/tollgate/gateway-edge/internal/meter"
	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/testport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rig is a Server over a table that tests put gateways into.
type rig struct {
	*Server
	t       testing.TB
	store   *snapshot.Store
	root    *contract.RootKeys
	meter   *meter.Meter
	limits  *limit.Limits
	logs    *lines
	version uint64
	cancel  context.CancelFunc
	port    int // the first of the range
}

// lines is the access log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newRig(t testing.TB, change ...func(*contract.Organization)) *rig {
	t.Helper()
	root, err := contract.NewRootKeys(bytes.Repeat([]byte{7}, 32))
	must(t, err)
	ck := clock.New()
	r := &rig{t: t, root: root, logs: &lines{}, port: testport.InARow(t, 4)}
	logger := slog.New(slog.DiscardHandler)
	guard := &match.Guard{AllowPrivate: true}
	pools, err := transport.New(transport.Config{Guard: guard, Logger: logger})
	must(t, err)
	wall := func() int64 { return time.Now().UnixMilli() }
	reg, err := balance.New(balance.Config{Guard: guard, Open: pools.Open, Now: ck.Boot, Wall: wall})
	must(t, err)
	r.meter, err = meter.Open(meter.Config{Dir: t.TempDir(), Edge: "edge-1", Epoch: 1, Keys: &root.Edge, Logger: logger})
	must(t, err)
	r.limits, err = limit.New(limit.Config{Dir: t.TempDir(), Edge: "edge-1", Epoch: 1, Now: ck.Boot, Wall: time.Now, Logger: logger})
	must(t, err)
	log := observe.NewLog(observe.LogConfig{Edge: "edge-1", Keys: &root.Edge, Out: r.logs, Logger: logger, Every: 10 * time.Millisecond})
	r.store = snapshot.New(snapshot.Config{
		Keys: &root.Edge, Upstreams: reg, Now: ck.Boot, Logger: logger,
		Lookup:    func(string) (*policy.Descriptor, bool) { return nil, false },
		Deps:      policy.Deps{Wall: time.Now},
		OrgLimits: func(doc *contract.Organization) snapshot.OrgLimits { return r.limits.Organization(doc) },
	})
	r.Server, err = New(Config{
		Table: r.store.Table(), Meter: r.meter, Log: log, Clock: ck, Host: "127.0.0.1", First: r.port, Last: r.port + 3, Logger: logger,
		Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")},
		Limits: func(org *snapshot.Org, test bool) []limit.Limit {
			return org.Facts().Limits.(*limit.Organization).Limits(test)
		},
	})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	var wg sync.WaitGroup
	for _, f := range []func(context.Context) error{r.Run, pools.Run, r.meter.Run, log.Run} {
		wg.Go(func() { _ = f(ctx) })
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
	org := contract.Organization{Schema: contract.SchemaVersion, ID: "org_1", Num: 1, Version: 1, Plan: "pro", PlanNum: 2}
	for _, f := range change {
		f(&org)
	}
	r.organization(org)
	return r
}

func (r *rig) organization(o contract.Organization) {
	r.t.Helper()
	raw, err := contract.SignDocument(r.root.Signer, contract.KindOrganization, o.Version, o)
	must(r.t, err)
	_, err = r.store.Organization(raw, snapshot.Apply{ID: o.ID})
	must(r.t, err)
}

// serve puts a gateway with these streams over one upstream in force.
func (r *rig) serve(targets []string, streams ...contract.Stream) {
	r.t.Helper()
	r.serveBoth(targets, nil, streams...)
}

// serveBoth has a second upstream, "flows", where that is given targets.
func (r *rig) serveBoth(targets, flows []string, streams ...contract.Stream) {
	r.t.Helper()
	r.version++
	all := []contract.Upstream{{Name: "up", ID: "up_1", Num: 1}, {Name: "flows", ID: "up_2", Num: 2}}
	for i, list := range [][]string{targets, flows} {
		for _, a := range list {
			all[i].Targets = append(all[i].Targets, contract.Target{URL: a})
		}
	}
	if flows == nil {
		all = all[:1]
	}
	g := contract.Gateway{
		Schema: contract.SchemaVersion, ID: "gw_1", Num: 1, Name: "demo", Version: r.version, Organization: "org_1", OrganizationNum: 1,
		Mode: contract.ModeLive, Hosts: []string{"demo.localhost"}, Upstreams: all, Streams: streams,
	}
	raw, err := contract.SignDocument(r.root.Signer, contract.KindGateway, g.Version, g)
	must(r.t, err)
	_, err = r.store.Gateway(context.Background(), raw, snapshot.Apply{ID: g.ID})
	must(r.t, err)
	if f := r.store.Failed(); len(f) > 0 {
		r.t.Fatalf("gateway refused: %+v", f)
	}
}

// stream is a stream of the rig's upstream at its first port.
func (r *rig) stream(protocol string) contract.Stream {
	return contract.Stream{ID: "str_1", Num: contract.FirstStreamNum, Name: "s", Protocol: protocol, Port: r.port, Upstream: "up"}
}

// bound waits until the stream's port is or is not bound.
func (r *rig) bound(transport string, want bool) {
	r.t.Helper()
	r.until("the port to be bound or not", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		_, ok := r.ports[portKey{transport, r.port}]
		return ok == want
	})
}

// until waits for something that happens elsewhere.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("waited too long for %s; log:\n%s", what, r.logs)
		}
	}
}

func (r *rig) addr() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

// dial connects to the stream; from is the client's address, "" for any.
func (r *rig) dial(from string) *net.TCPConn {
	r.t.Helper()
	r.bound(tcp, true)
	var d net.Dialer
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c, err := d.Dial(tcp, r.addr())
	must(r.t, err)
	r.t.Cleanup(func() { _ = c.Close() })
	must(r.t, c.SetDeadline(time.Now().Add(10*time.Second)))
	return c.(*net.TCPConn)
}

// backend serves TCP connections with handle and returns its address.
func backend(t testing.TB, handle func(c *net.TCPConn)) string {
	t.Helper()
	ln, err := net.Listen(tcp, "127.0.0.1:0")
	must(t, err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() { handle(c.(*net.TCPConn)); _ = c.Close() })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return "tcp://" + ln.Addr().String()
}

// deadAddr is an address at which nobody listens.
func deadAddr(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen(tcp, "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	return ln.Addr().String()
}
