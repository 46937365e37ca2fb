package migrations

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Dialect is the database's kind.
type Dialect string

// The dialects that Tollgate runs on.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// Database says how to open a database with database/sql.
type Database struct {
	Dialect Dialect
	Driver  string // name that the driver is registered under
	DSN     string // holds the password: never log it
}

// ParseURL reads TOLLGATE_DATABASE_URL: "postgres://user:password@host/name?…"
// or "sqlite:PATH". The errors never repeat the password.
func ParseURL(text string) (Database, error) {
	if path, ok := strings.CutPrefix(text, "sqlite:"); ok {
		path = strings.TrimPrefix(path, "//")
		if path == "" || strings.ContainsAny(path, "?#\x00") {
			return Database{}, errors.New("the database URL must be sqlite:PATH with a path without ? and # in it")
		}
		return Database{Dialect: SQLite, Driver: "sqlite", DSN: "file:" + path + sqliteOptions}, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return Database{}, errors.New("the database URL can't be parsed: want postgres://user:password@host/name or sqlite:PATH")
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return Database{}, fmt.Errorf("the database URL begins with %.20q: want postgres://… or sqlite:PATH", u.Scheme)
	}
	q := u.Query()
	if !q.Has("connect_timeout") {
		q.Set("connect_timeout", "2")
	}
	u.RawQuery = q.Encode()
	return Database{Dialect: Postgres, Driver: "pgx", DSN: u.String()}, nil
}

// sqliteOptions: writers take the lock when they begin (a transaction that reads
// first and writes later could otherwise fail half way), a commit is on the disk
// when it returns, foreign keys hold.
const sqliteOptions = "?_txlock=immediate" +
	"&_pragma=busy_timeout(5000)" +
	"&_pragma=journal_mode(WAL)" +
	"&_pragma=synchronous(FULL)" +
	"&_pragma=foreign_keys(1)"
