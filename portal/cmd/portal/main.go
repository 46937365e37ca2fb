// Command portal serves the management API, the documentation and the pages
// around them. Settings come from TOLLGATE_ variables and flags; --help lists
// them.
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

	"github.com/tollgate/tollgate/portal/portal"
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
	if slices.Contains(args, "--version") {
		fmt.Fprintln(stdout, "portal", version)
		return 0
	}
	names := slices.Compact(slices.Sorted(slices.Values(slices.Concat(app.Settings, portal.Settings))))
	v, err := settings.Load(names, args, environ)
	if v != nil && v.Help {
		fmt.Fprint(stdout, "Usage: portal [flags]\n\n"+settings.Usage(names))
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
	services, serr := app.FromSettings(v, log)
	config, perr := portal.FromSettings(v, log)
	if err := errors.Join(serr, perr); err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	config.Version = version
	if err := serve(ctx, services, config); err != nil {
		log.Error("portal ends", "error", err)
		return exitFailure
	}
	return 0
}

func serve(ctx context.Context, services app.Config, config portal.Config) error {
	a, err := app.New(ctx, services)
	if err != nil {
		return err
	}
	defer a.Close()
	p, err := portal.New(a, config)
	if err != nil {
		return err
	}
	config.Logger.Info("portal serves", "version", version, "addr", p.Addr().String(), "admin", p.AdminAddr().String())
	return p.Run(ctx)
}
