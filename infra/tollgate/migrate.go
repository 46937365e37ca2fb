package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/contract/settings"
)

// runMigrate brings the database up to date, takes the newest migration back, or
// lists them.
func runMigrate(ctx context.Context, args []string, out io.Writer) error {
	names := []string{settings.DatabaseURL}
	v, err := settings.Load(names, args, os.Environ())
	if err != nil {
		return wrong(err)
	}
	if v.Help {
		_, err := fmt.Fprint(out, "tollgate migrate up       applies what is missing\ntollgate migrate down     takes the newest one back\ntollgate migrate status   lists them\n\n", settings.Usage(names))
		return err
	}
	if len(v.Args) != 1 {
		return wrong(errors.New("say `up`, `down` or `status`"))
	}
	if err := v.Require(settings.DatabaseURL); err != nil {
		return wrong(err)
	}
	r, err := migrations.Open(ctx, v.String(settings.DatabaseURL))
	if err != nil {
		return err
	}
	defer r.Close()
	return migrate(ctx, r, v.Args[0], out)
}

func migrate(ctx context.Context, r *migrations.Runner, what string, out io.Writer) error {
	var steps []migrations.Step
	var err error
	switch what {
	case "up":
		steps, err = r.Up(ctx)
	case "down":
		var s *migrations.Step
		if s, err = r.Down(ctx); s != nil {
			steps = append(steps, *s)
		}
	case "status":
		steps, err = r.Status(ctx)
	default:
		return wrong(fmt.Errorf("unknown word %q: say up, down or status", what))
	}
	for _, s := range steps {
		state := "missing"
		if s.Applied {
			state = "applied"
		}
		fmt.Fprintf(out, "%05d  %-8s %s\n", s.Version, state, s.File)
	}
	if err == nil && len(steps) == 0 {
		fmt.Fprintln(out, "nothing to do")
	}
	return err
}
