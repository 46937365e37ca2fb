package session

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Tickets are sealed cookies: only this control plane can read or make them, each
// for one purpose and for a short time. A ticket can be used as often as its
// browser likes; what must work once is spent by whoever honours it.
type Tickets struct {
	key    [32]byte
	clock  core.Clock
	secure bool
}

// NewTickets makes tickets under a key of their own.
func NewTickets(key [32]byte, clock core.Clock, secure bool) *Tickets {
	return &Tickets{key: key, clock: clock, secure: secure}
}

// maxTicket bounds a sealed cookie, below what browsers keep.
const maxTicket = 3800

type ticket struct {
	Expires time.Time       `json:"expires"`
	Value   json.RawMessage `json:"value"`
}

func (t *Tickets) name(purpose string) string {
	if t.secure {
		return "__Host-tollgate-" + purpose
	}
	return "tollgate-" + purpose
}

func (t *Tickets) cookie(purpose, value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: t.name(purpose), Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: t.secure,
		SameSite: http.SameSiteLaxMode, // sent when a provider sends the browser back
	}
}

// Set gives the browser a ticket for a purpose in place of an older one.
func (t *Tickets) Set(w http.ResponseWriter, purpose string, v any, lasts time.Duration) error {
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s ticket: %w", purpose, err)
	}
	js, err := json.Marshal(ticket{Expires: t.clock().Add(lasts), Value: value})
	if err != nil {
		return fmt.Errorf("encode %s ticket: %w", purpose, err)
	}
	sealed, err := contract.Seal(t.key, "ticket "+purpose, js)
	if err != nil {
		return fmt.Errorf("seal %s ticket: %w", purpose, err)
	}
	text := base64.RawURLEncoding.EncodeToString(sealed)
	if len(text) > maxTicket {
		return fmt.Errorf("%s ticket is too large for a cookie", purpose)
	}
	http.SetCookie(w, t.cookie(purpose, text, int(lasts.Seconds())))
	return nil
}

// Get reads the request's ticket for a purpose; false for none that is good.
func (t *Tickets) Get(r *http.Request, purpose string, into any) bool {
	c, err := r.Cookie(t.name(purpose))
	if err != nil || len(c.Value) > maxTicket {
		return false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return false
	}
	js, err := contract.Open(t.key, "ticket "+purpose, sealed)
	if err != nil {
		return false
	}
	var v ticket
	if json.Unmarshal(js, &v) != nil || !t.clock().Before(v.Expires) {
		return false
	}
	return json.Unmarshal(v.Value, into) == nil
}

// Clear takes a ticket back from the browser.
func (t *Tickets) Clear(w http.ResponseWriter, purpose string) {
	http.SetCookie(w, t.cookie(purpose, "", -1))
}
