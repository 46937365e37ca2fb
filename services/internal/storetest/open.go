package storetest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
)

// Each runs test on a new database of each kind.
func Each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, Open(t, migrationstest.SQLite(t), nil))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, Open(t, migrationstest.Postgres(t), nil))
	})
}

// Open opens a database that migrationstest made; clock may be nil.
func Open(t testing.TB, databaseURL string, clock core.Clock) *store.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
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
