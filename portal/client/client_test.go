package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// portal answers with what a test says, try by try.
func portal(t *testing.T, answer func(try int, w http.ResponseWriter, r *http.Request)) *ClientWithResponses {
	t.Helper()
	var tries atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(int(tries.Add(1)), w, r)
	}))
	t.Cleanup(s.Close)
	c, err := New(Options{URL: s.URL + "/", Token: "tgm_x", Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "t", "title": "T", "status": status, "code": code, "request_id": "r1",
		"errors": []map[string]string{{"pointer": "/name", "detail": "is missing"}},
	})
}

func TestRetriesWithTheSameIdempotencyKeyAndBody(t *testing.T) {
	t.Parallel()
	var keys, bodies []string
	c := portal(t, func(try int, w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		keys, bodies = append(keys, r.Header.Get("Idempotency-Key")), append(bodies, string(b))
		switch try {
		case 1:
			panic(http.ErrAbortHandler) // no answer at all
		case 2:
			w.Header().Set("Retry-After", "0")
			problem(w, 503, "store_unavailable")
		case 3:
			w.Header().Set("Retry-After", "0")
			problem(w, 409, "conflict")
		default:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(201)
			_, _ = io.WriteString(w, `{"id":"key_1","prefix":"p","consumer":"c","state":"active","created_at":"2026-11-22T00:00:00Z","updated_at":"2026-11-22T00:00:00Z"}`)
		}
	})
	res, err := c.CreateKeyWithResponse(t.Context(), "g", nil, KeyInput{Consumer: "c"})
	if err != nil {
		t.Fatal(err)
	}
	k, err := Result(res.JSON201, res.HTTPResponse, res.Body, nil)
	if err != nil || k.ID != "key_1" {
		t.Fatalf("%+v, %v", k, err)
	}
	if len(keys) != 4 || keys[0] == "" || len(slices.Compact(keys)) != 1 || len(slices.Compact(bodies)) != 1 {
		t.Fatalf("keys %v, bodies %v", keys, bodies)
	}
}

func TestErrorsAreProblems(t *testing.T) {
	t.Parallel()
	n := 0
	c := portal(t, func(_ int, w http.ResponseWriter, _ *http.Request) { n++; problem(w, 422, "invalid") })
	res, err := c.CreateGatewayWithResponse(t.Context(), nil, GatewayInput{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Result(res.JSON201, res.HTTPResponse, res.Body, nil)
	if Code(err) != "invalid" || !strings.Contains(err.Error(), "/name is missing") || !strings.Contains(err.Error(), "r1") {
		t.Fatalf("error is %v", err)
	}
	if n != 1 {
		t.Fatalf("bad input was sent %d times", n)
	}
	c = portal(t, func(_ int, w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusTeapot) })
	res2, err := c.GetMeWithResponse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if err := Done(res2.HTTPResponse, res2.Body, nil); !errors.As(err, &e) || e.Status != http.StatusTeapot {
		t.Fatalf("error is %v", err)
	}
}

func TestTriesEnd(t *testing.T) {
	t.Parallel()
	n := 0
	c := portal(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		n++
		w.Header().Set("Retry-After", "0")
		problem(w, 429, "throttled")
	})
	res, err := c.GetMeWithResponse(t.Context())
	if err != nil || Code(Done(res.HTTPResponse, res.Body, nil)) != "throttled" || n != 4 {
		t.Fatalf("%d tries, %v", n, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := c.GetMeWithResponse(ctx); !errors.Is(err, context.Canceled) || n != 4 {
		t.Fatalf("a canceled call gave %v after %d tries", err, n)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	pages := map[string]struct {
		items []int
		next  string
	}{"": {[]int{1, 2}, "a"}, "a": {nil, "b"}, "b": {[]int{3}, ""}}
	fetch := func(_ context.Context, cursor *string) ([]int, *string, error) {
		key := ""
		if cursor != nil {
			key = *cursor
		}
		p, ok := pages[key]
		if !ok {
			return nil, nil, errors.New("no such page")
		}
		return p.items, &p.next, nil
	}
	var got []int
	for v, err := range Pages(t.Context(), fetch) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	if !slices.Equal(got, []int{1, 2, 3}) {
		t.Fatalf("got %v", got)
	}
	for range Pages(t.Context(), fetch) {
		break // may stop early
	}
	pages[""] = struct {
		items []int
		next  string
	}{[]int{1}, "gone"}
	var last error
	for _, err := range Pages(t.Context(), fetch) {
		last = err
	}
	if last == nil {
		t.Fatal("a failed page ended the sequence without an error")
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Options{{}, {URL: "portal"}, {URL: "ftp://x"}, {URL: "http://x", Token: "secret"}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}
