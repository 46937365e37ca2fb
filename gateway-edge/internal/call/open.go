package call

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/internal/ws"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// opener is the Caller of an upstream that speaks HTTP/1.1.
type opener struct{ *caller }

// maxRefusal bounds the body of an answer to a handshake that is refused, in bytes.
const maxRefusal = 64 << 10

// opening is a handshake under way.
type opening struct {
	key     string
	offered []string // as one field
	limit   int64
	channel *channel // nil until it is open
}

// Open is policy.Opener.
func (c *opener) Open(ctx context.Context, r *policy.OpenRequest) (policy.Channel, *policy.FetchResponse, error) {
	q := policy.CallRequest{
		Host: r.Host, Path: r.Path, Query: r.Query, Header: make(map[string][]string, len(r.Header)), Client: r.Client, Limit: maxRefusal, Timeout: r.Timeout,
	}
	for name, values := range r.Header {
		if len(name) < 14 || !strings.EqualFold(name[:14], "Sec-Websocket-") {
			q.Header[name] = values
		}
	}
	h := &opening{key: ws.NewKey(), limit: r.Limit}
	if h.limit <= 0 {
		h.limit = defaultLimit
	}
	if len(r.Protocols) > 0 {
		h.offered = []string{strings.Join(r.Protocols, ", ")}
		q.Header["Sec-Websocket-Protocol"] = h.offered
	}
	o := &one{caller: c.caller, r: &q, opening: h}
	resp, err := o.call(ctx)
	switch {
	case err != nil:
		return nil, nil, err
	case h.channel == nil:
		return nil, resp, nil
	}
	return h.channel, nil, nil
}

// appendShake appends what makes a request a handshake (RFC 6455, 4.1).
func (h *opening) append(out []byte) []byte {
	out = append(out, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "...)
	return append(append(out, h.key...), "\r\n"...)
}

// open makes the handshake on a connection of its own. An answer that opens nothing is
// read, and returned.
func (o *one) open(ctx context.Context, pool *transport.Pool, host string, head func()) (*policy.FetchResponse, error) {
	c, err := pool.Dial(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	br := bufio.NewReaderSize(&counted{r: c, left: maxHead}, 8<<10)
	resp, err := o.shake(c, br, host, head)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil || resp != nil {
		pool.Discard(c)
		return resp, err
	}
	h := o.opening
	h.channel.begin(o, pool, c)
	if n := br.Buffered(); n > 0 { // messages may stand behind the head
		p, _ := br.Peek(n)
		h.channel.in.Add(copy(h.channel.in.Space(), p))
	}
	return nil, nil
}

// shake sends the handshake and reads its answer. Neither an answer nor an error: it
// is open.
func (o *one) shake(c *transport.Conn, br *bufio.Reader, host string, head func()) (*policy.FetchResponse, error) {
	if _, err := c.Write(o.appendHead(nil, host)); err != nil {
		return nil, err
	}
	r, err := o.final(br)
	if err != nil {
		return nil, err
	}
	head()
	if r.StatusCode != http.StatusSwitchingProtocols {
		return o.read(r)
	}
	return nil, o.opening.answered(r.Header)
}

// answered checks a 101 (RFC 6455, 4.1, what the client does with it). The channel is
// made by it.
func (h *opening) answered(header http.Header) error {
	one := func(name, want string) bool {
		v := header[name]
		return len(v) == 1 && strings.EqualFold(v[0], want)
	}
	switch accept := header["Sec-Websocket-Accept"]; {
	case !one("Upgrade", "websocket") || !hasToken(header["Connection"], "upgrade"):
		return errSwitch
	case len(accept) != 1 || accept[0] != ws.Accept(h.key):
		return errSwitch
	case len(header["Sec-Websocket-Extensions"]) > 0:
		return errSwitch
	}
	protocol := ""
	if p := header["Sec-Websocket-Protocol"]; len(p) > 1 || len(p) == 1 && !ws.Offered(h.offered, p[0]) {
		return errSwitch
	} else if len(p) == 1 {
		protocol = p[0]
	}
	h.channel = &channel{protocol: protocol}
	return nil
}

// errSwitch is a backend that answers a handshake with 101 and did not understand it.
var errSwitch = errors.New("the backend's answer to the handshake is none")

func hasToken(values []string, token string) bool {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.Trim(t, " \t"), token) {
				return true
			}
		}
	}
	return false
}
