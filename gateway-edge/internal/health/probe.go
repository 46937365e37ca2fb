package health

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/services/contract"
)

// maxAnswer bounds what is read of an answer's head, in bytes.
const maxAnswer = 64 << 10

// statusError is an answer of a status that does not count as healthy.
type statusError int

func (e statusError) Error() string { return "status " + strconv.Itoa(int(e)) }

// probe checks a target once; nil means that it is healthy. Nothing of a tenant's
// traffic is sent: no credentials, no cookies.
func probe(ctx context.Context, t *balance.Target, c *balance.Check) error {
	pool := transport.Of(t)
	if pool == nil {
		return errors.New("the target has no connections")
	}
	host := c.Host
	if host == "" {
		host = t.URL.HostPort()
	}
	switch {
	case c.Kind == balance.CheckTCP:
		conn, err := pool.Probe(ctx)
		if err != nil {
			return err
		}
		return conn.Close()
	case pool.HTTP2():
		return overHTTP2(ctx, pool, host, c)
	}
	return overHTTP1(ctx, pool, host, c)
}

// overHTTP1 asks on a connection of its own.
func overHTTP1(ctx context.Context, pool *transport.Pool, host string, c *balance.Check) error {
	conn, err := pool.Probe(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	// Path and host were checked when the configuration was compiled: neither has
	// a space or a control character.
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Tollgate-Health-Check\r\nAccept: */*\r\nConnection: close\r\n\r\n", c.Path, host); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, maxAnswer)), nil)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	return judge(resp.StatusCode, c)
}

// overHTTP2 asks on one of the pool's connections.
func overHTTP2(ctx context.Context, pool *transport.Pool, host string, c *balance.Check) error {
	path, query, _ := strings.Cut(c.Path, "?")
	r := (&http.Request{
		Method: http.MethodGet, URL: &url.URL{Opaque: path, RawQuery: query}, Host: host,
		Header: http.Header{"User-Agent": {"Tollgate-Health-Check"}, "Accept": {"*/*"}},
	}).WithContext(ctx)
	resp, err := pool.RoundTrip(r)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	return judge(resp.StatusCode, c)
}

func judge(status int, c *balance.Check) error {
	if c.Good(status) {
		return nil
	}
	return statusError(status)
}

// describe says what was wrong without naming an address.
func describe(err error) string {
	var status statusError
	if errors.As(err, &status) {
		return status.Error()
	}
	switch transport.CodeOf(err) {
	case contract.CodeUpstreamTimeout:
		return "timed out"
	case contract.CodeUpstreamUnavailable:
		return "no connection"
	case contract.CodeUpstreamDNS:
		return "the name could not be resolved"
	case contract.CodeUpstreamTLS:
		return "TLS could not be verified"
	case contract.CodeUpstreamForbiddenAddress:
		return "the address is not allowed"
	case contract.CodeUpstreamReset:
		return "the connection broke or the answer was malformed"
	}
	return "failed"
}
