package redisbus_test

import (
	"context"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/redisbus"
)

// TestPush: a push goes to the edge whose connection it is, also to one that has
// just come; that of an edge which is gone is gone too.
func TestPush(t *testing.T) {
	t.Parallel()
	a := &redisbus.Asker{Redis: ownRedis(t), Keys: edgeKeys(t)}
	now := time.Now().UnixMilli()
	id := func(edge string) string {
		return contract.ConnectionID(a.Keys.EdgeTag(edge), [contract.ConnectionRandom]byte{1})
	}
	push := func(connection, ask string, wait time.Duration) (contract.Pushed, error) {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		return a.Push(ctx, contract.Push{ID: ask, Connection: connection, Op: contract.PushSend, Data: []byte(ask)})
	}
	report(t, a, contract.EdgeReport{ID: "one", Ready: true, Time: now + 60_000})
	report(t, a, contract.EdgeReport{ID: "mute", Ready: true, Draining: true, Time: now + 60_000})
	report(t, a, contract.EdgeReport{ID: "lost", Ready: true, Time: now - 60_000})
	for _, gone := range []string{id("lost"), id("nobody"), "ws_forged", ""} {
		if got, err := push(gone, "g", time.Minute); err != nil || got.Outcome != contract.PushGone {
			t.Errorf("%q: %+v, %v", gone, got, err)
		}
	}
	pushes(t, a, "one")
	if got, err := push(id("one"), "a", time.Minute); err != nil || got.Outcome != contract.PushDone || got.Limit != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := push(id("mute"), "b", 2*time.Second); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("an edge that says nothing: %+v, %v", got, err)
	}
	report(t, a, contract.EdgeReport{ID: "two", Ready: true, Time: now + 60_000})
	pushes(t, a, "two")
	for i := range 20 {
		got, err := push(id("two"), "c", time.Minute)
		if err == nil && got.Outcome == contract.PushDone {
			return
		}
		if i == 19 {
			t.Errorf("an edge that has come: %+v, %v", got, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// pushes takes an edge's pushes; each outcome's Limit is the message's length.
func pushes(t *testing.T, a *redisbus.Asker, edge string) {
	run(t, func(ctx context.Context) error {
		for ctx.Err() == nil {
			got, err := a.Redis.BLPop(ctx, time.Second, contract.RedisPush(edge)).Result()
			if err != nil {
				continue
			}
			var p contract.Push
			if err := contract.DecodeSecretMessage(a.Keys, contract.MessagePush, []byte(got[1]), &p); err != nil {
				return err
			}
			msg, err := contract.EncodeMessage(a.Keys, contract.MessageAnswer, contract.Answer{ID: p.ID, Edge: edge, Pushed: &contract.Pushed{Outcome: contract.PushDone, Limit: int64(len(p.Data))}})
			if err != nil {
				return err
			}
			if err := a.Redis.RPush(ctx, contract.RedisAnswer(p.ID), msg).Err(); err != nil && ctx.Err() == nil {
				return err
			}
		}
		return nil
	})
}
