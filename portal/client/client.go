package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options say which portal to call and as whom.
type Options struct {
	URL   string // of the portal: https://portal.example.com
	Token string // management token, tgm_…
	// HTTP sends the requests; nil: a client of our own without a cookie jar.
	HTTP *http.Client
	// UserAgent names the program.
	UserAgent string
	// Tries bounds how often one request is sent; 0: 4.
	Tries int
	// Pause is the wait before the first retry, doubled each time; 0: 200 ms. A
	// Retry-After of the portal wins, up to a minute.
	Pause time.Duration
}

// New makes a client. Its methods are generated: one for each operation.
func New(cfg Options) (*ClientWithResponses, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("portal URL %q is not an absolute http or https URL", cfg.URL)
	}
	if cfg.Token != "" && !strings.HasPrefix(cfg.Token, "tgm_") {
		return nil, errors.New("a management token begins with tgm_")
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if cfg.Tries == 0 {
		cfg.Tries = 4
	}
	if cfg.Pause == 0 {
		cfg.Pause = 200 * time.Millisecond
	}
	return NewClientWithResponses(strings.TrimRight(cfg.URL, "/"),
		WithHTTPClient(&retrier{next: cfg.HTTP, tries: cfg.Tries, pause: cfg.Pause}),
		WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
			if cfg.Token != "" {
				r.Header.Set("Authorization", "Bearer "+cfg.Token)
			}
			if cfg.UserAgent != "" {
				r.Header.Set("User-Agent", cfg.UserAgent)
			}
			// A POST that can be repeated without harm can be retried.
			if r.Method == http.MethodPost && r.Header.Get("Idempotency-Key") == "" {
				r.Header.Set("Idempotency-Key", rand.Text())
			}
			return nil
		}))
}
