package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
	"github.com/tollgate/tollgate/tests/harness"
)

// TestUp starts `tollgate up --demo` as a newcomer does, with nothing installed,
// and follows what it prints.
func TestUp(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"redis-server as a child": os.Getenv("PATH"), "trial store": "/nonexistent"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tryUp(t, path)
		})
	}
}

func tryUp(t *testing.T, path string) {
	dir := t.TempDir()
	var ports [6]int
	for i := range ports {
		ports[i] = testport.Free(t)
	}
	addr := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	p := &harness.Process{
		Name: "tollgate up", Path: harness.Bin(t, "tollgate"), Dir: dir, Env: []string{"PATH=" + path, "HOME=" + dir},
		Args: []string{"up", "--demo", "--data-dir", filepath.Join(dir, "data"), "--edge-addr", addr(0), "--edge-tls-addr", addr(1), "--edge-admin-addr", addr(2), "--portal-addr", addr(3), "--portal-admin-addr", addr(4), "--worker-addr", addr(5)},
	}
	began := time.Now()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	url, host, key := printedCurl(t, p, 1)
	t.Logf("up after %v", time.Since(began).Round(time.Millisecond))

	send := func(key string) (int, string, http.Header) {
		req, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		if key != "" {
			req.Header.Set("X-API-Key", key)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("%v\n%s", err, p.Log())
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b), resp.Header
	}
	if left := 24*time.Hour - time.Duration(time.Now().Unix()%86400)*time.Second; left < time.Minute {
		time.Sleep(left) // the quota is a day's, and the day must not end in between
	}
	if s, b, h := send(key); s != 200 || !strings.Contains(b, `"consumer":"alice"`) {
		t.Fatalf("the printed line answers %d %s %v\n%s", s, b, h, p.Log())
	}
	if s, b, h := send(""); s != 401 || h.Get("Tollgate-Error") != "key_missing" {
		t.Errorf("without the key: %d %s", s, b)
	}
	for i := 1; i < 50; i++ {
		if s, b, _ := send(key); s != 200 {
			t.Fatalf("request %d of 50: %d %s", i+1, s, b)
		}
	}
	if s, b, h := send(key); s != 429 || h.Get("Tollgate-Error") != "quota_exceeded" || h.Get("Retry-After") == "" {
		t.Errorf("request 51 of 50: %d %s %v", s, b, h)
	}
	if err := p.Stop(20 * time.Second); err != nil {
		t.Errorf("SIGTERM: %v\n%s", err, p.Log())
	}
	if strings.Contains(p.Log(), "panic:") {
		t.Errorf("it panicked:\n%s", p.Log())
	}

	// Started again, it knows its key and that the quota is used up.
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	url, host, key = printedCurl(t, p, 2)
	if s, b, _ := send(key); s != 429 {
		t.Errorf("after a restart the used-up quota answers %d %s", s, b)
	}
	if err := p.Stop(20 * time.Second); err != nil {
		t.Errorf("SIGTERM: %v\n%s", err, p.Log())
	}
}

// printedCurl waits for the curl line of the nth start and returns its parts.
func printedCurl(t *testing.T, p *harness.Process, nth int) (url, host, key string) {
	t.Helper()
	line := regexp.MustCompile(`curl -i (\S+) -H 'Host: (\S+)' -H 'X-API-Key: (\S+)'`)
	var m []string
	err := harness.Until(context.Background(), 40*time.Second, func() error {
		all := line.FindAllStringSubmatch(p.Log(), -1)
		if len(all) < nth || strings.Count(p.Log(), "Ctrl-C") < nth {
			select {
			case <-p.Exited():
				t.Fatalf("it ended:\n%s", p.Log())
			default:
			}
			return fmt.Errorf("start %d has printed no curl line yet", nth)
		}
		m = all[len(all)-1]
		return nil
	})
	if err != nil {
		t.Fatalf("%v:\n%s", err, p.Log())
	}
	return m[1], m[2], m[3]
}
