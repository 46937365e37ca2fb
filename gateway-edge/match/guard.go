package match

import "net/netip"

// Guard says which addresses an upstream, a health check, a JWKS or a webhook
// may have. The zero Guard is the strictest. It is immutable.
type Guard struct {
	// AllowPrivate opens loopback, private and other local addresses, for one's
	// own network. Own addresses, metadata services and denied ports stay refused.
	AllowPrivate bool
	// Own are addresses of Tollgate's own processes and stores. An unspecified
	// address (0.0.0.0, ::) stands for every address in Local and all loopback
	// addresses; port 0 for every port.
	Own []netip.AddrPort
	// Local are the addresses of this machine's interfaces.
	Local []netip.Addr
	// OwnHosts are host names of Tollgate itself that no upstream may have, as
	// HostPattern has them.
	OwnHosts []string
}

// URL is a checked upstream or fetch address.
type URL struct {
	TLS  bool
	Host string     // canonical; an IPv6 address has no brackets
	Port uint16     // the scheme's default is filled in
	Addr netip.Addr // valid when Host is an address
	// Path and Query are empty for upstreams.
	Path, Query string
}

// String is the canonical form "scheme://host:port"; the port is always written.
func (u *URL) String() string { return "" }

// HostPort is the value of a Host field: the port only when it is not the scheme's.
func (u *URL) HostPort() string { return "" }

// CheckUpstreamURL parses a target's address, scheme://host[:port] and nothing
// more, and refuses what the guard can refuse without resolving a name. It is
// called when a configuration is written, and again when it is compiled.
func (g *Guard) CheckUpstreamURL(raw string) (*URL, error) { return nil, nil }

// CheckFetchURL does the same for an address that may have a path and a query
// (JWKS, discovery documents, webhooks).
func (g *Guard) CheckFetchURL(raw string) (*URL, error) { return nil, nil }

// CheckAddr judges a resolved address just before it is dialled.
func (g *Guard) CheckAddr(addr netip.AddrPort) error { return nil }
