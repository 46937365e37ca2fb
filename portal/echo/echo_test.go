package echo_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/portal/echo"
)

func ask(t *testing.T, h http.Handler, r *http.Request) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if ct := w.Header().Get("Content-Type"); ct != "application/json" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("Content-Type %q without nosniff", ct)
	}
	var v map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return w.Code, v
}

func TestAnswersWithWhatItWasSent(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/a/b?x=<script>", strings.NewReader("hello"))
	r.Header.Set("Tollgate-Consumer", "ann")
	r.Header.Set("X-Request-Id", "0123456789")
	status, v := ask(t, echo.NewHandler("echo"), r)
	if status != 200 || v["backend"] != "echo" || v["method"] != "POST" || v["path"] != "/a/b?x=<script>" || v["consumer"] != "ann" || v["request_id"] != "0123456789" || v["body"] != "hello" || v["body_bytes"] != 5.0 {
		t.Errorf("%d %v", status, v)
	}
	status, v = ask(t, echo.NewHandler("echo"), httptest.NewRequest("POST", "/", strings.NewReader("\xff\xfe")))
	if status != 200 || v["body_base64"] != "//4=" || v["body"] != nil {
		t.Errorf("%d %v", status, v)
	}
}

func TestDoesWhatTheQueryAsks(t *testing.T) {
	t.Parallel()
	h := echo.NewHandler("echo")
	if status, _ := ask(t, h, httptest.NewRequest("GET", "/?status=503", nil)); status != 503 {
		t.Errorf("status=503 answered %d", status)
	}
	if _, v := ask(t, h, httptest.NewRequest("GET", "/?bytes=1000", nil)); len(v["padding"].(string)) != 1000 {
		t.Errorf("bytes=1000 gave %d", len(v["padding"].(string)))
	}
	began := time.Now()
	ask(t, h, httptest.NewRequest("GET", "/?delay=50ms", nil))
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("delay=50ms took %s", took)
	}
	for _, query := range []string{"status=99", "status=204", "status=x", "delay=11s", "delay=-1s", "bytes=1048577", "bytes=-1"} {
		if status, _ := ask(t, h, httptest.NewRequest("GET", "/?"+query, nil)); status != 400 {
			t.Errorf("%s answered %d, want 400", query, status)
		}
	}
}

func TestIsBounded(t *testing.T) {
	t.Parallel()
	h := echo.NewHandler("echo")
	big := io.LimitReader(endless{}, 2<<20)
	if status, _ := ask(t, h, httptest.NewRequest("POST", "/", big)); status != 413 {
		t.Errorf("2 MiB answered %d, want 413", status)
	}
	refused := 0
	for range 400 {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Forwarded-Host", "greedy.test")
		if status, _ := ask(t, h, r); status == 429 {
			refused++
		}
	}
	if refused == 0 {
		t.Error("400 requests of one gateway at once were all answered")
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Forwarded-Host", "modest.test")
	if status, _ := ask(t, h, r); status != 200 {
		t.Errorf("another gateway is answered %d", status)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func TestServesUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	s, err := echo.Listen("echo", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%v %v", res, err)
	}
	_ = res.Body.Close()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
