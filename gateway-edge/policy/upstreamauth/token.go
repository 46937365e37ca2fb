package upstreamauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/flight"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
)

// How tokens are kept.
const (
	maxAnswer = 64 << 10
	maxToken  = 8 << 10
	// defaultLife is how long a token is taken to be good whose server does not say.
	defaultLife = 5 * time.Minute
	maxLife     = 24 * time.Hour
	// A token is not used in the last part of its life: requests take time.
	marginMax  = 10 * time.Second
	backoffMin = time.Second
	backoffMax = 30 * time.Second
	// distrustAfter is how old a token is at least when a backend's 401 may do away
	// with it: a backend that refuses every token causes no storm.
	distrustAfter = 30 * time.Second
)

// token is one that a server gave. It is immutable. Times are CLOCK_BOOTTIME.
type token struct {
	field   string // of Authorization
	fetched int64
	refresh int64 // from here on one request fetches another one
	expires int64
}

// source is the runtime state of one client at one server.
type source struct {
	url     string
	form    string
	basic   string // the Authorization field at the server; "": in the form
	token   atomic.Pointer[token]
	next    atomic.Int64 // from when a request may take the refresh
	flights flight.Group[struct{}, *token]

	mu      sync.Mutex // guards what follows
	retryAt int64
	backoff time.Duration
}

func newSource(c *ClientCredentials, secret string, state func(string, func() any) any) *source {
	form := url.Values{"grant_type": {"client_credentials"}}
	for name, v := range map[string]string{"scope": strings.Join(c.Scopes, " "), "audience": c.Audience, "resource": c.Resource} {
		if v != "" {
			form.Set(name, v)
		}
	}
	s := &source{url: c.TokenURL}
	if c.Authentication == authPost {
		form.Set("client_id", c.ClientID)
		form.Set("client_secret", secret)
	} else {
		// Both are form-encoded first (RFC 6749 2.3.1).
		s.basic = basicField(url.QueryEscape(c.ClientID), url.QueryEscape(secret))
	}
	s.form = form.Encode()
	if state == nil {
		return s
	}
	print := memo.Print(s.url, s.form, s.basic)
	return state("upstream_auth "+string(print[:]), func() any { return s }).(*source)
}

// at returns the token at hand, nil when there is none that may be used.
func (s *source) at(now int64) *token {
	if t := s.token.Load(); t != nil && now < t.expires {
		return t
	}
	return nil
}

// takeRefresh reports whether this request is the one to fetch ahead.
func (s *source) takeRefresh(t *token, now int64) bool {
	if now < t.refresh {
		return false
	}
	at := s.next.Load()
	return now >= at && s.next.CompareAndSwap(at, now+int64(backoffMax))
}

// rests reports whether the server failed a moment ago.
func (s *source) rests(now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now < s.retryAt
}

var errRests = errors.New("the server failed a moment ago")

// get fetches a token, once for all who ask at the same time; had is the one that
// is too old for who asks, nil when there is none.
func (s *source) get(b policy.Blocking, f policy.Fetch, now int64, had *token) (*token, error) {
	return s.flights.Do(b, struct{}{}, func() (*token, error) {
		if t := s.at(now); t != nil && t != had {
			return t, nil // another request fetched it since
		}
		if s.rests(now) {
			return nil, errRests
		}
		t, err := s.ask(b, f, now)
		if b.Context().Err() != nil && err != nil {
			return nil, err // it says nothing about the server
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil {
			s.backoff = min(max(2*s.backoff, backoffMin), backoffMax)
			s.retryAt = now + int64(s.backoff)
			return nil, err
		}
		s.backoff, s.retryAt = 0, 0
		s.token.Store(t)
		s.next.Store(0)
		return t, nil
	})
}

// ask makes the request (RFC 6749 4.4.2). Its errors hold nothing of the answer's
// body.
func (s *source) ask(b policy.Blocking, f policy.Fetch, now int64) (*token, error) {
	r := &policy.FetchRequest{
		Method: "POST", URL: s.url, Body: []byte(s.form), Limit: maxAnswer,
		Header: map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}},
	}
	if s.basic != "" {
		r.Header["Authorization"] = []string{s.basic}
	}
	got, err := f.Do(b, r)
	if err != nil {
		return nil, err
	}
	if got.Status != 200 {
		return nil, fmt.Errorf("the token endpoint answered %d", got.Status)
	}
	var answer struct {
		AccessToken string      `json:"access_token"`
		TokenType   string      `json:"token_type"`
		ExpiresIn   json.Number `json:"expires_in"`
	}
	if json.Unmarshal(got.Body, &answer) != nil || !visible(answer.AccessToken) || strings.Contains(answer.AccessToken, " ") {
		return nil, errors.New("the token endpoint's answer holds no usable token")
	}
	if !strings.EqualFold(answer.TokenType, "bearer") {
		return nil, errors.New("the token endpoint gives tokens of another type than Bearer")
	}
	life := defaultLife
	if answer.ExpiresIn != "" {
		sec, err := answer.ExpiresIn.Float64()
		if err != nil || sec < 1 {
			return nil, errors.New("the token endpoint's answer has no sensible expires_in")
		}
		life = time.Duration(min(sec, maxLife.Seconds()) * float64(time.Second))
	}
	return &token{
		field: "Bearer " + answer.AccessToken, fetched: now,
		refresh: now + int64(life)*4/5, expires: now + int64(life-min(marginMax, life/10)),
	}, nil
}

// distrust drops a token that a backend refused.
func (s *source) distrust(t *token, now int64) {
	if now-t.fetched >= int64(distrustAfter) {
		s.token.CompareAndSwap(t, nil)
	}
}
