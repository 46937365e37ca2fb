package engine_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// asSent waits, so that it runs where the body is read, and answers with the
// target and the head as they came.
type asSent struct{}

func (asSent) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Wait() }

func (asSent) Await(_ policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	return x.Answer(200, "text/plain", []byte(x.Target().Clone()+"\n"+x.Head().Clone()))
}

var asSentDescriptor = policy.Descriptor{
	Type: "as_sent", Phase: policy.PhaseLimit, Request: policy.Need{Mode: policy.NeedWhole, Max: 1 << 20},
	New: func(json.RawMessage, policy.Deps) (policy.Policy, error) { return asSent{}, nil },
}

// TestAsSent: a policy sees target and head byte for byte as they came over
// HTTP/1.1, also behind a large body and a request before; over other versions,
// whose heads are no text, the target alone.
func TestAsSent(t *testing.T) {
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{&asSentDescriptor}})
	g := plain(b.url)
	g.Routes[0].Policies = []contract.Policy{{Type: "as_sent"}}
	e.serve(g)
	const target = "/a%62/./c/../d?q=%41&r"
	body := strings.Repeat("x", 300_000)
	for _, minor := range []string{"1", "0"} {
		c := e.dial()
		for _, body := range []string{"", body} {
			head := "POST " + target + " HTTP/1." + minor + "\r\nHost: demo.localhost\r\nX_Odd:  1 \r\nConnection: keep-alive,keep-alive\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n"
			c.send(head + body)
			if m := c.answer(); m.status() != 200 || m.body != target+"\n"+head {
				t.Errorf("HTTP/1.%s: %s %q, not %q", minor, m.line, m.body, target+"\n"+head)
			}
			if minor == "0" {
				break
			}
		}
	}
	for name, client := range map[string]*http.Client{"HTTP/2": e.h2Client(false), "HTTP/3": e.h3Client()} {
		scheme := "http://"
		if name == "HTTP/3" {
			scheme = "https://"
		}
		q, err := http.NewRequest("GET", scheme+"demo.localhost/", nil)
		must(t, err)
		q.URL.Opaque = "//demo.localhost" + target
		r, err := client.Do(q)
		must(t, err)
		got, err := io.ReadAll(r.Body)
		must(t, err)
		_ = r.Body.Close()
		if string(got) != target+"\n" {
			t.Errorf("%s: %q, not %q", name, got, target+"\n")
		}
	}
}
