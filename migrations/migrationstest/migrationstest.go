package migrationstest

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"github.com/tollgate/tollgate/migrations"
)

// ServerEnv names the PostgreSQL server for tests, a URL of a superuser.
const ServerEnv = "TOLLGATE_TEST_DATABASE_URL"

// SQLite returns the URL of a new file.
func SQLite(t testing.TB) string {
	t.Helper()
	content, err := sqliteOnce()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tollgate.db")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + file
}

// Postgres makes a database and drops it at the end.
func Postgres(t testing.TB) string {
	t.Helper()
	server, err := serverURL()
	if err != nil {
		t.Fatal(err)
	}
	template, err := postgresOnce()
	if err != nil {
		t.Fatal(err)
	}
	admin, err := sql.Open("pgx", server.String())
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("tollgate_test_%d_%d", os.Getpid(), rand.Uint32())
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatalf("create a database on the server of %s: %v", ServerEnv, err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.WithoutCancel(t.Context()), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop %s: %v", name, err)
		}
		_ = admin.Close()
	})
	return on(server, name)
}

var sqliteOnce = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "tollgate-migrated")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "tollgate.db")
	if err := migrate("sqlite:" + file); err != nil {
		return nil, err
	}
	return os.ReadFile(file) //nolint:gosec // just made
})

const (
	templates = "tollgate_test_template_"
	// Programs of tests that have ended leave their template; one this old is nobody's.
	templateLives = 2 * time.Hour
)

var postgresOnce = sync.OnceValues(func() (string, error) {
	server, err := serverURL()
	if err != nil {
		return "", err
	}
	admin, err := sql.Open("pgx", server.String())
	if err != nil {
		return "", err
	}
	defer admin.Close()
	if err := dropOld(admin); err != nil {
		return "", fmt.Errorf("drop templates of earlier tests: %w", err)
	}
	name := fmt.Sprintf("%s%d_%d", templates, time.Now().Unix(), os.Getpid())
	if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
		return "", fmt.Errorf("create a database on the server of %s: %w", ServerEnv, err)
	}
	return name, migrate(on(server, name))
})

func dropOld(admin *sql.DB) error {
	rows, err := admin.Query("SELECT datname FROM pg_database WHERE datname LIKE $1", templates+"%")
	if err != nil {
		return err
	}
	defer rows.Close()
	var old []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		made, _, _ := strings.Cut(strings.TrimPrefix(name, templates), "_")
		if at, err := strconv.ParseInt(made, 10, 64); err == nil && time.Since(time.Unix(at, 0)) > templateLives {
			old = append(old, name)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, name := range old {
		if _, err := admin.Exec("DROP DATABASE IF EXISTS " + name); err != nil {
			return err
		}
	}
	return nil
}

func serverURL() (*url.URL, error) {
	text := os.Getenv(ServerEnv)
	if text == "" {
		return nil, fmt.Errorf("%s is not set: run `make test`, which starts PostgreSQL", ServerEnv)
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s is no URL", ServerEnv)
	}
	return u, nil
}

// on is the URL of a database of a server.
func on(server *url.URL, name string) string {
	u := *server
	u.Path = "/" + name
	return u.String()
}

func migrate(databaseURL string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	m, err := migrations.Open(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer m.Close()
	_, err = m.Up(ctx)
	return err
}
