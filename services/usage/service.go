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
}

// Config is what a service needs.
type Config struct {
	Store  Store
	Asker  Asker // nil: explain answers CodeUnavailable
	Clock  core.Clock
	Logger *slog.Logger
}

// Service answers questions about usage.
type Service struct{ cfg Config }

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

// Series answers a usage query.
func (s *Service) Series(ctx context.Context, org core.OrganizationID, in SeriesInput) (Series, error) {
	return Series{}, in.check(s.cfg.Clock())
}

// Logs lists access log records, newest first.
func (s *Service) Logs(ctx context.Context, org core.OrganizationID, in LogsInput) (core.List[LogEntry], error) {
	return core.List[LogEntry]{}, nil
}

// Follow calls emit with the records stored from now on, oldest first, until ctx
// ends or emit returns an error, which it returns. A call with no records is a
// sign of life (every 15 s).
func (s *Service) Follow(ctx context.Context, org core.OrganizationID, gateway string, f LogFilter, emit func([]LogEntry) error) error {
	return nil
}

// Request returns what is kept of one request.
func (s *Service) Request(ctx context.Context, org core.OrganizationID, gateway, requestID string) (LogEntry, error) {
	return LogEntry{}, nil
}

// ExplainInput is an explain question.
type ExplainInput struct {
	Gateway string // id or name
	Method  string
	URL     string // absolute, on one of the gateway's hosts
	Headers map[string][]string
	Body    []byte
	Client  string // IP address the request is to come from; empty: 127.0.0.1
}

// Explain asks a live edge what would happen to a request.
func (s *Service) Explain(ctx context.Context, org core.OrganizationID, in ExplainInput) (*contract.Trace, error) {
	return nil, nil
}

// Retention says how long each subscription plan keeps access logs.
type Retention map[string]time.Duration
