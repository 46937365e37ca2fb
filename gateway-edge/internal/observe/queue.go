package observe

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

const (
	askBlock    = time.Second
	askPauseMax = 5 * time.Second
	answerTTL   = 30 * time.Second
	backTime    = 500 * time.Millisecond
	backTTL     = 30 * time.Second
)

// takeEach gives each message of the list key to f, one after the other, until ctx
// ends; one that comes then is left where it was. Where Redis fails it pauses, longer each time.
func takeEach(ctx context.Context, rdb redis.UniversalClient, key string, f func(msg []byte)) {
	failures := 0
	for ctx.Err() == nil {
		got, err := rdb.BLPop(ctx, askBlock, key).Result()
		switch {
		case errors.Is(err, redis.Nil):
			failures = 0
		case err != nil:
			failures++
			select {
			case <-ctx.Done():
			case <-time.After(min(time.Duration(failures)*200*time.Millisecond, askPauseMax)):
			}
		case ctx.Err() != nil:
			giveBack(ctx, rdb, key, got[1])
		default:
			failures = 0
			f([]byte(got[1]))
		}
	}
}

// giveBack puts a message back that came when there was nobody any more to take it:
// for the process that has taken this one's place.
func giveBack(ctx context.Context, rdb redis.UniversalClient, key, msg string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), backTime)
	defer cancel()
	pipe := rdb.Pipeline()
	pipe.LPush(ctx, key, msg)
	pipe.PExpire(ctx, key, backTTL)
	_, _ = pipe.Exec(ctx) // who asked finds that nobody answers
}

// giveAnswer leaves a where who asked waits for it.
func giveAnswer(ctx context.Context, rdb redis.UniversalClient, keys *contract.EdgeKeys, a contract.Answer) error {
	out, err := contract.EncodeMessage(keys, contract.MessageAnswer, a)
	if err != nil {
		return err
	}
	key := contract.RedisAnswer(a.ID)
	pipe := rdb.Pipeline()
	pipe.RPush(ctx, key, out)
	pipe.PExpire(ctx, key, answerTTL)
	_, err = pipe.Exec(ctx)
	return err
}
