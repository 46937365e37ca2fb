package harness

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// DNS is a name server of one test: each name has the address 127.0.0.1, or those
// that the test gives it, and the text and service records that it gives. Answers
// hold for a second.
type DNS struct {
	Addr string // host:port

	conn net.PacketConn
	ln   net.Listener
	mu   sync.Mutex
	txt  map[string][]string // by lower-case name without the last dot
	none map[string]bool     // names without an address
	ips  map[string][]netip.Addr
	srv  map[string][]dnsmessage.SRVResource
	fail bool
}

// StartDNS starts a name server that ends with the test.
func StartDNS(t testing.TB) *DNS {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	conn, err := net.ListenPacket("udp", ln.Addr().String())
	must(t, err)
	d := &DNS{Addr: ln.Addr().String(), conn: conn, ln: ln, txt: map[string][]string{}, none: map[string]bool{}, ips: map[string][]netip.Addr{}, srv: map[string][]dnsmessage.SRVResource{}}
	var served sync.WaitGroup
	served.Go(d.serve)
	served.Go(d.serveTCP)
	t.Cleanup(func() { _, _ = conn.Close(), ln.Close(); served.Wait() })
	return d
}

// SetTXT gives a name its text records; none take them away.
func (d *DNS) SetTXT(name string, values ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.txt[name] = values
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
	d.srv[name] = nil
	for _, r := range list {
		d.srv[name] = append(d.srv[name], dnsmessage.SRVResource{Target: dnsmessage.MustNewName(r.Target + "."), Port: r.Port, Priority: r.Priority, Weight: r.Weight})
	}
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

func (d *DNS) serve() {
	buf := make([]byte, 4096)
	for {
		n, from, err := d.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var q dnsmessage.Message
		if q.Unpack(buf[:n]) != nil || len(q.Questions) != 1 {
			continue
		}
		if out, err := d.answer(&q); err == nil {
			_, _ = d.conn.WriteTo(out, from)
		}
	}
}

// serveTCP answers those that ask over TCP, one question a connection.
func (d *DNS) serveTCP() {
	for {
		c, err := d.ln.Accept()
		if err != nil {
			return
		}
		_ = c.SetDeadline(time.Now().Add(2 * time.Second))
		d.one(c)
		_ = c.Close()
	}
}

func (d *DNS) one(c net.Conn) {
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return
	}
	b := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		return
	}
	var q dnsmessage.Message
	if q.Unpack(b) != nil || len(q.Questions) != 1 {
		return
	}
	if out, err := d.answer(&q); err == nil {
		_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
	}
}

func (d *DNS) answer(q *dnsmessage.Message) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ask := q.Questions[0]
	name := strings.ToLower(strings.TrimSuffix(ask.Name.String(), "."))
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: q.ID, Response: true, Authoritative: true, RecursionDesired: q.RecursionDesired, RecursionAvailable: true},
		Questions: q.Questions,
	}
	head := dnsmessage.ResourceHeader{Name: ask.Name, Type: ask.Type, Class: dnsmessage.ClassINET, TTL: 1}
	ips, known := d.ips[name]
	switch {
	case d.fail:
		m.RCode = dnsmessage.RCodeServerFailure
	case known && ask.Type == dnsmessage.TypeA:
		for _, a := range ips {
			if a.Is4() {
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}})
			}
		}
	case known && ask.Type == dnsmessage.TypeAAAA:
		for _, a := range ips {
			if a.Is6() {
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
			}
		}
	case ask.Type == dnsmessage.TypeSRV:
		for _, r := range d.srv[name] {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &r})
		}
	case ask.Type == dnsmessage.TypeA && !d.none[name]:
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}})
	case ask.Type == dnsmessage.TypeTXT:
		for _, v := range d.txt[name] {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.TXTResource{TXT: []string{v}}})
		}
	}
	return m.Pack()
}
