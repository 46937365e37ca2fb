package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "oidcprovider:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("oidcprovider", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:0", "address of the provider")
	control := flags.String("control-addr", "127.0.0.1:0", "address of the control")
	if err := flags.Parse(args); err != nil {
		return err
	}
	issuerL, err := net.Listen("tcp", *addr)
	if err != nil {
		return fmt.Errorf("listen for the provider: %w", err)
	}
	controlL, err := net.Listen("tcp", *control)
	if err != nil {
		return errors.Join(fmt.Errorf("listen for the control: %w", err), issuerL.Close())
	}
	issuer := "http://" + issuerL.Addr().String()
	p, err := newProvider(issuer)
	if err != nil {
		return errors.Join(err, issuerL.Close(), controlL.Close())
	}
	err = json.NewEncoder(out).Encode(map[string]string{"issuer": issuer, "control": "http://" + controlL.Addr().String()})
	if err != nil {
		return errors.Join(err, issuerL.Close(), controlL.Close())
	}
	return serve(ctx, map[net.Listener]http.Handler{issuerL: p, controlL: p.control()})
}

func serve(ctx context.Context, handlers map[net.Listener]http.Handler) error {
	done := make(chan error, len(handlers))
	servers := make([]*http.Server, 0, len(handlers))
	for l, h := range handlers {
		s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
		servers = append(servers, s)
		go func() { done <- s.Serve(l) }()
	}
	var err error
	left := len(servers)
	select {
	case <-ctx.Done():
	case err = <-done:
		left--
	}
	for _, s := range servers {
		err = errors.Join(err, s.Close())
	}
	for range left {
		if e := <-done; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}
