package lambda_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/lambda"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

const credentials = `"access_key_id":{"secret":"id"},"secret_access_key":{"secret":"key"}`

// service is AWS's side of an invocation.
type service struct {
	*httptest.Server
	calls atomic.Int32
	last  atomic.Pointer[http.Request]
	event atomic.Pointer[[]byte]
}

func serve(t testing.TB, h http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.calls.Add(1)
		s.last.Store(r)
		s.event.Store(&b)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// returns makes a service whose function returns this.
func returns(t testing.TB, output string) *service {
	return serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, output) })
}

func (s *service) config(more string) string {
	return `{"function":"orders","region":"eu-central-1","endpoint":"` + s.URL + `",` + credentials + more + `}`
}

// deps can connect to the service, and to nothing else.
func (s *service) deps(path string, methods ...string) policy.Deps {
	d := policytest.NewDeps()
	d.Scope.Path, d.Scope.Methods = path, methods
	d.Dial = func(ctx context.Context, address string) (io.ReadWriteCloser, error) {
		if address != strings.TrimPrefix(s.URL, "http://") {
			return nil, &net.AddrError{Err: "not the service", Addr: address}
		}
		var n net.Dialer
		return n.DialContext(ctx, "tcp", address)
	}
	return d
}

func (s *service) chain(t testing.TB, more, path string, methods ...string) []policy.Step {
	t.Helper()
	p, err := lambda.Descriptor.New([]byte(s.config(more)), s.deps(path, methods...))
	if err != nil {
		t.Fatal(err)
	}
	return []policy.Step{{Policy: p, Descriptor: &lambda.Descriptor, From: "route"}}
}

// got is the event that the service got last.
func (s *service) got(t testing.TB) (doc map[string]any) {
	t.Helper()
	if err := json.Unmarshal(*s.event.Load(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}
