package health

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/url"

	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
)

// overGRPC asks grpc.health.v1.Health/Check (the gRPC health checking protocol).
// The two messages are so small that they are written and read here: a request has
// one string, a response one enumeration.
func overGRPC(ctx context.Context, pool *transport.Pool, host, service string) error {
	message := appendService(nil, service)
	frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	frame = append(frame, message...)
	r := (&http.Request{
		Method: http.MethodPost, URL: &url.URL{Opaque: "/grpc.health.v1.Health/Check"}, Host: host,
		Header:        http.Header{"User-Agent": {agent}, "Content-Type": {"application/grpc"}, "Te": {"trailers"}},
		ContentLength: int64(len(frame)), Body: io.NopCloser(bytes.NewReader(frame)),
	}).WithContext(ctx)
	resp, err := pool.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return statusError(resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	status := resp.Trailer.Get("Grpc-Status")
	if status == "" {
		status = resp.Header.Get("Grpc-Status") // an answer of trailers alone
	}
	switch {
	case status == "12":
		return answerError("the server has no gRPC health service")
	case status == "5":
		return answerError("the server does not know the gRPC service")
	case status != "0":
		return answerError("grpc-status " + status)
	case serving(body):
		return nil
	}
	return answerError("the gRPC service is not serving")
}

// appendService appends a HealthCheckRequest: field 1, a string of at most 256
// bytes.
func appendService(out []byte, service string) []byte {
	if service == "" {
		return out
	}
	out = binary.AppendUvarint(append(out, 1<<3|2), uint64(len(service)))
	return append(out, service...)
}

// serving reports whether a response's first message is a HealthCheckResponse
// whose field 1 is SERVING.
func serving(body []byte) bool {
	if len(body) < 5 || body[0] != 0 || uint64(binary.BigEndian.Uint32(body[1:5])) > uint64(len(body)-5) {
		return false
	}
	m := body[5 : 5+binary.BigEndian.Uint32(body[1:5])]
	for len(m) > 0 {
		tag, n := binary.Uvarint(m)
		if n <= 0 || tag&7 != 0 { // only varints are expected
			return false
		}
		value, k := binary.Uvarint(m[n:])
		if k <= 0 {
			return false
		}
		if tag>>3 == 1 {
			return value == 1
		}
		m = m[n+k:]
	}
	return false
}
