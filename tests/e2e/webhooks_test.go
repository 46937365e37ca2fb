package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// told is a message of a webhook.
type told struct {
	ID, Type string
	Data     map[string]any
	at       time.Time
	signed   bool
}

// hook is a receiver of webhooks that verifies as the documentation says.
type hook struct {
	t      *testing.T
	secret string
	got    chan told
	hold   chan chan struct{} // a request waits for what is in it
}

func newHook(t *testing.T) (*hook, string) {
	h := &hook{t: t, got: make(chan told, 1000), hold: make(chan chan struct{}, 1)}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		at := time.Now()
		body, err := io.ReadAll(r.Body)
		var m told
		if err != nil || json.Unmarshal(body, &m) != nil {
			return
		}
		m.at, m.signed = at, m.ID == r.Header.Get("webhook-id") && h.verify(r.Header, body)
		h.got <- m
		select {
		case until := <-h.hold:
			<-until
		default:
		}
	}))
	t.Cleanup(server.Close)
	return h, server.URL
}

func (h *hook) verify(header http.Header, body []byte) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.secret, "whsec_"))
	sent, errSent := strconv.ParseInt(header.Get("webhook-timestamp"), 10, 64)
	if err != nil || errSent != nil || time.Since(time.Unix(sent, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(header.Get("webhook-id") + "." + header.Get("webhook-timestamp") + "."))
	mac.Write(body)
	want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return slices.ContainsFunc(strings.Split(header.Get("webhook-signature"), " "), func(one string) bool { return hmac.Equal([]byte(one), want) })
}

// next waits for a message of a type.
func (h *hook) next(typ string) told {
	h.t.Helper()
	limit := time.After(90 * time.Second)
	for {
		select {
		case m := <-h.got:
			if !m.signed {
				h.t.Errorf("%s %s is not signed as it should be", m.Type, m.ID)
			}
			if m.Type == typ {
				return m
			}
		case <-limit:
			h.t.Fatalf("no %s came", typ)
		}
	}
}

// TestWebhooks has a receiver told of what happens, by a real worker: a revoked key
// within seconds, and by the next worker what the one that was killed had not settled.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	c := harness.New(t, harness.Options{Edges: 1})
	api := c.SignUp("hooks")
	const g = "/v1/gateways/hooked"
	api.Must("POST", "/v1/gateways", harness.Object{"name": "hooked"})
	api.Must("PUT", g+"/consumers/ann", harness.Object{})
	h, url := newHook(t)
	h.secret = api.Must("PUT", g+"/webhooks/hook", harness.Object{"url": url})["signing_secret"].(string)

	var slowest time.Duration
	const keys = 20
	for range keys {
		id, _ := api.Key("hooked", "ann", nil)
		h.next("key.created")
		began := time.Now()
		api.Must("POST", g+"/keys/"+id+"/revoke", nil)
		m := h.next("key.revoked")
		if about, _ := m.Data["key"].(map[string]any); about["id"] != id {
			t.Errorf("told of %v, revoked %s", m.Data, id)
		}
		slowest = max(slowest, m.at.Sub(began))
	}
	t.Logf("the slowest of %d revoked keys was told after %s", keys, slowest.Round(time.Millisecond))

	// The worker dies while the receiver has the message.
	until := make(chan struct{})
	h.hold <- until
	api.Must("PUT", g+"/consumers/bob", harness.Object{})
	first := h.next("consumer.created")
	c.Worker.Kill()
	close(until)
	if err := c.Worker.Start(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	again := h.next("consumer.created")
	if again.ID != first.ID {
		t.Errorf("sent again as %s, was %s", again.ID, first.ID)
	}
	t.Logf("what a killed worker had under way was sent again under its id after %s", time.Since(began).Round(time.Millisecond))

	// A receiver that stopped, and what it missed.
	if got := api.Must("POST", g+"/webhooks/hook/test", nil); got["ok"] != true {
		t.Errorf("test: %v", got)
	}
	h.next("webhook.test")
	api.Must("PUT", g+"/webhooks/hook", harness.Object{"url": url, "enabled": false})
	api.Must("PUT", g+"/consumers/eve", harness.Object{})
	api.Must("PUT", g+"/webhooks/hook", harness.Object{"url": url, "events": []string{"consumer.deleted"}})
	api.Must("DELETE", g+"/consumers/eve", nil)
	h.next("consumer.deleted")
	for _, d := range api.Must("GET", g+"/webhooks/hook/deliveries", nil)["items"].([]any) {
		d := d.(map[string]any)
		if d["state"] != "sent" && d["state"] != "waiting" {
			t.Errorf("%v", d)
		}
	}
}
