package budget_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/budget"
	"github.com/tollgate/tollgate/services/contract"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// live answers by counters' names.
type live struct {
	states map[string]budget.State
	err    error
	calls  int
	wait   bool
}

func (l *live) Counters(ctx context.Context, counters []budget.Counter) ([]budget.State, error) {
	l.calls++
	if l.wait {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	out := make([]budget.State, len(counters))
	for i, c := range counters {
		out[i] = l.states[c.Name]
	}
	return out, l.err
}

type records struct{ spent map[uint64]int64 } // by consumer or key

func (r *records) Spent(_ context.Context, queries []budget.Query) ([]int64, error) {
	out := make([]int64, len(queries))
	for i, q := range queries {
		out[i] = r.spent[q.Consumer+q.Key]
	}
	return out, nil
}

func service(t *testing.T, l *live, r *records) *budget.Service {
	t.Helper()
	s, err := budget.New(budget.Config{Live: l, Records: r, Clock: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func show(list []budget.Budget) string {
	var out []string
	for _, b := range list {
		left := "?"
		if b.Remaining != nil {
			left = fmt.Sprintf("%d/%d", *b.Used, *b.Remaining)
		}
		out = append(out, fmt.Sprintf("%s %s %s %d %s %s", b.Name, b.From, b.By, b.Limit, left, b.Source))
	}
	return strings.Join(out, "; ")
}

var gold = &contract.UsagePlan{
	Num: 4, RateLimit: &contract.Rate{Rate: 6, Per: "minute", Burst: 3}, Quota: &contract.Quota{Limit: 100, Period: "day"}, Concurrency: 5,
}

func TestOf(t *testing.T) {
	t.Parallel()
	l := &live{states: map[string]budget.State{
		"g7.p4.q.c9":   {Known: true, Used: 40},
		"g7.p4.r.c9":   {Known: true, Full: now.Add(15 * time.Second)}, // of 10 s a token: two are gone
		"g7.k.q.k15":   {Known: true, Used: 120},
		"g7.p4.q.ca":   {},
		"g7.p4.r.ca":   {Known: true},
		"g7.p4.q.c999": {Known: true, Used: 1},
	}}
	got, err := service(t, l, &records{map[uint64]int64{10: 30}}).Of(t.Context(), []budget.Subject{
		{Gateway: 7, Consumer: 9, Plan: gold},
		{Gateway: 7, Consumer: 9, Key: 41, Plan: gold, Limits: contract.KeyLimits{Quota: &contract.Quota{Limit: 110, Period: "month"}, Concurrency: 2}},
		{Gateway: 7, Consumer: 10, Plan: gold},
		{Gateway: 7, Consumer: 11},
		{Gateway: 7, Consumer: 11, Key: 42, Limits: contract.KeyLimits{RateLimit: &contract.Rate{Rate: 1000}}},
	})
	if err != nil || l.calls != 1 {
		t.Fatalf("%d calls, %v", l.calls, err)
	}
	for i, want := range []string{
		"rate usage_plan consumer 6 2/1 live; quota usage_plan consumer 100 40/60 live; concurrency usage_plan consumer 5 ? unknown",
		"rate usage_plan consumer 6 2/1 live; quota key key 110 120/0 live; concurrency key key 2 ? unknown",
		"rate usage_plan consumer 6 0/3 live; quota usage_plan consumer 100 30/70 ledger; concurrency usage_plan consumer 5 ? unknown",
		"",
		"rate key key 1000 ? unknown",
	} {
		if s := show(got[i]); s != want {
			t.Errorf("subject %d\n got %s\nwant %s", i, s, want)
		}
	}
	if r := got[1][1].ResetsAt; !r.Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("resets at %s", r)
	}
}

// TestOfWithoutRedis: quotas come from the ledger and say so; a page does not
// wait for a Redis that hangs.
func TestOfWithoutRedis(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]*live{"refused": {err: errors.New("refused")}, "hangs": {wait: true}} {
		began := time.Now()
		got, err := service(t, l, &records{map[uint64]int64{9: 7}}).Of(t.Context(), []budget.Subject{{Gateway: 7, Consumer: 9, Plan: gold}})
		if err != nil {
			t.Fatal(err)
		}
		if s := show(got[0]); s != "rate usage_plan consumer 6 ? unknown; quota usage_plan consumer 100 7/93 ledger; concurrency usage_plan consumer 5 ? unknown" {
			t.Errorf("%s: %s", name, s)
		}
		if took := time.Since(began); took > 20*time.Second { // a busy machine may add to its patience
			t.Errorf("%s: took %s", name, took)
		}
	}
}
