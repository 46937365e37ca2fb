package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	gosqlite "github.com/glebarez/go-sqlite"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
)

// SQLite's primary result codes (sqlite.org/rescode.html).
const (
	sqliteBusy     = 5
	sqliteLocked   = 6
	sqliteReadonly = 8
	sqliteIOErr    = 10
	sqliteFull     = 13
	sqliteCantOpen = 14
)

// retryable says that the database gave up a transaction that may well succeed
// when it is run again.
func retryable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "40001" || pg.Code == "40P01" // serialization failure, deadlock
	}
	switch sqliteCode(err) {
	case sqliteBusy, sqliteLocked:
		return true
	}
	return false
}

func sqliteCode(err error) int {
	var e *gosqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// mapError turns what a driver says into a core error. Errors that are core
// errors already, and a caller's own cancellation, pass as they are.
func mapError(err error) error {
	var known *core.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled):
		return err
	case unavailable(err):
		e := core.Wrap(core.CodeStoreUnavailable, err, "the database can't be reached at the moment; try again")
		e.RetryAfter = time.Second
		return e
	case errors.Is(err, gorm.ErrRecordNotFound):
		return core.Wrap(core.CodeNotFound, err, "")
	case errors.Is(err, gorm.ErrDuplicatedKey):
		return core.Wrap(core.CodeConflict, err, "a resource like this exists already")
	case errors.Is(err, gorm.ErrForeignKeyViolated):
		return core.Wrap(core.CodeConflict, err, "the resource is used by another, or uses one that is gone")
	}
	return core.Wrap(core.CodeInternal, err, "")
}

// unavailable says that the fault is the database's state, not the statement.
func unavailable(err error) bool {
	// Whatever the server says while we connect (starting, full, closed to us, an
	// unknown database), it is not the statement's fault.
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return true
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// connection, resources (disk, memory, connections), operator, system
		for _, class := range []string{"08", "53", "57P", "58", "40", "25006"} {
			if strings.HasPrefix(pg.Code, class) {
				return true
			}
		}
		return false
	}
	switch sqliteCode(err) {
	case sqliteBusy, sqliteLocked, sqliteReadonly, sqliteIOErr, sqliteFull, sqliteCantOpen:
		return true
	}
	var network net.Error
	return errors.As(err, &network) || pgconn.Timeout(err) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed)
}

// isDuplicate says that a unique index refused a row.
func isDuplicate(err error) bool { return errors.Is(err, gorm.ErrDuplicatedKey) }

// isMissing says that a query found no row.
func isMissing(err error) bool { return errors.Is(err, gorm.ErrRecordNotFound) }
