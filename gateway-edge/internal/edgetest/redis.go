package edgetest

import (
	"context"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a redis-server that the test may flush, stop and kill.
type Redis struct {
	Socket string
	args   []string
	cmd    *exec.Cmd
}

// StartRedis starts a server in the test's directory; it ends with the test.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	dir := t.TempDir()
	r := &Redis{Socket: filepath.Join(dir, "r.sock")}
	r.args = append([]string{"--port", "0", "--unixsocket", r.Socket, "--dir", dir, "--save", ""}, args...)
	r.Start(t)
	t.Cleanup(func() { r.Kill() })
	return r
}

// Start starts the server again after Kill.
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is needed on the PATH; run `make test`")
	}
	r.cmd = exec.Command(path, r.args...)
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := r.Client()
	defer c.Close()
	for range 500 {
		if c.Ping(context.Background()).Err() == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("redis-server did not start")
}

// Kill ends the server as SIGKILL does.
func (r *Redis) Kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
	r.cmd = nil
}

// Freeze stops the server's process without closing anything; Thaw lets it go on.
func (r *Redis) Freeze() { _ = r.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw undoes Freeze.
func (r *Redis) Thaw() { _ = r.cmd.Process.Signal(syscall.SIGCONT) }

// URL is the server's address as TOLLGATE_REDIS_URL.
func (r *Redis) URL() string { return "unix://" + r.Socket }

// Client connects to the server as an edge does.
func (r *Redis) Client() *redis.Client {
	return redis.NewClient(&redis.Options{
		Network: "unix", Addr: r.Socket, MaxRetries: -1, ContextTimeoutEnabled: true,
	})
}
