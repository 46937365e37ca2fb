package redisbus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Asker asks live edges explain questions. It implements usage.Asker.
type Asker struct {
	Redis redis.UniversalClient
	Keys  *contract.EdgeKeys
	Clock core.Clock // nil: the system's

	holders holders
}

// Timing of asking.
const (
	askTTL   = 10 * time.Second // a question that nobody took disappears
	askFirst = time.Second      // after which another edge is asked as well
)

// Ask asks a ready edge, and a second one when the first is silent.
func (a *Asker) Ask(ctx context.Context, ask contract.Ask) (contract.Answer, error) {
	edges, err := a.live(ctx)
	if err != nil {
		return contract.Answer{}, core.Wrap(core.CodeUnavailable, err, "the edges can't be reached at the moment")
	}
	if len(edges) == 0 {
		return contract.Answer{}, core.Errorf(core.CodeUnavailable, "no edge is live at the moment")
	}
	msg, err := contract.EncodeSecretMessage(a.Keys, contract.MessageAsk, ask)
	if err != nil {
		return contract.Answer{}, err
	}
	for i, edge := range edges[:min(len(edges), 2)] {
		key := contract.RedisAsk(edge)
		pipe := a.Redis.Pipeline()
		pipe.RPush(ctx, key, msg)
		pipe.PExpire(ctx, key, askTTL)
		if _, err := pipe.Exec(ctx); err != nil {
			return contract.Answer{}, core.Wrap(core.CodeUnavailable, err, "the edges can't be reached at the moment")
		}
		wait := askTTL
		if i == 0 && len(edges) > 1 {
			wait = askFirst
		}
		answer, err := a.wait(ctx, ask.ID, wait)
		if err == nil || !errors.Is(err, redis.Nil) {
			return answer, err
		}
	}
	return contract.Answer{}, core.Errorf(core.CodeUnavailable, "no edge answered in time")
}

// AskAll asks every edge that is there, ready or not, and returns what they answer
// within the time that ctx leaves, and the names of those that did not.
func (a *Asker) AskAll(ctx context.Context, ask contract.Ask) (answers []contract.Answer, silent []string, err error) {
	edges, err := a.present(ctx, func(*contract.EdgeReport) bool { return true })
	if err != nil {
		return nil, nil, core.Wrap(core.CodeUnavailable, err, "the edges can't be reached at the moment")
	}
	msg, err := contract.EncodeSecretMessage(a.Keys, contract.MessageAsk, ask)
	if err != nil {
		return nil, nil, err
	}
	for _, edge := range edges { // keys of different slots: one command each
		pipe := a.Redis.Pipeline()
		pipe.RPush(ctx, contract.RedisAsk(edge), msg)
		pipe.PExpire(ctx, contract.RedisAsk(edge), askTTL)
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, nil, core.Wrap(core.CodeUnavailable, err, "the edges can't be reached at the moment")
		}
	}
	for missing := edges; len(missing) > 0; {
		answer, err := a.wait(ctx, ask.ID, askTTL)
		if errors.Is(err, redis.Nil) {
			return answers, missing, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if i := slices.Index(missing, answer.Edge); i >= 0 {
			missing = slices.Delete(missing, i, i+1)
			answers = append(answers, answer)
		}
	}
	return answers, nil, nil
}

// wait waits for an answer; redis.Nil says that there was none.
func (a *Asker) wait(ctx context.Context, id string, d time.Duration) (answer contract.Answer, err error) {
	if end, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(end)-100*time.Millisecond)
	}
	for end := time.Now().Add(d); ; {
		if time.Until(end) <= 0 {
			return answer, redis.Nil
		}
		// One second at a time: Redis before 6.0 knows no fractions.
		got, err := a.Redis.BLPop(ctx, time.Second, contract.RedisAnswer(id)).Result()
		switch {
		case errors.Is(err, redis.Nil):
			continue
		case err != nil && time.Until(end) <= 0:
			// The connection's deadline is ctx's and may come before ctx knows.
			return answer, redis.Nil
		case err != nil:
			return answer, core.Wrap(core.CodeUnavailable, err, "the edges can't be reached at the moment")
		}
		if err := contract.DecodeMessage(a.Keys, contract.MessageAnswer, []byte(got[1]), &answer); err != nil || answer.ID != id {
			return answer, core.Wrap(core.CodeUnavailable, err, "the edge's answer can't be trusted")
		}
		return answer, nil
	}
}

// live lists the edges that serve, in random order.
func (a *Asker) live(ctx context.Context) ([]string, error) {
	return a.present(ctx, func(r *contract.EdgeReport) bool { return r.Ready && !r.Draining })
}

// present lists the edges that reported lately and are wanted, in random order.
func (a *Asker) present(ctx context.Context, want func(*contract.EdgeReport) bool) ([]string, error) {
	reports, err := a.Redis.HGetAll(ctx, contract.RedisEdges).Result()
	if err != nil {
		return nil, fmt.Errorf("read edges: %w", err)
	}
	clock := a.Clock
	if clock == nil {
		clock = core.SystemClock
	}
	now := clock().UnixMilli()
	var out []string
	for edge, msg := range reports {
		var r contract.EdgeReport
		if err := contract.DecodeMessage(a.Keys, contract.MessageReport, []byte(msg), &r); err != nil || r.ID != edge {
			continue
		}
		if want(&r) && now-r.Time < contract.EdgeGone {
			out = append(out, edge)
		}
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out, nil
}
