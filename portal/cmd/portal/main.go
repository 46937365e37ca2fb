// Command portal serves the management API, the documentation and the pages
// around them. Settings come from TOLLGATE_ variables and flags; --help lists
// them.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/tollgate/tollgate/portal/portal"
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
	v, err := settings.Load(portal.Settings, args, environ)
	if v != nil && v.Help {
		fmt.Fprint(stdout, "Usage: portal [flags]\n\n"+settings.Usage(portal.Settings))
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
	config, err := portal.FromSettings(v, log)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	p, err := portal.New(ctx, config)
	if err != nil {
		log.Error("portal does not start", "error", err)
		return exitFailure
	}
	log.Info("portal serves", "version", version, "addr", p.Addr().String(), "admin", p.AdminAddr().String())
	if err := p.Run(ctx); err != nil {
		log.Error("portal ends", "error", err)
		return exitFailure
	}
	return 0
}
