// Command withservices runs a command with a throwaway Redis and PostgreSQL:
//
//	withservices go test ./...
//
// Their URLs are in TOLLGATE_TEST_REDIS_URL and TOLLGATE_TEST_DATABASE_URL. Both
// servers listen on free ports of 127.0.0.1 and are gone with everything they
// wrote when the command ends.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

func main() {
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "withservices:", err)
	}
	os.Exit(code)
}

func run() (int, error) {
	if len(os.Args) < 2 {
		return 2, errors.New("usage: withservices COMMAND [ARGUMENT ...]")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := harness.TempDir()
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	for _, sub := range []string{"redis", "postgres"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return 1, err
		}
	}
	redis, err := harness.StartRedis(ctx, filepath.Join(dir, "redis"))
	if err != nil {
		return 1, err
	}
	defer redis.Kill()
	pg, err := harness.StartPostgres(ctx, filepath.Join(dir, "postgres"))
	if err != nil {
		return 1, err
	}
	defer pg.Stop(10 * time.Second)
	cmd := exec.CommandContext(ctx, os.Args[1], os.Args[2:]...)
	// Tests must not fail because a busy machine takes longer than the product waits.
	database := pg.URL("postgres") + "&connect_timeout=60"
	cmd.Env = append(os.Environ(), "TOLLGATE_TEST_REDIS_URL="+redis.URL(), "TOLLGATE_TEST_DATABASE_URL="+database)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}
