package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Echo is a backend that answers with what it was sent.
type Echo struct {
	name string
	l    net.Listener
}

// NewEcho listens on addr, or on a free port when that is taken.
func NewEcho(name, addr string) (*Echo, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, fmt.Errorf("listen for the echo backend: %w", err)
		}
	}
	return &Echo{name, l}, nil
}

// URL is the backend's address as a target.
func (e *Echo) URL() string { return "http://" + e.l.Addr().String() }

// Run serves until ctx ends.
func (e *Echo) Run(ctx context.Context) error {
	srv := &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(e.l); ctx.Err() == nil {
		return fmt.Errorf("serve the echo backend: %w", err)
	}
	return nil
}

// ServeHTTP answers with the request's line and header fields.
func (e *Echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(map[string]any{
		"backend": e.name, "method": r.Method, "path": r.URL.RequestURI(),
		"consumer": r.Header.Get("Tollgate-Consumer"), "request_id": r.Header.Get("X-Request-Id"),
	})
}
