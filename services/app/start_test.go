package app

import (
	"log/slog"
	"testing"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/internal/redistest"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

// started is an app on databases of its own, which ends with the test.
func started(t *testing.T) (*App, *store.DB) {
	t.Helper()
	database := migrationstest.SQLite(t)
	db := storetest.Open(t, database, nil)
	a, err := New(t.Context(), Config{
		DatabaseURL: database, RedisURL: redistest.Start(t).URL, Root: storetest.Root(t), EdgeDomain: storetest.EdgeDomain,
		PublicURL: "http://localhost:8080", AllowPrivate: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a, db
}
