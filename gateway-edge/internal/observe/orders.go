package observe

import (
	"context"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

// Orders takes what the control plane tells an edge to do, until ctx ends. Obey
// carries one out and returns its id; what it refuses is logged and gets no answer.
func Orders(ctx context.Context, blocking, answers redis.UniversalClient, keys *contract.EdgeKeys, edge string, obey func(context.Context, []byte) (string, error), log *slog.Logger) error {
	takeEach(ctx, blocking, contract.RedisOrders(edge), func(msg []byte) {
		id, err := obey(ctx, msg)
		if err != nil {
			log.Warn("observe: an order is refused", "error", err)
			return
		}
		done, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		if err := giveAnswer(done, answers, keys, contract.Answer{ID: id, Edge: edge, Done: true}); err != nil && ctx.Err() == nil {
			log.Warn("observe: answer an order", "error", err)
		}
	})
	return nil
}
