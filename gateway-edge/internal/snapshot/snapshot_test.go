package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.org()
	b.put(doc(1, 1, "", "shop.test", "*.customer.test"))
	b.put(doc(2, 2, "", "api.customer.test"))
	for host, want := range map[string]uint64{
		"shop.test": 1, "www.customer.test": 1, "api.customer.test": 2, // exact before wildcard
		"a.b.customer.test": 0, "customer.test": 0, "x.shop.test": 0, "": 0, ".customer.test": 0, "test": 0,
	} {
		b.is(host, want)
	}
	b.put(doc(1, 3, "", "other.test"))
	b.is("shop.test", 0)
	b.is("www.customer.test", 0)
	b.is("other.test", 3)
	if b.Table().Get("gw_2") == nil || b.Table().Get("gw_9") != nil {
		t.Error("Get by id")
	}
}

// TestHostMoves: while a host moves from one gateway to another, in whichever order
// the documents come, the newest claim wins and nobody loses the host in the end.
func TestHostMoves(t *testing.T) {
	t.Parallel()
	for _, releaseFirst := range []bool{true, false} {
		var ended []string
		b := newBed(t, func(c *Config) { c.Gone = func(id string) { ended = append(ended, id) } })
		b.org()
		b.put(doc(1, 1, "", "move.test", "one.test"))
		release, take := doc(1, 2, "", "one.test"), doc(2, 7, "", "move.test")
		if releaseFirst {
			b.put(release)
			b.put(take)
		} else {
			b.put(take)
			b.is("move.test", 7)
			b.put(release)
		}
		b.is("move.test", 7)
		b.is("one.test", 2)
		b.restart()
		b.is("move.test", 7)
		gone := doc(2, 8, "")
		gone.Deleted, gone.Hosts, gone.Routes, gone.Policies = true, nil, nil, nil
		if len(ended) > 0 {
			t.Errorf("%v are said to be gone", ended)
		}
		b.put(gone)
		b.is("move.test", 0)
		if !slices.Equal(ended, []string{gone.ID}) {
			t.Errorf("%v are said to be gone, want %s", ended, gone.ID)
		}
	}
}

// TestRandomClaims compares the host maps with a plain map after random changes.
func TestRandomClaims(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(5, 6))
	h := newHosts()
	entries := make([]*Entry, 6)
	owned := make([][]string, len(entries))
	for i := range entries {
		entries[i] = newEntry(fmt.Sprint(i), nil)
	}
	for range 3000 {
		i := rnd.IntN(len(entries))
		var now []string
		for n := range 8 {
			if rnd.IntN(3) == 0 {
				now = append(now, fmt.Sprintf("h%d", n))
			}
		}
		h.replace(claim{entry: entries[i], before: owned[i], now: now})
		owned[i] = now
		for n := range 8 {
			name := fmt.Sprintf("h%d", n)
			claimed := map[*Entry]bool{}
			for j, hosts := range owned {
				for _, x := range hosts {
					if x == name {
						claimed[entries[j]] = true
					}
				}
			}
			if got := h.get(name); (got == nil) != (len(claimed) == 0) || got != nil && !claimed[got] {
				t.Fatalf("%s belongs to %v, claimed by %d", name, got, len(claimed))
			}
		}
	}
}

func TestLoadOnFirstRequest(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.org()
	b.put(doc(1, 1, ""))
	b.restart()
	if b.loaded != 1 || b.compile.Load() != 1 {
		t.Fatalf("%d gateways loaded, %d compilations", b.loaded, b.compile.Load())
	}
	e := b.Table().FindString("g1.test")
	if e.Current() != nil {
		t.Fatal("compiled before the first request")
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if c, err := e.Load(t.Context()); err != nil || c.Version() != 1 {
				t.Errorf("load: %v", err)
			}
		})
	}
	wg.Wait()
	if n := b.compile.Load(); n != 2 {
		t.Errorf("%d compilations for 20 first requests", n-1)
	}
}

func TestFindDoesNotAllocate(t *testing.T) {
	b := newBed(t)
	b.org()
	b.put(doc(1, 1, "", "shop.test", "*.customer.test"))
	for _, host := range []string{"shop.test", "www.customer.test", "nobody.test"} {
		name := []byte(host)
		if n := alloctest.PerRun(100, func() {
			if e := b.Table().Find(name); e != nil {
				e.Current()
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", host, n)
		}
	}
}

func TestLoadGivesUpWithItsCaller(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.org()
	b.put(doc(1, 1, ""))
	b.restart()
	e := b.Table().FindString("g1.test")
	e.lock <- struct{}{} // somebody else compiles it
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := e.Load(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("load: %v", err)
	}
	e.release()
}

// TestOrganizationMissing: without its organization a gateway is not served, and
// it is as soon as the organization can be had.
func TestOrganizationMissing(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.put(doc(1, 1, ""))
	e := b.Table().FindString("g1.test")
	if _, err := e.Load(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("load: %v", err)
	}
	reads := b.fetched.Load()
	if _, err := e.Load(t.Context()); !errors.Is(err, ErrUnavailable) || b.fetched.Load() != reads {
		t.Errorf("a failed load is repeated at once: %v", err)
	}
	raw, err := contract.SignDocument(b.root.Signer, contract.KindOrganization, 1, contract.Organization{Schema: 1, ID: "org_1", Num: 1, Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	b.fetch = func(kind byte, id string) ([]byte, error) { return raw, nil }
	b.now.Add(int64(2 * time.Second))
	b.is("g1.test", 1)
}

// TestLastGood: two bad versions in a row, with a restart between them, do not
// push out the last good one.
func TestLastGood(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.probe = func(cfg string, _ policy.Deps) (policy.Policy, error) {
		if cfg == `"bad"` {
			return nil, contract.FieldErrors{{Pointer: "/x", Detail: "is bad"}}
		}
		return always{}, nil
	}
	b.org()
	b.put(doc(1, 1, `"good"`))
	b.put(doc(1, 2, `"good"`))
	for v := uint64(3); v < 6; v++ {
		b.put(doc(1, v, `"bad"`))
		b.is("g1.test", 2)
		b.restart()
		b.is("g1.test", 2)
		f := b.Failed()
		if len(f) != 1 || f[0].Version != v || f[0].Serving != 2 || f[0].Reason != "/policies/0/config/x: is bad" {
			t.Errorf("failed %+v", f)
		}
	}
	b.put(doc(1, 9, `"good"`))
	b.is("g1.test", 9)
	if len(b.Failed()) != 0 {
		t.Errorf("failed %+v", b.Failed())
	}
	b.restart()
	if b.is("g1.test", 9); len(b.Failed()) != 0 {
		t.Errorf("failed after a restart: %+v", b.Failed())
	}
}

// TestSlowCompilation is given up on, and does not stop others.
func TestSlowCompilation(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(c *Config) { c.CompileTime = 2 * time.Second }) // the quick ones have as long
	release := make(chan struct{})
	b.probe = func(cfg string, _ policy.Deps) (policy.Policy, error) {
		if cfg == `"slow"` {
			<-release
		}
		return always{}, nil
	}
	b.org()
	b.put(doc(1, 1, `"fast"`))
	b.put(doc(1, 2, `"slow"`))
	b.is("g1.test", 1)
	b.put(doc(2, 1, `"fast"`))
	b.is("g2.test", 1)
	if f := b.Failed(); len(f) != 1 || !strings.Contains(f[0].Reason, "took more than") {
		t.Errorf("failed %+v", f)
	}
	close(release)
	for i := range 2000 {
		b.marker.mu.Lock()
		left := b.marker.used[0]
		b.marker.mu.Unlock()
		if !left {
			return
		}
		if i == 1999 {
			t.Error("the mark of an abandoned compilation was never cleared")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestDiesWhileCompiling is C03: a version that kills the process costs one
// restart, and is not tried again.
func TestDiesWhileCompiling(t *testing.T) {
	if dir := child(); dir != "" {
		b := &bed{t: t, dir: dir}
		b.root, _ = contract.NewRootKeys(make([]byte, 32))
		b.probe = func(cfg string, _ policy.Deps) (policy.Policy, error) {
			if cfg == `"deadly"` {
				os.Exit(3)
			}
			return always{}, nil
		}
		b.open()
		b.org()
		b.put(doc(1, 1, `"good"`))
		b.put(doc(1, 2, `"deadly"`))
		t.Fatal("still alive")
	}
	b := newBed(t)
	b.close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestDiesWhileCompiling$")
	cmd.Env = append(os.Environ(), "SNAPSHOT_TEST_CHILD="+b.dir)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Fatalf("child: %v\n%s", err, out)
	}
	b.open()
	b.is("g1.test", 1)
	if f := b.Failed(); len(f) != 1 || f[0].Version != 2 || f[0].Serving != 1 || !strings.Contains(f[0].Reason, "quarantine") {
		t.Errorf("failed %+v", f)
	}
	b.restart()
	b.is("g1.test", 1)
	b.put(doc(1, 3, `"good"`))
	b.is("g1.test", 3)
	b.restart()
	if b.is("g1.test", 3); len(b.Failed()) != 0 {
		t.Errorf("failed after the fix: %+v", b.Failed())
	}
}

// TestMarkOfAnotherBoot: a machine that went down is no fault of a document.
func TestMarkOfAnotherBoot(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/marker"
	m, err := OpenMarker(path, [16]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.set("gw_1", 5); err != nil {
		t.Fatal(err)
	}
	m.Close()
	other, err := OpenMarker(path, [16]byte{2})
	if err != nil || len(other.Found()) != 0 {
		t.Errorf("after a reboot: %+v, %v", other.Found(), err)
	}
	other.Close()
	same, err := OpenMarker(path, [16]byte{1})
	if err != nil || len(same.Found()) != 1 || same.Found()[0].ID != "gw_1" || same.Found()[0].Version != 5 {
		t.Fatalf("after the process died: %+v, %v", same.Found(), err)
	}
	same.Forget(same.Found()[0])
	same.Close()
	if again, err := OpenMarker(path, [16]byte{1}); err != nil || len(again.Found()) != 0 {
		t.Errorf("after Forget: %+v, %v", again.Found(), err)
	} else {
		again.Close()
	}
}

// TestState: runtime state outlives versions, is one gateway's own, and goes when
// two versions have not asked for it.
func TestState(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	got := map[string]*int{}
	made := 0
	b.probe = func(cfg string, d policy.Deps) (policy.Policy, error) {
		if cfg == `"keeps"` {
			got[d.Scope.Gateway] = d.State("cells", func() any { made++; return new(int) }).(*int)
		}
		if len(d.Scope.Params) != 1 || d.Scope.Params[0] != "id" || d.Scope.From != "gateway" {
			t.Errorf("scope %+v", d.Scope)
		}
		return always{}, nil
	}
	b.org()
	b.put(doc(1, 1, `"keeps"`))
	first := got["gw_1"]
	b.put(doc(2, 1, `"keeps"`))
	b.put(doc(1, 2, `"keeps"`))
	if got["gw_1"] != first || got["gw_2"] == first || made != 2 {
		t.Errorf("state %p then %p, other gateway's %p, made %d", first, got["gw_1"], got["gw_2"], made)
	}
	b.put(doc(1, 3, `"drops"`))
	b.put(doc(1, 4, `"keeps"`)) // within one version: still there
	if got["gw_1"] != first {
		t.Error("state was lost after one version without it")
	}
	b.put(doc(1, 5, `"drops"`))
	b.put(doc(1, 6, `"drops"`))
	b.put(doc(1, 7, `"keeps"`))
	if got["gw_1"] == first {
		t.Error("state was kept for ever")
	}
}

// TestOpenAPI: policies of all routes and versions share what they made of a
// gateway's document while it stays as it is.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var texts []string
	made := 0
	b.probe = func(_ string, d policy.Deps) (policy.Policy, error) {
		if d.OpenAPI == nil {
			texts = append(texts, "none")
			return always{}, nil
		}
		texts = append(texts, d.OpenAPI.Once("text", func(text []byte) any { made++; return string(text) }).(string))
		return always{}, nil
	}
	b.org()
	for i, text := range []string{`{"a":1}`, `{"a":1}`, `{"a":2}`, ""} {
		d := doc(1, uint64(i+1), `{}`)
		d.Schema, d.OpenAPI = contract.DocumentNeeds(d), json.RawMessage(text)
		d.Routes = append(d.Routes, contract.Route{ID: "rt2", Num: 2, Name: "s", Public: true, Match: contract.Match{Path: "/b/{id}"}})
		b.put(d)
	}
	if got := slices.Compact(texts); !slices.Equal(got, []string{`{"a":1}`, `{"a":2}`, "none"}) || made != 2 {
		t.Errorf("policies saw %q, made %d", got, made)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var seen []string
	b.probe = func(_ string, d policy.Deps) (policy.Policy, error) {
		for _, name := range []string{"token", "moved", "none"} {
			v, err := d.Secret(name)
			seen = append(seen, fmt.Sprint(string(v), err != nil))
		}
		return always{}, nil
	}
	b.org()
	g := doc(1, 1, "")
	good, err := b.root.Edge.SealSecret("gw_1/token", []byte("s3cret"))
	if err != nil {
		t.Fatal(err)
	}
	g.Secrets = map[string][]byte{"token": good, "moved": good}
	b.put(g)
	if s := strings.Join(seen, " "); s != "s3cretfalse true true" {
		t.Errorf("secrets %q", s)
	}
}

// TestSweep: compiled forms not used lately go when all together are too large.
func TestSweep(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(c *Config) { c.MaxBytes = 40 << 10 })
	b.org()
	for i := range 20 {
		b.put(doc(i, 1, ""))
	}
	b.Table().each(func(e *Entry) bool { e.used.Store(e.id == "gw_3"); return true })
	before := b.Stats()
	b.Sweep()
	after := b.Stats()
	if after.Bytes > 40<<10 || after.Compiled == 0 || before.Compiled != 20 || b.Table().FindString("g3.test").Current() == nil {
		t.Errorf("before %+v, after %+v", before, after)
	}
	for i := range 20 {
		b.is(fmt.Sprintf("g%d.test", i), 1)
	}
	b.Table().each(func(e *Entry) bool { e.drop(); return true })
	if n := b.bytes.Load(); n != 0 {
		t.Errorf("%d bytes are counted with nothing in memory", n)
	}
}

// TestDamagedDocument is E08 for a document found damaged when it is needed: it is
// fetched anew.
func TestDamagedDocument(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.org()
	g := doc(1, 1, "")
	b.put(g)
	b.restart()
	path := b.dir + "/config.log"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-5] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Table().FindString("g1.test").Load(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("damaged and nowhere to ask: %v", err)
	}
	b.fetch = func(byte, string) ([]byte, error) { return b.sign(g), nil }
	b.now.Add(int64(2 * time.Second))
	b.is("g1.test", 1)
}

func TestTampered(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.org()
	other, err := contract.NewRootKeys([]byte("another control plane's secret!!"))
	if err != nil {
		t.Fatal(err)
	}
	g := doc(1, 1, "")
	foreign, _ := contract.SignDocument(other.Signer, contract.KindGateway, 1, g)
	wrongVersion, _ := contract.SignDocument(b.root.Signer, contract.KindGateway, 9, g)
	wrongKind, _ := contract.SignDocument(b.root.Signer, contract.KindOrganization, 1, g)
	for name, raw := range map[string][]byte{
		"signed by another": foreign, "version differs": wrongVersion, "another kind": wrongKind,
		"another gateway's": b.sign(doc(2, 1, "")), "junk": []byte("junk"),
	} {
		if _, err := b.Gateway(t.Context(), raw, Apply{ID: "gw_1", Compile: true}); !errors.Is(err, ErrTampered) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b.Stats().Gateways != 0 || b.Table().Get("gw_1") != nil {
		t.Error("something of it was kept")
	}
	if _, err := b.Organization(foreign, Apply{ID: "org_1"}); !errors.Is(err, ErrTampered) {
		t.Errorf("organization: %v", err)
	}
}

func TestTooManyRoutes(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.org()
	g := doc(1, 1, "")
	for i := range maxRoutes {
		g.Routes = append(g.Routes, contract.Route{ID: fmt.Sprint(i), Name: fmt.Sprint(i), Public: true, Match: contract.Match{Path: fmt.Sprintf("/%d", i)}})
	}
	b.put(g)
	b.is("g1.test", 0)
	if f := b.Failed(); len(f) != 1 || !strings.Contains(f[0].Reason, "10001 routes") {
		t.Errorf("failed %+v", f)
	}
}

func TestOrgRefuse(t *testing.T) {
	t.Parallel()
	var fresh Freshness
	const second = int64(time.Second)
	o := &Org{fresh: &fresh}
	check := func(what string, now int64, want contract.Code, refused bool) {
		t.Helper()
		if code, ok := o.Refuse(now); ok != refused || ok && code != want {
			t.Errorf("%s: %s %v", what, code, ok)
		}
	}
	check("unknown", 0, contract.CodeConfigUnavailable, true)
	o.facts.Store(&OrgFacts{Doc: &contract.Organization{}})
	check("good", 1000*second, 0, false)
	o.facts.Store(&OrgFacts{Doc: &contract.Organization{Suspended: true}})
	check("suspended", 0, contract.CodeOrganizationSuspended, true)
	o.facts.Store(&OrgFacts{Doc: &contract.Organization{StrictFreshness: true}})
	check("strict, never fresh", 5*second, contract.CodeConfigStale, true)
	fresh.Mark(10 * second)
	fresh.Mark(5 * second) // does not go back
	check("strict, fresh", 40*second, 0, false)
	check("strict, 30 s without a heartbeat", 40*second+1, contract.CodeConfigStale, true)
}

// BenchmarkChange is one gateway's change with 10,000 others there: verified,
// saved, compiled, swapped.
func BenchmarkChange(b *testing.B) {
	x := newBed(b)
	x.org()
	for i := range 10_000 {
		x.put(doc(i, 1, ""))
	}
	raws := make([][]byte, 0, b.N)
	v := uint64(1)
	for b.Loop() {
		b.StopTimer()
		v++
		raws = append(raws[:0], x.sign(doc(5, v, "")))
		b.StartTimer()
		if _, err := x.Gateway(b.Context(), raws[0], Apply{ID: "gw_5", Compile: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen is a start with 20,000 gateways on disk.
func BenchmarkOpen(b *testing.B) {
	x := newBed(b)
	x.org()
	for i := range 20_000 {
		if _, err := x.Gateway(b.Context(), x.sign(doc(i, 1, "")), Apply{ID: fmt.Sprintf("gw_%d", i)}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		x.restart()
	}
	if x.loaded != 20_000 {
		b.Fatalf("%d gateways loaded", x.loaded)
	}
}
