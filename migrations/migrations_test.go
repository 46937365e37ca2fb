package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// onBoth runs a test on a new SQLite file and on a new PostgreSQL database.
func onBoth(t *testing.T, test func(t *testing.T, databaseURL string)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, "sqlite:"+filepath.Join(t.TempDir(), "m.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, newPostgres(t))
	})
}

func newPostgres(t *testing.T) string {
	t.Helper()
	const env = "TOLLGATE_TEST_DATABASE_URL"
	server := os.Getenv(env)
	if server == "" {
		t.Fatalf("%s is not set: run `make test`", env)
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s is no URL", env)
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("tollgate_migrations_%d_%d", os.Getpid(), rand.Uint32())
	if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		_ = admin.Close()
	})
	u.Path = "/" + name
	return u.String()
}

func open(t *testing.T, databaseURL string) *Runner {
	t.Helper()
	r, err := Open(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// count is how many migrations there are.
func count(t *testing.T) int {
	t.Helper()
	var names [2][]string
	for i, d := range []Dialect{Postgres, SQLite} {
		entries, err := fs.ReadDir(files, string(d))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names[i] = append(names[i], e.Name())
		}
	}
	if !slices.Equal(names[0], names[1]) {
		t.Fatalf("the dialects have different migrations: %v and %v", names[0], names[1])
	}
	return len(names[0])
}

// TestUpDownUp applies everything, takes it back step by step until nothing is
// left, and applies it again.
func TestUpDownUp(t *testing.T) {
	onBoth(t, func(t *testing.T, databaseURL string) {
		n, ctx := count(t), t.Context()
		r := open(t, databaseURL)
		if p, err := r.Pending(ctx); err != nil || !p {
			t.Fatalf("pending %v, %v", p, err)
		}
		for round := range 2 {
			steps, err := r.Up(ctx)
			if err != nil || len(steps) != n {
				t.Fatalf("round %d: %d steps, %v", round, len(steps), err)
			}
			if again, err := r.Up(ctx); err != nil || len(again) != 0 {
				t.Errorf("up twice: %v, %v", again, err)
			}
			status, err := r.Status(ctx)
			if err != nil || len(status) != n || slices.ContainsFunc(status, func(s Step) bool { return !s.Applied || s.At.IsZero() }) {
				t.Errorf("status %+v, %v", status, err)
			}
			if p, err := r.Pending(ctx); err != nil || p {
				t.Errorf("pending %v, %v", p, err)
			}
			for i := n; i > 0; i-- {
				s, err := r.Down(ctx)
				if err != nil || s == nil || s.Version != status[i-1].Version {
					t.Fatalf("down from %d: %+v, %v", i, s, err)
				}
			}
			if s, err := r.Down(ctx); err != nil || s != nil {
				t.Errorf("down from nothing: %+v, %v", s, err)
			}
			if left := tables(t, r); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		}
	})
}

// tables are all but goose's own and SQLite's.
func tables(t *testing.T, r *Runner) (out []string) {
	t.Helper()
	query := "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
	var version string
	if r.db.QueryRow("SELECT sqlite_version()").Scan(&version) == nil {
		query = "SELECT name FROM sqlite_master WHERE type = 'table'"
	}
	rows, err := r.db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(name, "goose_") && !strings.HasPrefix(name, "sqlite_") {
			out = append(out, name)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRunnersWaitForEachOther: several processes of one release start at once.
func TestRunnersWaitForEachOther(t *testing.T) {
	t.Parallel()
	databaseURL := newPostgres(t)
	applied := make([]int, 3)
	var all sync.WaitGroup
	for i := range applied {
		all.Go(func() {
			r, err := Open(t.Context(), databaseURL)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			steps, err := r.Up(t.Context())
			if err != nil {
				t.Error(err)
			}
			applied[i] = len(steps)
		})
	}
	all.Wait()
	if sum := applied[0] + applied[1] + applied[2]; sum != count(t) {
		t.Errorf("the runners applied %v, want %d together", applied, count(t))
	}
}

// TestInterruptedRunIsCompleted is row P07: a run that ends on the way leaves
// whole migrations only, and the next one goes on.
func TestInterruptedRunIsCompleted(t *testing.T) {
	onBoth(t, func(t *testing.T, databaseURL string) {
		r := open(t, databaseURL)
		if _, err := r.provider.UpByOne(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Up(ctx); err == nil {
			t.Fatal("a cancelled run succeeded")
		}
		status, err := r.Status(t.Context())
		if err != nil || !status[0].Applied || status[1].Applied {
			t.Fatalf("after the interruption: %+v, %v", status, err)
		}
		if steps, err := r.Up(t.Context()); err != nil || len(steps) != count(t)-1 {
			t.Errorf("the next run: %d steps, %v", len(steps), err)
		}
	})
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Dialect{
		"postgres://u:p@h/db": Postgres, "postgresql://h/db?sslmode=require": Postgres,
		"sqlite:data/t.db": SQLite, "sqlite:/var/lib/t.db": SQLite, "sqlite:///var/lib/t.db": SQLite,
	} {
		if d, err := ParseURL(text); err != nil || d.Dialect != want {
			t.Errorf("%s: %+v, %v", text, d, err)
		}
	}
	if d, err := ParseURL("postgres://h/db?connect_timeout=9"); err != nil || !strings.Contains(d.DSN, "connect_timeout=9") {
		t.Errorf("%+v, %v", d, err)
	}
	for _, text := range []string{"", "sqlite:", "sqlite:a?mode=memory", "mysql://u:s3cret@h/db", "postgres://u:s3cret@h:port/db", "h/db"} {
		if _, err := ParseURL(text); err == nil {
			t.Errorf("%q is taken", text)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}
