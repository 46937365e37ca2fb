package lambdaruntime

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Config says what function there is and who may invoke it.
type Config struct {
	Function  string // its name
	Alias     string // the only qualifier that exists
	Region    string
	KeyID     string
	Secret    string
	Token     string        // of temporary credentials; "": none
	Program   string        // the function's executable
	TimeLimit time.Duration // of an invocation; 0: three seconds
}

// Service is the endpoint, and the function behind it.
type Service struct {
	*httptest.Server
	t   testing.TB
	cfg Config
	run *runtime

	mu        sync.Mutex
	throttles int      // guarded by mu: invocations still to be refused
	refused   []string // guarded by mu: why signatures were
	qualifier string   // guarded by mu: of the last invocation
}

// maxPayload is the most bytes of an event or an answer.
const maxPayload = 6 << 20

// Start starts both; they end with the test.
func Start(t testing.TB, c Config) *Service {
	t.Helper()
	if c.TimeLimit == 0 {
		c.TimeLimit = 3 * time.Second
	}
	s := &Service{t: t, cfg: c}
	s.run = newRuntime(t, c)
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// Throttle makes the next n invocations answer 429.
func (s *Service) Throttle(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.throttles = n
}

// Refused is why signatures were refused.
func (s *Service) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.refused...)
}

// Qualifier is what the last invocation named.
func (s *Service) Qualifier() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.qualifier
}

// Starts is how often the function's process was started.
func (s *Service) Starts() int { return int(s.run.starts.Load()) }

// Invocations is how often the function was handed an event.
func (s *Service) Invocations() int { return int(s.run.handed.Load()) }

func fail(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-ErrorType", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"Type": "User", "message": message})
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	if err != nil {
		fail(w, 400, "InvalidRequestContentException", err.Error())
		return
	}
	if err := s.verify(r, body); err != nil {
		s.mu.Lock()
		s.refused = append(s.refused, err.Error())
		s.mu.Unlock()
		fail(w, 403, "InvalidSignatureException", err.Error())
		return
	}
	stream := strings.HasPrefix(r.URL.Path, "/2021-11-15/")
	want := "/2015-03-31/functions/" + s.cfg.Function + "/invocations"
	if stream {
		want = "/2021-11-15/functions/" + s.cfg.Function + "/response-streaming-invocations"
	}
	qualifier := r.URL.Query().Get("Qualifier")
	s.mu.Lock()
	s.qualifier = qualifier
	throttled := s.throttles > 0
	if throttled {
		s.throttles--
	}
	s.mu.Unlock()
	switch {
	case r.Method != http.MethodPost || r.URL.Path != want || qualifier != "" && qualifier != s.cfg.Alias:
		fail(w, 404, "ResourceNotFoundException", "Function not found: "+r.URL.Path)
	case throttled:
		w.Header().Set("Retry-After", "1")
		fail(w, 429, "TooManyRequestsException", "Rate Exceeded.")
	case len(body) > maxPayload:
		fail(w, 413, "RequestTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation")
	case !json.Valid(body):
		fail(w, 400, "InvalidRequestContentException", "Could not parse request body into json")
	case stream:
		s.stream(w, body)
	case r.Header.Get("X-Amz-Invocation-Type") == "Event":
		go s.run.invoke(body, nil)
		w.WriteHeader(202)
	default:
		s.answer(w, s.run.invoke(body, nil))
	}
}

func (s *Service) answer(w http.ResponseWriter, r result) {
	if len(r.body) > maxPayload {
		r = errored("Unhandled", "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes).")
	}
	if r.failed != "" {
		w.Header().Set("X-Amz-Function-Error", r.failed)
	}
	w.Header().Set("X-Amz-Executed-Version", "1")
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(r.body)
}

// stream sends what the function says as it comes.
func (s *Service) stream(w http.ResponseWriter, event []byte) {
	begun := false
	flush := w.(http.Flusher)
	r := s.run.invoke(event, func(contentType string, piece []byte) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", contentType)
		}
		if _, err := w.Write(frame("PayloadChunk", "application/octet-stream", piece)); err != nil {
			return err
		}
		flush.Flush()
		return nil
	})
	if !begun {
		w.Header().Set("Content-Type", "application/octet-stream")
		if r.failed == "" {
			_, _ = w.Write(frame("PayloadChunk", "application/octet-stream", r.body))
		}
	}
	end := map[string]string{}
	if r.failed != "" {
		end["ErrorCode"], end["ErrorDetails"] = r.failed, string(r.body)
	}
	b, err := json.Marshal(end)
	if err != nil {
		s.t.Error(err)
	}
	_, _ = w.Write(frame("InvokeComplete", "application/json", b))
}

// result is how an invocation ended.
type result struct {
	body   []byte
	failed string // "", or "Handled" or "Unhandled"
}

func errored(failed, kind, message string) result {
	return result{[]byte(fmt.Sprintf(`{"errorType":%q,"errorMessage":%q}`, kind, message)), failed}
}
