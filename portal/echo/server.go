package echo

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server is an echo backend that listens.
type Server struct {
	name string
	l    net.Listener
}

// Listen opens the backend's address; name stands in its answers.
func Listen(name, addr string) (*Server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for the echo backend: %w", err)
	}
	return On(name, l), nil
}

// On makes a backend on a listener that is open, which then is the server's.
func On(name string, l net.Listener) *Server { return &Server{name, l} }

// URL is the backend's address as a target on this machine.
func (s *Server) URL() string { return "http://" + s.l.Addr().String() }

// Close stops listening; Run does so too.
func (s *Server) Close() { _ = s.l.Close() }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	srv := &http.Server{
		Handler: NewHandler(s.name), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(s.l); ctx.Err() == nil {
		return fmt.Errorf("serve the echo backend: %w", err)
	}
	return nil
}
