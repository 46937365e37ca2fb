package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// provider is pkg/op's provider behind a door that can be made to fail.
type provider struct {
	keys *keyring
	op   http.Handler
	// logins are the sign-ins that are under way.
	logins *logins

	mu    sync.Mutex // guards mode, away and stats
	mode  string
	away  chan struct{} // closed when the mode changes: hanging requests go on
	stats map[string]int
}

func newProvider(issuer string) (*provider, error) {
	keys := &keyring{}
	if err := keys.rotate(); err != nil {
		return nil, err
	}
	var secret [32]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, fmt.Errorf("make the crypto key: %w", err)
	}
	all := newLogins()
	h, err := op.NewProvider(&op.Config{CryptoKey: secret, AuthMethodPost: true, GrantTypeRefreshToken: true}, &storage{keys: keys, logins: all}, op.StaticIssuer(issuer),
		op.WithAllowInsecure(), op.WithHttpInterceptors(withWish), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, fmt.Errorf("make the provider: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", all.page)
	mux.Handle("/", all.bend(issuer, h))
	return &provider{keys: keys, op: mux, logins: all, mode: "ok", away: make(chan struct{}), stats: map[string]int{}}, nil
}

// ServeHTTP answers as the mode says.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.stats[r.URL.Path]++
	mode, away := p.mode, p.away
	p.mu.Unlock()
	switch mode {
	case "hang":
		select {
		case <-away:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	case "fail":
		http.Error(w, "out of order", http.StatusServiceUnavailable)
	case "garbage":
		_, _ = io.WriteString(w, "<html>maintenance</html>")
	case "huge":
		writeHuge(w)
	case "redirect":
		http.Redirect(w, r, "http://127.0.0.2:1/elsewhere", http.StatusFound)
	default:
		p.op.ServeHTTP(w, r)
	}
}

func writeHuge(w http.ResponseWriter) {
	piece := make([]byte, 1<<20)
	for i := range piece {
		piece[i] = ' '
	}
	for range 100 {
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}

// control is the handler that tests steer the provider with.
func (p *provider) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /keys/rotate", func(w http.ResponseWriter, _ *http.Request) {
		if err := p.keys.rotate(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		writeJSON(w, p.keys.ids())
	})
	mux.HandleFunc("POST /keys/retire", func(w http.ResponseWriter, _ *http.Request) {
		p.keys.retire()
		writeJSON(w, p.keys.ids())
	})
	mux.HandleFunc("POST /mode/{mode}", func(w http.ResponseWriter, r *http.Request) {
		mode := r.PathValue("mode")
		switch mode {
		case "ok", "hang", "fail", "garbage", "huge", "redirect":
		default:
			http.Error(w, "unknown mode", http.StatusNotFound)
			return
		}
		p.mu.Lock()
		close(p.away)
		p.mode, p.away = mode, make(chan struct{})
		p.mu.Unlock()
		writeJSON(w, map[string]string{"mode": mode})
	})
	mux.HandleFunc("PUT /{what}", p.logins.set)
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		writeJSON(w, p.stats)
	})
	return mux
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// wish is what a token request asks for beyond the standard's parameters.
type wish struct {
	audience []string
	subject  string
	lifetime time.Duration
	claims   map[string]any
}

type wishKey struct{}

// withWish reads the extra parameters of a token request into its context,
// where storage finds them: pkg/op hands on scopes only.
func withWish(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		if err := r.ParseForm(); err != nil {
			http.Error(w, "malformed form", http.StatusBadRequest)
			return
		}
		wanted := wish{audience: r.PostForm["audience"], subject: r.PostForm.Get("subject"), lifetime: 5 * time.Minute}
		var err error
		if s := r.PostForm.Get("lifetime"); s != "" {
			if wanted.lifetime, err = time.ParseDuration(s); err != nil {
				http.Error(w, "lifetime is not a duration", http.StatusBadRequest)
				return
			}
		}
		if s := r.PostForm.Get("claims"); s != "" {
			if err = json.Unmarshal([]byte(s), &wanted.claims); err != nil {
				http.Error(w, "claims is not a JSON object", http.StatusBadRequest)
				return
			}
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), wishKey{}, wanted)))
	})
}
