package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tollgate/tollgate/infra/tollgate/cli"
)

// run runs the command line against a portal.
func run(ctx context.Context, portal string, args ...string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	app := cli.New(cli.Config{
		Version: "test", In: strings.NewReader(""), Out: &o, Err: &e,
		Environ: []string{"TOLLGATE_API_URL=" + portal, "TOLLGATE_API_TOKEN=tgm_x", "TOLLGATE_GATEWAY=g", "TOLLGATE_CONFIG=/nonexistent/config.yaml"},
	})
	code = app.Execute(ctx, args)
	return code, o.String(), e.String()
}

// TestFollowGoesOn holds that a stream that breaks is opened again after the last
// record that was printed, and that a gap is told.
func TestFollowGoesOn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	record := func(id int) string {
		return fmt.Sprintf("id: %d\ndata: {\"id\":\"%d\",\"time\":\"2026-01-02T03:04:05Z\",\"request_id\":\"r%d\",\"edge\":\"e\",\"method\":\"GET\",\"host\":\"h\",\"path\":\"/\\u001b[2J\",\"status\":200}\n\n", id, id, id)
	}
	var n atomic.Int64
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		switch after := r.URL.Query().Get("after"); n.Add(1) {
		case 1:
			if after != "" {
				t.Errorf("the first asks for what is after %q", after)
			}
			fmt.Fprint(w, "retry: 2000\n\n: still here\n\n", record(1), record(2))
		case 2:
			if after != "2" {
				t.Errorf("the second asks for what is after %q", after)
			}
			fmt.Fprint(w, "event: gap\ndata: {}\n\n", record(3))
		default:
			if after != "3" {
				t.Errorf("the third asks for what is after %q", after)
			}
			cancel()
		}
	}))
	defer portal.Close()
	code, out, errOut := run(ctx, portal.URL, "logs", "-f")
	if code != 0 || strings.Count(out, "id=r") != 3 || !strings.Contains(errOut, "left out") || strings.Contains(out, "\x1b") {
		t.Errorf("code %d\n%q\n%s", code, out, errOut)
	}
}

// TestFollowEndsWhereItIsRefused holds that what will not get better is not tried again.
func TestFollowEndsWhereItIsRefused(t *testing.T) {
	t.Parallel()
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"code":"forbidden","status":403,"title":"No"}`)
	}))
	defer portal.Close()
	if code, _, errOut := run(t.Context(), portal.URL, "logs", "-f"); code != 6 || !strings.Contains(errOut, "forbidden (403)") {
		t.Errorf("code %d\n%s", code, errOut)
	}
}
