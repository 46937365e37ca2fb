package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/portal/internal/session"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

func TestDevice(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                         "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0":               "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36":                                "Chrome on Android",
		"curl/8.10.1": "Curl",
		"":            "Unknown device",
		"<script>":    "Unknown device",
	} {
		if got := session.Device(agent); got != want {
			t.Errorf("Device(%q) = %q, want %q", agent, got, want)
		}
	}
}

type letter struct{ A, B string }

// send gives a ticket and returns a request that carries its cookie.
func send(t *testing.T, tickets *session.Tickets, purpose string, v letter) (*http.Request, *http.Cookie) {
	t.Helper()
	w := httptest.NewRecorder()
	if err := tickets.Set(w, purpose, v, time.Minute); err != nil {
		t.Fatal(err)
	}
	c := w.Result().Cookies()[0]
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(c)
	return r, c
}

func TestTickets(t *testing.T) {
	t.Parallel()
	now := time.Now()
	clock := func() time.Time { return now }
	tickets := session.NewTickets([32]byte{1}, clock, true)
	r, c := send(t, tickets, "flow", letter{"a", "b"})
	var got letter
	if !tickets.Get(r, "flow", &got) || got != (letter{"a", "b"}) {
		t.Fatalf("the ticket came back as %+v", got)
	}
	if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-") {
		t.Errorf("the cookie is %+v", c)
	}
	if tickets.Get(r, "second", &got) {
		t.Error("a ticket is good for another purpose")
	}
	other := httptest.NewRequest(http.MethodGet, "/", nil)
	other.AddCookie(&http.Cookie{Name: "__Host-tollgate-second", Value: c.Value})
	if tickets.Get(other, "second", &got) {
		t.Error("a ticket under another name is good")
	}
	if session.NewTickets([32]byte{2}, clock, true).Get(r, "flow", &got) {
		t.Error("a ticket of another key is good")
	}
	now = now.Add(time.Minute)
	if tickets.Get(r, "flow", &got) {
		t.Error("an expired ticket is good")
	}
	if err := tickets.Set(httptest.NewRecorder(), "flow", letter{A: strings.Repeat("x", 4096)}, time.Minute); err == nil {
		t.Error("a ticket larger than a cookie was given")
	}
}

// rows keeps sessions as the tenant domain does: one that has expired is not there.
type rows struct {
	clock core.Clock
	all   map[string]tenant.Session
}

func (r *rows) PutSession(_ context.Context, s tenant.Session) error {
	r.all[s.TokenHash] = s
	return nil
}

func (r *rows) FindSession(_ context.Context, hash string) (tenant.Session, error) {
	s, ok := r.all[hash]
	if !ok || !r.clock().Before(s.ExpiresAt) {
		return tenant.Session{}, core.NotFound("session", hash)
	}
	return s, nil
}

func (r *rows) TouchSession(context.Context, string) error { return nil }

func (r *rows) EndSession(_ context.Context, hash string) error {
	delete(r.all, hash)
	return nil
}

// TestLifetime: a session lasts for seven days of the clock that looks it up, which may
// show another time than the machine's; its cookie for seven days of the browser's.
func TestLifetime(t *testing.T) {
	t.Parallel()
	for name, now := range map[string]time.Time{
		"years ahead": time.Date(2040, 2, 28, 12, 0, 0, 0, time.UTC), "years behind": time.Date(2020, 2, 28, 12, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := func() time.Time { return now }
			r := &rows{clock: clock, all: map[string]tenant.Session{}}
			m := session.New(r, clock, true)
			w := httptest.NewRecorder()
			if err := m.Start(w, httptest.NewRequest(http.MethodPost, "/", nil), "usr_1", false); err != nil {
				t.Fatal(err)
			}
			for _, s := range r.all {
				if !s.ExpiresAt.Equal(now.Add(session.Lifetime)) {
					t.Errorf("it expires at %s, want %s after %s", s.ExpiresAt, session.Lifetime, now)
				}
			}
			c := w.Result().Cookies()[0]
			if days := time.Duration(c.MaxAge) * time.Second / (24 * time.Hour); days != 7 || c.Expires.Before(time.Now()) {
				t.Errorf("the cookie lasts for %d s, until %s", c.MaxAge, c.Expires)
			}
			load := func() *session.Current {
				t.Helper()
				req := httptest.NewRequest(http.MethodGet, "/", nil)
				req.AddCookie(c)
				found, err := m.Load(req)
				if err != nil {
					t.Fatal(err)
				}
				return found
			}
			now = now.Add(session.Lifetime - time.Second)
			if found := load(); found == nil || found.UserID != "usr_1" {
				t.Errorf("in its last second it is %+v", found)
			}
			now = now.Add(time.Second)
			if found := load(); found != nil {
				t.Errorf("after its time it is %+v", found)
			}
		})
	}
}
