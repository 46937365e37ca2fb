package policytest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// NewDeps makes dependencies for a test: no keys, no counters, no network,
// upstreams of every name that nobody answers for; secrets are their own names; the wall clock stands at a fixed noon.
func NewDeps() policy.Deps {
	s := &states{m: map[string]any{}}
	return policy.Deps{
		Scope: policy.Scope{
			Organization: "org_test", Gateway: "gw_test", Route: "rt_test",
			OrganizationNum: 1, GatewayNum: 2, RouteNum: 3, From: "route",
		},
		Keys:     NoKeys{},
		Fetch:    Pages{},
		Upstream: func(string) (policy.Caller, error) { return SocketBackend{nobody, noSocket}, nil },
		Secret:   func(name string) ([]byte, error) { return []byte("secret:" + name), nil },
		Behind:   &Background{},
		State:    s.state,
		Wall:     func() time.Time { return Noon },
	}
}

// Background is a Behind with room for all.
type Background struct {
	dropped atomic.Int64
	going   sync.WaitGroup
}

// Go runs do.
func (b *Background) Go(do func(context.Context)) bool {
	b.going.Go(func() {
		defer func() { _ = recover() }() // as the edge does
		do(context.Background())
	})
	return true
}

// Wait returns when all that Go was given has ended.
func (b *Background) Wait() { b.going.Wait() }

// Dropped counts.
func (b *Background) Dropped() { b.dropped.Add(1) }

// Drops is how often something was dropped.
func (b *Background) Drops() int64 { return b.dropped.Load() }

// Noon is the wall clock of NewDeps.
var Noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// states keeps runtime state as the edge does.
type states struct {
	mu sync.Mutex
	m  map[string]any // guarded by mu
}

// allStates is the key under which the kit itself asks for every state.
const allStates = "\x00all"

func (s *states) state(key string, make func() any) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key == allStates {
		return s.m
	}
	v, ok := s.m[key]
	if !ok {
		v = make()
		s.m[key] = v
	}
	return v
}

// NoKeys knows no key.
type NoKeys struct{}

// Peek answers KeyInvalid.
func (NoKeys) Peek(policy.Text, int64) policy.KeyResult { return policy.KeyResult{} }

// Load answers KeyInvalid.
func (NoKeys) Load(policy.Blocking, policy.Text, netip.Addr) policy.KeyResult {
	return policy.KeyResult{}
}

// KeyTable is a Keys over a map; keys in Cold are first told to be loaded.
type KeyTable struct {
	Keys map[string]policy.KeyResult
	Cold map[string]policy.KeyResult
}

// Peek answers from Keys, KeyCold for those in Cold.
func (k *KeyTable) Peek(key policy.Text, _ int64) policy.KeyResult {
	if r, ok := policy.Find(k.Keys, key); ok {
		return r
	}
	if _, ok := policy.Find(k.Cold, key); ok {
		return policy.KeyResult{State: policy.KeyCold}
	}
	return policy.KeyResult{}
}

// Load answers from Cold.
func (k *KeyTable) Load(_ policy.Blocking, key policy.Text, _ netip.Addr) policy.KeyResult {
	r, _ := policy.Find(k.Cold, key)
	return r
}

// Pages is a Fetch over a map from URL to body; others fail.
type Pages map[string]string

// Get returns the page.
func (p Pages) Get(b policy.Blocking, url string, limit int64) ([]byte, map[string]string, int, error) {
	if err := b.Context().Err(); err != nil {
		return nil, nil, 0, err
	}
	body, ok := p[url]
	if !ok {
		return nil, nil, 0, fmt.Errorf("get %s: connection refused", url)
	}
	if int64(len(body)) > limit {
		return nil, nil, 0, errors.New("the answer is too large")
	}
	return []byte(body), map[string]string{"Content-Type": "application/json"}, 200, nil
}

// Do answers a GET with the page; other methods fail.
func (p Pages) Do(b policy.Blocking, r *policy.FetchRequest) (*policy.FetchResponse, error) {
	if r.Method != "GET" {
		return nil, fmt.Errorf("%s %s: connection refused", r.Method, r.URL)
	}
	body, _, status, err := p.Get(b, r.URL, r.Limit)
	if err != nil {
		return nil, err
	}
	return &policy.FetchResponse{Status: status, Header: map[string][]string{"Content-Type": {"application/json"}}, Body: body}, nil
}

// Server is a Fetch that a function answers. It may be called by several
// goroutines at once.
type Server func(r *policy.FetchRequest) (*policy.FetchResponse, error)

// Do asks the function.
func (s Server) Do(b policy.Blocking, r *policy.FetchRequest) (*policy.FetchResponse, error) {
	if err := b.Context().Err(); err != nil {
		return nil, err
	}
	got, err := s(r)
	if err == nil && int64(len(got.Body)) > r.Limit {
		return &policy.FetchResponse{Status: got.Status, Header: got.Header}, errors.New("the answer is too large")
	}
	return got, err
}

// Get asks the function.
func (s Server) Get(b policy.Blocking, url string, limit int64) ([]byte, map[string]string, int, error) {
	got, err := s.Do(b, &policy.FetchRequest{Method: "GET", URL: url, Limit: limit})
	if err != nil {
		return nil, nil, 0, err
	}
	header := map[string]string{}
	for k, v := range got.Header {
		header[k] = v[len(v)-1]
	}
	return got.Body, header, got.Status, nil
}

// Backend is an upstream that a function answers. It may be called by several
// goroutines at once.
type Backend func(r *policy.CallRequest) (*policy.FetchResponse, error)

// Call asks the function. Its error becomes a *policy.CallError.
func (b Backend) Call(ctx context.Context, r *policy.CallRequest) (*policy.FetchResponse, error) {
	if ctx.Err() != nil {
		return nil, &policy.CallError{Code: contract.CodeUpstreamTimeout, Err: ctx.Err()}
	}
	got, err := b(r)
	switch {
	case err != nil:
		return nil, &policy.CallError{Code: policy.CodeOf(err), Err: err}
	case r.Limit > 0 && int64(len(got.Body)) > r.Limit:
		return nil, &policy.CallError{Code: contract.CodeUpstreamProtocol, Err: errors.New("the answer is too large")}
	}
	return got, nil
}

// SocketBackend is an upstream that speaks WebSocket: a function answers its
// handshakes, with a channel, with what it refuses them by, or with an error, which
// becomes a *policy.CallError. It may be called by several goroutines at once.
type SocketBackend struct {
	Backend
	Shake func(r *policy.OpenRequest) (policy.Channel, *policy.FetchResponse, error)
}

// Open asks the function.
func (b SocketBackend) Open(ctx context.Context, r *policy.OpenRequest) (policy.Channel, *policy.FetchResponse, error) {
	if ctx.Err() != nil {
		return nil, nil, &policy.CallError{Code: contract.CodeUpstreamTimeout, Err: ctx.Err()}
	}
	c, refused, err := b.Shake(r)
	if err != nil {
		return nil, nil, &policy.CallError{Code: policy.CodeOf(err), Err: err}
	}
	return c, refused, nil
}

// noSocket refuses every handshake.
func noSocket(*policy.OpenRequest) (policy.Channel, *policy.FetchResponse, error) {
	return nil, nil, errors.New("connection refused")
}

// nobody answers for every upstream.
func nobody(*policy.CallRequest) (*policy.FetchResponse, error) {
	return nil, errors.New("connection refused")
}
