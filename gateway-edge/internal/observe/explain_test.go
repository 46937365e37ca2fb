package observe

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

func runExplainer(t *testing.T, rdb *redis.Client, answer AnswerFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		e := &Explainer{Edge: "edge-a", Keys: testKeys(t), Redis: rdb, Answer: answer, Logger: slog.New(slog.DiscardHandler)}
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func ask(t *testing.T, rdb *redis.Client, keys *contract.EdgeKeys, a contract.Ask) {
	t.Helper()
	msg, err := contract.EncodeSecretMessage(keys, contract.MessageAsk, a)
	if err != nil {
		t.Fatal(err)
	}
	if err := rdb.RPush(context.Background(), contract.RedisAsk("edge-a"), msg).Err(); err != nil {
		t.Fatal(err)
	}
}

func TestExplainerAnswers(t *testing.T) {
	t.Parallel()
	rdb := startRedis(t)
	runExplainer(t, rdb, func(_ context.Context, a contract.Ask) contract.Answer {
		if a.Method == "PANIC" {
			panic("policy")
		}
		return contract.Answer{Trace: &contract.Trace{Path: a.URL, Status: 200}}
	})
	soon := time.Now().Add(5 * time.Second).UnixMilli()
	for id, method := range map[string]string{"one": "GET", "two": "PANIC", "three": "GET"} {
		ask(t, rdb, testKeys(t), contract.Ask{ID: id, Method: method, URL: "http://x/" + id, Deadline: soon})
	}
	for _, id := range []string{"one", "two", "three"} {
		got, err := rdb.BLPop(context.Background(), 5*time.Second, contract.RedisAnswer(id)).Result()
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		var a contract.Answer
		if err := contract.DecodeMessage(testKeys(t), contract.MessageAnswer, []byte(got[1]), &a); err != nil {
			t.Fatal(err)
		}
		if a.ID != id || a.Edge != "edge-a" || (a.Error == "") != (id != "two") || id != "two" && a.Trace.Path != "http://x/"+id {
			t.Errorf("%s: %+v", id, a)
		}
	}
}

func TestExplainerIgnoresForgedAndOldQuestions(t *testing.T) {
	t.Parallel()
	rdb := startRedis(t)
	answered := make(chan string, 10)
	runExplainer(t, rdb, func(_ context.Context, a contract.Ask) contract.Answer {
		answered <- a.ID
		return contract.Answer{}
	})
	other, err := contract.NewRootKeys([]byte("another root secret of 32 bytes!"))
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(5 * time.Second).UnixMilli()
	ask(t, rdb, &other.Edge, contract.Ask{ID: "forged", Deadline: soon})
	ask(t, rdb, testKeys(t), contract.Ask{ID: "old", Deadline: time.Now().Add(-time.Minute).UnixMilli()})
	ask(t, rdb, testKeys(t), contract.Ask{ID: "", Deadline: soon})
	if err := rdb.RPush(context.Background(), contract.RedisAsk("edge-a"), "garbage").Err(); err != nil {
		t.Fatal(err)
	}
	ask(t, rdb, testKeys(t), contract.Ask{ID: "good", Deadline: soon})
	select {
	case id := <-answered:
		if id != "good" {
			t.Errorf("%s was answered", id)
		}
	case <-time.After(5 * time.Second):
		t.Error("the good question was not answered")
	}
}
