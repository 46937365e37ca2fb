package mirror_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/mirror"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

// serve sends one request through the policy and returns the copy, nil for none.
func serve(t *testing.T, config string, q policytest.Request) *policy.CallRequest {
	t.Helper()
	copies := make(chan *policy.CallRequest, 1)
	d := policytest.NewDeps()
	d.Upstream = func(string) (policy.Caller, error) {
		return policytest.Backend(func(r *policy.CallRequest) (*policy.FetchResponse, error) {
			copies <- r
			return &policy.FetchResponse{Status: 500}, nil
		}), nil
	}
	p, err := mirror.Descriptor.New([]byte(config), d)
	if err != nil {
		t.Fatal(err)
	}
	r := policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &mirror.Descriptor, From: "route"}}, policytest.Step{Request: q})
	if !r.Forwarded || r.Status != 200 || r.Sent.Body != q.Body {
		t.Errorf("the request itself: %+v", r)
	}
	d.Behind.(*policytest.Background).Wait()
	select {
	case got := <-copies:
		return got
	default:
		return nil
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	const all = `{"upstream":"v2","methods":["POST"],"max_bytes":5}`
	post := policytest.Request{Method: "POST", Path: "/a", Query: "b=c", Body: "hello", Header: policytest.Fields{
		"X-A", "1", "Authorization", "Bearer secret", "cookie", "a=b",
		"x-amz-security-token", "secret", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x-forwarded-for", "192.0.2.77",
	}}
	got := serve(t, all, post)
	if got == nil {
		t.Fatal("no copy")
	}
	if got.Method != "POST" || got.Path != "/a" || got.Query != "b=c" || string(got.Body) != "hello" || got.Header["X-A"] == nil || got.Header["X-Mirrored"] == nil {
		t.Errorf("%+v", got)
	}
	for name, values := range got.Header {
		switch n := strings.ToLower(name); n {
		case "authorization", "cookie", "x-amz-security-token":
			t.Errorf("the credential %s was copied", n)
		case "traceparent", "x-forwarded-for":
			if len(values) != 1 || values[0] == "192.0.2.77" || got.Header[http.CanonicalHeaderKey(name)] == nil {
				t.Errorf("%s: %q", name, values)
			}
		}
	}
	long, get := post, post
	long.Body, get.Method = "hello!", "GET"
	for name, q := range map[string]policytest.Request{"too long": long, "another method": get} {
		if serve(t, all, q) != nil {
			t.Errorf("%s: a copy", name)
		}
	}
	if serve(t, `{"upstream":"v2","methods":["POST"],"percent":0}`, post) != nil {
		t.Error("a copy at 0 percent")
	}
}

// TestBounded: copies that hang hold up nobody, and there are never more than
// there is room for.
func TestBounded(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	began := make(chan struct{}, 100)
	d := policytest.NewDeps()
	d.Upstream = func(string) (policy.Caller, error) {
		return policytest.Backend(func(*policy.CallRequest) (*policy.FetchResponse, error) {
			began <- struct{}{}
			<-release
			panic("on purpose")
		}), nil
	}
	p, err := mirror.Descriptor.New([]byte(`{"upstream":"v2"}`), d)
	if err != nil {
		t.Fatal(err)
	}
	steps := []policy.Step{{Policy: p, Descriptor: &mirror.Descriptor, From: "route"}}
	for range 60 {
		policytest.Serve(t, steps, policytest.Step{Want: policytest.Want{Forwarded: true}})
	}
	close(release)
	behind := d.Behind.(*policytest.Background)
	behind.Wait()
	if n := len(began); n != 32 {
		t.Errorf("%d copies, there is room for 32", n)
	}
	if n := behind.Drops(); n != 28 {
		t.Errorf("%d copies were counted as dropped, want 28", n)
	}
}

func TestPolicy(t *testing.T) {
	policytest.Run(t, &mirror.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "not copied", Hot: true, Config: `{"upstream":"v2","percent":0}`, Steps: []policytest.Step{{Want: policytest.Want{Forwarded: true}}}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &mirror.Descriptor) }

func BenchmarkMirror(b *testing.B) {
	policytest.Bench(b, &mirror.Descriptor, policytest.Case{Config: `{"upstream":"v2","percent":0}`, Steps: []policytest.Step{{}}})
}
