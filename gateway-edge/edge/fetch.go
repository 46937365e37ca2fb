package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

const (
	fetchTime      = 5 * time.Second
	fetchRedirects = 3
)

// fetchers has one HTTP client an organization: neither connections nor names
// resolved for one are used by another.
type fetchers struct {
	pools *transport.Pools
	guard *match.Guard
	byOrg sync.Map // numeric organization → *fetcher
}

// of returns an organization's fetcher.
func (f *fetchers) of(org uint64) policy.Fetch {
	if x, ok := f.byOrg.Load(org); ok {
		return x.(*fetcher)
	}
	x, _ := f.byOrg.LoadOrStore(org, newFetcher(f.pools, f.guard, org))
	return x.(*fetcher)
}

// dial returns an organization's way to connect to the outside.
func (f *fetchers) dial(org uint64) policy.Dial {
	return func(ctx context.Context, address string) (io.ReadWriteCloser, error) {
		return f.pools.DialContext(ctx, org, "tcp", address)
	}
}

// fetcher implements policy.Fetch.
type fetcher struct {
	guard  *match.Guard
	client *http.Client
}

var _ policy.Fetch = (*fetcher)(nil)

func newFetcher(pools *transport.Pools, guard *match.Guard, org uint64) *fetcher {
	f := &fetcher{guard: guard}
	f.client = &http.Client{
		Timeout:       fetchTime,
		CheckRedirect: f.redirect,
		Transport: &http.Transport{
			Proxy: nil, // the environment's proxies would get around the guard
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				return pools.DialContext(ctx, org, network, addr)
			},
			TLSHandshakeTimeout: fetchTime,
			MaxIdleConns:        64, MaxIdleConnsPerHost: 16, MaxConnsPerHost: 64, IdleConnTimeout: 30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
		},
	}
	return f
}

// redirect follows a few redirections on the same origin only.
func (f *fetcher) redirect(r *http.Request, via []*http.Request) error {
	if len(via) > fetchRedirects {
		return errors.New("too many redirections")
	}
	if first := via[0].URL; r.URL.Host != first.Host || r.URL.Scheme != first.Scheme {
		return errors.New("redirected to another host")
	}
	return nil
}

// Get implements policy.Fetch.
func (f *fetcher) Get(b policy.Blocking, address string, limit int64) ([]byte, map[string]string, int, error) {
	return f.get(b.Context(), address, limit)
}

func (f *fetcher) get(ctx context.Context, address string, limit int64) (body []byte, header map[string]string, status int, err error) {
	got, err := f.send(ctx, &policy.FetchRequest{Method: http.MethodGet, URL: address, Limit: limit}, f.client)
	if err != nil {
		return nil, nil, 0, err
	}
	header = make(map[string]string, len(got.Header))
	for k, v := range got.Header {
		header[k] = strings.Clone(v[len(v)-1])
	}
	return got.Body, header, got.Status, nil
}

// Do implements policy.Fetch.
func (f *fetcher) Do(b policy.Blocking, r *policy.FetchRequest) (*policy.FetchResponse, error) {
	c := *f.client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if r.Timeout > 0 {
		c.Timeout = r.Timeout
	}
	return f.send(b.Context(), r, &c)
}

func (f *fetcher) send(ctx context.Context, r *policy.FetchRequest, c *http.Client) (*policy.FetchResponse, error) {
	if _, err := f.guard.CheckFetchURL(r.URL); err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	for k, v := range r.Header {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "Tollgate")
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	got := &policy.FetchResponse{Status: resp.StatusCode, Header: resp.Header}
	body, err := io.ReadAll(io.LimitReader(resp.Body, r.Limit+1))
	if err != nil {
		return got, fmt.Errorf("fetch: read body: %w", err)
	}
	if int64(len(body)) > r.Limit {
		return got, fmt.Errorf("fetch: the body is longer than %d bytes", r.Limit)
	}
	got.Body = body
	return got, nil
}

// withoutURL leaves the address out: it may hold a credential in its query.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
