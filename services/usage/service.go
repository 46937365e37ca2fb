package usage

import (
	"context"
	"log/slog"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Store is what the service reads from.
type Store interface {
	// Gateway resolves an id or a name within an organization.
	Gateway(ctx context.Context, org core.OrganizationID, ref string) (Gateway, error)
	SeriesStore
	LogStore
}

// Gateway is what the service must know of one.
type Gateway struct {
	ID  string
	Num uint64
}

// Asker asks a live edge an explain question.
type Asker interface {
	// Ask sends the question to one ready edge and waits for its answer or for
	// ctx. No live edge is core.CodeUnavailable.
	Ask(ctx context.Context, ask contract.Ask) (contract.Answer, error)
	// AskAll asks every edge there is, and returns what they answered and the names
	// of those that did not before ctx ended.
	AskAll(ctx context.Context, ask contract.Ask) (answers []contract.Answer, silent []string, err error)
	// Push asks the edge that holds a client's WebSocket. One that is gone took its
	// connections with it: contract.PushGone.
	Push(ctx context.Context, p contract.Push) (contract.Pushed, error)
}

// Config is what a service needs.
type Config struct {
	Store  Store
	Asker  Asker // nil: explain answers CodeUnavailable
	Clock  core.Clock
	Logger *slog.Logger
}

// Service answers questions about usage.
type Service struct {
	cfg     Config
	follows follows
	pushes  pushes
}

// New makes a Service.
func New(c Config) *Service {
	if c.Clock == nil {
		c.Clock = core.SystemClock
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Service{cfg: c}
}

// Retention says how long each subscription plan keeps access logs, by its name.
type Retention map[string]time.Duration
