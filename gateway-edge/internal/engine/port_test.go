package engine_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// tellsPort answers with the port that stood behind the host.
type tellsPort struct{}

func (tellsPort) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	x.Response().Header.Set(policy.Server, strconv.Itoa(x.Port()))
	return x.Answer(200, "", nil)
}

// TestPort: a policy sees the port of the request's host, of none from one before.
func TestPort(t *testing.T) {
	d := &policy.Descriptor{
		Type: "tells_port", Phase: policy.PhaseTransform, Answers: true,
		New: func(json.RawMessage, policy.Deps) (policy.Policy, error) { return tellsPort{}, nil },
	}
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{d}})
	e.serve(acting("http://127.0.0.1:9999", "tells_port", ""))
	for name, c := range map[string]*http.Client{"http1": {Transport: e.transport1()}, "http2": e.h2Client(false)} {
		for host, want := range map[string]string{"demo.localhost:8123": "8123", "demo.localhost": "0"} {
			r, err := http.NewRequest("GET", "http://demo.localhost/", nil)
			must(t, err)
			r.Host = host
			resp, err := c.Do(r)
			must(t, err)
			must(t, resp.Body.Close())
			if got := resp.Header.Get("Server"); got != want {
				t.Errorf("%s, %s: port %s (%s)", name, host, got, resp.Status)
			}
		}
	}
}
