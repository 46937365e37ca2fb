package chaos

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
	"github.com/tollgate/tollgate/tests/harness"
)

// lane is a gateway with streams: its name, its host, and where its edge listens.
type lane struct {
	*harness.Cluster
	api  *harness.API
	name string
	host string
	edge *harness.Edge
	t    *testing.T
}

func newLane(t *testing.T, name string, env ...string) *lane {
	t.Helper()
	first := testport.InARow(t, 8)
	c := harness.New(t, harness.Options{
		Env:     []string{fmt.Sprintf("TOLLGATE_STREAM_PORTS=%d-%d", first, first+7)},
		EdgeEnv: append([]string{"TOLLGATE_TRUSTED_PROXIES=127.0.0.2"}, env...),
	})
	l := &lane{Cluster: c, api: c.SignUp(name), name: name, edge: c.Edges[0], t: t}
	l.host = l.api.Must("POST", "/v1/gateways", harness.Object{"name": name})["hostname"].(string)
	return l
}

// stream makes an upstream of these targets and a stream over it, waits until it
// serves, and returns its address at the edge.
func (l *lane) stream(name string, targets []string, in harness.Object) string {
	l.t.Helper()
	list := []harness.Object{}
	for _, u := range targets {
		list = append(list, harness.Object{"url": u})
	}
	l.api.Must("PUT", "/v1/gateways/"+l.name+"/upstreams/"+name, harness.Object{"targets": list})
	in["upstream"] = name
	out := l.api.Must("PUT", "/v1/gateways/"+l.name+"/streams/"+name, in)
	l.api.WaitLive(l.name)
	if in["protocol"] == "tls" {
		return fmt.Sprintf("127.0.0.1:%d", l.edge.TLSPort)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", int(out["port"].(float64)))
	if in["protocol"] == "tcp" {
		if err := harness.Until(context.Background(), 5*time.Second, func() error {
			c, err := net.Dial("tcp", addr)
			if err == nil {
				_ = c.Close()
			}
			if errors.Is(err, syscall.ECONNRESET) {
				return nil // bound, and not for this client
			}
			return err
		}); err != nil {
			l.t.Fatalf("the stream's port is not bound: %v", err)
		}
	}
	return addr
}

// named answers every connection with its name and closes it.
func named(t *testing.T, name string, config *tls.Config) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				if config != nil {
					c = tls.Server(c, config)
				}
				_, _ = io.WriteString(c, name)
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return "tcp://" + ln.Addr().String()
}

// datagrams answers every datagram with its name.
func datagrams(t *testing.T, name string) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 2048)
		for {
			_, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = pc.WriteTo([]byte(name), from)
		}
	})
	t.Cleanup(func() { _ = pc.Close(); wg.Wait() })
	return "udp://" + pc.LocalAddr().String()
}

// spreadOf calls one n times, 16 at once, and counts the answers.
func spreadOf(n int, one func() (string, error)) (map[string]int, error) {
	var mu sync.Mutex
	count := map[string]int{}
	var errs []error
	turns := make(chan struct{}, n)
	for range n {
		turns <- struct{}{}
	}
	close(turns)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range turns {
				who, err := one()
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
				} else {
					count[who]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return count, errors.Join(errs...)
}

// even fails unless the counts are those of three targets within 1 %.
func even(t *testing.T, what string, n int, count map[string]int) {
	t.Helper()
	t.Logf("%s: %d over three targets: %v", what, n, count)
	if len(count) != 3 {
		t.Errorf("%s reached %d targets", what, len(count))
	}
	for who, got := range count {
		if off := got - n/3; off*100 > n/3 || -off*100 > n/3 {
			t.Errorf("%s: %s got %d of %d", what, who, got, n)
		}
	}
}

func dialed(dial func() (net.Conn, error)) (string, error) {
	c, err := dial()
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	b, err := io.ReadAll(c)
	if err == nil && len(b) == 0 {
		err = errors.New("nothing was answered")
	}
	return string(b), err
}

// certificate signs itself for a host.
func certificate(t *testing.T, host string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestStreamsSpread: TCP, UDP and TLS by server name each spread evenly over three
// targets, every connection and flow is billed once, and HTTPS goes on beside them.
func TestStreamsSpread(t *testing.T) {
	l := newLane(t, "lanes")
	names := []string{"one", "two", "three"}
	var tcps, udps, secure []string
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t, "db."+l.host)}}
	for _, n := range names {
		tcps, udps, secure = append(tcps, named(t, n, nil)), append(udps, datagrams(t, n)), append(secure, named(t, n, config))
	}
	const n = 900
	addr := l.stream("plain", tcps, harness.Object{"protocol": "tcp"})
	count, err := spreadOf(n, func() (string, error) {
		return dialed(func() (net.Conn, error) { return net.Dial("tcp", addr) })
	})
	if err != nil {
		t.Fatal(err)
	}
	even(t, "TCP", n, count)

	addr = l.stream("flows", udps, harness.Object{"protocol": "udp", "idle_timeout": "1s", "max_connections_per_ip": 2000})
	if err := harness.Until(t.Context(), 5*time.Second, func() error { _, err := asked(t, addr); return err }); err != nil {
		t.Fatal(err)
	}
	if count, err = spreadOf(n, func() (string, error) { return asked(t, addr) }); err != nil {
		t.Fatal(err)
	}
	even(t, "UDP", n, count)

	addr = l.stream("db", secure, harness.Object{"protocol": "tls", "sni": []string{"db." + l.host}})
	roots := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(leaf)
	if count, err = spreadOf(n, func() (string, error) {
		return dialed(func() (net.Conn, error) {
			return tls.Dial("tcp", addr, &tls.Config{ServerName: "db." + l.host, RootCAs: roots})
		})
	}); err != nil {
		t.Fatal(err)
	}
	even(t, "TLS by server name", n, count)
	c, err := tls.Dial("tcp", addr, &tls.Config{ServerName: l.host, InsecureSkipVerify: true})
	if err != nil {
		t.Fatalf("the gateway's own TLS: %v", err)
	}
	if own := c.ConnectionState().PeerCertificates[0]; own.Equal(leaf) {
		t.Error("the gateway's own host was passed through")
	}
	_ = c.Close()
	l.billedStreams(map[string]int64{"flows": n, "db": n, "plain": n})
}

// billedStreams waits until at least so many units are billed by stream, and fails
// on more than the probes of the test can explain.
func (l *lane) billedStreams(want map[string]int64) {
	l.t.Helper()
	s := &site{Cluster: l.Cluster, api: l.api, name: l.name, t: l.t}
	var got map[string]int64
	err := harness.Until(context.Background(), 20*time.Second, func() error {
		got = s.billed("route")
		for name, n := range want {
			if got[name] < n {
				return fmt.Errorf("%s: %d of %d billed", name, got[name], n)
			}
		}
		return nil
	})
	l.t.Logf("billed by stream: %v", got)
	if err != nil {
		l.t.Error(err)
	}
	for name, n := range want {
		// One connection or flow more says that the stream is up.
		if got[name] > n+1 {
			l.t.Errorf("%s: %d billed of %d", name, got[name], n)
		}
	}
}

// asked sends one datagram from a socket of its own. It stays open, so that no other
// one gets its port and with it its flow.
func asked(t *testing.T, addr string) (string, error) {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := c.Write([]byte("?")); err != nil {
		return "", err
	}
	buf := make([]byte, 64)
	n, err := c.Read(buf)
	return string(buf[:n]), err
}

// TestStreamsProxyProtocol: the source that targets are told by PROXY v2 is exact,
// for direct clients and for those that a trusted proxy names; whoever else sends a
// header is refused.
func TestStreamsProxyProtocol(t *testing.T) {
	l := newLane(t, "proxied")
	sources := make(chan netip.AddrPort, 1)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			head := make([]byte, 28)
			if _, err := io.ReadFull(c, head); err == nil && string(head[:13]) == "\r\n\r\n\x00\r\nQUIT\n\x21" && head[13] == 0x11 {
				select {
				case sources <- netip.AddrPortFrom(netip.AddrFrom4([4]byte(head[16:20])), binary.BigEndian.Uint16(head[24:])):
				default:
				}
				_, _ = c.Write([]byte("ok"))
			}
			_ = c.Close()
		}
	}()
	target := []string{"tcp://" + ln.Addr().String()}

	direct := l.stream("direct", target, harness.Object{"protocol": "tcp", "proxy_protocol": "v2"})
	<-sources // of the probe
	const n = 200
	for range n {
		c, err := net.Dial("tcp", direct)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := <-sources, c.LocalAddr().(*net.TCPAddr).AddrPort(); got != want {
			t.Fatalf("the target was told %v of %v", got, want)
		}
		_ = c.Close()
	}
	t.Logf("PROXY v2 out: %d of %d sources exact", n, n)

	behind := l.stream("behind", target, harness.Object{"protocol": "tcp", "proxy_protocol": "v2", "accept_proxy_protocol": true})
	say := func(from string, source netip.AddrPort) (string, error) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		return dialed(func() (net.Conn, error) {
			c, err := d.Dial("tcp", behind)
			if err == nil {
				_, err = fmt.Fprintf(c, "PROXY TCP4 %s 198.51.100.1 %d 9000\r\n", source.Addr(), source.Port())
			}
			return c, err
		})
	}
	for i := range n {
		want := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), uint16(1000+i))
		if _, err := say("127.0.0.2", want); err != nil {
			t.Fatal(err)
		}
		if got := <-sources; got != want {
			t.Fatalf("the target was told %v of %v", got, want)
		}
	}
	t.Logf("PROXY v1 in, v2 out: %d of %d sources exact", n, n)
	for range 20 {
		if text, err := say("127.0.0.1", netip.MustParseAddrPort("203.0.113.9:4711")); err == nil {
			t.Fatalf("an untrusted sender was served: %q", text)
		}
	}
	select {
	case got := <-sources:
		t.Errorf("the target was reached for an untrusted sender: %v", got)
	default:
		t.Log("20 of 20 untrusted senders refused, none reached the target")
	}
}

// TestStreamsKilledTarget: when one of three targets is killed, new connections are
// served by the others within 250 ms, every one of them.
func TestStreamsKilledTarget(t *testing.T) {
	l := newLane(t, "killed")
	var backends []*harness.Backend
	var targets []string
	for _, n := range []string{"one", "two", "three"} {
		b := harness.StartBackend(t, n)
		backends, targets = append(backends, b), append(targets, strings.Replace(b.URL(), "http:", "tcp:", 1))
	}
	addr := l.stream("web", targets, harness.Object{"protocol": "tcp"})
	get := func() (time.Duration, error) {
		began := time.Now()
		client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		r, err := client.Get("http://" + addr + "/x")
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
		return time.Since(began), err
	}
	bestOf(t, func() (string, error) {
		for range 30 {
			if _, err := get(); err != nil {
				return "", err
			}
		}
		backends[0].Kill()
		var took spread
		for range 300 {
			d, err := get()
			if err != nil {
				return "", fmt.Errorf("a new connection failed after the kill: %w", err)
			}
			took = append(took, d)
		}
		if err := backends[0].Start(); err != nil {
			return "", err
		}
		backends[0].Wait(t)
		if worst := took.at(1); worst > 250*time.Millisecond {
			return took.String(), fmt.Errorf("a new connection took %v", worst)
		}
		return "new connections after a target was killed: " + took.String() + ", none failed", nil
	})
}
