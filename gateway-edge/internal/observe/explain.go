package observe

import (
	"context"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

// AnswerFunc answers an explain question: the engine's own run of the request
// without sending it on. It must return before ctx ends.
type AnswerFunc func(ctx context.Context, ask contract.Ask) contract.Answer

// Explainer answers explain questions that arrive over Redis.
type Explainer struct {
	Edge   string
	Keys   *contract.EdgeKeys
	Redis  redis.UniversalClient
	Answer AnswerFunc
	Logger *slog.Logger
}

// Run takes questions until ctx ends.
func (e *Explainer) Run(ctx context.Context) error { <-ctx.Done(); return nil }
