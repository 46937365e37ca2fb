package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/confsync/disklog"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type always struct{}

func (always) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Next() }

// bed is a store with what it needs, under the test's hand.
type bed struct {
	*Store
	t    testing.TB
	root *contract.RootKeys
	dir  string
	log  *disklog.Log
	now  atomic.Int64
	// New is called for every policy of type "probe".
	probe   func(cfg string, d policy.Deps) (policy.Policy, error)
	compile atomic.Int64 // calls of New
	fetched atomic.Int64
	fetch   func(kind byte, id string) ([]byte, error)
	change  []func(*Config)
	loaded  int
	marker  *Marker
}

func newBed(t testing.TB, change ...func(*Config)) *bed {
	t.Helper()
	root, err := contract.NewRootKeys(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, root: root, dir: t.TempDir(), change: change}
	b.now.Store(int64(time.Hour))
	b.open()
	t.Cleanup(b.close)
	return b
}

func (b *bed) open() {
	b.t.Helper()
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	var err error
	if b.log, err = disklog.Open(disklog.Config{Dir: b.dir, EdgeID: "edge-a", Key: b.root.Edge.Sealing, Logger: logger}); err != nil {
		b.t.Fatal(err)
	}
	if b.marker, err = OpenMarker(b.dir+"/marker", [16]byte{1}); err != nil {
		b.t.Fatal(err)
	}
	ups, err := balance.New(balance.Config{Guard: &match.Guard{AllowPrivate: true}, Now: b.now.Load, Wall: b.now.Load})
	if err != nil {
		b.t.Fatal(err)
	}
	cfg := Config{
		Keys: &b.root.Edge, Disk: b.log, Marker: b.marker, Lookup: b.lookup, Upstreams: ups, Now: b.now.Load, Logger: logger,
		Fetch: func(_ context.Context, kind byte, id string) ([]byte, error) {
			b.fetched.Add(1)
			if b.fetch == nil {
				return nil, errors.New("away")
			}
			return b.fetch(kind, id)
		},
	}
	for _, f := range b.change {
		f(&cfg)
	}
	b.Store = New(cfg)
	l := b.Loader()
	if err := b.log.Scan(func(r *disklog.Record, loc *disklog.Loc) { l.Take(r, loc) }); err != nil {
		b.t.Fatal(err)
	}
	b.loaded = l.Done()
}

func (b *bed) close() {
	_ = b.marker.Close()
	_ = b.log.Close()
}

func (b *bed) restart() { b.close(); b.open() }

func (b *bed) lookup(typ string) (*policy.Descriptor, bool) {
	return &policy.Descriptor{Type: typ, Phase: policy.PhaseTransform, Answers: true, New: func(cfg json.RawMessage, d policy.Deps) (policy.Policy, error) {
		b.compile.Add(1)
		if b.probe != nil {
			return b.probe(string(cfg), d)
		}
		return always{}, nil
	}}, typ == "probe"
}

// doc makes a gateway's document; config is that of its only policy.
func doc(n int, version uint64, config string, hosts ...string) *contract.Gateway {
	if hosts == nil {
		hosts = []string{fmt.Sprintf("g%d.test", n)}
	}
	return &contract.Gateway{
		Schema: 1, ID: fmt.Sprintf("gw_%d", n), Num: uint64(n), Organization: "org_1", OrganizationNum: 1, Mode: contract.ModeLive,
		Version: version, Hosts: hosts, Policies: []contract.Policy{{Type: "probe", Config: json.RawMessage(config)}},
		Routes: []contract.Route{{ID: "rt", Num: 1, Name: "r", Public: true, Match: contract.Match{Path: "/a/{id}/b"}}},
	}
}

func (b *bed) sign(g *contract.Gateway) []byte {
	b.t.Helper()
	raw, err := contract.SignDocument(b.root.Signer, contract.KindGateway, g.Version, g)
	if err != nil {
		b.t.Fatal(err)
	}
	return raw
}

// put applies a gateway's document at once.
func (b *bed) put(g *contract.Gateway) {
	b.t.Helper()
	if _, err := b.Gateway(b.t.Context(), b.sign(g), Apply{ID: g.ID, Compile: true}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) org() {
	b.t.Helper()
	o := contract.Organization{Schema: 1, ID: "org_1", Num: 1, Version: 1}
	raw, err := contract.SignDocument(b.root.Signer, contract.KindOrganization, 1, o)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.Organization(raw, Apply{ID: "org_1"}); err != nil {
		b.t.Fatal(err)
	}
}

// version is what a request to the host gets, 0 for nothing.
func (b *bed) version(host string) uint64 {
	e := b.Table().FindString(host)
	if e2 := b.Table().Find([]byte(host)); e2 != e {
		b.t.Errorf("%s: Find and FindString differ", host)
	}
	if e == nil {
		return 0
	}
	c, err := e.Load(b.t.Context())
	if err != nil {
		return 0
	}
	return c.Version()
}

func (b *bed) is(host string, want uint64) {
	b.t.Helper()
	if got := b.version(host); got != want {
		b.t.Errorf("%s: version %d, want %d", host, got, want)
	}
}

// child reports whether this process is the one that a test started to die.
func child() string { return os.Getenv("SNAPSHOT_TEST_CHILD") }
