package harness

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/tollgate/tollgate/services/contract/testport"
)

// The TSIG key with which a DNS of a test takes updates of its zone.
const (
	DNSKeyName   = "tollgate-test."
	DNSKeySecret = "dG9sbGdhdGUgdGVzdHMgc2lnbiB0aGVpciB1cGRhdGVz"
)

// DNS is a name server of one test: each name has the address 127.0.0.1, or those
// that the test gives it, and the text and service records that it gives, or a
// signed dynamic update (RFC 2136). Answers hold for a second.
type DNS struct {
	Addr string // host:port

	mu      sync.Mutex
	zone    string              // with a last dot; empty: there is none
	txt     map[string][]string // by lower-case name without the last dot
	none    map[string]bool     // names without an address
	ips     map[string][]netip.Addr
	srv     map[string][]SRV
	fail    bool
	updates int // that were taken
	refused int // whose signature was not good
}

// StartDNS starts a name server that ends with the test.
func StartDNS(t testing.TB) *DNS {
	t.Helper()
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", testport.Free(t)))
	must(t, err)
	conn, err := net.ListenPacket("udp", ln.Addr().String())
	must(t, err)
	d := &DNS{Addr: ln.Addr().String(), txt: map[string][]string{}, none: map[string]bool{}, ips: map[string][]netip.Addr{}, srv: map[string][]SRV{}}
	server := func() *dns.Server {
		return &dns.Server{
			Handler: dns.HandlerFunc(d.serve), TsigSecret: map[string]string{DNSKeyName: DNSKeySecret},
			MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept },
		}
	}
	udp, tcp := server(), server()
	udp.PacketConn, tcp.Listener = conn, ln
	var served sync.WaitGroup
	for _, s := range []*dns.Server{udp, tcp} {
		up := make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		served.Go(func() { _ = s.ActivateAndServe() })
		<-up
	}
	t.Cleanup(func() { _, _ = udp.Shutdown(), tcp.Shutdown(); served.Wait() })
	return d
}

// SetTXT gives a name its text records; none take them away.
func (d *DNS) SetTXT(name string, values ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.txt[name] = values
}

// TXT returns a name's text records.
func (d *DNS) TXT(name string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.txt[name])
}

// SetAddrs gives a name these addresses, of either family.
func (d *DNS) SetAddrs(name string, addrs ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ips[name] = nil
	for _, a := range addrs {
		d.ips[name] = append(d.ips[name], netip.MustParseAddr(a))
	}
}

// SRV is a record of a service.
type SRV struct {
	Target                 string
	Port, Priority, Weight uint16
}

// SetSRV gives a name its service records.
func (d *DNS) SetSRV(name string, list ...SRV) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.srv[name] = list
}

// Fail makes every answer SERVFAIL, or ends that.
func (d *DNS) Fail(fail bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = fail
}

// Hide takes a name's address away.
func (d *DNS) Hide(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.none[name] = true
}

// ServeZone has the server be the primary of a zone.
func (d *DNS) ServeZone(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.zone = dns.Fqdn(name)
}

// Updates says how many dynamic updates were taken, and how many were not since
// they were not signed by the key.
func (d *DNS) Updates() (taken, refused int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.updates, d.refused
}

func (d *DNS) serve(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(q)
	m.Authoritative, m.RecursionAvailable = true, true
	switch {
	case len(q.Question) != 1:
		m.Rcode = dns.RcodeFormatError
	case q.Opcode == dns.OpcodeUpdate:
		m.Rcode = d.update(q, q.IsTsig() != nil && w.TsigStatus() == nil)
		if t := q.IsTsig(); t != nil && w.TsigStatus() == nil {
			m.SetTsig(t.Hdr.Name, t.Algorithm, 300, time.Now().Unix())
		}
	default:
		d.answer(m, q.Question[0])
	}
	_ = w.WriteMsg(m)
}

func (d *DNS) update(q *dns.Msg, signed bool) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !signed || d.zone == "" || q.Question[0].Name != d.zone {
		d.refused++
		return dns.RcodeNotAuth
	}
	for _, rr := range q.Ns {
		t, ok := rr.(*dns.TXT)
		if !ok || !dns.IsSubDomain(d.zone, t.Hdr.Name) {
			return dns.RcodeNotZone
		}
		name, value := strings.ToLower(strings.TrimSuffix(t.Hdr.Name, ".")), strings.Join(t.Txt, "")
		switch t.Hdr.Class {
		case dns.ClassINET:
			d.txt[name] = append(d.txt[name], value)
		case dns.ClassNONE:
			d.txt[name] = slices.DeleteFunc(d.txt[name], func(v string) bool { return v == value })
		}
	}
	d.updates++
	return dns.RcodeSuccess
}

func (d *DNS) answer(m *dns.Msg, q dns.Question) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := strings.ToLower(strings.TrimSuffix(q.Name, "."))
	head := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 1}
	ips, known := d.ips[name]
	switch {
	case d.fail:
		m.Rcode = dns.RcodeServerFailure
	case known && (q.Qtype == dns.TypeA || q.Qtype == dns.TypeAAAA):
		for _, ip := range ips {
			switch {
			case ip.Is4() && q.Qtype == dns.TypeA:
				m.Answer = append(m.Answer, &dns.A{Hdr: head, A: ip.AsSlice()})
			case ip.Is6() && q.Qtype == dns.TypeAAAA:
				m.Answer = append(m.Answer, &dns.AAAA{Hdr: head, AAAA: ip.AsSlice()})
			}
		}
	case q.Qtype == dns.TypeSRV:
		for _, r := range d.srv[name] {
			m.Answer = append(m.Answer, &dns.SRV{Hdr: head, Target: dns.Fqdn(r.Target), Port: r.Port, Priority: r.Priority, Weight: r.Weight})
		}
	case q.Qtype == dns.TypeA && !d.none[name]:
		m.Answer = append(m.Answer, &dns.A{Hdr: head, A: net.IPv4(127, 0, 0, 1)})
	case q.Qtype == dns.TypeSOA && q.Name == d.zone:
		m.Answer = append(m.Answer, &dns.SOA{Hdr: head, Ns: "ns." + d.zone, Mbox: "hostmaster." + d.zone, Serial: 1, Refresh: 60, Retry: 60, Expire: 60, Minttl: 1})
	case q.Qtype == dns.TypeTXT:
		for _, v := range d.txt[name] {
			m.Answer = append(m.Answer, &dns.TXT{Hdr: head, Txt: []string{v}})
		}
	}
}
