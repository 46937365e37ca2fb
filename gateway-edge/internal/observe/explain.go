package observe

import (
	"context"
	"log/slog"
	"sync"
	"time"

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
	Wall   func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: slog.Default
}

// Timing and bounds of explaining.
const (
	// askers bounds the questions answered at once: they must not take the
	// processor from requests.
	askers = 2
	// askSlack is how far the asker's clock may be behind before a question
	// counts as too old.
	askSlack   = 2 * time.Second
	maxAskTime = 10 * time.Second
)

// Run takes questions until ctx ends.
func (e *Explainer) Run(ctx context.Context) error {
	if e.Logger == nil {
		e.Logger = slog.Default()
	}
	if e.Wall == nil {
		e.Wall = time.Now
	}
	var all sync.WaitGroup
	for range askers {
		all.Go(func() { e.loop(ctx) })
	}
	all.Wait()
	return nil
}

func (e *Explainer) loop(ctx context.Context) {
	takeEach(ctx, e.Redis, contract.RedisAsk(e.Edge), func(msg []byte) {
		if err := e.take(ctx, msg); err != nil && ctx.Err() == nil {
			e.Logger.Warn("observe: explain question", "error", err)
		}
	})
}

// take answers one question. One that nobody with the edge secret asked, or that
// is too old, gets no answer.
func (e *Explainer) take(ctx context.Context, msg []byte) error {
	var ask contract.Ask
	if err := contract.DecodeSecretMessage(e.Keys, contract.MessageAsk, msg, &ask); err != nil {
		return err
	}
	left := time.UnixMilli(ask.Deadline).Sub(e.Wall())
	if left < -askSlack || ask.ID == "" {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, min(max(left, askSlack), maxAskTime))
	defer cancel()
	answer := e.answer(limited, ask)
	answer.ID, answer.Edge = ask.ID, e.Edge
	return giveAnswer(ctx, e.Redis, e.Keys, answer)
}

// answer shields the loop from a panic in the engine's run.
func (e *Explainer) answer(ctx context.Context, ask contract.Ask) (a contract.Answer) {
	defer func() {
		if p := recover(); p != nil {
			e.Logger.Error("observe: explaining a request panicked", "panic", p)
			a = contract.Answer{Error: "the edge failed to explain this request"}
		}
	}()
	return e.Answer(ctx, ask)
}
