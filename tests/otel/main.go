package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "test-otel:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "collector":
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return collect(ctx, args[1], os.Stdout)
	case len(args) == 1 && args[0] == "promql":
		return parse(os.Stdin, os.Stdout)
	}
	return fmt.Errorf("want: collector HOST:PORT, or promql")
}
