// Command tollgate is the one binary: every role as a subcommand, `up`, which runs
// all of them in one process, and the user's command line (package cli).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/tollgate/tollgate/infra/tollgate/cli"
	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
)

// version is set when the binary is linked.
var version = "dev"

// commands are those of who runs Tollgate; cli has the user's.
func commands() []cli.Operator {
	return []cli.Operator{
		{Name: "up", Args: "[--demo]", Help: "Everything in one process; needs nothing installed", Run: runUp},
		{Name: "edge", Help: "The data plane only", Run: runEdge},
		{Name: "portal", Help: "The management API and the web portal", Run: runPortal},
		{Name: "worker", Help: "Publisher, usage ledger and other loops of the control plane", Run: runWorker},
		{Name: "migrate", Args: "up|down|status", Help: "Database migrations", Run: runMigrate},
		{Name: "secrets edge", Help: "Print TOLLGATE_EDGE_SECRET for the root secret (for who runs Tollgate)", Run: runSecrets},
		{Name: "secrets new", Help: "Make a new root secret (for who runs Tollgate)", Run: runSecrets},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	app := cli.New(cli.Config{Version: version, In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ(), Operator: commands()})
	os.Exit(app.Execute(ctx, os.Args[1:]))
}

// wrong marks err as a mistake of the caller: the program ends with 2.
func wrong(err error) error { return fault.Mistake(err) }
