package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
)

// ServerEnv names the PostgreSQL server for tests, a URL of a superuser.
const ServerEnv = "TOLLGATE_TEST_DATABASE_URL"

// Each runs test on a new database of each kind.
func Each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, Open(t, SQLite(t), nil))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, Open(t, Postgres(t), nil))
	})
}

// SQLite returns the URL of a new file.
func SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "tollgate.db")
}

// Postgres makes a database and drops it at the end.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv(ServerEnv)
	if server == "" {
		t.Fatalf("%s is not set: run `make test`", ServerEnv)
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s is no URL", ServerEnv)
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("tollgate_test_%d_%d", os.Getpid(), rand.Uint32())
	if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatalf("create a database on %s: %v", ServerEnv, err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop %s: %v", name, err)
		}
		_ = admin.Close()
	})
	u.Path = "/" + name
	return u.String()
}

// Open migrates and opens a database; clock may be nil.
func Open(t testing.TB, databaseURL string, clock core.Clock) *store.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	Migrate(t, databaseURL)
	db, err := store.Open(ctx, store.Config{URL: databaseURL, Clock: clock, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Migrate applies all migrations.
func Migrate(t testing.TB, databaseURL string) {
	t.Helper()
	m, err := migrations.Open(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Organization stores an organization without members.
func Organization(t testing.TB, db *store.DB, name string) core.OrganizationID {
	t.Helper()
	org := core.OrganizationID(core.NewID(core.PrefixOrganization))
	err := db.Tx(t.Context(), func(tx *store.Txn) error {
		return tx.Exec("INSERT INTO organizations (id, name, plan, plan_since, period_start, period_end, created_at, updated_at) VALUES (?, ?, 'free', 0, 0, 4102444800000, ?, ?)",
			string(org), name, tx.Now, tx.Now).Error
	})
	if err != nil {
		t.Fatal(err)
	}
	return org
}

// Count counts rows of a table that meet a condition.
func Count(t testing.TB, db *store.DB, table, where string, args ...any) int {
	t.Helper()
	var n int64
	err := db.Tx(t.Context(), func(tx *store.Txn) error {
		return tx.Table(table).Where(where, args...).Count(&n).Error
	})
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}
