package health

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
)

// refusalWait is how long a check without a payload waits for the target's host to
// refuse its datagram.
const refusalWait = 250 * time.Millisecond

// maxDatagram is the longest datagram there is, in bytes.
const maxDatagram = 64 << 10

// overUDP sends one datagram. With a payload the target must answer; without one it
// is healthy unless its host says that nobody listens (ICMP, which the socket tells
// as a refused connection): UDP has no other sign.
func overUDP(ctx context.Context, pool *transport.Pool, c *balance.Check) error {
	conn, err := pool.DialStream(ctx, 0)
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if wait := time.Now().Add(refusalWait); len(c.Payload) == 0 && wait.Before(deadline) {
		deadline = wait
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := conn.Write(c.Payload); err != nil {
		return err
	}
	buf := make([]byte, maxDatagram)
	n, err := conn.Read(buf)
	var ne net.Error
	switch {
	case err == nil && (len(c.Payload) == 0 || c.GoodBody(buf[:n])):
		return nil
	case err == nil:
		return answerError("the answer is not what was expected")
	case len(c.Payload) == 0 && errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case errors.As(err, &ne) && ne.Timeout():
		return answerError("no answer came")
	}
	return answerError("the target's host refused the datagram")
}
