package httpapi

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestClientAddress(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for name, c := range map[string]struct {
		peer  string
		hops  []string
		want  string
		proxy bool
	}{
		"direct":                    {"192.0.2.1:1234", nil, "192.0.2.1", false},
		"a stranger's claim":        {"192.0.2.1:1234", []string{"203.0.113.9"}, "192.0.2.1", false},
		"a proxy":                   {"10.1.1.1:1", []string{"203.0.113.9"}, "203.0.113.9", true},
		"a proxy of a proxy":        {"10.1.1.1:1", []string{"203.0.113.9, 10.2.2.2"}, "203.0.113.9", true},
		"a forged first hop":        {"10.1.1.1:1", []string{"1.1.1.1, 203.0.113.9"}, "203.0.113.9", true},
		"two header fields":         {"10.1.1.1:1", []string{"1.1.1.1", "203.0.113.9"}, "203.0.113.9", true},
		"a hop that is no address":  {"10.1.1.1:1", []string{"1.1.1.1, evil"}, "10.1.1.1", true},
		"a proxy that says nothing": {"10.1.1.1:1", nil, "10.1.1.1", true},
		"IPv6":                      {"[::1]:1", []string{"2001:db8::1"}, "2001:db8::1", true},
		"IPv4 in IPv6":              {"[::ffff:10.1.1.1]:1", []string{"203.0.113.9"}, "203.0.113.9", true},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.hops}}
		if got, proxy := clientAddress(r, trusted); got != c.want || proxy != c.proxy {
			t.Errorf("%s: %s, %v, want %s, %v", name, got, proxy, c.want, c.proxy)
		}
	}
}

func TestDocumentPath(t *testing.T) {
	t.Parallel()
	if got := documentPath("/v1/gateways/:gateway/keys/:key"); got != "/v1/gateways/{gateway}/keys/{key}" {
		t.Errorf("got %s", got)
	}
}
