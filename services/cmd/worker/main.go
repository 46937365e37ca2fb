// Command worker runs the control plane's loops: it publishes configuration to
// the edges, applies their usage and logs, and keeps house. Settings come from
// TOLLGATE_ variables and flags; --help lists them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/tollgate/tollgate/services/app"
	"github.com/tollgate/tollgate/services/contract/settings"
)

// version is set when a release is built.
var version = "dev"

// Exit codes.
const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	names := slices.Concat(app.Settings, app.WorkerSettings)
	if slices.Contains(args, "--version") {
		fmt.Fprintln(stdout, "worker", version)
		return 0
	}
	v, err := settings.Load(names, args, environ)
	if v != nil && v.Help {
		fmt.Fprint(stdout, "Usage: worker [flags]\n\n"+settings.Usage(names))
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	log, err := v.Logger()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	config, err := app.FromSettings(v, log)
	worker, werr := app.WorkerFromSettings(v)
	if err := errors.Join(err, werr); err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	worker.Built = version
	if err := serve(ctx, config, worker); err != nil {
		log.Error("worker ends", "error", err)
		return exitFailure
	}
	return 0
}

func serve(ctx context.Context, config app.Config, worker app.WorkerConfig) error {
	a, err := app.New(ctx, config)
	if err != nil {
		return err
	}
	defer a.Close()
	w, err := app.NewWorker(a, worker)
	if err != nil {
		return err
	}
	config.Logger.Info("worker runs", "version", version, "addr", worker.Addr)
	return w.Run(ctx)
}
