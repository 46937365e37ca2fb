package health

import (
	"bufio"
	"context"
	"errors"
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

// maxAnswer bounds what is read of an answer, head and body each, in bytes.
const maxAnswer = 64 << 10

// statusError is an answer of a status that does not count as healthy.
type statusError int

func (e statusError) Error() string { return "status " + strconv.Itoa(int(e)) }

// answerError says what was wrong with an answer, in words for users.
type answerError string

func (e answerError) Error() string { return string(e) }

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
	case c.Kind == balance.CheckUDP:
		return overUDP(ctx, pool, c)
	case c.Kind == balance.CheckGRPC:
		return overGRPC(ctx, pool, host, c.Service)
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
	if _, err := conn.Write(appendCheck(nil, host, c)); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, 2*maxAnswer)), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return judge(resp, c)
}

// appendCheck appends the request of a check. Path, host and fields were checked
// when the configuration was compiled: none has a space where it may not be or a
// control character.
func appendCheck(out []byte, host string, c *balance.Check) []byte {
	out = append(out, "GET "+c.Path+" HTTP/1.1\r\nHost: "+host+"\r\nUser-Agent: "+agent+"\r\nAccept: */*\r\n"...)
	for _, h := range c.Headers {
		out = append(out, h.Name+": "+h.Value+"\r\n"...)
	}
	return append(out, "Connection: close\r\n\r\n"...)
}

const agent = "Tollgate-Health-Check"

// overHTTP2 asks on one of the pool's connections.
func overHTTP2(ctx context.Context, pool *transport.Pool, host string, c *balance.Check) error {
	path, query, _ := strings.Cut(c.Path, "?")
	r := (&http.Request{
		Method: http.MethodGet, URL: &url.URL{Opaque: path, RawQuery: query}, Host: host,
		Header: http.Header{"User-Agent": {agent}, "Accept": {"*/*"}},
	}).WithContext(ctx)
	for _, h := range c.Headers {
		r.Header.Add(h.Name, h.Value)
	}
	resp, err := pool.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return judge(resp, c)
}

func judge(resp *http.Response, c *balance.Check) error {
	if !c.Good(resp.StatusCode) {
		return statusError(resp.StatusCode)
	}
	if !c.LooksAtBody() {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil && err != io.ErrUnexpectedEOF {
		return err
	}
	if !c.GoodBody(body) {
		return answerError("the body is not what was expected")
	}
	return nil
}

// describe says what was wrong without naming an address.
func describe(err error) string {
	var status statusError
	if errors.As(err, &status) {
		return status.Error()
	}
	var answer answerError
	if errors.As(err, &answer) {
		return answer.Error()
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
