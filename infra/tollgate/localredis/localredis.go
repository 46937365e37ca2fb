package localredis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// maxKeys is where the trial store refuses to grow further: it is simple, not
// made for many keys.
const maxKeys = 200_000

// tick is how often the trial store's clock moves on; each move looks at every
// key that expires.
const tick = 100 * time.Millisecond

// Store is a running local Redis.
type Store struct {
	URL  string
	Kind string // "redis-server" or "trial store"
	run  func(ctx context.Context) error
}

// Start starts a Redis for the data directory dir.
func Start(ctx context.Context, dir string, log *slog.Logger) (*Store, error) {
	if path, err := exec.LookPath("redis-server"); err == nil {
		s, err := startChild(ctx, path, dir)
		if err == nil {
			return s, nil
		}
		log.Warn("redis-server did not start; using the trial store", "error", err)
	}
	return startTrial(log)
}

// Run keeps the store until ctx ends. An error means that the store is gone.
func (s *Store) Run(ctx context.Context) error { return s.run(ctx) }

func startChild(ctx context.Context, path, dir string) (*Store, error) {
	dir, err := filepath.Abs(filepath.Join(dir, "redis"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make Redis's directory: %w", err)
	}
	sock, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	_ = os.Remove(sock)
	cmd := exec.Command(path, "--port", "0", "--unixsocket", sock, "--unixsocketperm", "700", "--dir", dir,
		"--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction", "--loglevel", "warning")
	// Its own group: Ctrl-C reaches Tollgate first, which drains and then stops it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	logFile, err := os.OpenFile(filepath.Join(dir, "redis.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open Redis's log: %w", err)
	}
	defer logFile.Close()
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start redis-server: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	if err := waitSocket(ctx, sock, exited); err != nil {
		_ = cmd.Process.Kill()
		return nil, err
	}
	return &Store{URL: "unix://" + sock + "?db=0", Kind: "redis-server", run: func(ctx context.Context) error {
		select {
		case err := <-exited:
			return fmt.Errorf("redis-server ended by itself: %v (see %s)", err, logFile.Name())
		case <-ctx.Done():
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-exited
		}
		return nil
	}}, nil
}

// socketPath keeps the socket's path within the 107 bytes that the kernel takes.
func socketPath(dir string) (string, error) {
	if p := filepath.Join(dir, "redis.sock"); len(p) < 100 {
		return p, nil
	}
	tmp, err := os.MkdirTemp("", "tollgate-redis-")
	if err != nil {
		return "", fmt.Errorf("make a directory for Redis's socket: %w", err)
	}
	return filepath.Join(tmp, "redis.sock"), nil
}

func waitSocket(ctx context.Context, sock string, exited <-chan error) error {
	limit := time.After(10 * time.Second)
	for {
		c, err := net.Dial("unix", sock)
		if err == nil {
			return c.Close()
		}
		select {
		case err := <-exited:
			return fmt.Errorf("redis-server ended at once: %w", err)
		case <-limit:
			return errors.New("redis-server did not open its socket within 10 s")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func startTrial(log *slog.Logger) (*Store, error) {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		return nil, fmt.Errorf("start the trial store: %w", err)
	}
	log.Info("no redis-server found: a trial store inside this process is used, for one process only", "keys_at_most", maxKeys)
	return &Store{URL: "redis://" + m.Addr() + "/0", Kind: "trial store", run: func(ctx context.Context) error {
		defer m.Close()
		t := time.NewTicker(tick)
		defer t.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return nil
			case <-t.C:
				m.FastForward(tick)
			}
			if n%100 == 0 && len(m.Keys()) > maxKeys {
				return fmt.Errorf("the trial store holds over %d keys: install redis-server or set TOLLGATE_REDIS_URL", maxKeys)
			}
		}
	}}, nil
}
