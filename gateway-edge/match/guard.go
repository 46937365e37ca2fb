package match

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

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

// Forbidden is why an address is refused. The text is for the tenant who
// configured it, never for callers.
type Forbidden struct{ Reason string }

func (e *Forbidden) Error() string { return e.Reason }

func forbid(format string, args ...any) error { return &Forbidden{fmt.Sprintf(format, args...)} }

// metadata are addresses at which clouds hand out credentials; no option opens
// them.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"), // AWS, GCP, Azure, DigitalOcean, OpenStack
	netip.MustParseAddr("169.254.170.2"),   // AWS ECS
	netip.MustParseAddr("169.254.170.23"),  // AWS EKS pod identity
	netip.MustParseAddr("169.254.0.23"),    // Tencent
	netip.MustParseAddr("168.63.129.16"),   // Azure
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("192.0.0.192"),     // Oracle
	netip.MustParseAddr("fd00:ec2::254"),   // AWS over IPv6
	netip.MustParseAddr("fd00:ec2::23"),    // AWS EKS over IPv6
	netip.MustParseAddr("fd20:ce::254"),    // GCP over IPv6
}

// local are the blocks that AllowPrivate opens.
var local = prefixes(
	"127.0.0.0/8", "::1/128", // loopback
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // RFC 1918
	"100.64.0.0/10",               // RFC 6598
	"169.254.0.0/16", "fe80::/10", // link local
	"fc00::/7",      // RFC 4193
	"198.18.0.0/15", // RFC 2544
)

// never are the blocks that are not global unicast and that nothing opens (IANA
// special-purpose address registries), and those that carry an IPv4 address
// inside an IPv6 one, through which every rule for IPv4 could be evaded.
var never = prefixes(
	"0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4",
	"::/96",          // unspecified, and IPv4-compatible
	"64:ff9b::/96",   // NAT64
	"64:ff9b:1::/48", // local NAT64
	"100::/64",       // discard
	"2001::/23",      // Teredo and other protocol assignments
	"2001:db8::/32",  // documentation
	"3fff::/20",      // documentation
	"2002::/16",      // 6to4
	"5f00::/16",      // segment routing
	"fec0::/10",      // site local
	"ff00::/8",       // multicast
)

// globalV6 is all of IPv6 that is given out as global unicast.
var globalV6 = netip.MustParsePrefix("2000::/3")

func prefixes(in ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(in))
	for i, s := range in {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// deniedPorts are those of services that are not HTTP and that an HTTP request
// could confuse or reveal; no option opens them.
var deniedPorts = map[uint16]string{
	1: "tcpmux", 7: "echo", 9: "discard", 11: "systat", 13: "daytime", 15: "netstat", 17: "qotd", 19: "chargen",
	20: "FTP", 21: "FTP", 22: "SSH", 23: "Telnet", 25: "SMTP", 37: "time", 42: "nameserver", 43: "whois", 53: "DNS",
	69: "TFTP", 79: "finger", 87: "link", 95: "supdup", 109: "POP2", 110: "POP3", 111: "portmapper", 113: "ident",
	119: "NNTP", 123: "NTP", 135: "RPC", 137: "NetBIOS", 138: "NetBIOS", 139: "NetBIOS", 143: "IMAP", 161: "SNMP",
	162: "SNMP", 179: "BGP", 389: "LDAP", 427: "SLP", 445: "SMB", 465: "SMTP", 512: "exec", 513: "login", 514: "shell",
	515: "printer", 526: "tempo", 530: "courier", 531: "chat", 532: "netnews", 540: "uucp", 548: "AFP", 554: "RTSP",
	556: "remotefs", 563: "NNTP", 587: "SMTP", 601: "syslog", 623: "IPMI", 631: "IPP", 636: "LDAP", 873: "rsync",
	989: "FTP", 990: "FTP", 992: "Telnet", 993: "IMAP", 995: "POP3", 1080: "SOCKS", 1433: "SQL Server", 1434: "SQL Server",
	1521: "Oracle", 1719: "H.323", 1720: "H.323", 1723: "PPTP", 2049: "NFS", 2181: "ZooKeeper", 2375: "Docker",
	2376: "Docker", 2377: "Docker", 2379: "etcd", 2380: "etcd", 3306: "MySQL", 3389: "RDP", 3659: "apple-sasl",
	4045: "lockd", 4369: "epmd", 5060: "SIP", 5061: "SIP", 5432: "PostgreSQL", 5433: "PostgreSQL", 5671: "AMQP",
	5672: "AMQP", 5900: "VNC", 6000: "X11", 6379: "Redis", 6380: "Redis", 6566: "SANE", 6665: "IRC", 6666: "IRC",
	6667: "IRC", 6668: "IRC", 6669: "IRC", 6697: "IRC", 9042: "Cassandra", 9092: "Kafka", 10080: "Amanda",
	10250: "kubelet", 10255: "kubelet", 11211: "memcached", 16379: "Redis", 26379: "Redis", 27017: "MongoDB",
	27018: "MongoDB", 27019: "MongoDB",
}

// CheckAddr judges a resolved address just before it is dialled. The error is a
// *Forbidden.
func (g *Guard) CheckAddr(addr netip.AddrPort) error { return g.checkAddr(addr, deniedPorts) }

// CheckStreamAddr is CheckAddr for the target of a stream, which may speak what
// its tenant likes.
func (g *Guard) CheckStreamAddr(addr netip.AddrPort) error { return g.checkAddr(addr, deniedToStreams) }

func (g *Guard) checkAddr(addr netip.AddrPort, ports map[uint16]string) error {
	a := addr.Addr()
	if a.Zone() != "" {
		return forbid("an address with a zone (%s) is not allowed", a)
	}
	a = a.Unmap()
	if !a.IsValid() || addr.Port() == 0 {
		return forbid("an address and a port are needed")
	}
	if what, denied := ports[addr.Port()]; denied {
		return forbid("port %d (%s) is not allowed", addr.Port(), what)
	}
	if slices.Contains(metadata, a) {
		return forbid("%s is a cloud's metadata service", a)
	}
	if g.own(a, addr.Port()) {
		return forbid("%s is an address of Tollgate itself", netip.AddrPortFrom(a, addr.Port()))
	}
	switch {
	case within(local, a):
		if !g.AllowPrivate {
			return forbid("%s is a private or local address", a)
		}
	case within(never, a) || a.Is6() && !globalV6.Contains(a):
		return forbid("%s is not a public unicast address", a)
	}
	return nil
}

// own reports whether a and port belong to Tollgate itself.
func (g *Guard) own(a netip.Addr, port uint16) bool {
	for _, o := range g.Own {
		if o.Port() != 0 && o.Port() != port {
			continue
		}
		own := o.Addr().Unmap()
		if own == a || own.IsUnspecified() && (a.IsLoopback() || slices.ContainsFunc(g.Local, func(l netip.Addr) bool { return l.Unmap().WithZone("") == a })) {
			return true
		}
	}
	return false
}

// localNames are names that always mean an address of the machine or its
// network; AllowPrivate opens them.
var localNames = []string{"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback", "localtest.me", "lvh.me", "vcap.me"}

// metadataNames are names of metadata services; no option opens them.
var metadataNames = []string{"metadata.google.internal", "metadata", "metadata.goog", "instance-data", "instance-data.ec2.internal", "metadata.packet.net", "metadata.platformequinix.com", "metadata.tencentyun.com"}

// checkHost judges a canonical name without resolving it.
func (g *Guard) checkHost(name string) error {
	if slices.Contains(metadataNames, name) {
		return forbid("%s is a cloud's metadata service", name)
	}
	for _, o := range g.OwnHosts {
		if HostMatches(o, name) {
			return forbid("%s is a host of Tollgate itself", name)
		}
	}
	if g.AllowPrivate {
		return nil
	}
	for _, l := range localNames {
		if name == l || strings.HasSuffix(name, "."+l) {
			return forbid("%s is a local name", name)
		}
	}
	for _, suffix := range []string{".local", ".internal", ".localdomain", ".home.arpa", ".onion"} {
		if strings.HasSuffix(name, suffix) {
			return forbid("names under %q are local", suffix)
		}
	}
	return nil
}

// IsForbidden reports whether err says that the guard refused an address, as
// against an address that could not be parsed.
func IsForbidden(err error) bool {
	var f *Forbidden
	return errors.As(err, &f)
}
