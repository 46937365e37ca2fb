package echo

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tollgate/tollgate/portal/internal/pace"
)

// Bounds of one request and of all.
const (
	maxBody  = 1 << 20  // taken
	maxShown = 16 << 10 // of it, in the answer
	maxExtra = 1 << 20  // bytes asked for by ?bytes=
	maxDelay = 10 * time.Second
	maxOpen  = 512
	perHost  = 10 * time.Millisecond // 100 requests a second for each gateway
	burst    = 200
	maxHosts = 10_000
)

// Handler answers with what it was sent. The query can ask for more: status=503
// (a status), delay=2s (a pause of at most 10 s), bytes=100000 (padding of at
// most 1 MiB).
type Handler struct {
	name string
	open chan struct{} // one token for each request under way
	pace *pace.Limiter
}

// NewHandler makes a handler that names itself in its answers.
func NewHandler(name string) *Handler {
	return &Handler{name: name, open: make(chan struct{}, maxOpen), pace: pace.New(perHost, burst, maxHosts, time.Now)}
}

// answer is what a caller sees.
type answer struct {
	Backend    string              `json:"backend"`
	Method     string              `json:"method"`
	Path       string              `json:"path"` // with its query
	Host       string              `json:"host"`
	Consumer   string              `json:"consumer"`
	RequestID  string              `json:"request_id"`
	Headers    map[string][]string `json:"headers"`
	BodyBytes  int64               `json:"body_bytes"`
	Body       string              `json:"body,omitempty"` // text
	BodyBase64 []byte              `json:"body_base64,omitempty"`
	Truncated  bool                `json:"body_truncated,omitempty"`
	Padding    string              `json:"padding,omitempty"`
}

// wish is what the query asks for.
type wish struct {
	status int
	delay  time.Duration
	bytes  int
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	select {
	case h.open <- struct{}{}:
		defer func() { <-h.open }()
	default:
		refuse(w, http.StatusServiceUnavailable, time.Second, "the echo backend is busy")
		return
	}
	if wait := h.pace.Take(gatewayOf(r)); wait > 0 {
		refuse(w, http.StatusTooManyRequests, wait, "the echo backend takes 100 requests a second from one gateway")
		return
	}
	want, why := read(r)
	if why != "" {
		refuse(w, http.StatusBadRequest, 0, why)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, 0, "the echo backend takes bodies of at most 1 MiB")
		return
	}
	if want.delay > 0 {
		t := time.NewTimer(want.delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return
		}
	}
	h.write(w, r, want, body)
}

func (h *Handler) write(w http.ResponseWriter, r *http.Request, want wish, body []byte) {
	a := answer{
		Backend: h.name, Method: r.Method, Path: r.URL.RequestURI(), Host: r.Host, Headers: r.Header,
		Consumer: r.Header.Get("Tollgate-Consumer"), RequestID: r.Header.Get("X-Request-Id"),
		BodyBytes: int64(len(body)), Truncated: len(body) > maxShown, Padding: strings.Repeat(".", want.bytes),
	}
	if shown := body[:min(len(body), maxShown)]; utf8.Valid(shown) {
		a.Body = string(shown)
	} else {
		a.BodyBase64 = shown
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(want.status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(a) // whoever went needs no answer
}

// gatewayOf is whose budget a request spends: the host that its caller asked for.
func gatewayOf(r *http.Request) string {
	host := r.Header.Get("X-Forwarded-Host")
	if host == "" {
		host = r.Host
	}
	return host[:min(len(host), 255)]
}

func read(r *http.Request) (want wish, why string) {
	want.status = http.StatusOK
	q := r.URL.Query()
	if text := q.Get("status"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 200 || n > 599 || n == http.StatusNoContent || n == http.StatusNotModified {
			return want, "status= takes a number from 200 to 599 whose answer has a body"
		}
		want.status = n
	}
	if text := q.Get("delay"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 || d > maxDelay {
			return want, "delay= takes a duration of at most 10s"
		}
		want.delay = d
	}
	if text := q.Get("bytes"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > maxExtra {
			return want, "bytes= takes a number of at most 1048576"
		}
		want.bytes = n
	}
	return want, ""
}

func refuse(w http.ResponseWriter, status int, wait time.Duration, why string) {
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": why}) // whoever went needs no answer
}
