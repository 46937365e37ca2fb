package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/combine"
	"github.com/tollgate/tollgate/services/contract"
)

// maxResponseHead bounds an HTTP/2 backend's header fields, decoded, in bytes.
const maxResponseHead = 64 << 10

// writeStall is how long a backend may take none of what is written to it.
const writeStall = 30 * time.Second

// newH2 makes the HTTP/2 client of a pool. Connections are dialled by the pool's
// own dialer; no proxy, no redirect, no decompression.
func (p *Pool) newH2() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(p.tls != nil)
	protocols.SetUnencryptedHTTP2(p.tls == nil)
	t := &http.Transport{
		Proxy:                  nil,
		Protocols:              protocols,
		TLSHandshakeTimeout:    handshakeTimeout,
		DisableCompression:     true,
		MaxIdleConns:           p.spec.MaxIdle,
		MaxIdleConnsPerHost:    p.spec.MaxIdle,
		IdleConnTimeout:        p.spec.IdleTimeout,
		MaxResponseHeaderBytes: maxResponseHead,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:  15 * time.Second,
			PingTimeout:      5 * time.Second,
			WriteByteTimeout: writeStall,
		},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := p.reach(ctx, &p.pools.dialer, p.spec.Connect)
			if err != nil {
				return nil, dialError(err)
			}
			return combine.New(c, writeStall), nil
		},
	}
	if p.tls != nil {
		t.TLSClientConfig = p.tls.Clone()
	}
	return t
}

// RoundTrip sends a request over HTTP/2 (pools of protocol h2 and h2c). The URL's
// scheme and host are set to the target's; r.Host is sent as :authority when it is
// not empty. Errors that are *Error with Result balance.ResultConnect were made
// before anything was sent.
func (p *Pool) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.h2 == nil {
		return nil, &Error{contract.CodeInternal, errors.New("the pool is not of HTTP/2")}
	}
	r.URL.Scheme = "http"
	if p.tls != nil {
		r.URL.Scheme = "https"
	}
	u := p.spec.URL
	r.URL.Host = u.HostPort()
	return p.h2.RoundTrip(r)
}

// HTTP2 reports whether the pool speaks HTTP/2 and is used by RoundTrip.
func (p *Pool) HTTP2() bool { return p.h2 != nil }
