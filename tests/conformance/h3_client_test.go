package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// Kinds of HTTP/3 frames and of unidirectional streams (RFC 9114, 11.2).
const (
	h3Data     = 0
	h3Headers  = 1
	h3Settings = 4
	h3GoAway   = 7

	h3Control = 0
	h3Push    = 1
	h3Encoder = 2
	h3Decoder = 3
)

// h3 is a client of HTTP/3 frames that keeps no rule of the protocol by itself.
type h3 struct {
	t       testing.TB
	c       *quic.Conn
	control *quic.SendStream
}

// h3TLS is a client's TLS for a host.
func h3TLS(host string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: host, NextProtos: []string{http3.NextProtoH3}} // the edge's own certificate is not what is tested
}

// quicDial opens a connection without any stream.
func quicDial(t testing.TB, addr, host string) *h3 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := quic.DialAddr(ctx, addr, h3TLS(host), &quic.Config{MaxIncomingUniStreams: 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseWithError(0x100, "") })
	return &h3{t: t, c: c}
}

// dialH3 opens a connection and its control stream with empty SETTINGS.
func dialH3(t testing.TB, addr, host string) *h3 {
	t.Helper()
	h := quicDial(t, addr, host)
	h.control = h.uni(h3Control, h3Frame(h3Settings, nil))
	return h
}

// uni opens a unidirectional stream.
func (h *h3) uni(kind uint64, b []byte) *quic.SendStream {
	h.t.Helper()
	s, err := h.c.OpenUniStream()
	if err != nil {
		h.t.Fatal(err)
	}
	_, _ = s.Write(append(quicvarint.Append(nil, kind), b...)) // what comes of it shows on the connection
	return s
}

func h3Frame(kind uint64, payload []byte) []byte {
	return append(quicvarint.Append(quicvarint.Append(nil, kind), uint64(len(payload))), payload...)
}

// h3Block encodes fields without looking at them.
func h3Block(list []field) []byte {
	var b bytes.Buffer
	enc := qpack.NewEncoder(&b)
	for _, f := range list {
		_ = enc.WriteField(qpack.HeaderField{Name: f.name, Value: f.value}) // into memory
	}
	return b.Bytes()
}

// secure is a list of fields whose scheme is https.
func secure(list []field) []field {
	out := append([]field(nil), list...)
	for i := range out {
		if out[i].name == ":scheme" {
			out[i].value = "https"
		}
	}
	return out
}

// ask sends a whole request and returns its stream.
func (h *h3) ask(list []field, more ...[]byte) (*quic.Stream, error) {
	s, err := h.c.OpenStream()
	if err != nil {
		return nil, err
	}
	_ = s.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := s.Write(append(h3Frame(h3Headers, h3Block(secure(list))), bytes.Join(more, nil)...)); err != nil {
		return s, err
	}
	return s, s.Close()
}

// h3Outcome is what became of a stream and its connection.
type h3Outcome struct {
	status, code string // of the answer; "" for none
	alt          string // its Alt-Svc
	body         []byte
	fields       map[string]string
	reset        *quic.StreamErrorCode
	closed       *quic.ApplicationErrorCode
	err          error
}

// refused reports whether the stream ended without the request being taken.
func (o h3Outcome) refused() bool {
	return o.reset != nil || o.closed != nil || strings.HasPrefix(o.status, "4") || o.status == "501" || o.status == "505"
}

func (o h3Outcome) String() string {
	var out []string
	if o.status != "" {
		out = append(out, o.status+" "+o.code)
	}
	if o.reset != nil {
		out = append(out, fmt.Sprintf("reset %#x", uint64(*o.reset)))
	}
	if o.closed != nil {
		out = append(out, fmt.Sprintf("closed %#x", uint64(*o.closed)))
	}
	if o.err != nil && o.reset == nil && o.closed == nil {
		out = append(out, o.err.Error())
	}
	return strings.Join(out, ", ")
}

// note takes an error apart.
func (o *h3Outcome) note(err error) {
	var stream *quic.StreamError
	var conn *quic.ApplicationError
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, os.ErrDeadlineExceeded):
	case errors.As(err, &stream):
		o.reset = &stream.ErrorCode
	case errors.As(err, &conn):
		o.closed = &conn.ErrorCode
	}
	o.err = err
}

// wait reads a stream to its end.
func (h *h3) wait(s *quic.Stream, within time.Duration) (o h3Outcome) {
	_ = s.SetReadDeadline(time.Now().Add(within))
	r := bufio.NewReader(s)
	for {
		kind, payload, err := readH3Frame(r)
		if err != nil {
			if o.note(err); errors.Is(err, io.EOF) {
				o.err = nil
			}
			return o
		}
		switch kind {
		case h3Headers:
			if o.status != "" && !strings.HasPrefix(o.status, "1") {
				continue // trailers
			}
			o.fields = map[string]string{}
			next := qpack.NewDecoder().Decode(payload)
			for f, err := next(); err == nil; f, err = next() {
				o.fields[f.Name] = f.Value
			}
			o.status, o.code, o.alt = o.fields[":status"], o.fields["tollgate-error"], o.fields["alt-svc"]
		case h3Data:
			o.body = append(o.body, payload...)
		}
	}
}

func readH3Frame(r *bufio.Reader) (kind uint64, payload []byte, err error) {
	if kind, err = quicvarint.Read(r); err != nil {
		return 0, nil, err
	}
	n, err := quicvarint.Read(r)
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, min(n, 1<<20))
	_, err = io.ReadFull(r, payload)
	return kind, payload, err
}

// ended waits for the connection's end and tells its code; nil: it lives on.
func (h *h3) ended(within time.Duration) *quic.ApplicationErrorCode {
	select {
	case <-h.c.Context().Done():
		var app *quic.ApplicationError
		if errors.As(context.Cause(h.c.Context()), &app) {
			return &app.ErrorCode
		}
		return nil
	case <-time.After(within):
		return nil
	}
}

// secureAddr is where the first edge takes TLS and QUIC.
func (s *site) secureAddr() string { return fmt.Sprintf("127.0.0.1:%d", s.c.Edges[0].TLSPort) }

// h3Client is an http.Client of HTTP/3 for whatever host is named.
func (s *site) h3Client(t testing.TB, change ...func(*tls.Config)) *http.Client {
	c := &tls.Config{InsecureSkipVerify: true}
	for _, f := range change {
		f(c)
	}
	tr := &http3.Transport{
		DisableCompression: true, TLSClientConfig: c,
		Dial: func(ctx context.Context, _ string, t *tls.Config, c *quic.Config) (*quic.Conn, error) {
			return quic.DialAddr(ctx, s.secureAddr(), t, c)
		},
	}
	t.Cleanup(func() { _ = tr.Close() })
	return &http.Client{Transport: tr}
}

// aliveH3 fails the test unless a connection of its own is answered.
func (s *site) aliveH3(t *testing.T) {
	t.Helper()
	h := dialH3(t, s.secureAddr(), s.host)
	str, err := h.ask(request("GET", s.host, "/public/alive"))
	if err != nil {
		t.Fatal(err)
	}
	if o := h.wait(str, 5*time.Second); o.status != "200" {
		t.Fatalf("a good request on another connection: %s", o)
	}
	_ = h.c.CloseWithError(0x100, "")
}

func newTickets() tls.ClientSessionCache { return tls.NewLRUClientSessionCache(4) }
