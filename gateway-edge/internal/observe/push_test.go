package observe

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

// TestPusher: pushes do not wait for one another, one that panics costs itself, and
// what nobody with the secret asked, or is old, is not done.
func TestPusher(t *testing.T) {
	t.Parallel()
	rdb := startRedis(t)
	hold, done := make(chan struct{}), make(chan struct{})
	p := &Pusher{Edge: "edge-a", Keys: testKeys(t), Blocking: rdb, Redis: rdb, Logger: slog.New(slog.DiscardHandler), Do: func(ctx context.Context, p contract.Push) contract.Pushed {
		switch p.Op {
		case "hold":
			select {
			case <-hold:
			case <-ctx.Done():
				return contract.Pushed{Outcome: contract.PushSlow}
			}
		case "panic":
			panic("on purpose")
		case "never":
			t.Errorf("%s was done", p.ID)
		}
		return contract.Pushed{Outcome: contract.PushDone}
	}}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { defer close(done); _ = p.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	other, err := contract.NewRootKeys([]byte("another root secret of 32 bytes!"))
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(5 * time.Second).UnixMilli()
	send := func(keys *contract.EdgeKeys, p contract.Push) {
		msg, err := contract.EncodeSecretMessage(keys, contract.MessagePush, p)
		if err == nil {
			err = rdb.RPush(context.Background(), contract.RedisPush("edge-a"), msg).Err()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	send(&other.Edge, contract.Push{ID: "forged", Op: "never", Deadline: soon})
	send(testKeys(t), contract.Push{ID: "old", Op: "never", Deadline: time.Now().Add(-time.Minute).UnixMilli()})
	send(testKeys(t), contract.Push{Op: "never", Deadline: soon})
	for range 20 {
		send(testKeys(t), contract.Push{ID: "held", Op: "hold", Deadline: soon})
	}
	send(testKeys(t), contract.Push{ID: "bad", Op: "panic", Deadline: soon})
	send(testKeys(t), contract.Push{ID: "good", Op: contract.PushSend, Deadline: soon})
	want(t, rdb, "good", contract.PushDone)
	want(t, rdb, "bad", contract.PushBusy)
	close(hold)
	want(t, rdb, "held", contract.PushDone)
}

func want(t *testing.T, rdb *redis.Client, id, outcome string) {
	t.Helper()
	got, err := rdb.BLPop(context.Background(), 5*time.Second, contract.RedisAnswer(id)).Result()
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	var a contract.Answer
	if err := contract.DecodeMessage(testKeys(t), contract.MessageAnswer, []byte(got[1]), &a); err != nil {
		t.Fatal(err)
	}
	if a.ID != id || a.Edge != "edge-a" || a.Pushed == nil || a.Pushed.Outcome != outcome {
		t.Errorf("%s: %+v %+v", id, a, a.Pushed)
	}
}

// TestPushOfTwoProcesses: while an edge is handed over, either process may take what
// is for a connection that the other holds.
func TestPushOfTwoProcesses(t *testing.T) {
	t.Parallel()
	rdb := startRedis(t)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	for _, self := range []string{"old", "new"} {
		p := &Pusher{Edge: "edge-a", Self: self, Others: func() bool { return true }, Keys: testKeys(t), Blocking: rdb, Redis: rdb, Logger: slog.New(slog.DiscardHandler)}
		p.Do = func(_ context.Context, push contract.Push) contract.Pushed {
			if push.Connection == self {
				return contract.Pushed{Outcome: contract.PushDone}
			}
			return contract.Pushed{Outcome: contract.PushGone}
		}
		running.Go(func() { _ = p.Run(ctx) })
	}
	for i := range 30 {
		holder := []string{"old", "new", "nobody"}[i%3]
		push := contract.Push{ID: fmt.Sprint("push", i), Op: contract.PushSend, Connection: holder, Deadline: time.Now().Add(time.Minute).UnixMilli()}
		msg, err := contract.EncodeSecretMessage(testKeys(t), contract.MessagePush, push)
		if err == nil {
			err = rdb.RPush(ctx, contract.RedisPush("edge-a"), msg).Err()
		}
		if err != nil {
			t.Fatal(err)
		}
		outcome := contract.PushDone
		if holder == "nobody" {
			outcome = contract.PushGone
		}
		want(t, rdb, push.ID, outcome)
	}
}
