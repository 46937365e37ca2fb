package match

import (
	"net/netip"
	"strings"
	"testing"
)

func TestUpstreamURL(t *testing.T) {
	t.Parallel()
	strict := &Guard{OwnHosts: []string{"*.edge.example", "portal.example"}}
	open := &Guard{
		AllowPrivate: true, Own: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:8000"), netip.MustParseAddrPort("10.9.9.9:0")},
		Local: []netip.Addr{netip.MustParseAddr("10.1.1.1")},
	}
	const bad, forbidden = "bad", "forbidden"
	for _, c := range []struct {
		row, in string
		strict  string // canonical form, bad or forbidden
		open    string // the same with private addresses allowed; empty: as strict
	}{
		{"plain", "http://api.example.com", "http://api.example.com:80", ""},
		{"plain", "https://API.example.com.:8443/", "https://api.example.com:8443", ""},
		{"plain", "https://[2606:4700::1]", "https://[2606:4700::1]:443", ""},
		{"plain", "http://93.184.216.34:8080", "http://93.184.216.34:8080", ""},
		{"plain", "http://host/path", bad, ""},
		{"plain", "http://host?x", bad, ""},
		{"plain", "http://", bad, ""},
		{"plain", "host:80", bad, ""},
		{"SSR01", "http://169.254.169.254", forbidden, forbidden},
		{"SSR01", "http://169.254.170.2", forbidden, forbidden},
		{"SSR01", "http://[fd00:ec2::254]", forbidden, forbidden},
		{"SSR01", "http://metadata.google.internal", forbidden, forbidden},
		{"SSR01", "http://METADATA.google.internal.", forbidden, forbidden},
		{"SSR01", "http://100.100.100.200", forbidden, forbidden},
		{"SSR01", "http://168.63.129.16", forbidden, forbidden},
		{"SSR02", "http://127.0.0.1:9000", forbidden, "http://127.0.0.1:9000"},
		{"SSR02", "http://127.0.0.1:8000", forbidden, forbidden}, // own port
		{"SSR02", "http://10.1.1.1:8000", forbidden, forbidden},  // own port on another interface
		{"SSR02", "http://10.9.9.9:1234", forbidden, forbidden},  // own machine
		{"SSR02", "http://127.1", bad, ""},
		{"SSR02", "http://0.0.0.0", forbidden, forbidden},
		{"SSR02", "http://0", bad, ""},
		{"SSR02", "http://[::]", forbidden, forbidden},
		{"SSR02", "http://[::1]", forbidden, "http://[::1]:80"},
		{"SSR02", "http://localhost:9000", forbidden, "http://localhost:9000"},
		{"SSR02", "http://x.localhost", forbidden, "http://x.localhost:80"},
		{"SSR02", "http://a.localtest.me", forbidden, "http://a.localtest.me:80"},
		{"SSR02", "http://db.internal", forbidden, "http://db.internal:80"},
		{"SSR03", "http://10.0.0.1", forbidden, "http://10.0.0.1:80"},
		{"SSR03", "http://172.31.255.255", forbidden, "http://172.31.255.255:80"},
		{"SSR03", "http://172.32.0.1", "http://172.32.0.1:80", ""},
		{"SSR03", "http://192.168.1.1", forbidden, "http://192.168.1.1:80"},
		{"SSR03", "http://100.64.0.1", forbidden, "http://100.64.0.1:80"},
		{"SSR03", "http://192.0.0.1", forbidden, forbidden},
		{"SSR03", "http://198.19.0.1", forbidden, "http://198.19.0.1:80"},
		{"SSR03", "http://224.0.0.1", forbidden, forbidden},
		{"SSR03", "http://255.255.255.255", forbidden, forbidden},
		{"SSR03", "http://[fc00::1]", forbidden, "http://[fc00::1]:80"},
		{"SSR03", "http://[fe80::1]", forbidden, "http://[fe80::1]:80"},
		{"SSR03", "http://[ff02::1]", forbidden, forbidden},
		{"SSR03", "http://[2001:db8::1]", forbidden, forbidden},
		{"SSR04", "http://[::ffff:127.0.0.1]", forbidden, "http://[::ffff:127.0.0.1]:80"},
		{"SSR04", "http://[::ffff:169.254.169.254]", forbidden, forbidden},
		{"SSR04", "http://[::127.0.0.1]", forbidden, forbidden},
		{"SSR04", "http://[64:ff9b::7f00:1]", forbidden, forbidden},
		{"SSR04", "http://[2002:7f00:1::]", forbidden, forbidden},
		{"SSR04", "http://[2001:0:1::1]", forbidden, forbidden}, // Teredo
		{"SSR04", "http://[fe80::1%25eth0]", bad, ""},
		{"SSR05", "http://2130706433", bad, ""},
		{"SSR05", "http://0x7f000001", bad, ""},
		{"SSR05", "http://0x7f.1", bad, ""},
		{"SSR05", "http://0177.0.0.1", bad, ""},
		{"SSR05", "http://127.0.0.1.", bad, ""},
		{"SSR05", "http://93.184.216.34.:80", bad, ""},
		{"SSR05", "http://[127.0.0.1]", bad, ""},
		{"SSR05", "http://1.2.3.4.5", bad, ""},
		{"SSR05", "http://256.1.1.1", bad, ""},
		{"SSR05", "http://a.0x", bad, ""},
		{"SSR08", "http://user:pw@host", bad, ""},
		{"SSR08", "http://host#@evil", bad, ""},
		{"SSR08", "http://host?@evil", bad, ""},
		{"SSR08", `http://host\@evil`, bad, ""},
		{"SSR08", "http://ho\tst", bad, ""},
		{"SSR08", "http://host\n", bad, ""},
		{"SSR08", " http://host", bad, ""},
		{"SSR08", "http://ho%00st", bad, ""},
		{"SSR08", "http://host。example", bad, ""},
		{"SSR09", "file:///etc/passwd", bad, ""},
		{"SSR09", "gopher://host", bad, ""},
		{"SSR09", "ftp://host", bad, ""},
		{"SSR09", "unix:/run/x.sock", bad, ""},
		{"SSR09", "h2c+http://host", bad, ""},
		{"SSR09", "HTTP://host", bad, ""},
		{"SSR10", "http://host:22", forbidden, forbidden},
		{"SSR10", "http://host:25", forbidden, forbidden},
		{"SSR10", "http://host:6379", forbidden, forbidden},
		{"SSR10", "http://93.184.216.34:5432", forbidden, forbidden},
		{"SSR10", "http://host:2375", forbidden, forbidden},
		{"SSR10", "http://host:0", bad, ""},
		{"SSR11", "http://demo.edge.example", forbidden, "http://demo.edge.example:80"},
		{"SSR11", "https://portal.example", forbidden, "https://portal.example:443"},
	} {
		for _, g := range []struct {
			name  string
			guard *Guard
			want  string
		}{{"strict", strict, c.strict}, {"open", open, c.open}} {
			if g.want == "" {
				g.want = c.strict
			}
			u, err := g.guard.CheckUpstreamURL(c.in)
			got := ""
			switch {
			case IsForbidden(err):
				got = forbidden
			case err != nil:
				got = bad
			default:
				got = u.String()
			}
			if got != g.want {
				t.Errorf("%s %s %q: %s (%v), want %s", c.row, g.name, c.in, got, err, g.want)
			}
		}
	}
}

// TestCheckAddrAtDial is row SSR06's half of the guard: what a name resolved to.
func TestCheckAddrAtDial(t *testing.T) {
	t.Parallel()
	g := &Guard{Own: []netip.AddrPort{netip.MustParseAddrPort("203.0.113.9:443")}}
	for in, ok := range map[string]bool{
		"93.184.216.34:80": true, "[2606:4700::1]:443": true,
		"10.0.0.1:80": false, "127.0.0.1:80": false, "169.254.169.254:80": false,
		"[::ffff:10.0.0.1]:80": false, "[fe80::1%eth0]:80": false, "93.184.216.34:6379": false, "203.0.113.9:443": false,
		"[4000::1]:80": false, "[::1]:80": false, "93.184.216.34:0": false,
	} {
		if err := g.CheckAddr(netip.MustParseAddrPort(in)); (err == nil) != ok || err != nil && !IsForbidden(err) {
			t.Errorf("%s: %v", in, err)
		}
	}
	if err := g.CheckAddr(netip.AddrPort{}); err == nil {
		t.Error("no address was accepted")
	}
}

func TestFetchURL(t *testing.T) {
	t.Parallel()
	g := &Guard{}
	u, err := g.CheckFetchURL("https://issuer.example/.well-known/openid-configuration?x=1&y=%20")
	if err != nil || u.String() != "https://issuer.example:443/.well-known/openid-configuration?x=1&y=%20" || u.HostPort() != "issuer.example" {
		t.Errorf("%v %v", u, err)
	}
	for _, bad := range []string{"https://issuer.example/a#b", "https://issuer.example/a?b#c", "https://issuer.example/%2e%2e", "https://issuer.example/x\r\n", "https://10.0.0.1/x", "https://issuer.example/a?é"} {
		if u, err := g.CheckFetchURL(bad); err == nil {
			t.Errorf("%q became %v", bad, u)
		}
	}
	if _, err := g.CheckUpstreamURL("http://" + strings.Repeat("a", MaxURL)); err == nil {
		t.Error("an endless URL was accepted")
	}
}
