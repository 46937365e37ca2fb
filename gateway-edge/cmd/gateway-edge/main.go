// Command gateway-edge is the data plane alone: it serves gateways from Redis and
// its own disk, and links nothing of the portal.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/tollgate/tollgate/gateway-edge/edge"
	"github.com/tollgate/tollgate/services/contract/settings"
)

var version = "dev" // set by the linker

var extra = []settings.Setting{{Name: "VERSION", Help: "print the version and exit", Bool: true, FlagOnly: true}}

func main() { os.Exit(run()) }

func run() int {
	v, err := settings.Load(edge.CommandSettings, os.Args[1:], os.Environ(), extra...)
	if v != nil && v.Help {
		fmt.Printf("gateway-edge serves API gateways.\n\n%s", settings.Usage(edge.CommandSettings, extra...))
		return 0
	}
	if v != nil && v.String("VERSION") == "true" {
		fmt.Println("gateway-edge", version)
		return 0
	}
	if err == nil && len(v.Args) > 0 {
		err = fmt.Errorf("unexpected argument %q; see --help", v.Args[0])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	log, err := v.Logger()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	cfg, err := edge.FromSettings(v, log)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	cfg.Version, cfg.Upgrades, cfg.Successor = version, true, edge.Successor()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	e, err := edge.New(ctx, cfg)
	if err != nil {
		log.Error("edge can't start", "error", err)
		return 1
	}
	if err := e.Run(ctx); err != nil {
		log.Error("edge ended", "error", err)
		return 1
	}
	return 0
}
