package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestStagesEndInReverse(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var order []string
	until := func(name string) part {
		return part{name, func(ctx context.Context) error {
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			order = append(order, name)
			return nil
		}}
	}
	s := newStages()
	ctx, cancel := context.WithCancel(t.Context())
	s.start(ctx, until("store"))
	s.start(ctx, until("worker"))
	s.start(ctx, until("edge"))
	cancel()
	if err := s.wait(ctx); err != nil {
		t.Fatal(err)
	}
	if want := []string{"edge", "worker", "store"}; !slices.Equal(order, want) {
		t.Errorf("ended in the order %v, want %v", order, want)
	}
}

func TestStagesTellTheFirstFailure(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(context.Context) error{
		"worker: broken":         func(context.Context) error { return errors.New("broken") },
		"worker ended by itself": func(context.Context) error { return nil },
	} {
		s := newStages()
		ended := false
		s.start(t.Context(), part{"store", func(ctx context.Context) error { <-ctx.Done(); ended = true; return nil }})
		s.start(t.Context(), part{"worker", run})
		if err := s.wait(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
		if !ended {
			t.Error("a group was left running")
		}
	}
}
