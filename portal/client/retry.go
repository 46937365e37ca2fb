package client

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// longestPause bounds what a Retry-After may ask for.
const longestPause = time.Minute

// retrier sends a request again when the answer says that it may work later, or
// when there was none: every request that it sees can be repeated without harm.
type retrier struct {
	next  *http.Client
	tries int
	pause time.Duration
}

// Do sends r, several times if need be.
func (d *retrier) Do(r *http.Request) (*http.Response, error) {
	for try := 1; ; try++ {
		if try > 1 && r.GetBody != nil {
			body, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			r.Body = body
		}
		res, err := d.next.Do(r)
		if try >= d.tries || !again(r, res, err) {
			return res, err
		}
		pause := d.wait(res, try)
		if res != nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection is used again
			_ = res.Body.Close()
		}
		if err := sleep(r.Context(), pause); err != nil {
			return nil, err
		}
	}
}

// again says whether another try may do better.
func again(r *http.Request, res *http.Response, err error) bool {
	if r.Body != nil && r.Body != http.NoBody && r.GetBody == nil {
		return false // the body is spent
	}
	if err != nil {
		return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case http.StatusConflict: // the first try is still under way
		return res.Header.Get("Retry-After") != ""
	}
	return false
}

// wait is the pause after a try: the portal's own word, or a doubling one with
// jitter.
func (d *retrier) wait(res *http.Response, try int) time.Duration {
	if res != nil {
		if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s >= 0 {
			return min(time.Duration(s)*time.Second, longestPause)
		}
	}
	p := min(d.pause<<(try-1), longestPause)
	return p/2 + rand.N(p/2+1)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
