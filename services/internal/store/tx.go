package store

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of one call.
const (
	slotWait   = 1500 * time.Millisecond // for a pool in which nothing moves: the portal answers 503 within 2 s
	queueWait  = 10 * time.Second        // for one's turn where others are served
	viewTime   = 15 * time.Second
	txTime     = 30 * time.Second
	txAttempts = 5
)

// Txn is an open transaction. It belongs to the closure that got it.
type Txn struct {
	*gorm.DB
	Now      int64 // Unix milliseconds, the same for all rows of the transaction
	d        *DB
	publish  bool
	recorded bool // the first audit line carries the actor's idempotency key
}

// View runs reads. They see committed data, each statement its own moment.
func (d *DB) View(ctx context.Context, fn func(*gorm.DB) error) error {
	release, err := d.acquire(ctx, d.slots)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, viewTime)
	defer cancel()
	return mapError(fn(d.gorm.WithContext(ctx)))
}

// Snapshot runs reads that all see the same moment.
func (d *DB) Snapshot(ctx context.Context, fn func(*gorm.DB) error) error {
	return d.View(ctx, func(db *gorm.DB) error {
		if d.dialect == migrations.SQLite {
			return d.deferred(db, fn)
		}
		return db.Transaction(fn, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	})
}

// deferred is a read transaction of SQLite on a connection of its own: the
// driver would begin every other one as the writer.
func (d *DB) deferred(db *gorm.DB, fn func(*gorm.DB) error) error {
	return db.Connection(func(conn *gorm.DB) error {
		conn = conn.Session(&gorm.Session{})
		if err := conn.Exec("BEGIN DEFERRED").Error; err != nil {
			return err
		}
		// It ends even when the caller has gone: the connection goes back to the pool.
		defer conn.WithContext(context.WithoutCancel(conn.Statement.Context)).Exec("COMMIT")
		return fn(conn)
	})
}

// Tx runs fn in one transaction and commits it when fn returns nil. When the
// database could not serialize it (a deadlock, a conflict, a busy file), all of
// it is tried again, up to 5 times with jitter: fn must not keep anything from
// an earlier run. When the connection breaks in the commit, the outcome is not
// known and the error is CodeStoreUnavailable.
func (d *DB) Tx(ctx context.Context, fn func(*Txn) error) error {
	release, err := d.acquire(ctx, d.slots)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, txTime)
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := d.once(ctx, fn)
		if err == nil || attempt == txAttempts || !retryable(err) {
			return mapError(err)
		}
		d.log.Debug("transaction is tried again", "attempt", attempt, "error", err)
		if !sleep(ctx, time.Duration(attempt)*time.Duration(5+rand.IntN(20))*time.Millisecond) {
			return mapError(err)
		}
	}
}

func (d *DB) once(ctx context.Context, fn func(*Txn) error) error {
	if d.writer != nil {
		release, err := d.acquire(ctx, d.writer)
		if err != nil {
			return err
		}
		defer release()
	}
	publish := false
	err := d.gorm.WithContext(ctx).Transaction(func(db *gorm.DB) error {
		t := &Txn{DB: db, Now: d.Now(), d: d}
		err := fn(t)
		publish = t.publish
		return err
	}, &sql.TxOptions{Isolation: sql.LevelDefault})
	if err == nil && publish {
		select {
		case d.changed <- struct{}{}:
		default:
		}
	}
	return err
}

// TxInLine is Tx for callers who would only wait for one another's row lock:
// those of one line go one at a time, and hold no connection while they wait.
func (d *DB) TxInLine(ctx context.Context, line string, fn func(*Txn) error) error {
	leave, err := d.lines.enter(ctx, line)
	if err != nil {
		return err
	}
	defer leave()
	return d.Tx(ctx, fn)
}

// acquire takes a place in a semaphore. It waits its turn as long as places come
// free, within queueWait, but not for a pool that is stuck.
func (d *DB) acquire(ctx context.Context, slots chan struct{}) (release func(), err error) {
	release = func() {
		<-slots
		d.freed.Add(1)
	}
	select {
	case slots <- struct{}{}:
		return release, nil
	default:
	}
	most := queueWait
	wait := slotWait
	if slots == d.writer {
		wait, most = txTime, txTime // writers of one file queue; each is short
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	for waited := wait; ; waited += wait {
		before := d.freed.Load()
		select {
		case slots <- struct{}{}:
			return release, nil
		case <-ctx.Done():
			return nil, mapError(ctx.Err())
		case <-t.C:
		}
		if waited >= most || d.freed.Load() == before {
			return nil, busy("connection pool is exhausted")
		}
		t.Reset(wait)
	}
}

func busy(why string) error {
	e := core.Wrap(core.CodeStoreUnavailable, errors.New(why), "the database is busy; try again in a second")
	e.RetryAfter = time.Second
	return e
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// forUpdate locks the rows that a query reads until the transaction ends, against
// everybody who asks for the same lock. Rows that refer to them can still be
// added: a key is issued while its gateway's configuration changes. SQLite has
// one writer, and the transaction is it.
func (t *Txn) forUpdate() *gorm.DB {
	if t.d.dialect == migrations.SQLite {
		return t.DB
	}
	return t.Clauses(clause.Locking{Strength: "NO KEY UPDATE"})
}

// LockOrganization makes everybody else who calls it for the organization wait
// until the transaction ends: whoever counts what an organization has before
// adding to it must hold it, else two could both be the last. A missing
// organization is CodeNotFound.
func (t *Txn) LockOrganization(org core.OrganizationID) error {
	var id string
	err := t.forUpdate().Table("organizations").Select("id").Where("id = ?", string(org)).Take(&id).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return core.NotFound("organization", string(org))
	}
	return err
}
