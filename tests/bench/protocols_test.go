package bench

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestBenchProtocols measures CPU a request over TLS 1.3, HTTP/2 and gRPC beside
// the peers. h2load sends the same fields with each request, so that all come
// with one key.
func TestBenchProtocols(t *testing.T) {
	s := newSite(t)
	s.certify()
	s.rpc()
	all := append(s.bed.tlsPeers(), s.me)
	for _, c := range all {
		c.alone(t)
	}
	message := make([]byte, 5+100)
	binary.BigEndian.PutUint32(message[1:], 100)
	body := s.bed.write("message", string(message))
	grpc := []string{"-d", body, "-H", "content-type: application/grpc", "-H", "te: trailers"}
	for _, work := range []struct {
		name string
		bars map[string]float64 // first figures of the design
		url  func(c candidate) (scheme, addr, path string)
		args []string
	}{
		{
			"TLS 1.3, HTTP/1.1, 1 KB, 64 connections",
			map[string]float64{"nginx": 1.0},
			func(c candidate) (string, string, string) { return "https", c.tls, "/api/1k" },
			[]string{"--h1", "-c64", "-m1"},
		},
		{
			"TLS 1.3, HTTP/2, 1 KB, 4 connections of 100 streams",
			map[string]float64{"nginx": 2.0},
			func(c candidate) (string, string, string) { return "https", c.tls, "/api/1k" },
			[]string{"-c4", "-m100"},
		},
		{
			"gRPC unary, clear text, 4 connections of 100 streams",
			map[string]float64{"nginx": 2.0},
			func(c candidate) (string, string, string) { return "http", c.h2c, "/bench.Echo/Unary" },
			append([]string{"-c4", "-m100"}, grpc...),
		},
	} {
		t.Run(work.name, func(t *testing.T) {
			s.compare(t, all, work.bars, func(c candidate, d time.Duration) load {
				scheme, addr, path := work.url(c)
				return s.bed.h2load(t, scheme, addr, path, d, work.args...)
			})
		})
	}
}

// certify gives all candidates one certificate for the gateway's host.
func (s *site) certify() {
	t := s.bed.t
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	form := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "bench.localhost"}, DNSNames: []string{"bench.localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(90 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	chain := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	s.bed.write("cert.pem", chain)
	s.bed.write("key.pem", private)
	s.bed.write("both.pem", chain+private)
	s.api.Must("PUT", "/v1/gateways/bench/certificates/front", harness.Object{"chain_pem": chain, "key_pem": private})
	s.api.WaitLive("bench")
}

// rpc starts two gRPC backends and a route to them.
func (s *site) rpc() {
	t := s.bed.t
	t.Helper()
	var targets []harness.Object
	for i := range 2 {
		port := s.bed.port()
		s.bed.words[fmt.Sprintf("RPC%d", i+1)] = strconv.Itoa(port)
		s.bed.start("grpc origin", harness.Helper(t, "grpcorigin", "cmd/grpcorigin"), "-addr", fmt.Sprintf("127.0.0.1:%d", port))
		targets = append(targets, harness.Object{"url": fmt.Sprintf("http://127.0.0.1:%d", port)})
	}
	put := func(path string, body harness.Object) { s.api.Must("PUT", "/v1/gateways/bench/"+path, body) }
	put("upstreams/rpc", harness.Object{"targets": targets, "protocol": "h2c"})
	route := s.api.Must("GET", "/v1/gateways/bench/routes/api", nil)
	put("routes/rpc", harness.Object{"match": harness.Object{"path": "/bench.Echo/*"}, "upstream": "rpc", "policies": route["policies"]})
	s.api.WaitLive("bench")
}

// tlsPeers starts the peers with TLS and HTTP/2.
func (b *bed) tlsPeers() []candidate {
	b.t.Helper()
	b.writeKeys()
	var out []candidate
	for _, p := range []struct{ name, template, flag string }{{"nginx", "nginx-tls.conf", "-c"}, {"haproxy", "haproxy-tls.cfg", "-f"}} {
		tls, h2c := b.port(), b.port()
		b.words["H2CPORT"] = strconv.Itoa(h2c)
		args := []string{p.flag, b.fill(p.template, tls)}
		if p.name == "nginx" {
			args = append(args, "-p", b.dir)
		}
		process := b.start(p.name, program(b.t, p.name), args...)
		c := candidate{name: p.name, tls: fmt.Sprintf("127.0.0.1:%d", tls), h2c: fmt.Sprintf("127.0.0.1:%d", h2c)}
		b.connects(c.tls)
		b.connects(c.h2c)
		c.pids = family(b.t, process.PID())
		for try := 0; p.name == "nginx" && len(c.pids) < 2 && try < 100; try++ { // it listens before it has its worker
			time.Sleep(20 * time.Millisecond)
			c.pids = family(b.t, process.PID())
		}
		out = append(out, c)
	}
	return out
}

// h2load runs h2load against an address for the duration. Every answer must be a
// 200; over HTTP/2 with TLS it must have been TLS 1.3.
func (b *bed) h2load(t *testing.T, scheme, addr, path string, d time.Duration, args ...string) load {
	t.Helper()
	_, port, _ := strings.Cut(addr, ":")
	args = append([]string{
		"-t1", fmt.Sprintf("-D%d", int(d.Seconds())), "--connect-to", addr,
		"-H", "x-api-key: " + b.keys[0], "-H", "user-agent: bench/1.0", "-H", "accept: application/json", "-H", "accept-encoding: gzip, deflate",
	}, args...)
	out, err := exec.Command(program(t, "h2load"), append(args, scheme+"://bench.localhost:"+port+path)...).CombinedOutput()
	if err != nil {
		t.Fatalf("h2load: %v\n%s", err, out)
	}
	var l load
	var all, good int64
	sc := bufio.NewScanner(strings.NewReader(string(out)))
	for sc.Scan() {
		line := sc.Text()
		switch {
		case strings.HasPrefix(line, "TLS Protocol:") && !strings.Contains(line, "TLSv1.3"):
			l.bad = line
		case strings.HasPrefix(line, "finished in "):
			_, rest, _ := strings.Cut(line, ", ")
			l.perSec, _ = strconv.ParseFloat(strings.Fields(rest)[0], 64)
		case strings.HasPrefix(line, "requests: "):
			f := strings.Fields(line) // requests: N total, N started, N done, N succeeded, …
			all, _ = strconv.ParseInt(f[5], 10, 64)
			l.requests = all
		case strings.HasPrefix(line, "status codes: "):
			good, _ = strconv.ParseInt(strings.Fields(line)[2], 10, 64)
			if !strings.Contains(line, " 0 3xx, 0 4xx, 0 5xx") {
				l.bad = line
			}
		}
	}
	if l.requests == 0 || good == 0 {
		t.Fatalf("h2load counted nothing:\n%s", out)
	}
	return l
}
