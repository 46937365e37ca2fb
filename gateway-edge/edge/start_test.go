package edge_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/edge"
	"github.com/tollgate/tollgate/services/contract"
)

// TestColdStartWithNothing is E13: alive, not ready, and ready by itself when the
// control plane can be reached.
func TestColdStartWithNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.organization(1)
	w.pub.Gateway(w.document(1))
	key, _ := w.pub.Key(11)
	w.redis.Kill()
	e := w.start(t, t.TempDir())
	if a := e.admin(t, "/healthz"); a.status != 200 {
		t.Errorf("healthz %d", a.status)
	}
	if a := e.admin(t, "/readyz"); a.status != 503 || !has(a, "no configuration") {
		t.Errorf("readyz %d %q", a.status, a.body)
	}
	if a := e.get(t, "shop.edge.test", "/hello", key); a.status != 503 || code(a) != "config_unavailable" {
		t.Errorf("before the first configuration: %d %s", a.status, code(a))
	}
	w.redis.Start(t)
	w.pub.Reseed()
	took := within(t, "ready", func() bool { return e.admin(t, "/readyz").status == 200 })
	t.Logf("ready %s after Redis came back", took)
	within(t, "serves", func() bool { return e.get(t, "shop.edge.test", "/hello", key).status == 200 })
}

// TestStartFromDisk: with everything else down an edge serves what it held, keys
// and revocations included, at once.
func TestStartFromDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := t.TempDir()
	e := w.start(t, dir)
	e.waitReady(t)
	w.organization(1)
	w.pub.Gateway(w.document(1))
	key, _ := w.pub.Key(11)
	dead, record := w.pub.Key(11)
	w.pub.Revoke(record)
	within(t, "serves", func() bool {
		return e.get(t, "shop.edge.test", "/hello", key).status == 200 && e.get(t, "shop.edge.test", "/hello", dead).status == 401
	})
	e.stop(t)
	w.redis.Kill()
	began := time.Now()
	e = w.start(t, dir)
	e.waitReady(t)
	if a := e.get(t, "shop.edge.test", "/hello", key); a.status != 200 {
		t.Errorf("after a restart with Redis gone: %d %s", a.status, code(a))
	}
	t.Logf("served %s after the start", time.Since(began))
	if a := e.get(t, "shop.edge.test", "/hello", dead); code(a) != "key_revoked" {
		t.Errorf("revoked key after a restart: %d %s", a.status, code(a))
	}
}

// TestOneProcessADirectory is E10.
func TestOneProcessADirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := t.TempDir()
	e := w.start(t, dir)
	if _, err := edge.New(t.Context(), w.config(t, dir)); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second edge on the same directory: %v", err)
	}
	e.stop(t)
	cfg := w.config(t, dir)
	cfg.EdgeID = "edge-b"
	if _, err := edge.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), `belongs to edge "edge-a"`) {
		t.Errorf("another edge on a used directory: %v", err)
	}
	if again := w.start(t, dir); again.ID() != "edge-a" {
		t.Errorf("edge id %s", again.ID())
	}
}

// TestOrganization: suspension and strict freshness hold for all gateways at once,
// without compiling anything.
func TestOrganization(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.start(t, t.TempDir())
	e.waitReady(t)
	w.organization(1)
	w.pub.Gateway(w.document(1))
	key, _ := w.pub.Key(11)
	within(t, "serves", func() bool { return e.get(t, "shop.edge.test", "/hello", key).status == 200 })
	w.organization(2, func(o *contract.Organization) { o.Suspended = true })
	within(t, "suspended", func() bool { return e.get(t, "shop.edge.test", "/hello", key).status == 403 })
	if a := e.get(t, "shop.edge.test", "/hello", key); code(a) != "organization_suspended" {
		t.Errorf("suspended: %s", code(a))
	}
	w.organization(3, func(o *contract.Organization) { o.StrictFreshness = true })
	within(t, "serves again, fresh", func() bool { return e.get(t, "shop.edge.test", "/hello", key).status == 200 })
}

// TestStrictStart: an organization that chose strict freshness is not served from
// disk alone.
func TestStrictStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := t.TempDir()
	e := w.start(t, dir)
	e.waitReady(t)
	w.organization(1, func(o *contract.Organization) { o.StrictFreshness = true })
	w.pub.Gateway(w.document(1))
	key, _ := w.pub.Key(11)
	within(t, "serves", func() bool { return e.get(t, "shop.edge.test", "/hello", key).status == 200 })
	e.stop(t)
	w.redis.Kill()
	e = w.start(t, dir)
	e.waitReady(t)
	if a := e.get(t, "shop.edge.test", "/hello", key); a.status != 503 || code(a) != "config_stale" {
		t.Errorf("strict, cut off: %d %s", a.status, code(a))
	}
	w.redis.Start(t)
	w.pub.Reseed()
	within(t, "serves again", func() bool { return e.get(t, "shop.edge.test", "/hello", key).status == 200 })
}

// TestDrain is E01: not ready at once, the open request ends well, then nobody
// listens any more.
func TestDrain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	has, release := make(chan struct{}), make(chan struct{})
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("held") {
			close(has)
			<-release
		}
	}))
	t.Cleanup(backend.Close)
	end := sync.OnceFunc(func() { close(release) })
	t.Cleanup(end) // before the server's Close, which waits for its requests
	cfg := w.config(t, t.TempDir())
	cfg.DrainTimeout, cfg.DrainDelay = 30*time.Second, 3*time.Second
	e := w.startWith(t, cfg)
	e.waitReady(t)
	w.organization(1)
	w.pub.Gateway(w.document(1, func(g *contract.Gateway) { g.Upstreams[0].Targets[0].URL = backend.URL }))
	key, _ := w.pub.Key(11)
	within(t, "serves", func() bool { return e.get(t, "shop.edge.test", "/hello", key).status == 200 })
	type result struct {
		answer
		err error
	}
	held := make(chan result, 1)
	go func() {
		a, err := e.ask(t.Context(), "shop.edge.test", "/hello?held", key)
		held <- result{a, err}
	}()
	select {
	case <-has:
	case r := <-held:
		t.Fatalf("answered without the backend: %d %v", r.status, r.err)
	}
	e.cancel()
	within(t, "not ready", func() bool { return e.admin(t, "/readyz").status == 503 })
	if a := e.get(t, "shop.edge.test", "/hello", key); a.status != 200 {
		t.Errorf("a request right after the drain began: %d", a.status)
	}
	within(t, "nobody listens", func() bool {
		c, err := net.DialTimeout("tcp", e.Addrs()[0].String(), 100*time.Millisecond)
		if err == nil {
			_ = c.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	end()
	if r := <-held; r.status != 200 || r.err != nil {
		t.Errorf("the open request: %d %v", r.status, r.err)
	}
	e.stop(t)
	if _, err := client.Get("http://" + e.Addrs()[0].String()); err == nil {
		t.Error("somebody still listens")
	}
}

// TestTLS: the gateway's certificate by server name, else the edge's own.
func TestTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.start(t, t.TempDir())
	e.waitReady(t)
	chain, keyPEM := makeCertificate(t, "api.customer.test")
	sealed, err := w.pub.Keys.Edge.SealSecret(contract.CertificateContext("gw_shop"), keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	w.organization(1)
	w.pub.Gateway(w.document(1, func(g *contract.Gateway) {
		g.Hosts = append(g.Hosts, "api.customer.test")
		g.Certificates = []contract.Certificate{{Hosts: []string{"api.customer.test"}, ChainPEM: string(chain), SealedKey: sealed}}
	}))
	key, _ := w.pub.Key(11)
	within(t, "serves", func() bool { return e.get(t, "api.customer.test", "/hello", key).status == 200 })
	for name, want := range map[string]string{"api.customer.test": "api.customer.test", "shop.edge.test": "edge.test", "who.knows.test": "edge.test"} {
		c, err := tls.Dial("tcp", e.Addrs()[1].String(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := c.ConnectionState().PeerCertificates[0].DNSNames[0]; got != want {
			t.Errorf("%s got the certificate of %s, want %s", name, got, want)
		}
		c.Close()
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(chain)
	secure := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "api.customer.test"}, ForceAttemptHTTP2: true, DisableKeepAlives: true,
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+e.Addrs()[1].String()+"/hello", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "api.customer.test"
	req.Header.Set("X-API-Key", key)
	resp, err := secure.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.ProtoMajor != 2 {
		t.Errorf("over TLS: %s %d", resp.Proto, resp.StatusCode)
	}
}

func makeCertificate(t *testing.T, host string) (chain, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs})
}

// TestMetrics: the edge's own figures are there, and no tenant's word is.
func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.start(t, t.TempDir())
	e.waitReady(t)
	w.organization(1)
	w.pub.Gateway(w.document(1))
	key, _ := w.pub.Key(11)
	within(t, "serves", func() bool { return e.get(t, "shop.edge.test", "/hello", key).status == 200 })
	a := e.admin(t, "/metrics")
	for _, want := range []string{
		"tollgate_edge_ready 1", "tollgate_edge_redis_up 1", "tollgate_edge_gateways 1", "tollgate_edge_keys_active 1",
		"tollgate_edge_redis_round_trips_total", "tollgate_edge_config_staleness_seconds", "tollgate_edge_requests_total",
	} {
		if !has(a, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	for _, never := range []string{"gw_shop", "shop.edge.test", "mobile-app", key} {
		if has(a, never) {
			t.Errorf("%s stands in the metrics", never)
		}
	}
	if a := e.admin(t, "/debug/pprof/cmdline"); a.status != 200 {
		t.Errorf("profiles on a loopback address: %d", a.status)
	}
}

// TestFailedNew leaves nothing behind: the directory can be used at once.
func TestFailedNew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "data")
	e := w.start(t, t.TempDir())
	cfg := w.config(t, dir)
	cfg.AdminAddr = e.AdminAddr().String() // in use
	if _, err := edge.New(t.Context(), cfg); err == nil {
		t.Fatal("an address in use was taken")
	}
	w.start(t, dir).waitReady(t)
}
