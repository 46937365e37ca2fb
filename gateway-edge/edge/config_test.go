package edge

import (
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/settings"
)

func fromEnv(t *testing.T, env ...string) (Config, error) {
	t.Helper()
	v, err := settings.Load(Settings, nil, env)
	if err != nil {
		t.Fatal(err)
	}
	return FromSettings(v, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

func TestFromSettings(t *testing.T) {
	t.Parallel()
	root, err := contract.NewRootKeys(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	c, err := fromEnv(t, "TOLLGATE_REDIS_URL=redis://x:1", "TOLLGATE_EDGE_SECRET="+root.Edge.Secret(),
		"TOLLGATE_EDGE_DOMAIN=Edge.Example", "TOLLGATE_TRUSTED_PROXIES=10.1.2.3/8, 192.0.2.7", "TOLLGATE_DRAIN_TIMEOUT=20s")
	if err != nil {
		t.Fatal(err)
	}
	if c.Domain != "edge.example" || c.Addr != ":8000" || c.AllowPrivate || c.DrainTimeout != 20*time.Second || c.drainDelay() != 2*time.Second {
		t.Errorf("config %+v", c)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32")}
	if len(c.TrustedProxies) != 2 || c.TrustedProxies[0] != want[0] || c.TrustedProxies[1] != want[1] {
		t.Errorf("trusted proxies %v", c.TrustedProxies)
	}
}

// TestEveryMistakeAtOnce names all bad settings in one go.
func TestEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	_, err := fromEnv(t, "TOLLGATE_EDGE_SECRET=nonsense", "TOLLGATE_TRUSTED_PROXIES=everybody", "TOLLGATE_DRAIN_TIMEOUT=soon",
		"TOLLGATE_ALLOW_PRIVATE_UPSTREAMS=perhaps", "TOLLGATE_EDGE_DOMAIN=no spaces")
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"REDIS_URL", "EDGE_SECRET", "TRUSTED_PROXIES", "DRAIN_TIMEOUT", "ALLOW_PRIVATE_UPSTREAMS", "EDGE_DOMAIN"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in: %v", name, err)
		}
	}
}

func TestDrainDelay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ timeout, delay, want time.Duration }{
		{30 * time.Second, 0, 3 * time.Second},
		{time.Second, 0, 100 * time.Millisecond},
		{time.Second, -1, 0},
		{time.Second, 5 * time.Second, 5 * time.Second},
	} {
		cfg := Config{DrainTimeout: c.timeout, DrainDelay: c.delay}
		if got := cfg.drainDelay(); got != c.want {
			t.Errorf("%v: %s", c, got)
		}
	}
}

// TestHTTP3Settings names what is wrong with the settings of HTTP/3.
func TestHTTP3Settings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  []string
		says string // "" for none
	}{
		{nil, ""},
		{[]string{"TOLLGATE_EDGE_HTTP3=off", "TOLLGATE_EDGE_HTTP3_PORT=443"}, ""},
		{[]string{"TOLLGATE_EDGE_HTTP3=perhaps"}, `TOLLGATE_EDGE_HTTP3 is "perhaps"`},
		{[]string{"TOLLGATE_EDGE_HTTP3_PORT=70000"}, `TOLLGATE_EDGE_HTTP3_PORT is "70000"`},
		{[]string{"TOLLGATE_EDGE_HTTP3_PORT=0"}, `TOLLGATE_EDGE_HTTP3_PORT is "0"`},
		{[]string{"TOLLGATE_EDGE_HTTP3=on", "TOLLGATE_EDGE_TLS_ADDR="}, "TOLLGATE_EDGE_TLS_ADDR is empty"},
	} {
		_, err := fromEnv(t, c.env...) // other settings are missing too
		if got := err.Error(); strings.Contains(got, "HTTP3") != (c.says != "") || !strings.Contains(got, c.says) {
			t.Errorf("%v: %q, want %q", c.env, got, c.says)
		}
	}
}
