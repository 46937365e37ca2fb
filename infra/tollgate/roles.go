package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

	"github.com/tollgate/tollgate/gateway-edge/edge"
	"github.com/tollgate/tollgate/portal/portal"
	"github.com/tollgate/tollgate/services/app"
	"github.com/tollgate/tollgate/services/contract/settings"
)

// load reads a role's settings. done is true when help was asked for and printed.
func load(role string, names, args []string, out io.Writer, more ...settings.Setting) (v *settings.Values, log *slog.Logger, done bool, err error) {
	v, err = settings.Load(names, args, os.Environ(), more...)
	if v != nil && v.Help {
		_, err = fmt.Fprintf(out, "Usage: tollgate %s [flags]\n\n%s", role, settings.Usage(names, more...))
		return nil, nil, true, err
	}
	if err != nil {
		return nil, nil, false, wrong(err)
	}
	if len(v.Args) > 0 {
		return nil, nil, false, wrong(fmt.Errorf("unknown word %q", v.Args[0]))
	}
	if log, err = v.Logger(); err != nil {
		return nil, nil, false, wrong(err)
	}
	return v, log, false, nil
}

func runEdge(ctx context.Context, args []string, out io.Writer) error {
	v, log, done, err := load("edge", edge.CommandSettings, args, out)
	if done || err != nil {
		return err
	}
	c, err := edge.FromSettings(v, log)
	if err != nil {
		return wrong(err)
	}
	c.Version, c.Upgrades, c.Successor = version, true, edge.Successor()
	e, err := edge.New(ctx, c)
	if err != nil {
		return err
	}
	return e.Run(ctx)
}

func runPortal(ctx context.Context, args []string, out io.Writer) error {
	v, log, done, err := load("portal", slices.Concat(app.Settings, portal.Settings), args, out)
	if done || err != nil {
		return err
	}
	c, err := app.FromSettings(v, log)
	p, perr := portal.FromSettings(v, log)
	if err := errors.Join(err, perr); err != nil {
		return wrong(err)
	}
	a, err := app.New(ctx, c)
	if err != nil {
		return err
	}
	defer a.Close()
	p.Version = version
	s, err := portal.New(a, p)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

func runWorker(ctx context.Context, args []string, out io.Writer) error {
	v, log, done, err := load("worker", slices.Concat(app.Settings, app.WorkerSettings), args, out)
	if done || err != nil {
		return err
	}
	c, err := app.FromSettings(v, log)
	wc, werr := app.WorkerFromSettings(v)
	if err := errors.Join(err, werr); err != nil {
		return wrong(err)
	}
	wc.Built = version
	a, err := app.New(ctx, c)
	if err != nil {
		return err
	}
	defer a.Close()
	w, err := app.NewWorker(a, wc)
	if err != nil {
		return err
	}
	return w.Run(ctx)
}
