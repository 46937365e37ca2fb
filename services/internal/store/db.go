package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/glebarez/sqlite"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/core"
)

// Config says which database and how to use it.
type Config struct {
	URL      string       // TOLLGATE_DATABASE_URL
	MaxConns int          // connections at most; 0: 20
	Clock    core.Clock   // nil: the system's
	Logger   *slog.Logger // required: retries are logged there
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	gorm    *gorm.DB
	sql     *sql.DB
	dialect migrations.Dialect
	clock   core.Clock
	log     *slog.Logger
	slots   chan struct{} // one for each connection: a full pool is noticed, not waited for
	writer  chan struct{} // SQLite: the one writer; nil on PostgreSQL
	freed   atomic.Uint64 // places of slots and writer that came free
	lines   lines
	changed chan struct{} // Changed
}

const defaultConns = 20

// Open opens the database and checks that it answers. It does not migrate.
func Open(ctx context.Context, c Config) (*DB, error) {
	target, err := migrations.ParseURL(c.URL)
	if err != nil {
		return nil, err
	}
	if c.MaxConns == 0 {
		c.MaxConns = defaultConns
	}
	if c.Clock == nil {
		c.Clock = core.SystemClock
	}
	if c.Logger == nil {
		return nil, errors.New("store needs a logger")
	}
	conns, err := sql.Open(target.Driver, target.DSN)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	conns.SetMaxOpenConns(c.MaxConns)
	conns.SetMaxIdleConns(c.MaxConns)
	conns.SetConnMaxIdleTime(5 * time.Minute)
	d := &DB{
		sql: conns, dialect: target.Dialect, clock: c.Clock, log: c.Logger,
		slots: make(chan struct{}, c.MaxConns), changed: make(chan struct{}, 1),
	}
	if target.Dialect == migrations.SQLite {
		d.writer = make(chan struct{}, 1)
	}
	if err := conns.PingContext(ctx); err != nil {
		_ = conns.Close()
		return nil, fmt.Errorf("reach database: %w", err)
	}
	if d.gorm, err = gorm.Open(dialector(target.Dialect, conns), gormConfig()); err != nil {
		_ = conns.Close()
		return nil, fmt.Errorf("prepare database: %w", err)
	}
	return d, nil
}

func dialector(d migrations.Dialect, conns *sql.DB) gorm.Dialector {
	if d == migrations.SQLite {
		return &sqlite.Dialector{Conn: conns}
	}
	return postgres.New(postgres.Config{Conn: conns})
}

func gormConfig() *gorm.Config {
	return &gorm.Config{
		Logger:                 logger.Discard, // errors come back as values; statements may hold personal data
		SkipDefaultTransaction: true,           // transactions are explicit
		TranslateError:         true,
		DisableAutomaticPing:   true,
		NowFunc:                func() time.Time { return time.Now().UTC() },
	}
}

// Close closes all connections.
func (d *DB) Close() error { return d.sql.Close() }

// Ping says whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	return d.View(ctx, func(db *gorm.DB) error { return db.Exec("SELECT 1").Error })
}

// Changed receives after each committed transaction of this process that left
// something to publish; several may be one.
func (d *DB) Changed() <-chan struct{} { return d.changed }

// Now is the clock's time in Unix milliseconds.
func (d *DB) Now() int64 { return core.Millis(d.clock()) }
