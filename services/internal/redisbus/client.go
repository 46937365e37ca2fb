package redisbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract/pacedlog"
)

// Open makes a client for TOLLGATE_REDIS_URL: redis://, rediss://, unix://,
// redis+sentinel://host,host/master/db, redis+cluster://host,host. It connects
// on first use; calls end with their context. The errors never repeat a password.
func Open(text string) (redis.UniversalClient, error) {
	scheme, _, _ := strings.Cut(text, ":")
	switch scheme {
	case "redis", "rediss", "unix":
		o, err := redis.ParseURL(text)
		if err != nil {
			return nil, errors.New("the Redis URL can't be parsed: want redis://user:password@host:port/db")
		}
		o.ContextTimeoutEnabled = true
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout = dialTime, callTime, callTime
		o.MaxRetries = -1 // what may be repeated is repeated by the caller
		return redis.NewClient(o), nil
	case "redis+sentinel", "redis+cluster":
		return several(scheme, text)
	}
	return nil, fmt.Errorf("the Redis URL begins with %.20q: want redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://", scheme)
}

// Speak lets the library, which has one logger for the process and would write
// each failed connection to standard error, speak through log at a bounded rate.
// The first call counts.
func Speak(log *slog.Logger) {
	speak.Do(func() { redis.SetLogger(pacedlog.New(log, "go-redis")) })
}

var speak sync.Once

const (
	dialTime = 2 * time.Second
	callTime = 5 * time.Second
)

// several reads the URLs that name more than one host, which net/url does not
// take: scheme://user:password@host:port,host:port/path.
func several(scheme, text string) (redis.UniversalClient, error) {
	o := &redis.UniversalOptions{
		ContextTimeoutEnabled: true, DialTimeout: dialTime, ReadTimeout: callTime, WriteTimeout: callTime, MaxRetries: -1,
	}
	rest, ok := strings.CutPrefix(text, scheme+"://")
	hosts, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(hosts, '@'); at >= 0 {
		user, password, _ := strings.Cut(hosts[:at], ":")
		hosts = hosts[at+1:]
		var errUser, errPassword error
		o.Username, errUser = url.PathUnescape(user)
		o.Password, errPassword = url.PathUnescape(password)
		ok = ok && errUser == nil && errPassword == nil
	}
	if !ok || hosts == "" {
		return nil, fmt.Errorf("the Redis URL can't be parsed: want %s://user:password@host:port,host:port/…", scheme)
	}
	o.Addrs = strings.Split(hosts, ",")
	if scheme == "redis+cluster" {
		return cluster(o), nil
	}
	master, db, _ := strings.Cut(strings.Trim(path, "/"), "/")
	if master == "" {
		return nil, errors.New("the Redis URL names no master: want redis+sentinel://host:port,host:port/master/db")
	}
	o.MasterName = master
	if db != "" {
		n, err := strconv.Atoi(db)
		if err != nil {
			return nil, errors.New("the Redis URL's database is not a number")
		}
		o.DB = n
	}
	return redis.NewUniversalClient(o), nil
}

// layoutAge is how old what is known of a cluster's layout may get. A lost
// master can't say who follows it, so that only asking the others finds it; the
// library's default of a minute would be a minute without Redis.
const layoutAge = time.Second

func cluster(o *redis.UniversalOptions) *redis.ClusterClient {
	c := o.Cluster()
	c.MaxRedirects = 3 // while slots move
	c.ClusterStateReloadInterval = layoutAge
	return redis.NewClusterClient(c)
}

// Ping says whether Redis answers.
func Ping(ctx context.Context, c redis.UniversalClient) error {
	if err := c.Ping(ctx).Err(); err != nil {
		return unavailable("reach Redis", err)
	}
	return nil
}
