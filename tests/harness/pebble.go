package harness

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
)

// Pebble is Let's Encrypt's test authority, as a process.
type Pebble struct {
	*Process
	Directory string // its ACME directory
	RootFile  string // the CA of the directory's own certificate
}

// PebbleOptions say where Pebble looks and how badly it behaves.
type PebbleOptions struct {
	DNS               *DNS
	HTTPPort, TLSPort int           // at which it asks for challenges
	RejectNonces      int           // percent of good nonces that it refuses
	Validity          time.Duration // of its certificates; 0: 90 days
}

// StartPebble builds and starts Pebble; it ends with the test.
func StartPebble(t testing.TB, o PebbleOptions) *Pebble {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "pebble")
	build := exec.Command("go", "build", "-o", bin, "github.com/letsencrypt/pebble/v2/cmd/pebble")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build Pebble: %v\n%s", err, out)
	}
	if o.Validity == 0 {
		o.Validity = 90 * 24 * time.Hour
	}
	listen := testport.Free(t)
	manage := testport.Free(t)
	p := &Pebble{Directory: fmt.Sprintf("https://127.0.0.1:%d/dir", listen), RootFile: filepath.Join(dir, "root.pem")}
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	selfSigned(t, cert, key)
	must(t, copyFile(cert, p.RootFile))
	config := Object{"pebble": Object{
		"listenAddress": fmt.Sprintf("127.0.0.1:%d", listen), "managementListenAddress": fmt.Sprintf("127.0.0.1:%d", manage),
		"certificate": cert, "privateKey": key, "httpPort": o.HTTPPort, "tlsPort": o.TLSPort, "keyAlgorithm": "ecdsa",
		"retryAfter": Object{"authz": 1, "order": 1},
		"profiles":   Object{"default": Object{"description": "default", "validityPeriod": int(o.Validity / time.Second)}},
	}}
	js, err := json.Marshal(config)
	must(t, err)
	file := filepath.Join(dir, "config.json")
	must(t, os.WriteFile(file, js, 0o600))
	p.Process = &Process{
		Name: "pebble", Path: bin, Args: []string{"-config", file, "-dnsserver", o.DNS.Addr}, Dir: dir,
		Env: cleanEnv("PEBBLE_WFE_NONCEREJECT=" + strconv.Itoa(o.RejectNonces)),
	}
	must(t, p.Start())
	t.Cleanup(p.Kill)
	p.WaitUp(t)
	return p
}

// WaitUp waits until the authority answers.
func (p *Pebble) WaitUp(t testing.TB) {
	t.Helper()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // whether it is up
	defer client.CloseIdleConnections()
	must(t, Until(context.Background(), 30*time.Second, func() error {
		resp, err := client.Get(p.Directory)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}))
}

var ordersMade = regexp.MustCompile(`There are now (\d+) orders in the db`)

// Orders is how many orders were made at the authority.
func (p *Pebble) Orders() int {
	all := ordersMade.FindAllStringSubmatch(p.Log(), -1)
	if len(all) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(all[len(all)-1][1])
	return n
}

func selfSigned(t testing.TB, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

// Spread is a port whose connections go to several ones in turn, as a balancer in
// front of edges would spread them.
type Spread struct {
	Port int
	to   atomic.Pointer[[]string]
	next atomic.Uint32
}

// NewSpread opens a port that ends with the test; To says where it leads.
func NewSpread(t testing.TB) *Spread {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &Spread{Port: l.Addr().(*net.TCPAddr).Port}
	s.To()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.join(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return s
}

// To sets the addresses.
func (s *Spread) To(addrs ...string) { s.to.Store(&addrs) }

func (s *Spread) join(c net.Conn) {
	defer c.Close()
	addrs := *s.to.Load()
	if len(addrs) == 0 {
		return
	}
	b, err := net.Dial("tcp", addrs[int(s.next.Add(1))%len(addrs)])
	if err != nil {
		return
	}
	defer b.Close()
	end := time.Now().Add(30 * time.Second)
	_, _ = c.SetDeadline(end), b.SetDeadline(end)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(b, c)
		_ = b.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(c, b)
	_ = c.(*net.TCPConn).CloseWrite()
	<-done
}
