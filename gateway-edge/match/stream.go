package match

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
)

// deniedToStreams are the ports that no stream may have as its target: services
// that answer anybody's datagrams (a loop, or an amplifier), mail relays, and what
// controls machines without asking who calls.
var deniedToStreams = map[uint16]string{
	7: "echo", 9: "discard", 11: "systat", 13: "daytime", 15: "netstat", 17: "qotd", 19: "chargen", 25: "SMTP", 37: "time",
	111: "portmapper", 135: "RPC", 137: "NetBIOS", 138: "NetBIOS", 139: "NetBIOS", 445: "SMB", 623: "IPMI",
	2375: "Docker", 2376: "Docker", 2377: "Docker", 2379: "etcd", 2380: "etcd", 10250: "kubelet", 10255: "kubelet",
}

// maxSNI bounds a server name, in bytes: edges keep it with a prefix.
const maxSNI = 250

// denied are the ports that a target of this kind may not have.
func (u *URL) denied() map[uint16]string {
	if u.Transport != "" {
		return deniedToStreams
	}
	return deniedPorts
}

// UpstreamTransport is what an upstream's targets speak: tcp or udp for one of
// streams, empty for HTTP. CheckUpstream refuses mixtures.
func UpstreamTransport(u *contract.Upstream) string {
	if len(u.Targets) > 0 && contract.IsStreamTarget(u.Targets[0].URL) {
		return u.Targets[0].URL[:3]
	}
	return ""
}

// checkTransport checks that all targets are of one kind, and refuses what means
// something to HTTP only in an upstream of streams.
func checkTransport(u *contract.Upstream, urls []*URL, errs *contract.FieldErrors) {
	if len(urls) != len(u.Targets) || len(urls) == 0 {
		return // a target is wrong anyway
	}
	transport := urls[0].Transport
	for i, url := range urls {
		if url.Transport != transport {
			errs.Add(contract.Pointer("targets", i, "url"), "an upstream's targets are all http(s)://, all tcp:// or all udp://")
			return
		}
	}
	if transport == "" {
		return
	}
	const only = "belongs to upstreams of HTTP"
	for _, f := range []struct {
		at    string
		given bool
	}{
		{"/protocol", u.Protocol != ""},
		{"/tls", u.TLS != nil},
		{"/keepalive", u.Keepalive != nil},
		{"/retries", u.Retries != nil},
		{"/queue", u.Queue != nil},
		// Silence on a stream is the stream's own to end: idle_timeout.
		{"/timeouts/per_try", u.Timeouts != nil && u.Timeouts.PerTry != 0},
		{"/timeouts/total", u.Timeouts != nil && u.Timeouts.Total != 0},
		{"/timeouts/idle", u.Timeouts != nil && u.Timeouts.Idle != 0},
	} {
		if f.given {
			errs.Add(f.at, only+"; this one's targets are "+transport+"://")
		}
	}
	if u.HashOn != nil && u.HashOn.Source != "ip" {
		errs.Add("/hash_on/source", "is ip for a stream: nothing else is known of its clients")
	}
	if u.Sessions != nil && u.Sessions.By != "ip" {
		errs.Add("/session_persistence/by", "is ip for a stream: nothing else is known of its clients")
	}
	if u.Health != nil && u.Health.Type != "tcp" && u.Health.Type != "udp" {
		errs.Add("/health/type", "is tcp for a stream's targets, or udp for those of udp://")
	}
}

// CheckStreams checks a document's streams, each alone and beside the others. The
// pointers begin at the document. Whether a port is free is the control plane's
// to know.
func CheckStreams(doc *contract.Gateway) (errs contract.FieldErrors) {
	ports, hosts := map[string]int{}, map[string]int{}
	for i := range doc.Streams {
		s := &doc.Streams[i]
		at := contract.Pointer("streams", i)
		var own contract.FieldErrors
		checkStream(s, doc, &own)
		errs.AddAt(at, own.Err())
		if s.Port != 0 {
			key := s.Transport() + "/" + strconv.Itoa(s.Port)
			if first, ok := ports[key]; ok {
				errs.Add(at+"/port", key+" is that of "+contract.Pointer("streams", first)+" already")
			}
			ports[key] = i
		}
		for k, h := range s.SNI {
			if first, ok := hosts[h]; ok {
				errs.Add(at+contract.Pointer("sni", k), "is a name of "+contract.Pointer("streams", first)+" already")
			}
			hosts[h] = i
		}
	}
	return errs
}

func checkStream(s *contract.Stream, doc *contract.Gateway, errs *contract.FieldErrors) {
	oneOf(errs, "/protocol", s.Protocol, contract.StreamTCP, contract.StreamUDP, contract.StreamTLS)
	oneOf(errs, "/proxy_protocol", s.ProxyProtocol, "", contract.ProxyOff, contract.ProxyV1, contract.ProxyV2)
	if s.Port != 0 {
		between(errs, "/port", s.Port, 1, 65535)
	}
	switch s.Protocol {
	case contract.StreamTLS:
		if s.Port != 0 {
			errs.Add("/port", "protocol tls is on the shared TLS port, by sni; a stream with a port of its own is protocol tcp, whatever it carries")
		}
		if s.AcceptProxyProtocol {
			errs.Add("/accept_proxy_protocol", "is not needed for protocol tls: the shared TLS port takes PROXY headers of the operator's trusted proxies")
		}
		checkSNI(s, doc, errs)
	default:
		if len(s.SNI) > 0 {
			errs.Add("/sni", "belongs to protocol tls")
		}
	}
	if s.Protocol == contract.StreamUDP {
		if s.ProxyProtocol == contract.ProxyV1 {
			errs.Add("/proxy_protocol", "v1 knows no UDP: v2 does")
		}
		if s.AcceptProxyProtocol {
			errs.Add("/accept_proxy_protocol", "belongs to connections, not to datagrams")
		}
	}
	lasting(errs, "/idle_timeout", s.IdleTimeout, contract.MinStreamIdle, contract.MaxStreamIdle)
	lasting(errs, "/connect_timeout", s.ConnectTimeout, minCheckEvery, contract.MaxStreamConnect)
	between(errs, "/max_connections", s.MaxConnections, 0, contract.MaxStreamConns)
	between(errs, "/max_connections_per_ip", s.MaxConnectionsPerIP, 0, contract.MaxStreamConns)
	checkPrefixes(errs, "allow", s.Allow)
	checkPrefixes(errs, "deny", s.Deny)
	checkStreamUpstream(s, doc, errs)
}

func checkPrefixes(errs *contract.FieldErrors, field string, list []string) {
	if len(list) > contract.MaxStreamAddresses {
		errs.Add("/"+field, "has more than "+strconv.Itoa(contract.MaxStreamAddresses)+" entries")
		return
	}
	for i, text := range list {
		if _, err := ParsePrefix(text); err != nil {
			errs.Add(contract.Pointer(field, i), strconv.Quote(text)+" is neither an address nor a CIDR such as 203.0.113.0/24")
		}
	}
}

// ParsePrefix reads an address or a CIDR; bits behind the prefix's length are
// dropped, and IPv4 inside IPv6 is IPv4.
func ParsePrefix(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, &Error{"address", 0, "is no IP address"}
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, err
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// checkStreamUpstream checks that the stream's targets speak its transport.
func checkStreamUpstream(s *contract.Stream, doc *contract.Gateway, errs *contract.FieldErrors) {
	if s.Upstream == "" {
		errs.Add("/upstream", "must name an upstream of "+s.Transport()+":// targets")
		return
	}
	names := make([]string, len(doc.Upstreams))
	for i := range doc.Upstreams {
		u := &doc.Upstreams[i]
		if names[i] = u.Name; u.Name != s.Upstream {
			continue
		}
		if got := UpstreamTransport(u); got != s.Transport() {
			if got == "" {
				got = "http"
			}
			errs.Add("/upstream", "the targets of "+strconv.Quote(s.Upstream)+" are "+got+"://: a stream of protocol "+s.Protocol+" needs "+s.Transport()+":// targets")
		}
		return
	}
	detail := "the gateway has no upstream " + strconv.Quote(s.Upstream)
	if near, ok := contract.Closest(s.Upstream, names); ok {
		detail += "; did you mean " + strconv.Quote(near) + "?"
	}
	errs.Add("/upstream", detail)
}

// checkSNI checks that each server name is the gateway's to give: a name under its
// own host, or a custom domain of it.
func checkSNI(s *contract.Stream, doc *contract.Gateway, errs *contract.FieldErrors) {
	if len(s.SNI) == 0 || len(s.SNI) > contract.MaxStreamSNI {
		errs.Add("/sni", "protocol tls has 1 to "+strconv.Itoa(contract.MaxStreamSNI)+" server names")
		return
	}
	for i, h := range s.SNI {
		at := contract.Pointer("sni", i)
		canon, err := HostPattern(h)
		switch {
		case err != nil:
			errs.Add(at, reason(err))
		case len(h) > maxSNI:
			errs.Add(at, "is longer than "+strconv.Itoa(maxSNI)+" bytes")
		case canon != h:
			errs.Add(at, "write it as "+canon)
		case len(doc.Hosts) > 0 && h == doc.Hosts[0]:
			errs.Add(at, "the gateway's own host serves HTTP: take a name under it, such as db."+h)
		case !MayServe(doc, h):
			own := ""
			if len(doc.Hosts) > 0 {
				own = " (such as db." + doc.Hosts[0] + ")"
			}
			errs.Add(at, "must be a name under the gateway's own host"+own+" or one of its proven custom domains")
		}
	}
}

// MayServe reports whether a stream of the gateway may have a server name, a
// canonical host or wildcard: one under the gateway's own host, or a custom domain
// that its document has.
func MayServe(doc *contract.Gateway, h string) bool {
	if len(doc.Hosts) == 0 {
		return false
	}
	if strings.HasSuffix(h, "."+doc.Hosts[0]) {
		return true
	}
	return slices.ContainsFunc(doc.Hosts[1:], func(own string) bool { return HostMatches(own, h) })
}
