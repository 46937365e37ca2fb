package stripebill

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
)

// Config is what New needs.
type Config struct {
	// Key is a secret or restricted API key. Whether it is of live mode stands in it.
	Key string
	// WebhookSecrets sign webhooks: more than one while one takes another's place.
	WebhookSecrets []string
	// URL is another base of the API, for tests; empty: Stripe's.
	URL string
	// Records takes usage records instead of meters.
	Records bool
	// PerSecond bounds calls; 0: what Stripe takes.
	PerSecond int
	Clock     core.Clock
}

// Bounds of calls.
const (
	callTime  = 20 * time.Second // one request, its answer read
	pageSize  = 100
	maxPages  = 20 // of any list: what is behind waits for the next look
	perSecond = 20 // requests; Stripe takes 25 of a test key, 100 of a live one
)

// Client is Stripe. It is safe for concurrent use.
type Client struct {
	api     *client.API
	live    bool
	secrets []string
	records bool
	clock   core.Clock
}

var _ billing.Provider = (*Client)(nil)

// New makes a client. It calls nothing.
func New(c Config) (*Client, error) {
	live := strings.HasPrefix(c.Key, "sk_live_") || strings.HasPrefix(c.Key, "rk_live_")
	if !live && !strings.HasPrefix(c.Key, "sk_test_") && !strings.HasPrefix(c.Key, "rk_test_") {
		return nil, errors.New("the Stripe key must be a secret or restricted one: sk_live_…, sk_test_…, rk_live_… or rk_test_…")
	}
	if len(c.WebhookSecrets) == 0 {
		return nil, errors.New("the Stripe key needs the signing secret of the webhook endpoint beside it")
	}
	for _, s := range c.WebhookSecrets {
		if len(s) < 16 {
			return nil, errors.New("the Stripe webhook secret is too short: it begins with whsec_")
		}
	}
	if c.URL == "" {
		c.URL = stripe.APIURL
	}
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("the Stripe URL %q is not scheme://host[:port]", c.URL)
	}
	if live && base.Scheme != "https" {
		return nil, errors.New("a live Stripe key goes over https only")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	transport.TLSHandshakeTimeout = 5 * time.Second
	transport.ResponseHeaderTimeout = callTime
	transport.MaxIdleConnsPerHost = 8
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL: stripe.String(strings.TrimRight(c.URL, "/")), MaxNetworkRetries: stripe.Int64(0), EnableTelemetry: stripe.Bool(false),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
		HTTPClient: &http.Client{
			Transport: newPace(transport, c.PerSecond), Timeout: callTime,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	})
	return &Client{
		api: client.New(c.Key, &stripe.Backends{API: backend, Connect: backend, Uploads: backend}), live: live,
		secrets: c.WebhookSecrets, records: c.Records, clock: c.Clock,
	}, nil
}

// params begins the parameters of a call; an empty key is for one that changes
// nothing.
func params(ctx context.Context, key string) stripe.Params {
	p := stripe.Params{Context: ctx}
	if key != "" {
		p.IdempotencyKey = stripe.String(key)
	}
	return p
}

// list begins the parameters of a list, of which the caller reads maxPages.
func list(ctx context.Context) stripe.ListParams {
	return stripe.ListParams{Context: ctx, Limit: stripe.Int64(pageSize)}
}

// most bounds what is read of a list.
const most = pageSize * maxPages

// failed makes a *billing.ProviderError of what stripe-go answered; nil of nil.
func failed(call string, err error) error {
	if err == nil {
		return nil
	}
	out := &billing.ProviderError{Kind: billing.ErrorTemporary, Call: call}
	var e *stripe.Error
	if !errors.As(err, &e) {
		out.Err = err // of the network: it quotes no body
		var text *url.Error
		if errors.As(err, &text) {
			out.Err = text.Err
		}
		return out
	}
	out.Code, out.Status, out.Request = string(e.Code), e.HTTPStatusCode, e.RequestID
	if e.Param != "" {
		out.Code += " (" + e.Param + ")"
	}
	if e.DeclineCode != "" {
		out.Code = string(e.DeclineCode)
	}
	if e.LastResponse != nil {
		out.RetryAfter = retryAfter(e.LastResponse.Header)
	}
	switch s := e.HTTPStatusCode; {
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		out.Kind = billing.ErrorUnauthorized
	case s == http.StatusPaymentRequired, e.Type == stripe.ErrorTypeCard:
		out.Kind = billing.ErrorRefused
	case s == http.StatusNotFound, missing[e.Code]:
		out.Kind = billing.ErrorNotFound
	case s == http.StatusConflict, s == http.StatusTooManyRequests, e.Code == stripe.ErrorCodeLockTimeout, s >= 500, s == 0:
		out.Kind = billing.ErrorTemporary
	default:
		out.Kind = billing.ErrorInvalid
	}
	return out
}

// missing are codes of bad requests that name something which is gone.
var missing = map[stripe.ErrorCode]bool{
	stripe.ErrorCodeResourceMissing: true, "archived_meter": true, "no_meter": true, "price_inactive": true,
}

// retryAfter reads seconds, at most an hour of them.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.ParseUint(h.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, time.Hour)
}

// at is a time of Stripe's; 0 is the zero time.
func at(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
