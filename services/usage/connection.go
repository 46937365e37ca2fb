package usage

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of what is sent to connections: how long the edge may take, and, for each
// organization in this process, how many may be under way: each holds a connection
// to Redis while it waits.
const (
	pushTime   = 4 * time.Second
	pushesOpen = 8
)

// pushes counts what is under way of each organization.
type pushes struct {
	mu   sync.Mutex
	open map[core.OrganizationID]int // guarded by mu
}

func (p *pushes) enter(org core.OrganizationID) (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = map[core.OrganizationID]int{}
	}
	if p.open[org] >= pushesOpen {
		return nil, false
	}
	p.open[org]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.open[org]--; p.open[org] == 0 {
			delete(p.open, org)
		}
	}, true
}

// SendToConnection writes a message to a client's WebSocket, whichever edge holds
// it, and returns when it was written to the client's connection. One that is not
// there (any more), or another gateway's, is core.CodeGone.
func (s *Service) SendToConnection(ctx context.Context, org core.OrganizationID, ref, id string, binary bool, data []byte) error {
	switch {
	case len(data) > contract.MaxPush:
		return core.Errorf(core.CodeTooLarge, "a message has at most %d bytes", contract.MaxPush)
	case !binary && !utf8.Valid(data):
		return core.Invalid(contract.FieldErrors{{Pointer: "/text", Detail: "is not UTF-8"}})
	}
	_, err := s.push(ctx, org, ref, contract.Push{Connection: id, Op: contract.PushSend, Binary: binary, Data: data})
	return err
}

// CloseConnection ends a client's WebSocket with a code of RFC 6455, 7.4, and a
// reason of at most 123 bytes.
func (s *Service) CloseConnection(ctx context.Context, org core.OrganizationID, ref, id string, code int, reason string) error {
	var bad contract.FieldErrors
	if code != 1000 && (code < 3000 || code > 4999) {
		bad.Add("/code", "is 1000, or from 3000 to 4999")
	}
	if len(reason) > 123 || !utf8.ValidString(reason) {
		bad.Add("/reason", "has at most 123 bytes of UTF-8")
	}
	if err := core.Invalid(bad.Err()); err != nil {
		return err
	}
	_, err := s.push(ctx, org, ref, contract.Push{Connection: id, Op: contract.PushClose, Code: uint16(code), Reason: reason})
	return err
}

// Connection tells what the edge knows of a client's WebSocket.
func (s *Service) Connection(ctx context.Context, org core.OrganizationID, ref, id string) (*contract.ConnectionInfo, error) {
	got, err := s.push(ctx, org, ref, contract.Push{Connection: id, Op: contract.PushGet})
	if err != nil {
		return nil, err
	}
	if got.Found == nil {
		return nil, core.Errorf(core.CodeUnavailable, "the edge told nothing of the connection")
	}
	return got.Found, nil
}

func (s *Service) push(ctx context.Context, org core.OrganizationID, ref string, p contract.Push) (contract.Pushed, error) {
	gateway, err := s.gatewayOf(ctx, org, ref)
	if err != nil {
		return contract.Pushed{}, err
	}
	if s.cfg.Asker == nil {
		return contract.Pushed{}, core.Errorf(core.CodeUnavailable, "no edge can be asked: this process has no Redis")
	}
	leave, ok := s.pushes.enter(org)
	if !ok {
		e := core.Errorf(core.CodeThrottled, "%d messages to connections are under way already", pushesOpen)
		e.RetryAfter = time.Second
		return contract.Pushed{}, e
	}
	defer leave()
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return contract.Pushed{}, fmt.Errorf("read random: %w", err)
	}
	p.ID, p.Gateway, p.Deadline = hex.EncodeToString(id[:]), gateway.ID, s.cfg.Clock().Add(pushTime).UnixMilli()
	ctx, cancel := context.WithTimeout(ctx, pushTime)
	defer cancel()
	got, err := s.cfg.Asker.Push(ctx, p)
	if err != nil {
		return got, err
	}
	return got, outcome(&got)
}

// outcome is the error that an outcome is; nil for the good one.
func outcome(p *contract.Pushed) error {
	switch p.Outcome {
	case contract.PushDone:
		return nil
	case contract.PushGone:
		return core.Errorf(core.CodeGone, "there is no such connection: it has ended, or was never one of this gateway's")
	case contract.PushTooLong:
		return core.Errorf(core.CodeTooLarge, "the route's messages have at most %d bytes", p.Limit)
	}
	detail := "the edge has too many messages to send"
	if p.Outcome == contract.PushSlow {
		detail = "the client did not take the message in time; it may still get it"
	}
	e := core.Errorf(core.CodeUnavailable, "%s", detail)
	e.RetryAfter = time.Second
	return e
}
