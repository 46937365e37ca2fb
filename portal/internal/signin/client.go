package signin

import (
	"io"
	"net/http"
	"time"
)

// Bounds of what a provider may answer.
const (
	answerTime = 10 * time.Second
	answerSize = 1 << 20
)

// client talks to providers: bounded, and never sent elsewhere by a redirect,
// which would take codes and secrets along.
var client = &http.Client{
	Timeout:       answerTime,
	Transport:     bounded{http.DefaultTransport},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// bounded cuts answers off.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, answerSize), res.Body}
	return res, nil
}
