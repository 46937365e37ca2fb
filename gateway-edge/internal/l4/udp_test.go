package l4

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/proxyproto"
	"github.com/tollgate/tollgate/services/contract"
)

// answering serves datagrams: each is answered with the name and itself.
func answering(t testing.TB, name string) string {
	t.Helper()
	pc, err := net.ListenPacket(udp, "127.0.0.1:0")
	must(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = pc.WriteTo(append([]byte(name+" "), buf[:n]...), from)
		}
	})
	t.Cleanup(func() { _ = pc.Close(); wg.Wait() })
	return "udp://" + pc.LocalAddr().String()
}

func (r *rig) dialUDP() *net.UDPConn {
	r.t.Helper()
	r.bound(udp, true)
	c, err := net.Dial(udp, r.addr())
	must(r.t, err)
	r.t.Cleanup(func() { _ = c.Close() })
	must(r.t, c.SetDeadline(time.Now().Add(5*time.Second)))
	return c.(*net.UDPConn)
}

// ask sends a datagram and returns the answer.
func ask(t testing.TB, c net.Conn, text string) string {
	t.Helper()
	_, err := c.Write([]byte(text))
	must(t, err)
	buf := make([]byte, 64<<10)
	n, err := c.Read(buf)
	must(t, err)
	return string(buf[:n])
}

// TestFlows: a client stays with its target, others go elsewhere in turn; each is
// billed once.
func TestFlows(t *testing.T) {
	r := newRig(t)
	s := r.stream(udp)
	s.IdleTimeout = contract.Duration(time.Second)
	r.serve([]string{answering(t, "a"), answering(t, "b")}, s)
	count := map[string]int{}
	for i := range 10 {
		c := r.dialUDP()
		first := ask(t, c, fmt.Sprint(i))
		count[first[:1]]++
		for range 5 {
			if again := ask(t, c, fmt.Sprint(i)); again != first {
				t.Fatalf("%q after %q", again, first)
			}
		}
	}
	if count["a"] != 5 || count["b"] != 5 {
		t.Errorf("spread %v", count)
	}
	r.until("idle flows to end", func() bool { return r.Open() == 0 })
	r.until("the log", func() bool { return strings.Count(r.logs.String(), `"billed":true`) == 10 })
	if !strings.Contains(r.logs.String(), `"bytes_in":6,"bytes_out":18`) {
		t.Errorf("bytes: %s", r.logs)
	}
}

// TestFlowLargest: a datagram of any size goes through.
func TestFlowLargest(t *testing.T) {
	r := newRig(t)
	r.serve([]string{answering(t, "a")}, r.stream(udp))
	text := strings.Repeat("x", 60_000)
	if got := ask(t, r.dialUDP(), text); got != "a "+text {
		t.Errorf("%d bytes came back", len(got))
	}
}

// TestFlowFailover: where a target refuses, the datagram goes to another one.
func TestFlowFailover(t *testing.T) {
	r := newRig(t)
	r.serve([]string{"udp://" + deadAddr(t), answering(t, "b")}, r.stream(udp))
	for i := range 6 {
		if got := ask(t, r.dialUDP(), fmt.Sprint(i)); got != fmt.Sprintf("b %d", i) {
			t.Fatalf("answer %q", got)
		}
	}
}

// TestFlowProxy: each datagram says who the client is.
func TestFlowProxy(t *testing.T) {
	r := newRig(t)
	s := r.stream(udp)
	s.ProxyProtocol = contract.ProxyV2
	r.serve([]string{answering(t, "a")}, s)
	c := r.dialUDP()
	here := c.LocalAddr().(*net.UDPAddr).AddrPort()
	want := proxyproto.AppendV2(nil, proxyproto.Header{Source: here, Destination: netip.MustParseAddrPort(r.addr())}, true)
	for range 2 {
		if got := ask(t, c, "hello"); got != "a "+string(want)+"hello" {
			t.Errorf("the target got %q, want %q", got, want)
		}
	}
}

// TestFlowLimits: no flow more than a client may have, and none for whom is denied.
func TestFlowLimits(t *testing.T) {
	r := newRig(t)
	s := r.stream(udp)
	s.MaxConnectionsPerIP = 1
	r.serve([]string{answering(t, "a")}, s)
	if got := ask(t, r.dialUDP(), "x"); got != "a x" {
		t.Fatal(got)
	}
	second := r.dialUDP()
	for range 3 {
		_, err := second.Write([]byte("x"))
		must(t, err)
	}
	r.until("a refusal", func() bool { return r.Refused() == 1 })
	r.until("a log line", func() bool { return strings.Contains(r.logs.String(), `"code":"concurrency_exceeded"`) })
}
