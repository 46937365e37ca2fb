package conformance

import (
	"bytes"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

// TestHTTP3Frames sends the bad requests of HTTP/2 over HTTP/3, each on a
// connection of its own: it is refused, and nothing of it reaches the backend as a
// request.
func TestHTTP3Frames(t *testing.T) {
	s := newSite(t)
	s.aliveH3(t)
	for _, r := range h2rows(s.host) {
		if r.id == "SMG30 no scheme" {
			continue // quic-go does not look at it, and nothing depends on it (ADR 0501)
		}
		t.Run(r.id, func(t *testing.T) {
			s.origin.take()
			h := dialH3(t, s.secureAddr(), s.host)
			var more [][]byte
			if r.body != "" {
				more = append(more, h3Frame(h3Data, []byte(r.body)))
			}
			if r.trailers != nil {
				more = append(more, h3Frame(h3Headers, h3Block(r.trailers)))
			}
			str, err := h.ask(r.fields, more...)
			if str == nil {
				t.Fatal(err)
			}
			o := h.wait(str, 3*time.Second)
			if o.note(err); !o.refused() {
				t.Errorf("not refused: %s", o)
			}
			_ = h.c.CloseWithError(0x100, "")
			time.Sleep(20 * time.Millisecond)
			for _, raw := range s.origin.take() {
				if !r.partly || complete(raw) {
					t.Errorf("reached the backend: %q", clip(raw))
				}
			}
		})
	}
	s.aliveH3(t)
}

// Error codes of HTTP/3 and QPACK (RFC 9114, 8.1; RFC 9204, 6).
const (
	h3Internal       = 0x102
	h3StreamCreation = 0x103
	h3ClosedCritical = 0x104
	h3Unexpected     = 0x105
	h3FrameError     = 0x106
	h3ExcessiveLoad  = 0x107
	h3SettingsError  = 0x109
	h3NoSettings     = 0x10a
	h3Incomplete     = 0x10d
	h3Message        = 0x10e
	qpackFailed      = 0x200
)

// TestHTTP3Protocol breaks rules of streams and frames (RFC 9114, 4.1, 6.2, 7.2):
// the connection or the stream ends with one of the codes given, and nothing
// reaches the backend.
func TestHTTP3Protocol(t *testing.T) {
	s := newSite(t)
	s.aliveH3(t)
	head := h3Frame(h3Headers, h3Block(secure(request("GET", s.host, "/public/h3"))))
	post := h3Frame(h3Headers, h3Block(secure(request("POST", s.host, "/public/h3"))))
	data := h3Frame(h3Data, []byte("abc"))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, r := range []struct {
		name    string
		raw     []byte // on a request stream, which is ended
		uni     func(h *h3)
		bare    bool // no control stream before
		codes   []uint64
		reaches bool // a part of it may have gone on
	}{
		{name: "DATA before HEADERS", raw: join(data, head), codes: []uint64{h3Unexpected}},
		{name: "SETTINGS on a request's stream", raw: join(h3Frame(h3Settings, nil), head), codes: []uint64{h3Unexpected}},
		{name: "GOAWAY on a request's stream", raw: join(h3Frame(h3GoAway, []byte{0}), head), codes: []uint64{h3Unexpected}},
		{name: "a frame of HTTP/2: PING", raw: join(h3Frame(6, make([]byte, 8)), head), codes: []uint64{h3Unexpected, h3Incomplete}},
		{name: "a frame of HTTP/2: PRIORITY", raw: join(h3Frame(2, make([]byte, 5)), head), codes: []uint64{h3Unexpected, h3Incomplete}},
		{name: "SETTINGS in a body", raw: join(post, data, h3Frame(h3Settings, nil), data), codes: []uint64{h3Unexpected, h3Message}, reaches: true},
		{name: "DATA behind trailers", raw: join(post, data, h3Frame(h3Headers, h3Block([]field{{"x-end", "1"}})), data), codes: []uint64{h3Unexpected, h3Message, h3Internal}, reaches: true},
		{name: "half a head", raw: head[:len(head)-3], codes: []uint64{h3Incomplete}},
		{name: "an empty stream", raw: nil, codes: []uint64{h3Incomplete}},
		{name: "a field of the dynamic table", raw: h3Frame(h3Headers, []byte{0, 0, 0x80}), codes: []uint64{qpackFailed}},
		{name: "a static field that is none", raw: h3Frame(h3Headers, []byte{0, 0, 0xff, 0xff, 0x01}), codes: []uint64{qpackFailed}},
		{name: "a required insert count", raw: h3Frame(h3Headers, []byte{5, 0, 0xd1}), codes: []uint64{qpackFailed}},
		{name: "a second control stream", uni: func(h *h3) { h.uni(h3Control, h3Frame(h3Settings, nil)) }, codes: []uint64{h3StreamCreation}},
		{name: "a control stream without SETTINGS", bare: true, uni: func(h *h3) { h.uni(h3Control, h3Frame(h3GoAway, []byte{0})) }, codes: []uint64{h3NoSettings}},
		{name: "SETTINGS twice", uni: func(h *h3) { _, _ = h.control.Write(h3Frame(h3Settings, nil)) }, codes: []uint64{h3Unexpected}},
		{name: "a setting twice", bare: true, uni: func(h *h3) { h.uni(h3Control, h3Frame(h3Settings, []byte{6, 1, 6, 1})) }, codes: []uint64{h3SettingsError, h3FrameError}},
		{name: "DATA on the control stream", uni: func(h *h3) { _, _ = h.control.Write(data) }, codes: []uint64{h3Unexpected}},
		{name: "the control stream is closed", uni: func(h *h3) { _ = h.control.Close() }, codes: []uint64{h3ClosedCritical}},
		{name: "a client that pushes", uni: func(h *h3) { h.uni(h3Push, []byte{0}) }, codes: []uint64{h3StreamCreation}},
		{name: "a second QPACK encoder stream", uni: func(h *h3) { h.uni(h3Encoder, nil); h.uni(h3Encoder, nil) }, codes: []uint64{h3StreamCreation}},
		{name: "a second QPACK decoder stream", uni: func(h *h3) { h.uni(h3Decoder, nil); h.uni(h3Decoder, nil) }, codes: []uint64{h3StreamCreation}},
	} {
		t.Run(r.name, func(t *testing.T) {
			s.origin.take()
			h := quicDial(t, s.secureAddr(), s.host)
			if !r.bare {
				h.control = h.uni(h3Control, h3Frame(h3Settings, nil))
			}
			var o h3Outcome
			if r.uni != nil {
				r.uni(h)
				if o.closed = h.ended(3 * time.Second); o.closed == nil {
					t.Fatal("the connection lives on")
				}
			} else {
				str, err := h.c.OpenStream()
				if err != nil {
					t.Fatal(err)
				}
				if len(r.raw) > 0 {
					_, err = str.Write(r.raw)
					o.note(err)
				}
				_ = str.Close()
				if o.reset == nil && o.closed == nil {
					o = h.wait(str, 3*time.Second)
				}
			}
			var code uint64
			switch {
			case o.closed != nil:
				code = uint64(*o.closed)
			case o.reset != nil:
				code = uint64(*o.reset)
			case o.refused():
			default:
				t.Errorf("not refused: %s", o)
			}
			good := false
			for _, c := range r.codes {
				good = good || c == code
			}
			if !good {
				t.Errorf("ended with %s, want one of %#x", o, r.codes)
			}
			_ = h.c.CloseWithError(0x100, "")
			time.Sleep(20 * time.Millisecond)
			for _, raw := range s.origin.take() {
				if !r.reaches || complete(raw) {
					t.Errorf("reached the backend: %q", clip(raw))
				}
			}
		})
	}
	s.aliveH3(t)
}

// TestHTTP3Tolerates: what a client may send that the edge has no use for.
func TestHTTP3Tolerates(t *testing.T) {
	s := newSite(t)
	grease := func(n uint64) uint64 { return 0x1f*n + 0x21 }
	h := dialH3(t, s.secureAddr(), s.host)
	h.uni(h3Encoder, nil)
	h.uni(h3Decoder, nil)
	h.uni(grease(3), []byte("of no kind that anybody knows"))
	_, _ = h.control.Write(h3Frame(grease(7), []byte("neither")))
	_, _ = h.control.Write(h3Frame(0xd, quicvarint.Append(nil, 8)))                       // MAX_PUSH_ID
	_, _ = h.control.Write(h3Frame(0xf0700, append(quicvarint.Append(nil, 0), "u=1"...))) // PRIORITY_UPDATE
	list := secure(request("POST", s.host, "/public/h3", field{"priority", "u=2, i"}, field{"cookie", "a=1"}, field{"cookie", "b=2"}))
	str, err := h.c.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	raw := bytes.Join([][]byte{
		h3Frame(grease(1), make([]byte, 100)), h3Frame(h3Headers, h3Block(list)), h3Frame(grease(2), nil), h3Frame(h3Data, []byte("ab")),
		h3Frame(grease(5), []byte("x")), h3Frame(h3Data, nil), h3Frame(h3Data, []byte("c")),
	}, nil)
	for i := range raw { // a byte a packet, nearly
		if _, err := str.Write(raw[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	_ = str.Close()
	if o := h.wait(str, 5*time.Second); o.status != "200" {
		t.Fatalf("answered %s", o)
	}
	seen := s.origin.take()
	if len(seen) != 1 || !bytes.Contains([]byte(seen[0]), []byte("Cookie: a=1; b=2\r\n")) || !complete(seen[0]) {
		t.Errorf("the backend got %q", seen)
	}
}

// TestHTTP3Handshake: no 0-RTT is offered; another ALPN protocol, TLS 1.2's ways and
// an unknown version of QUIC get nowhere.
func TestHTTP3Handshake(t *testing.T) {
	s := newSite(t)
	s.aliveH3(t)
	for _, protos := range [][]string{{"h2"}, {"http/1.1"}, {"acme-tls/1"}, {"h3-29"}} {
		c := h3TLS(s.host)
		c.NextProtos = protos
		conn, err := quic.DialAddr(t.Context(), s.secureAddr(), c, nil)
		if err == nil {
			select {
			case <-conn.Context().Done():
			case <-time.After(3 * time.Second):
				t.Errorf("%v is spoken over QUIC", protos)
			}
		}
	}
	cache := newTickets()
	for i := range 3 {
		c := h3TLS(s.host)
		c.ClientSessionCache = cache
		conn, err := quic.DialAddrEarly(t.Context(), s.secureAddr(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		<-conn.HandshakeComplete()
		state := conn.ConnectionState()
		if state.Used0RTT {
			t.Error("0-RTT was taken")
		}
		if i > 0 && !state.TLS.DidResume {
			t.Error("the session was not resumed")
		}
		time.Sleep(50 * time.Millisecond) // the ticket comes behind the handshake
		_ = conn.CloseWithError(0x100, "")
	}
}
