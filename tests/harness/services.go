package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
)

// Redis is a throwaway Redis server.
type Redis struct {
	*Process
	Port int
}

// URL is the server's redis:// URL.
func (r *Redis) URL() string { return fmt.Sprintf("redis://127.0.0.1:%d/0", r.Port) }

// StartRedis starts a Redis in dir that appends every second, as a small
// installation would run it.
func StartRedis(ctx context.Context, dir string) (*Redis, error) { return startRedis(ctx, dir) }

func startRedis(ctx context.Context, dir string, more ...string) (*Redis, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("redis-server is not installed (Debian package redis-server)")
	}
	port, err := testport.Find(1)
	if err != nil {
		return nil, err
	}
	r := &Redis{Port: port, Process: &Process{
		Name: "redis", Path: path, Dir: dir, Env: cleanEnv(),
		Args: append([]string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--dir", dir, "--maxmemory-policy", "noeviction"}, more...),
	}}
	if err := r.Start(); err != nil {
		return nil, err
	}
	return r, r.Wait(ctx)
}

// Wait returns when the server answers.
func (r *Redis) Wait(ctx context.Context) error {
	return Until(ctx, 20*time.Second, func() error {
		_, err := r.Do("PING")
		return err
	})
}

// Do sends one inline command over a connection of its own.
func (r *Redis) Do(command string) (string, error) {
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", r.Port), time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte(command + "\r\n")); err != nil {
		return "", err
	}
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if err != nil {
		return "", err
	}
	if b[0] == '-' {
		return "", errors.New(string(b[:n]))
	}
	return string(b[:n]), nil
}

// Postgres is a throwaway PostgreSQL server without durability of its own.
type Postgres struct {
	*Process
	Port int
	cred *syscall.Credential
}

// URL is the superuser's URL of a database.
func (p *Postgres) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", p.Port, database)
}

// StartPostgres makes a cluster in dir and starts it. As root it runs as the
// user postgres or nobody, since PostgreSQL refuses root.
func StartPostgres(ctx context.Context, dir string) (*Postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	p := &Postgres{}
	if os.Getuid() == 0 {
		if p.cred, err = unprivileged(); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(p.cred.Uid), int(p.cred.Gid)); err != nil {
			return nil, fmt.Errorf("give %s to PostgreSQL's user: %w", dir, err)
		}
	}
	data := filepath.Join(dir, "pg")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred}
	initdb.Env, initdb.Dir = cleanEnv(), dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if p.Port, err = testport.Find(1); err != nil {
		return nil, err
	}
	p.Process = &Process{
		Name: "postgres", Path: filepath.Join(bin, "postgres"), Dir: dir, Env: cleanEnv(), Cred: p.cred,
		Args: []string{"-D", data, "-p", strconv.Itoa(p.Port), "-h", "127.0.0.1", "-k", "", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300"},
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	return p, p.Wait(ctx)
}

// Wait returns when the server takes connections.
func (p *Postgres) Wait(ctx context.Context) error {
	bin, err := postgresBin()
	if err != nil {
		return err
	}
	return Until(ctx, 60*time.Second, func() error {
		cmd := exec.CommandContext(ctx, filepath.Join(bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(p.Port))
		cmd.Env = cleanEnv()
		return cmd.Run()
	})
}

func postgresBin() (string, error) {
	if m, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(m) > 0 {
		return filepath.Dir(m[len(m)-1]), nil
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(p), nil
	}
	return "", errors.New("PostgreSQL is not installed (Debian package postgresql)")
}

func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

// TempDir makes a directory that other users can enter, for servers that do not
// run as root.
func TempDir() (string, error) {
	dir, err := os.MkdirTemp("", "tollgate-test-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

// SQL runs a script by psql and returns what it prints, unaligned.
func (p *Postgres) SQL(ctx context.Context, script string) (string, error) {
	bin, err := postgresBin()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", p.URL("postgres"))
	cmd.Env, cmd.Stdin = cleanEnv(), strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("psql: %w\n%s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
