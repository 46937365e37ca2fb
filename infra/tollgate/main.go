// Command tollgate is the one binary: every role as a subcommand, and `up`, which
// runs all of them in one process.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// version is set when the binary is linked.
var version = "dev"

// command is one subcommand. It reads its own flags from args.
type command struct {
	name, args, help string
	run              func(ctx context.Context, args []string, out io.Writer) error
}

// errUsage marks a mistake of the caller: the program ends with 2.
var errUsage = errors.New("usage")

func commands() []command {
	return []command{
		{"up", "[--demo]", "everything in one process; needs nothing installed", runUp},
		{"edge", "", "the data plane only", runEdge},
		{"portal", "", "the management API and the web portal", runPortal},
		{"worker", "", "publisher, usage ledger and other loops of the control plane", runWorker},
		{"migrate", "up|down|status", "database migrations", runMigrate},
		{"secrets", "edge|new", "print TOLLGATE_EDGE_SECRET for the root secret, or make a new root secret", runSecrets},
		{"version", "", "print the version", func(_ context.Context, _ []string, out io.Writer) error {
			_, err := fmt.Fprintln(out, version)
			return err
		}},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// dispatch runs the subcommand that args begin with and returns the exit code: 0
// done, 1 failed, 2 called wrongly.
func dispatch(ctx context.Context, args []string, out, errOut io.Writer) int {
	all := commands()
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		fmt.Fprint(out, usage(all))
		return 0
	}
	if args[0] == "--version" {
		args[0] = "version"
	}
	i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		fmt.Fprintf(errOut, "tollgate: no command %q\n\n%s", args[0], usage(all))
		return 2
	}
	err := all[i].run(ctx, args[1:], out)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(errOut, "tollgate %s: %s\n", args[0], strings.TrimSuffix(err.Error(), "\n"+errUsage.Error()))
		return 2
	default:
		fmt.Fprintf(errOut, "tollgate %s: %v\n", args[0], err)
		return 1
	}
}

// wrong marks err as a mistake of the caller.
func wrong(err error) error { return errors.Join(err, errUsage) }

func usage(all []command) string {
	var b strings.Builder
	b.WriteString("Tollgate: an API gateway and load balancer.\n\nUsage: tollgate COMMAND [FLAGS]\n\n")
	for _, c := range all {
		fmt.Fprintf(&b, "  %-24s %s\n", c.name+" "+c.args, c.help)
	}
	b.WriteString("\n`tollgate COMMAND --help` lists what can be set, by flag or environment.\n")
	return b.String()
}
