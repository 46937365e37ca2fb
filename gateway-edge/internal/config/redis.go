package config

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract/pacedlog"
)

const (
	dialTime = time.Second
	callTime = 2 * time.Second // bound of a call whose context has none
	// dialRest is how long a host is not dialled after a failure, at least; up to
	// twice that, so that edges spread out.
	dialRest = 250 * time.Millisecond
)

// Dialing is what all Redis clients of the process share.
type Dialing struct {
	trips atomic.Uint64
	dials atomic.Uint64

	mu   sync.Mutex
	rest map[string]time.Time // address → not before
}

// NewDialing makes one.
func NewDialing() *Dialing { return &Dialing{rest: map[string]time.Time{}} }

// RoundTrips is the number of exchanges with Redis; a pipeline counts once.
func (d *Dialing) RoundTrips() uint64 { return d.trips.Load() }

// Dials is the number of connections tried.
func (d *Dialing) Dials() uint64 { return d.dials.Load() }

// errResting says that the last dial failed a moment ago.
var errResting = errors.New("redis could not be reached a moment ago")

func (d *Dialing) dial(ctx context.Context, network, addr string, next redis.DialHook) (net.Conn, error) {
	d.mu.Lock()
	at := d.rest[addr]
	if now := time.Now(); now.Before(at) {
		d.mu.Unlock()
		return nil, errResting
	}
	if !at.IsZero() { // failed before: one caller at a time tries again
		d.rest[addr] = time.Now().Add(dialRest)
	}
	d.mu.Unlock()
	d.dials.Add(1)
	c, err := next(ctx, network, addr)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.rest[addr] = time.Now().Add(dialRest + rand.N(dialRest))
		return nil, err
	}
	delete(d.rest, addr)
	return c, nil
}

// hook counts and guards the calls of one client.
type hook struct{ d *Dialing }

func (h hook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		return h.d.dial(ctx, network, addr, next)
	}
}

func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.d.trips.Add(1)
		return next(ctx, cmd)
	}
}

func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.d.trips.Add(1)
		return next(ctx, cmds)
	}
}

// Speak lets go-redis, which has one logger for the process and would write each
// failed connection to standard error, speak through log at a bounded rate. The
// first call counts.
func Speak(log *slog.Logger) {
	speak.Do(func() { redis.SetLogger(pacedlog.New(log, "go-redis")) })
}

var speak sync.Once

// OpenRedis makes a client for TOLLGATE_REDIS_URL: redis://, rediss://, unix://,
// redis+sentinel://host,host/master/db or redis+cluster://host,host. It connects
// on first use, honours the deadlines of contexts and does not retry by itself;
// pool is its number of connections. Errors never repeat a password.
func OpenRedis(text string, d *Dialing, pool int) (redis.UniversalClient, error) {
	scheme, _, _ := strings.Cut(text, ":")
	switch scheme {
	case "redis", "rediss", "unix":
		o, err := redis.ParseURL(text)
		if err != nil {
			return nil, errors.New("the Redis URL can't be parsed: want redis://user:password@host:port/db")
		}
		o.ContextTimeoutEnabled, o.MaxRetries, o.PoolSize = true, -1, pool
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = dialTime, callTime, callTime, callTime
		o.DialerRetries = 1
		c := redis.NewClient(o)
		c.AddHook(hook{d})
		return c, nil
	case "redis+sentinel", "redis+cluster":
		return openSeveral(scheme, text, d, pool)
	}
	return nil, fmt.Errorf("the Redis URL begins with %.20q: want redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://", scheme)
}

// openSeveral reads the URLs that name more than one host.
func openSeveral(scheme, text string, d *Dialing, pool int) (redis.UniversalClient, error) {
	hosts, path, user, err := severalHosts(scheme, text)
	if err != nil {
		return nil, err
	}
	o := &redis.UniversalOptions{
		Addrs: hosts, Username: user.Username(), PoolSize: pool, PoolTimeout: callTime,
		ContextTimeoutEnabled: true, DialTimeout: dialTime, ReadTimeout: callTime, WriteTimeout: callTime,
		MaxRetries: -1, DialerRetries: 1,
	}
	o.Password, _ = user.Password()
	if scheme == "redis+cluster" {
		return openCluster(o, d), nil
	}
	master, db, _ := strings.Cut(strings.Trim(path, "/"), "/")
	if master == "" {
		return nil, errors.New("the Redis URL names no master: want redis+sentinel://host:port,host:port/master/db")
	}
	o.MasterName = master
	if db != "" {
		if o.DB, err = strconv.Atoi(db); err != nil {
			return nil, errors.New("the Redis URL's database is not a number")
		}
	}
	c := redis.NewUniversalClient(o)
	c.AddHook(hook{d})
	return c, nil
}

// layoutAge is how old what is known of a cluster's layout may get. A lost
// master can't say who follows it, so that only asking the others finds it; the
// library's default of a minute would be a minute without Redis.
const layoutAge = time.Second

// openCluster counts calls but does not guard the dials: the library has to see
// that a node can't be dialled to look for another.
func openCluster(o *redis.UniversalOptions, d *Dialing) redis.UniversalClient {
	co := o.Cluster()
	co.MaxRedirects = 3 // while slots move
	co.ClusterStateReloadInterval = layoutAge
	c := redis.NewClusterClient(co)
	c.AddHook(hook{d})
	return c
}

// severalHosts splits scheme://user:password@host:port,host:port/path, which
// net/url does not take.
func severalHosts(scheme, text string) (hosts []string, path string, user *url.Userinfo, err error) {
	bad := fmt.Errorf("the Redis URL can't be parsed: want %s://user:password@host:port,host:port/…", scheme)
	rest, _ := strings.CutPrefix(text, scheme+"://")
	authority, path, _ := strings.Cut(rest, "/")
	user = url.User("")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		name, password, _ := strings.Cut(authority[:at], ":")
		authority = authority[at+1:]
		n, errName := url.PathUnescape(name)
		p, errPassword := url.PathUnescape(password)
		if errName != nil || errPassword != nil {
			return nil, "", nil, bad
		}
		user = url.UserPassword(n, p)
	}
	hosts = strings.Split(authority, ",")
	for _, h := range hosts {
		if _, _, err := net.SplitHostPort(h); err != nil {
			return nil, "", nil, bad
		}
	}
	return hosts, path, user, nil
}

// Hosts are the servers that a Redis URL names; none for a socket or a URL that
// can't be parsed.
func Hosts(text string) []string {
	scheme, _, _ := strings.Cut(text, ":")
	switch scheme {
	case "redis+sentinel", "redis+cluster":
		hosts, _, _, _ := severalHosts(scheme, text)
		return hosts
	case "redis", "rediss":
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			return []string{u.Host}
		}
	}
	return nil
}
