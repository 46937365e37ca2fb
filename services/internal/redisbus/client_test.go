package redisbus

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	for url, check := range map[string]func(c redis.UniversalClient) bool{
		"redis://user:pw@host:6380/3": func(c redis.UniversalClient) bool {
			o := c.(*redis.Client).Options()
			return o.Addr == "host:6380" && o.DB == 3 && o.Username == "user" && o.Password == "pw" && o.ContextTimeoutEnabled
		},
		"rediss://host": func(c redis.UniversalClient) bool {
			o := c.(*redis.Client).Options()
			return o.Addr == "host:6379" && o.TLSConfig != nil
		},
		"unix:///run/redis.sock": func(c redis.UniversalClient) bool {
			o := c.(*redis.Client).Options()
			return o.Network == "unix" && o.Addr == "/run/redis.sock"
		},
		"redis+sentinel://:pw@a:1,b:2/main/4": func(c redis.UniversalClient) bool {
			o := c.(*redis.Client).Options()
			return o.DB == 4 && o.Password == "pw"
		},
		"redis+cluster://user:pw@a:1,b:2,[::1]:3": func(c redis.UniversalClient) bool {
			o := c.(*redis.ClusterClient).Options()
			return strings.Join(o.Addrs, " ") == "a:1 b:2 [::1]:3" && o.Username == "user"
		},
	} {
		c, err := Open(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if !check(c) {
			t.Errorf("%s: other options than it says", url)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "host:6379", "http://host", "redis://user:s3cret@host:port", "redis+sentinel://:s3cret@a:1", "redis+sentinel://:s3cret@a:1/main/x", "redis+cluster://", "redis+cluster://user:s3cret@"} {
		c, err := Open(url)
		if err == nil {
			_ = c.Close()
			t.Errorf("%q is taken", url)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}
