package store_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

// TestConflictsAreTriedAgain is row P05: two transactions that lock two rows in
// opposite order; the database kills one, and both commit in the end.
func TestConflictsAreTriedAgain(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, migrationstest.Postgres(t), nil)
	a, b := storetest.Organization(t, db, "a"), storetest.Organization(t, db, "b")
	var meet, all sync.WaitGroup
	meet.Add(2)
	runs := [2]int{}
	for i, order := range [][2]core.OrganizationID{{a, b}, {b, a}} {
		all.Go(func() {
			err := db.Tx(t.Context(), func(tx *store.Txn) error {
				runs[i]++
				if err := tx.LockOrganization(order[0]); err != nil {
					return err
				}
				if runs[i] == 1 {
					meet.Done()
					meet.Wait()
				}
				if err := tx.LockOrganization(order[1]); err != nil {
					return err
				}
				return tx.Exec("UPDATE organizations SET name = name || 'x' WHERE id = ?", string(order[0])).Error
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if runs[0]+runs[1] != 3 {
		t.Errorf("the transactions ran %v times, want 3 together", runs)
	}
	if n := storetest.Count(t, db, "organizations", "name IN ('ax', 'bx')"); n != 2 {
		t.Errorf("%d changes are stored, want 2", n)
	}
}

// TestFullPoolIsSaidInTime is row P06: a call that gets no connection says so
// within two seconds, with a time to come back. A busy machine may add to them.
func TestFullPoolIsSaidInTime(t *testing.T) {
	t.Parallel()
	for name, databaseURL := range map[string]string{"sqlite": migrationstest.SQLite(t), "postgres": migrationstest.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := store.Open(t.Context(), store.Config{URL: databaseURL, MaxConns: 1, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			held, free := make(chan struct{}), make(chan struct{})
			var all sync.WaitGroup
			all.Go(func() {
				err := db.View(context.WithoutCancel(t.Context()), func(*gorm.DB) error { close(held); <-free; return nil })
				if err != nil {
					t.Error(err)
				}
			})
			<-held
			began := time.Now()
			err = db.Ping(t.Context())
			took := time.Since(began)
			close(free)
			all.Wait()
			e := wantCode(t, err, core.CodeStoreUnavailable)
			if e.RetryAfter == 0 || took > 10*time.Second {
				t.Errorf("after %s: %+v", took, e)
			}
			if err := db.Ping(t.Context()); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// TestUnreachableDatabase is row P01: no call hangs, every one is
// store_unavailable, and no error tells the password.
func TestUnreachableDatabase(t *testing.T) {
	t.Parallel()
	server := migrationstest.Postgres(t)
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	front, stop := relay(t, u.Host)
	u.Host = front
	u.User = url.UserPassword(u.User.Username(), "s3cret")
	db, err := store.Open(t.Context(), store.Config{URL: u.String(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	stop()
	began := time.Now()
	err = db.Tx(t.Context(), func(tx *store.Txn) error { return tx.Exec("SELECT 1").Error })
	wantCode(t, err, core.CodeStoreUnavailable)
	err = db.Ping(t.Context())
	e := wantCode(t, err, core.CodeStoreUnavailable)
	if strings.Contains(err.Error(), "s3cret") || strings.Contains(e.Detail, "dial") || time.Since(began) > 20*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

// relay forwards connections to addr until stop is called, which cuts them.
func relay(t *testing.T, addr string) (front string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	var all sync.WaitGroup
	keep := func(c net.Conn) { mu.Lock(); defer mu.Unlock(); open = append(open, c) }
	pipe := func(to, from net.Conn) {
		defer to.Close()
		b := make([]byte, 32<<10)
		for {
			n, err := from.Read(b)
			if _, werr := to.Write(b[:n]); err != nil || werr != nil {
				return
			}
		}
	}
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", addr)
			if err != nil {
				_ = in.Close()
				continue
			}
			keep(in)
			keep(out)
			all.Go(func() { pipe(out, in) })
			all.Go(func() { pipe(in, out) })
		}
	})
	stop = sync.OnceFunc(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	for name, c := range map[string]store.Config{
		"no such scheme": {URL: "mysql://h/d", Logger: log},
		"no logger":      {URL: "sqlite:" + filepath.Join(t.TempDir(), "x.db")},
		"no directory":   {URL: "sqlite:" + filepath.Join(t.TempDir(), "none", "x.db"), Logger: log},
	} {
		if db, err := store.Open(t.Context(), c); err == nil {
			_ = db.Close()
			t.Errorf("%s: opened", name)
		}
	}
}

// TestFailedTransactionLeavesNothing: neither rows nor audit nor outbox, and
// nobody is woken.
func TestFailedTransactionLeavesNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		org := storetest.Organization(t, db, "acme")
		no := errors.New("no")
		change := core.Change{Action: "x.do", ResourceType: "x", Publish: []core.Publish{{Kind: core.PublishOrganization, ID: string(org), Version: 1}}}
		err := db.Tx(t.Context(), func(tx *store.Txn) error {
			if err := tx.Record(t.Context(), org, change); err != nil {
				return err
			}
			return no
		})
		if !errors.Is(err, no) {
			t.Fatalf("got %v", err)
		}
		if n := storetest.Count(t, db, "audit", "1 = 1") + storetest.Count(t, db, "outbox", "1 = 1"); n != 0 {
			t.Errorf("%d rows were left", n)
		}
		select {
		case <-db.Changed():
			t.Error("somebody was woken")
		default:
		}
		if err := db.Tx(t.Context(), func(tx *store.Txn) error { return tx.Record(t.Context(), org, change) }); err != nil {
			t.Fatal(err)
		}
		select {
		case <-db.Changed():
		default:
			t.Error("nobody was woken by a commit")
		}
	})
}
