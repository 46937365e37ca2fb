package localredis

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestStores runs the same exchange against both kinds: they differ in nothing
// that Tollgate uses.
func TestStores(t *testing.T) {
	t.Parallel()
	starts := map[string]func(context.Context, string) (*Store, error){
		"redis-server": func(ctx context.Context, dir string) (*Store, error) {
			return Start(ctx, dir, slog.New(slog.DiscardHandler))
		},
		"trial store": func(context.Context, string) (*Store, error) { return startTrial(slog.New(slog.DiscardHandler)) },
	}
	for kind, start := range starts {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			s, err := start(ctx, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if s.Kind != kind {
				t.Fatalf("got a %s (is redis-server installed?)", s.Kind)
			}
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			o, err := redis.ParseURL(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			c := redis.NewClient(o)
			defer c.Close()
			if err := c.Set(ctx, "tg:x", "1", 150*time.Millisecond).Err(); err != nil {
				t.Fatal(err)
			}
			deadline := time.Now().Add(5 * time.Second)
			for c.Exists(ctx, "tg:x").Val() == 1 {
				if time.Now().After(deadline) {
					t.Fatal("a key never expires")
				}
				time.Sleep(20 * time.Millisecond)
			}
			if err := c.XAdd(ctx, &redis.XAddArgs{Stream: "tg:s", ID: "7-0", Values: []string{"n", "x"}}).Err(); err != nil {
				t.Fatal(err)
			}
			if err := c.XAdd(ctx, &redis.XAddArgs{Stream: "tg:s", ID: "7-0", Values: []string{"n", "x"}}).Err(); err == nil {
				t.Error("a stream takes the same revision twice")
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}
