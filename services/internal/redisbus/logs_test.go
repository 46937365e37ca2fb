package redisbus_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/redisbus"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

func TestLogsAreStored(t *testing.T) {
	t.Parallel()
	rdb := ownRedis(t)
	db := storetest.Open(t, migrationstest.SQLite(t), nil)
	other, err := contract.NewRootKeys([]byte("another root secret of 32 bytes!"))
	if err != nil {
		t.Fatal(err)
	}
	stream := contract.RedisLogs(contract.LogStream("edge-a"))
	for i, keys := range []*contract.EdgeKeys{edgeKeys(t), &other.Edge, edgeKeys(t)} {
		b := contract.LogBatch{Edge: "edge-a"}
		for n := range 3 {
			b.Records = append(b.Records, contract.LogRecord{Organization: 1, Gateway: 1, RequestID: fmt.Sprint(i, "-", n), Edge: "a lie"})
		}
		msg, err := contract.EncodeMessage(keys, contract.MessageLog, b)
		if err != nil {
			t.Fatal(err)
		}
		add(t, rdb, stream, msg)
	}
	add(t, rdb, stream, []byte("garbage"))
	r := &redisbus.LogReader{Redis: rdb, Keys: edgeKeys(t), Store: store.NewUsage(db), Consumer: "w1", Logger: slog.New(slog.DiscardHandler)}
	run(t, r.Run)
	eventually(t, "the stream is empty", func() bool { return rdb.XLen(t.Context(), stream).Val() == 0 })
	if n := storetest.Count(t, db, "access_logs", "edge = ?", "edge-a"); n != 6 {
		t.Errorf("%d records are stored, want the 6 that are signed", n)
	}
}

// report puts an edge into the list of edges.
func report(t *testing.T, a *redisbus.Asker, r contract.EdgeReport) {
	t.Helper()
	msg, err := contract.EncodeMessage(a.Keys, contract.MessageReport, r)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Redis.HSet(t.Context(), contract.RedisEdges, r.ID, msg).Err(); err != nil {
		t.Fatal(err)
	}
}

// answering takes an edge's questions and answers them.
func answering(t *testing.T, a *redisbus.Asker, edge string) {
	run(t, func(ctx context.Context) error {
		for ctx.Err() == nil {
			got, err := a.Redis.BLPop(ctx, time.Second, contract.RedisAsk(edge)).Result()
			if err != nil {
				continue
			}
			var ask contract.Ask
			if err := contract.DecodeSecretMessage(a.Keys, contract.MessageAsk, []byte(got[1]), &ask); err != nil {
				return err
			}
			msg, err := contract.EncodeMessage(a.Keys, contract.MessageAnswer, contract.Answer{ID: ask.ID, Edge: edge, Trace: &contract.Trace{Path: ask.URL}})
			if err != nil {
				return err
			}
			if err := a.Redis.RPush(ctx, contract.RedisAnswer(ask.ID), msg).Err(); err != nil && ctx.Err() == nil {
				return err
			}
		}
		return nil
	})
}

func TestAskerAsksALiveEdge(t *testing.T) {
	t.Parallel()
	a := &redisbus.Asker{Redis: ownRedis(t), Keys: edgeKeys(t)}
	now := time.Now().UnixMilli()
	ask := func(wait time.Duration) (contract.Answer, error) {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		return a.Ask(ctx, contract.Ask{ID: fmt.Sprint(time.Now().UnixNano()), URL: "http://x/"})
	}
	for _, r := range []contract.EdgeReport{
		{ID: "gone", Ready: true, Time: now - 60_000}, {ID: "draining", Ready: true, Draining: true, Time: now + 60_000}, {ID: "unready", Time: now + 60_000},
	} {
		report(t, a, r)
	}
	if _, err := ask(time.Second); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("with no live edge: %v", err)
	}
	report(t, a, contract.EdgeReport{ID: "silent", Ready: true, Time: now + 60_000})
	if _, err := ask(time.Second); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("with a silent edge: %v", err)
	}
	report(t, a, contract.EdgeReport{ID: "good", Ready: true, Time: now + 60_000})
	answering(t, a, "good")
	for range 2 { // whichever of the two is asked first
		got, err := ask(time.Minute)
		if err != nil || got.Edge != "good" || got.Trace.Path != "http://x/" {
			t.Errorf("answer %+v, %v", got, err)
		}
	}
}

// TestAskerAsksAll: every edge that is there is asked, one that drains too, and who
// says nothing is named.
func TestAskerAsksAll(t *testing.T) {
	t.Parallel()
	a := &redisbus.Asker{Redis: ownRedis(t), Keys: edgeKeys(t)}
	now := time.Now().UnixMilli()
	for _, r := range []contract.EdgeReport{
		{ID: "one", Ready: true, Time: now + 60_000},
		{ID: "two", Ready: true, Draining: true, Time: now + 60_000},
		{ID: "mute", Ready: true, Time: now + 60_000},
		{ID: "gone", Ready: true, Time: now - 60_000},
	} {
		report(t, a, r)
	}
	answering(t, a, "one")
	answering(t, a, "two")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	answers, silent, err := a.AskAll(ctx, contract.Ask{ID: "all", Purge: &contract.Purge{All: true}})
	if err != nil || len(answers) != 2 || len(silent) != 1 || silent[0] != "mute" {
		t.Errorf("%+v, silent %v, %v", answers, silent, err)
	}
}

func TestAskerDoesNotBelieveAForgedAnswer(t *testing.T) {
	t.Parallel()
	a := &redisbus.Asker{Redis: ownRedis(t), Keys: edgeKeys(t)}
	report(t, a, contract.EdgeReport{ID: "edge-a", Ready: true, Time: time.Now().UnixMilli()})
	if err := a.Redis.RPush(t.Context(), contract.RedisAnswer("q1"), "0123456789abcdef{}").Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Ask(t.Context(), contract.Ask{ID: "q1"}); err == nil {
		t.Errorf("believed %+v", got)
	}
}
