package listen

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/lastcall"
)

// Leaving is how a Server drains.
type Leaving struct {
	// Handed says that another process has the sockets and goes on with them.
	Handed bool
	// Idle is how long a connection of HTTP/1.1 must have been idle to be closed.
	// Until then one more request is answered on it: whoever sends one can't know.
	Idle time.Duration
}

// Times of a drain.
const (
	// notice is how long clients of HTTP/2 have between being told that this
	// connection takes no new requests and being told which was the last.
	notice = time.Second
	// finishTime is how long what the deadline ended has to be written.
	finishTime = time.Second
)

// Drain stops accepting, makes every answer the last of its connection, and waits
// until no request is under way. When ctx ends it ends those that are left, as far
// as their protocol has an end, and returns its error.
func (s *Server) Drain(ctx context.Context, how Leaving) error {
	s.leave(how.Handed)
	e := s.cfg.Engine
	e.Drain()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var h3 sync.WaitGroup
		h3.Go(func() { s.drainHTTP3(ctx, how.Handed) })
		s.leaveStreams(ctx)
		h3.Wait()
	}()
	err := s.emptied(ctx, func() { e.CloseIdle(how.Idle) })
	<-done
	if err == nil {
		return nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	// More than once: what is just being written can't be ended now.
	if s.emptied(last, func() { e.Finish(); e.CloseIdle(0) }) == nil {
		_ = s.std.Shutdown(last)
	}
	return err
}

// emptied waits until no request is under way and no connection of HTTP/1.1 is
// left, and does its part over and over meanwhile.
func (s *Server) emptied(ctx context.Context, part func()) error {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for s.cfg.Engine.Open() > 0 || s.cfg.Engine.Connections() > 0 {
		part()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
	return nil
}

// leave gives the listeners up, and returns when every connection that was accepted
// is being served.
func (s *Server) leave(handed bool) {
	s.stopOnce.Do(func() {
		close(s.stopped)
		if handed {
			s.closeListeners()
			return
		}
		var all []net.Listener
		for _, l := range s.listeners {
			all = append(all, l.Listener)
		}
		lastcall.Close(all...)
	})
	s.accepts.Wait()
}

// Rest tells clients to go to another edge, or takes it back, while connections are
// accepted as before: what a balancer still sends here is served.
func (s *Server) Rest(on bool) {
	s.cfg.Engine.Rest(on)
	if on {
		s.streams.leave()
	} else {
		s.streams.stay()
	}
}

// RestHTTP3 takes no more connections of HTTP/3 and tells the clients of those that
// there are to go, or takes new ones again. Who is refused there comes by TCP: a
// client has to be able to (RFC 9114, 3.1), since UDP does not get everywhere. Calls must
// not overlap, nor may Drain.
func (s *Server) RestHTTP3(on bool) {
	if s.http3 != nil {
		s.http3.Rest(on)
	}
}

// leaveStreams tells clients of HTTP/2 in two steps that their connections end: a
// request that is on its way when the first arrives is served still (RFC 9113,
// 6.8).
func (s *Server) leaveStreams(ctx context.Context) {
	s.streams.leave()
	t := time.NewTimer(notice)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-s.streams.empty():
	}
	_ = s.std.Shutdown(ctx)
}

// registry has the connections of HTTP/2.
type registry struct {
	mu      sync.Mutex // guards what follows
	conns   map[*frames]struct{}
	leaving bool
	none    chan struct{} // closed when none is left, once leaving
}

func (r *registry) add(f *frames) {
	r.mu.Lock()
	if r.conns == nil {
		r.conns = map[*frames]struct{}{}
	}
	r.conns[f] = struct{}{}
	leaving := r.leaving
	r.mu.Unlock()
	if leaving {
		f.goAway()
	}
}

func (r *registry) remove(f *frames) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, f)
	if len(r.conns) == 0 && r.none != nil {
		close(r.none)
		r.none = nil
	}
}

// leave tells every connection, those to come too.
func (r *registry) leave() {
	r.mu.Lock()
	r.leaving = true
	all := make([]*frames, 0, len(r.conns))
	for f := range r.conns {
		all = append(all, f)
	}
	r.mu.Unlock()
	for _, f := range all {
		go f.goAway() // it waits for a client that takes nothing
	}
}

// stay tells connections to come nothing any more.
func (r *registry) stay() {
	r.mu.Lock()
	r.leaving = false
	r.mu.Unlock()
}

// empty returns a channel that is closed when there is no connection.
func (r *registry) empty() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.conns) == 0 {
		c := make(chan struct{})
		close(c)
		return c
	}
	if r.none == nil {
		r.none = make(chan struct{})
	}
	return r.none
}
