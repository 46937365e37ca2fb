package config

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tollgate/tollgate/services/contract/testport"
)

// A closed client of go-redis whose Redis was away wakes once more, after a second,
// before its dialling goroutine sees that it is closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

func claim(t *testing.T, dir, want string) *Identity {
	t.Helper()
	id, err := Claim(dir, want, nil)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestClaim: the epoch rises with every start, the name stays, incarnations differ.
func TestClaim(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	first := claim(t, dir, "")
	if !strings.HasPrefix(first.Edge, "edge-") || first.Epoch < uint64(time.Now().Add(-time.Hour).Unix()) {
		t.Errorf("identity %+v", first)
	}
	if _, err := Claim(dir, "", nil); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second claim: %v", err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	second := claim(t, dir, first.Edge)
	defer second.Release()
	if second.Edge != first.Edge || second.Epoch != first.Epoch+1 || second.Incarnation == first.Incarnation {
		t.Errorf("first %+v, second %+v", first, second)
	}
}

func TestClaimRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := claim(t, dir, "edge-a").Release(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, want, text string }{
		{"another name", "edge-b", "belongs to"},
		{"bad name", "a b", "want 1 to 64"},
	} {
		if _, err := Claim(dir, c.want, nil); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte("{\"format\":1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Claim(dir, "", nil); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("damaged state: %v", err)
	}
}

func TestSelfSigned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	first, err := SelfSigned(dir, "edge.test", now)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"edge.test", "shop.edge.test", "127.0.0.1"} {
		if err := first.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(first.Leaf)
	if _, err := first.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "edge.test"}); err != nil {
		t.Errorf("a client that is told to trust it does not: %v", err)
	}
	again, err := SelfSigned(dir, "edge.test", now)
	if err != nil || again.Leaf.SerialNumber.Cmp(first.Leaf.SerialNumber) != 0 {
		t.Errorf("it is not kept: %v", err)
	}
	for what, c := range map[string]struct {
		domain string
		now    time.Time
	}{"before it ends": {"edge.test", now.Add(certLife - certSoon + time.Hour)}, "for another domain": {"other.test", now}} {
		if x, err := SelfSigned(dir, c.domain, c.now); err != nil || x.Leaf.SerialNumber.Cmp(first.Leaf.SerialNumber) == 0 {
			t.Errorf("not made anew %s: %v", what, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, certFile), []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := SelfSigned(dir, "edge.test", now); err != nil {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestOpenRedis(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ url, err string }{
		{"redis://user:secret@127.0.0.1:6379/2", ""},
		{"rediss://127.0.0.1:6379", ""},
		{"unix:///tmp/redis.sock", ""},
		{"redis+sentinel://:secret@127.0.0.1:1,127.0.0.1:2/main/3", ""},
		{"redis+cluster://127.0.0.1:1,127.0.0.1:2", ""},
		{"redis+sentinel://:secret@127.0.0.1:1", "names no master"},
		{"redis+sentinel://:secret@127.0.0.1:1/main/x", "not a number"},
		{"redis://user:secret@127.0.0.1:port", "can't be parsed"},
		{"http://:secret@127.0.0.1", "want redis://"},
		{"", "want redis://"},
	} {
		client, err := OpenRedis(c.url, NewDialing(), 2)
		switch {
		case c.err == "" && err != nil:
			t.Errorf("%s: %v", c.url, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%s: %v, want %q without the password", c.url, err, c.err)
		}
		if client != nil {
			_ = client.Close()
		}
	}
}

// TestDialing is R06: however many calls are made, a dead address is dialled a few
// times a second.
func TestDialing(t *testing.T) {
	t.Parallel()
	d := NewDialing()
	client, err := OpenRedis(fmt.Sprintf("redis://127.0.0.1:%d", testport.Free(t)), d, 8)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	began := time.Now()
	calls := 0
	for time.Since(began) < time.Second {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if client.Ping(ctx).Err() == nil {
			t.Error("nobody answered")
		}
		cancel()
		calls++
		time.Sleep(time.Millisecond)
	}
	if n, took := d.Dials(), time.Since(began); n == 0 || float64(n) > 5*took.Seconds() {
		t.Errorf("%d dials for %d calls in %v", n, calls, took)
	}
	if d.RoundTrips() < uint64(calls) {
		t.Errorf("%d round trips counted of %d", d.RoundTrips(), calls)
	}
}

func TestDialingRecovers(t *testing.T) {
	t.Parallel()
	d := NewDialing()
	broken := errors.New("no")
	fail := func(context.Context, string, string) (net.Conn, error) { return nil, broken }
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	work := func(context.Context, string, string) (net.Conn, error) { return a, nil }
	if _, err := d.dial(t.Context(), "tcp", "x", fail); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if _, err := d.dial(t.Context(), "tcp", "x", work); !errors.Is(err, errResting) {
		t.Errorf("right after a failure: %v", err)
	}
	if _, err := d.dial(t.Context(), "tcp", "y", work); err != nil {
		t.Errorf("another address: %v", err)
	}
	time.Sleep(2 * dialRest)
	for range 2 {
		if _, err := d.dial(t.Context(), "tcp", "x", work); err != nil {
			t.Errorf("after the rest: %v", err)
		}
	}
}
