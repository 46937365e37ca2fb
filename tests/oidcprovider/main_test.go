package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// started is a provider in this process, reached over its sockets only.
type started struct {
	t               *testing.T
	issuer, control string
}

func start(t *testing.T) *started {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, nil, w) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	line, err := bufio.NewReader(r).ReadBytes('\n')
	if err != nil {
		t.Fatalf("first line: %v", err)
	}
	var at struct{ Issuer, Control string }
	if err := json.Unmarshal(line, &at); err != nil {
		t.Fatalf("first line %q: %v", line, err)
	}
	return &started{t: t, issuer: at.Issuer, control: at.Control}
}

func (s *started) do(method, url string, form url.Values, into any) int {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(clientID, clientSecret)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, url, err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		s.t.Fatalf("%s %s: %v", method, url, err)
	}
	return resp.StatusCode
}

func TestTokenForAudience(t *testing.T) {
	s := start(t)
	var found struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
		Token   string `json:"token_endpoint"`
	}
	s.do("GET", s.issuer+"/.well-known/openid-configuration", nil, &found)
	if found.Issuer != s.issuer {
		t.Fatalf("discovery says issuer %q, want %q", found.Issuer, s.issuer)
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	status := s.do("POST", found.Token, url.Values{
		"grant_type": {"client_credentials"}, "audience": {"api", "other"}, "scope": {"orders:read"},
		"subject": {"alice"}, "lifetime": {"1m"}, "claims": {`{"tier":"gold"}`},
	}, &answer)
	if status != 200 {
		t.Fatalf("status %d", status)
	}
	parts := strings.Split(answer.Token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %q", answer.Token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Iss, Sub, Tier, Scope string
		Aud                   []string
		Exp                   int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Iss != s.issuer || claims.Sub != "alice" || claims.Tier != "gold" || claims.Scope != "orders:read" || !slices.Equal(claims.Aud, []string{"api", "other"}) {
		t.Fatalf("claims %s", payload)
	}
	if left := time.Until(time.Unix(claims.Exp, 0)); left > time.Minute || left < 30*time.Second {
		t.Fatalf("expires in %v, want about a minute", left)
	}
}

func TestRotateAndRetire(t *testing.T) {
	s := start(t)
	published := func() (ids []string) {
		var set struct {
			Keys []struct{ Kid string }
		}
		s.do("GET", s.issuer+"/keys", nil, &set)
		for _, k := range set.Keys {
			ids = append(ids, k.Kid)
		}
		return ids
	}
	if got := published(); !slices.Equal(got, []string{"key-1"}) {
		t.Fatalf("at the start: %v", got)
	}
	var ids []string
	s.do("POST", s.control+"/keys/rotate", nil, &ids)
	if got := published(); !slices.Equal(got, []string{"key-1", "key-2"}) {
		t.Fatalf("rotated: %v", got)
	}
	s.do("POST", s.control+"/keys/retire", nil, &ids)
	if got := published(); !slices.Equal(got, []string{"key-2"}) {
		t.Fatalf("retired: %v", got)
	}
	var stats map[string]int
	s.do("GET", s.control+"/stats", nil, &stats)
	if stats["/keys"] != 3 {
		t.Fatalf("stats %v, want 3 requests for /keys", stats)
	}
}

func TestModes(t *testing.T) {
	s := start(t)
	var mode map[string]string
	set := func(name string) { s.do("POST", s.control+"/mode/"+name, nil, &mode) }
	get := func() (int, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "GET", s.issuer+"/keys", nil)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	for _, tt := range []struct {
		mode string
		want int
	}{{"fail", 503}, {"garbage", 200}, {"huge", 200}, {"redirect", 302}, {"ok", 200}} {
		set(tt.mode)
		if got, err := get(); got != tt.want || err != nil {
			t.Fatalf("mode %s: status %d, %v; want %d", tt.mode, got, err, tt.want)
		}
	}
	set("hang")
	if got, err := get(); err == nil {
		t.Fatalf("mode hang answered %d", got)
	}
}
