package conformance

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2 is a client of HTTP/2 frames that keeps no rule of the protocol by itself.
type h2 struct {
	t   testing.TB
	c   net.Conn
	fr  *http2.Framer
	enc *hpack.Encoder
	buf bytes.Buffer
}

// dialH2 opens a connection in clear text by its preface (RFC 9113, 3.3).
func dialH2(t testing.TB, addr string, settings ...http2.Setting) *h2 {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	h := &h2{t: t, c: c, fr: http2.NewFramer(c, c)}
	h.fr.AllowIllegalWrites = true
	h.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	h.enc = hpack.NewEncoder(&h.buf)
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := h.fr.WriteSettings(settings...); err != nil {
		t.Fatal(err)
	}
	return h
}

// field is one header field, pseudo or not.
type field struct{ name, value string }

// request is the fields of a good request; more are added behind.
func request(method, host, path string, more ...field) []field {
	return append([]field{{":method", method}, {":scheme", "http"}, {":authority", host}, {":path", path}}, more...)
}

// without leaves a field out.
func without(list []field, name string) (out []field) {
	for _, f := range list {
		if f.name != name {
			out = append(out, f)
		}
	}
	return out
}

// block encodes fields without looking at them.
func (h *h2) block(list []field) []byte {
	h.buf.Reset()
	for _, f := range list {
		if err := h.enc.WriteField(hpack.HeaderField{Name: f.name, Value: f.value}); err != nil {
			h.t.Fatal(err)
		}
	}
	return bytes.Clone(h.buf.Bytes())
}

// open sends a request's head in one frame.
func (h *h2) open(stream uint32, end bool, list []field) error {
	return h.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: h.block(list), EndStream: end, EndHeaders: true})
}

// outcome is what became of a stream and its connection.
type outcome struct {
	status string // "" for none
	code   string // Tollgate-Error
	reset  *http2.ErrCode
	goaway *http2.ErrCode
	closed bool
	err    error // that ended the connection
}

// refused reports whether the stream ended without the request being taken.
func (o outcome) refused() bool {
	return o.reset != nil || o.goaway != nil || o.closed || strings.HasPrefix(o.status, "4") || o.status == "501" || o.status == "505"
}

func (o outcome) String() string {
	var out []string
	if o.status != "" {
		out = append(out, o.status+" "+o.code)
	}
	if o.reset != nil {
		out = append(out, "RST_STREAM "+o.reset.String())
	}
	if o.goaway != nil {
		out = append(out, "GOAWAY "+o.goaway.String())
	}
	if o.closed {
		out = append(out, "closed ("+o.err.Error()+")")
	}
	return strings.Join(out, ", ")
}

// wait reads frames until the stream has ended, or time is over.
func (h *h2) wait(stream uint32, within time.Duration) (o outcome) {
	_ = h.c.SetReadDeadline(time.Now().Add(within))
	for {
		f, err := h.fr.ReadFrame()
		if err != nil {
			var ne net.Error
			if o.closed = !errors.As(err, &ne) || !ne.Timeout(); o.closed {
				o.err = err
			}
			return o
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			if f.StreamID != stream {
				continue
			}
			for _, v := range f.Fields {
				switch v.Name {
				case ":status":
					o.status = v.Value
				case "tollgate-error":
					o.code = v.Value
				}
			}
			if f.StreamEnded() {
				return o
			}
		case *http2.DataFrame:
			if f.StreamID == stream && f.StreamEnded() {
				return o
			}
		case *http2.RSTStreamFrame:
			if f.StreamID == stream {
				o.reset = &f.ErrCode
				return o
			}
		case *http2.GoAwayFrame:
			if f.ErrCode != http2.ErrCodeNo {
				o.goaway = &f.ErrCode
			}
		}
	}
}

// drain reads and drops frames until the connection ends, and tells by what.
func (h *h2) drain(within time.Duration) outcome { return h.wait(0xffffff, within) }

// alive fails the test unless a connection of its own is answered.
func (s *site) alive(t *testing.T) {
	t.Helper()
	h := dialH2(t, s.addr)
	if err := h.open(1, true, request("GET", s.host, "/public/alive")); err != nil {
		t.Fatal(err)
	}
	if o := h.wait(1, 5*time.Second); o.status != "200" {
		t.Fatalf("a good request on another connection: %s", o)
	}
	h.c.Close()
}
