package httpapi

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
)

// Pace of what is asked of connections, of one organization in each process.
const (
	pushEvery = 10 * time.Millisecond
	pushBurst = 200
)

// mayPush counts what is asked of a connection.
func (s *Server) mayPush(c *call) error {
	wait := s.pushPace.Take(string(c.org))
	if wait <= 0 {
		return nil
	}
	e := core.Errorf(core.CodeThrottled, "at most %d messages to connections each second", time.Second/pushEvery)
	e.RetryAfter = max(wait, time.Second)
	return e
}

// GetConnection tells what the edge knows of a client's WebSocket.
func (s *Server) GetConnection(ctx context.Context, r gen.GetConnectionRequestObject) (gen.GetConnectionResponseObject, error) {
	c := callOf(ctx)
	if err := s.mayPush(c); err != nil {
		return nil, err
	}
	got, err := s.Usage.Connection(ctx, c.org, c.ref(), r.Connection)
	if err != nil {
		return nil, err
	}
	return gen.GetConnection200JSONResponse{
		ID: r.Connection, Route: got.Route, Consumer: optional(got.Consumer), Client: got.Client, Protocol: got.Protocol,
		ConnectedAt: time.UnixMilli(got.Since).UTC(), MovedAt: time.UnixMilli(got.Moved).UTC(), Received: int64(got.In), Sent: int64(got.Out),
	}, nil
}

// SendToConnection writes a message to a client's WebSocket.
func (s *Server) SendToConnection(ctx context.Context, r gen.SendToConnectionRequestObject) (gen.SendToConnectionResponseObject, error) {
	c := callOf(ctx)
	if err := s.mayPush(c); err != nil {
		return nil, err
	}
	data, binary := []byte(value(r.Body.Text)), r.Body.Binary != nil
	if binary {
		data = *r.Body.Binary
	}
	began := time.Now()
	if err := s.Usage.SendToConnection(ctx, c.org, c.ref(), r.Connection, binary, data); err != nil {
		return nil, err
	}
	return gen.SendToConnection200JSONResponse{Bytes: int64(len(data)), TookMs: milliseconds(time.Since(began))}, nil
}

// CloseConnection ends a client's WebSocket.
func (s *Server) CloseConnection(ctx context.Context, r gen.CloseConnectionRequestObject) (gen.CloseConnectionResponseObject, error) {
	c := callOf(ctx)
	if err := s.mayPush(c); err != nil {
		return nil, err
	}
	code := 1000
	if r.Params.Code != nil {
		code = *r.Params.Code
	}
	if err := s.Usage.CloseConnection(ctx, c.org, c.ref(), r.Connection, code, value(r.Params.Reason)); err != nil {
		return nil, err
	}
	return gen.CloseConnection204Response{}, nil
}
