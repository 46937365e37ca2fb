package match

import (
	"net/netip"
	"strconv"
	"strings"
)

// MaxURL bounds an upstream's or fetch address, in bytes.
const MaxURL = 2048

// URL is a checked upstream or fetch address. It is immutable.
type URL struct {
	TLS bool
	// Transport is tcp or udp for the target of a stream, empty for HTTP.
	Transport string
	Host      string     // canonical; an IPv6 address has no brackets
	Port      uint16     // the scheme's default is filled in
	Addr      netip.Addr // valid when Host is an address
	// SRV is the beginning "_service._tcp." of the name whose SRV records lead to
	// addresses and ports; empty: Host's own addresses do.
	SRV string
	// Path and Query are empty for upstreams.
	Path, Query string
	text, host  string
}

// String is the canonical form "scheme://host:port", the port always written,
// followed by path and query.
func (u *URL) String() string { return u.text }

// HostPort is the value of a Host field: with the port only when it is not the
// scheme's own.
func (u *URL) HostPort() string { return u.host }

func (u *URL) fill() {
	host, scheme, port := u.Host, "http://", uint16(80)
	if u.Addr.Is6() {
		host = "[" + host + "]"
	}
	switch {
	case u.Transport != "":
		scheme, port = u.Transport+"://", 0
	case u.TLS:
		scheme, port = "https://", 443
	}
	u.host = host
	if u.Port != port {
		u.host += ":" + strconv.Itoa(int(u.Port))
	}
	u.text = scheme + host + ":" + strconv.Itoa(int(u.Port)) + u.Path
	if u.Query != "" {
		u.text += "?" + u.Query
	}
}

// CheckUpstreamURL parses a target's address, scheme://host[:port] and nothing
// more (a stream's, tcp:// or udp://, has a port), and refuses what the guard can refuse without resolving a name. It is
// called when a configuration is written, and again when it is compiled. The
// error is an *Error, or a *Forbidden for what is well-formed but not allowed.
func (g *Guard) CheckUpstreamURL(raw string) (*URL, error) {
	u, rest, err := g.checkOrigin(raw, true)
	if err != nil {
		return nil, err
	}
	if rest < len(raw) && (raw[rest:] != "/" || u.Transport != "") {
		return nil, &Error{"url", rest, "a target is scheme://host[:port] and nothing more"}
	}
	u.fill()
	return u, nil
}

// CheckFetchURL does the same for an address that may have a path and a query
// (JWKS, discovery documents, webhooks).
func (g *Guard) CheckFetchURL(raw string) (*URL, error) {
	u, rest, err := g.checkOrigin(raw, false)
	if err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(raw[rest:], "?")
	if u.Path, err = PathString(path); err != nil {
		return nil, inURL(err, rest)
	}
	if err := CheckQuery(query); err != nil {
		return nil, inURL(err, rest+len(path)+1)
	}
	for i := 0; i < len(query); i++ {
		if query[i] >= 0x80 || query[i] == '\\' {
			return nil, &Error{"url", rest + len(path) + 1 + i, "this character must be escaped"}
		}
	}
	u.Query = query
	u.fill()
	return u, nil
}

// inURL moves an error of a part to its place in the URL.
func inURL(err error, at int) error {
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	return &Error{"url", at + e.Offset, e.Reason}
}

// checkOrigin reads scheme, host and port; rest is where the path begins. streams
// says whether it may be the address of a stream's target.
func (g *Guard) checkOrigin(raw string, streams bool) (u *URL, rest int, err error) {
	if len(raw) > MaxURL {
		return nil, 0, &Error{"url", MaxURL, "it is longer than 2048 bytes"}
	}
	u = &URL{Port: 80}
	switch {
	case strings.HasPrefix(raw, "http://"):
		rest = len("http://")
	case strings.HasPrefix(raw, "https://"):
		rest = len("https://")
		u.TLS, u.Port = true, 443
	case streams && (strings.HasPrefix(raw, "tcp://") || strings.HasPrefix(raw, "udp://")):
		rest = len("tcp://")
		u.Transport, u.Port = raw[:3], 0
	case streams:
		return nil, 0, &Error{"url", 0, "it must begin with http:// or https://, or with tcp:// or udp:// for a stream"}
	default:
		return nil, 0, &Error{"url", 0, "it must begin with http:// or https://"}
	}
	from := rest
	if i := strings.IndexAny(raw[from:], "/?#\\"); i >= 0 {
		rest += i
	} else {
		rest = len(raw)
	}
	authority := raw[from:rest]
	if i := strings.IndexByte(authority, '@'); i >= 0 {
		return nil, 0, &Error{"url", from + i, "user information is not allowed"}
	}
	name, port, err := HostString(authority)
	if err != nil {
		return nil, 0, inURL(err, from)
	}
	if port != 0 {
		u.Port = uint16(port)
	}
	if u.Port == 0 {
		return nil, 0, &Error{"url", rest, "a target of a stream has a port, such as " + u.Transport + "://db.example.com:5432"}
	}
	if err := u.setHost(authority, name, from); err != nil {
		return nil, 0, err
	}
	return u, rest, g.checkOriginHost(u)
}

// setHost fills in Host and Addr; only the usual form of an address is taken
// for one, every other spelling is refused.
func (u *URL) setHost(authority, name string, at int) error {
	u.Host = name
	if name[0] == '[' {
		u.Addr = netip.MustParseAddr(name[1 : len(name)-1])
		u.Host = u.Addr.String()
		return nil
	}
	if !endsInNumber(name) {
		return nil
	}
	addr, err := netip.ParseAddr(name)
	if err != nil || !addr.Is4() {
		return &Error{"url", at, "a host that ends in a number must be an IPv4 address of four decimal numbers"}
	}
	if written, _, _ := strings.Cut(authority, ":"); strings.HasSuffix(written, ".") {
		return &Error{"url", at + len(written) - 1, "an address does not end with a dot"}
	}
	u.Addr = addr
	return nil
}

func (g *Guard) checkOriginHost(u *URL) error {
	ports := u.denied()
	if u.Addr.IsValid() {
		return g.checkAddr(netip.AddrPortFrom(u.Addr, u.Port), ports)
	}
	if what, denied := ports[u.Port]; denied {
		return forbid("port %d (%s) is not allowed", u.Port, what)
	}
	return g.checkHost(u.Host)
}
