package harness

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Caller sends requests to edges as a consumer would. The host names the
// gateway; the address says which edge.
type Caller struct {
	HTTP *http.Client
}

// NewCaller returns a caller with kept-alive connections.
func NewCaller(conns int) *Caller {
	return &Caller{HTTP: &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{
		MaxIdleConnsPerHost: conns, MaxConnsPerHost: 0, Proxy: nil, DisableCompression: true,
		DialContext: (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
	}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Result is one answer, or the error instead of one.
type Result struct {
	Status int
	Code   string // Tollgate-Error
	Header http.Header
	Body   string
	Err    error
}

// Get sends a GET to the edge at addr for host.
func (c *Caller) Get(addr, host, path, key string, headers ...string) Result {
	return c.Send(context.Background(), "GET", addr, host, path, key, nil, headers...)
}

// Send sends one request.
func (c *Caller) Send(ctx context.Context, method, addr, host, path, key string, body io.Reader, headers ...string) Result {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, body)
	if err != nil {
		return Result{Err: err}
	}
	req.Host = host
	if key != "" {
		req.Header.Set("X-API-Key", key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return Result{Err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return Result{Status: resp.StatusCode, Code: resp.Header.Get("Tollgate-Error"), Header: resp.Header, Body: string(b), Err: err}
}

// Tally counts answers by status; status 0 counts errors of the connection.
type Tally struct {
	mu     sync.Mutex
	Status map[int]int64
	Codes  map[string]int64
	First  map[string]string // the first error of each kind
}

// NewTally returns an empty tally.
func NewTally() *Tally {
	return &Tally{Status: map[int]int64{}, Codes: map[string]int64{}, First: map[string]string{}}
}

// Add counts one result.
func (t *Tally) Add(r Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.Err != nil {
		t.Status[0]++
		if t.First["connection"] == "" {
			t.First["connection"] = r.Err.Error()
		}
		return
	}
	t.Status[r.Status]++
	if r.Code != "" {
		t.Codes[r.Code]++
	}
	if r.Status/100 != 2 && t.First[fmt.Sprint(r.Status)] == "" {
		t.First[fmt.Sprint(r.Status)] = r.Body
	}
}

// Get returns the count of a status.
func (t *Tally) Get(status int) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.Status[status]
}

// Class returns the count of all statuses of a class, 2 for 2xx.
func (t *Tally) Class(class int) (n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s, c := range t.Status {
		if s/100 == class && s != 0 {
			n += c
		}
	}
	return n
}

func (t *Tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("%v codes %v first %v", t.Status, t.Codes, t.First)
}

// Run calls f from n goroutines until ctx ends.
func Run(ctx context.Context, n int, f func(worker int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				f(i)
			}
		})
	}
	wg.Wait()
}

// Times calls f exactly total times, spread over n goroutines.
func Times(total, n int, f func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range total {
		next <- i
	}
	close(next)
	wg.Wait()
}

// Rate calls f at fixed times, perSecond times a second for the duration,
// whether or not earlier calls have returned (an open loop): a stall shows.
func Rate(perSecond int, d time.Duration, f func(i int)) {
	var wg sync.WaitGroup
	start := time.Now()
	total := int(float64(perSecond) * d.Seconds())
	for i := range total {
		if w := time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(perSecond))); w > 0 {
			time.Sleep(w)
		}
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
