package lambda

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// keys are an access key of AWS.
type keys struct{ id, secret, token string }

// Retrieve is aws.CredentialsProvider.
func (k keys) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: k.id, SecretAccessKey: k.secret, SessionToken: k.token, Source: "tollgate"}, nil
}

// newClient makes the SDK's client over the gateway's connections. Nothing is
// retried by it, and nothing of the environment is read.
func newClient(d policy.Deps, region, endpoint string, with aws.CredentialsProvider) *lambda.Client {
	o := lambda.Options{
		Region: region, Credentials: with, HTTPClient: clientOf(d), Retryer: aws.NopRetryer{},
		DefaultsMode: aws.DefaultsModeStandard,
	}
	if endpoint != "" {
		o.BaseEndpoint = &endpoint
	}
	return lambda.New(o)
}

// clientOf has the connections of a gateway's functions, which outlive versions.
func clientOf(d policy.Deps) *http.Client {
	if d.State == nil || d.Dial == nil {
		return newHTTP(nil)
	}
	c, ok := d.State("lambda/connections", func() any { return newHTTP(d.Dial) }).(*http.Client)
	if !ok {
		return newHTTP(nil)
	}
	return c
}

var errNoDial = errors.New("no connection can be made here")

func newHTTP(dial policy.Dial) *http.Client {
	t := &http.Transport{
		Proxy: nil, // the environment's proxies would get around the guard
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			if dial == nil {
				return nil, errNoDial
			}
			c, err := dial(ctx, address)
			if err != nil {
				return nil, &dialError{err}
			}
			conn, ok := c.(net.Conn)
			if !ok {
				_ = c.Close()
				return nil, errNoDial
			}
			return conn, nil
		},
		TLSHandshakeTimeout: 5 * time.Second, DisableCompression: true,
		MaxIdleConns: 64, MaxIdleConnsPerHost: 64, MaxConnsPerHost: 256, IdleConnTimeout: 30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{
		Transport:     bounded{t},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialError is a connection that was not made: nothing was sent over it.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// bounded bounds answers that are read whole.
type bounded struct{ t http.RoundTripper }

var errTooLong = errors.New("the answer is longer than 6 MiB")

// RoundTrip is http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		own := *r
		own.Body = readOnly{r.Body}
		r = &own
	}
	resp, err := b.t.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || !strings.HasSuffix(r.URL.Path, "/response-streaming-invocations") {
		resp.Body = &capped{ReadCloser: resp.Body, left: maxPayload}
	}
	return resp, nil
}

// readOnly hides a body's WriteTo. The SDK closes the body as soon as the answer's
// head is there, while the transport still looks for its end: its WriteTo then says
// io.EOF, which is an error to io.Copy, and the connection is closed in the middle
// of the answer. Its Read says io.EOF too, which is none.
type readOnly struct{ io.ReadCloser }

// capped fails past a number of bytes.
type capped struct {
	io.ReadCloser
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left < 0 {
		return 0, errTooLong // who reads on is told the same
	}
	n, err := c.ReadCloser.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// retried calls once, and again as often as the configuration allows where the
// service throttled the call or no connection came about: in both cases the
// function did not run.
func (p *function) retried(ctx context.Context, call func() error) error {
	for try := 0; ; try++ {
		err := call()
		var unmade *dialError
		var busy *types.TooManyRequestsException
		if err == nil || try >= p.retries || !errors.As(err, &unmade) && !errors.As(err, &busy) {
			return err
		}
		wait := time.Duration(rand.Int64N(int64(100*time.Millisecond)<<try) + int64(20*time.Millisecond))
		if busy != nil && busy.RetryAfterSeconds != nil {
			wait = max(wait, retryAfter(busy))
		}
		if until, ok := ctx.Deadline(); ok && time.Until(until) <= wait {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// retryAfter is what the service asks for, within bounds.
func retryAfter(busy *types.TooManyRequestsException) time.Duration {
	n := 1
	if busy.RetryAfterSeconds != nil {
		if v, err := strconv.Atoi(*busy.RetryAfterSeconds); err == nil {
			n = min(max(v, 1), 300)
		}
	}
	return time.Duration(n) * time.Second
}

// serviceError is what the service calls its error; "" where the error is not its.
func serviceError(err error) (code, message string) {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode(), api.ErrorMessage()
	}
	return "", ""
}
