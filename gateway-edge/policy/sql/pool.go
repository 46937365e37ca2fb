package sql

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// idleTime is how long a connection is kept that nobody uses.
const idleTime = time.Minute

// pool is the connections to one database of one gateway. Idle ones that are not
// taken again are closed by a timer; a pool that no configuration holds any more is
// left to it and to the collector.
type pool struct {
	cfg   *pgx.ConnConfig
	err   error         // why there is no cfg; it quotes nothing
	slots chan struct{} // one for each connection that is in use

	mu    sync.Mutex // guards what follows
	idle  []idle
	armed bool // a timer will sweep
}

// conn is a connection with what bounds its server's answers.
type conn struct {
	*pgx.Conn
	in *bounded
}

type idle struct {
	c     *conn
	since time.Time
}

// poolOf is the pool of a database's address. A gateway's routes share one.
func poolOf(d policy.Deps, dsn string, conns int) *pool {
	if d.State == nil {
		return &pool{err: errors.New("nothing can be connected to here")}
	}
	sum := sha256.Sum256([]byte(dsn + "\x00" + strconv.Itoa(conns)))
	p, ok := d.State("sql/"+hex.EncodeToString(sum[:]), func() any {
		cfg, err := configOf(dsn, d.Dial)
		return &pool{cfg: cfg, err: err, slots: make(chan struct{}, conns)}
	}).(*pool)
	if !ok {
		return &pool{err: errors.New("the pool is of another kind")}
	}
	return p
}

var errAddress = errors.New("the secret is no address such as postgres://user:password@host:5432/name?sslmode=verify-full")

// configOf reads an address. Only what it says takes part: neither the
// environment nor any file of this machine.
func configOf(dsn string, dial policy.Dial) (*pgx.ConnConfig, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Hostname() == "" || u.User == nil || len(u.Path) < 2 {
		return nil, errAddress
	}
	password, _ := u.User.Password()
	port := 5432
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil || port < 1 || port > 65535 {
			return nil, errAddress
		}
	}
	secure := true
	for k, v := range u.Query() {
		if k != "sslmode" || len(v) != 1 || v[0] != "verify-full" && v[0] != "disable" {
			return nil, errors.New("the address says sslmode=verify-full or sslmode=disable, and nothing else")
		}
		secure = v[0] == "verify-full"
	}
	cfg, err := pgx.ParseConfig("host=localhost port=5432 user=x password=x dbname=x sslmode=disable")
	if err != nil {
		return nil, errAddress
	}
	cfg.Host, cfg.Port, cfg.User, cfg.Password, cfg.Database = u.Hostname(), uint16(port), u.User.Username(), password, u.Path[1:]
	cfg.Fallbacks, cfg.TLSConfig = nil, nil
	if secure {
		cfg.TLSConfig = &tls.Config{ServerName: cfg.Host, MinVersion: tls.VersionTLS12}
	}
	cfg.RuntimeParams = map[string]string{"application_name": "tollgate"}
	cfg.ConnectTimeout = 5 * time.Second
	cfg.StatementCacheCapacity = 32
	cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	cfg.DialFunc = func(ctx context.Context, _, address string) (net.Conn, error) {
		if dial == nil {
			return nil, errors.New("no connection can be made here")
		}
		c, err := dial(ctx, address)
		if err != nil {
			return nil, err
		}
		conn, ok := c.(net.Conn)
		if !ok {
			_ = c.Close()
			return nil, errors.New("the connection is of another kind")
		}
		return conn, nil
	}
	return cfg, nil
}

// get returns a connection and whether it was used before. It waits for one to be
// free.
func (p *pool) get(ctx context.Context) (c *conn, kept bool, err error) {
	if p.err != nil {
		return nil, false, p.err
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c, p.idle = p.idle[n-1].c, p.idle[:n-1]
	}
	p.mu.Unlock()
	if c != nil {
		c.in.begin()
		return c, true, nil
	}
	if c, err = connect(ctx, p.cfg.Copy()); err != nil {
		<-p.slots
	}
	return c, false, err
}

// connect makes a connection whose server's answers are bounded.
func connect(ctx context.Context, cfg *pgx.ConnConfig) (*conn, error) {
	c := &conn{}
	cfg.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		c.in = &bounded{r: r}
		c.in.begin()
		return pgproto3.NewFrontend(c.in, w)
	}
	var err error
	if c.Conn, err = pgx.ConnectConfig(ctx, cfg); err != nil && c.in != nil && c.in.over.Load() {
		err = errLong
	}
	return c, err
}

// put takes a connection back; one that is not sound is closed.
func (p *pool) put(c *conn, sound bool) {
	if sound = sound && !c.IsClosed() && c.PgConn().TxStatus() == 'I'; sound {
		p.mu.Lock()
		p.idle = append(p.idle, idle{c, time.Now()})
		p.arm()
		p.mu.Unlock()
	}
	<-p.slots
	if !sound {
		shut(c)
	}
}

// arm sets the one timer that sweeps, while there is something to be swept. The lock
// is held.
func (p *pool) arm() {
	if !p.armed && len(p.idle) > 0 {
		p.armed = true
		time.AfterFunc(idleTime+time.Second-time.Since(p.idle[0].since), p.sweep)
	}
}

// sweep closes what was idle too long.
func (p *pool) sweep() {
	p.mu.Lock()
	p.armed = false
	var old []idle
	for len(p.idle) > 0 && time.Since(p.idle[0].since) > idleTime {
		old, p.idle = append(old, p.idle[0]), p.idle[1:]
	}
	p.arm()
	p.mu.Unlock()
	for i := range old {
		shut(old[i].c)
	}
}

func shut(c *conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Close(ctx)
}
