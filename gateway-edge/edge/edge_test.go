package edge_test

import (
	"testing"
	"time"
)

// TestServes publishes a gateway with one route and one key and calls through it.
func TestServes(t *testing.T) {
	w := newWorld(t)
	e := w.start(t, t.TempDir())
	e.waitReady(t)
	w.organization(1)
	w.pub.Gateway(w.document(1))
	key, record := w.pub.Key(11)

	within(t, "the gateway serves", func() bool { return e.get(t, "shop.edge.test", "/hello", key).status == 200 })
	a := e.get(t, "shop.edge.test", "/hello", key)
	if a.status != 200 || a.body != `hello /hello mobile-app key=""` {
		t.Fatalf("answer %d %q", a.status, a.body)
	}
	for _, c := range []struct {
		name, host, path, key string
		status                int
		code                  string
	}{
		{"no key", "shop.edge.test", "/hello", "", 401, "key_missing"},
		{"no such route", "shop.edge.test", "/nothing", key, 404, "no_route"},
		{"no such host", "other.edge.test", "/hello", key, 404, "no_route"},
	} {
		if a := e.get(t, c.host, c.path, c.key); a.status != c.status || code(a) != c.code {
			t.Errorf("%s: %d %s, want %d %s: %s", c.name, a.status, code(a), c.status, c.code, a.body)
		}
	}

	began := time.Now()
	w.pub.Revoke(record)
	took := within(t, "the key is revoked", func() bool { return e.get(t, "shop.edge.test", "/hello", key).status == 401 })
	t.Logf("revoked after %s (published in %s)", time.Since(began), time.Since(began)-took)
	if a := e.get(t, "shop.edge.test", "/hello", key); code(a) != "key_revoked" {
		t.Errorf("revoked key: %s", code(a))
	}
}
