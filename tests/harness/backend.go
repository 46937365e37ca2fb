package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
)

// Backend is a counting origin in a process of its own.
type Backend struct {
	*Process
	Name string
	Port int
}

// URL is the backend's address as an upstream's target.
func (b *Backend) URL() string { return fmt.Sprintf("http://127.0.0.1:%d", b.Port) }

// Counts is what a backend saw.
type Counts struct {
	Requests int64            `json:"requests"`
	ByPath   map[string]int64 `json:"by_path"`   // first path segment
	ByCaller map[string]int64 `json:"by_caller"` // Tollgate-Consumer
	Clients  map[string]int64 `json:"clients"`   // X-Forwarded-For
	Keys     int64            `json:"keys"`      // requests that still carried a credential
}

// StartBackend starts a backend that ends with the test.
func StartBackend(t testing.TB, name string) *Backend {
	t.Helper()
	port := testport.Free(t)
	b := &Backend{Name: name, Port: port, Process: &Process{Name: name, Path: backendBinary(t), Args: []string{"-name", name, "-addr", fmt.Sprintf("127.0.0.1:%d", port)}, Env: cleanEnv()}}
	must(t, b.Start())
	t.Cleanup(b.Kill)
	b.Wait(t)
	return b
}

// Wait returns when the backend answers.
func (b *Backend) Wait(t testing.TB) {
	t.Helper()
	must(t, Until(context.Background(), 10*time.Second, func() error {
		r, err := http.Get(b.URL() + "/__counts")
		if err == nil {
			r.Body.Close()
		}
		return err
	}))
}

// Counts asks the backend what it saw.
func (b *Backend) Counts(t testing.TB) Counts {
	t.Helper()
	r, err := http.Get(b.URL() + "/__counts")
	must(t, err)
	defer r.Body.Close()
	var c Counts
	must(t, json.NewDecoder(r.Body).Decode(&c))
	return c
}

// backendBinary builds the backend beside the other binaries.
func backendBinary(t testing.TB) string { return Helper(t, "backend", "cmd/backend") }

// Helper builds a program of the tests module, once for each run of the
// tests, and returns its path.
func Helper(t testing.TB, name, pkg string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if p := built.paths[name]; p != "" {
		return p
	}
	path := filepath.Join(filepath.Dir(Bin(t, "gateway-edge")), "test-"+name)
	out, err := exec.Command("go", "build", "-o", path, "github.com/tollgate/tollgate/tests/"+pkg).CombinedOutput()
	if err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	built.paths[name] = path
	return path
}

var built = struct {
	sync.Mutex
	paths map[string]string
}{paths: map[string]string{}}
