package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"time"

	_ "github.com/glebarez/go-sqlite"  // driver "sqlite"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

// lockWait bounds how long one runner waits for another.
const lockWait = 60 * time.Second

// Runner applies migrations to one database. It is used by one goroutine.
type Runner struct {
	db       *sql.DB
	provider *goose.Provider
}

// Open opens the database of a URL (ParseURL) for migrating. A SQLite file is
// made if it is not there.
func Open(ctx context.Context, databaseURL string) (*Runner, error) {
	d, err := ParseURL(databaseURL)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open(d.Driver, d.DSN)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("reach database: %w", err)
	}
	p, err := provider(d.Dialect, db)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return &Runner{db: db, provider: p}, nil
}

func provider(d Dialect, db *sql.DB) (*goose.Provider, error) {
	sub, err := fs.Sub(files, string(d))
	if err != nil {
		return nil, fmt.Errorf("read embedded migrations: %w", err)
	}
	dialect := goose.DialectSQLite3
	var options []goose.ProviderOption
	if d == Postgres {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, uint64(lockWait/time.Second)))
		if err != nil {
			return nil, fmt.Errorf("make migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, db, sub, options...)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

// Close closes the database.
func (r *Runner) Close() error { return r.db.Close() }

// Step is one migration, as Status lists it and Up and Down have run it.
type Step struct {
	Version int64
	File    string
	Applied bool
	At      time.Time     // when it was applied, zero when it was not
	Took    time.Duration // of Up and Down
}

// Up applies every migration that is missing, in order, and returns them. A
// migration that fails leaves nothing behind; those before it stay.
func (r *Runner) Up(ctx context.Context) ([]Step, error) {
	results, err := r.provider.Up(ctx)
	out := make([]Step, 0, len(results))
	for _, m := range results {
		out = append(out, Step{Version: m.Source.Version, File: m.Source.Path, Applied: m.Error == nil, Took: m.Duration})
	}
	if err != nil {
		return out, fmt.Errorf("migrate up: %w", err)
	}
	return out, nil
}

// Down takes back the newest migration and returns it; nil when there is none.
func (r *Runner) Down(ctx context.Context) (*Step, error) {
	version, err := r.provider.GetDBVersion(ctx)
	if err != nil {
		return nil, fmt.Errorf("read schema version: %w", err)
	}
	if version == 0 {
		return nil, nil
	}
	m, err := r.provider.Down(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate down: %w", err)
	}
	return &Step{Version: m.Source.Version, File: m.Source.Path, Took: m.Duration}, nil
}

// Status lists all migrations in order.
func (r *Runner) Status(ctx context.Context) ([]Step, error) {
	status, err := r.provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("read migration status: %w", err)
	}
	out := make([]Step, 0, len(status))
	for _, s := range status {
		out = append(out, Step{Version: s.Source.Version, File: s.Source.Path, Applied: s.State == goose.StateApplied, At: s.AppliedAt})
	}
	return out, nil
}

// Pending says whether a migration is missing: a process that finds one refuses
// to start and names `tollgate migrate up`.
func (r *Runner) Pending(ctx context.Context) (bool, error) {
	p, err := r.provider.HasPending(ctx)
	if err != nil {
		return false, fmt.Errorf("read migration status: %w", err)
	}
	return p, nil
}
