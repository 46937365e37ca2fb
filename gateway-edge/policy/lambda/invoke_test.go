package lambda_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/lambda"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

// refuses makes a service that answers with an error of its own.
func refuses(t testing.TB, status int, code string, header ...string) *service {
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-ErrorType", code)
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"message":"said by the service"}`)
	})
}

func TestServiceErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		name   string
		code   contract.Code
	}{
		{429, "TooManyRequestsException", contract.CodeUpstreamBusy},
		{404, "ResourceNotFoundException", contract.CodeUpstreamProtocol},
		{403, "AccessDeniedException", contract.CodeUpstreamProtocol},
		{403, "InvalidSignatureException", contract.CodeUpstreamProtocol},
		{400, "InvalidRequestContentException", contract.CodeUpstreamProtocol},
		{413, "RequestTooLargeException", contract.CodeBodyTooLarge},
		{500, "ServiceException", contract.CodeUpstreamUnavailable},
		{502, "ResourceNotReadyException", contract.CodeUpstreamUnavailable},
		{302, "", contract.CodeUpstreamProtocol},
	} {
		for _, how := range []string{"sync", "async", "stream"} {
			s := refuses(t, c.status, c.name, "Location", "/elsewhere")
			r := policytest.Serve(t, s.chain(t, `,"invocation":"`+how+`"`, "/"), policytest.Step{Want: policytest.Want{Rejected: true, Code: c.code}})
			if n := s.calls.Load(); n != 1 {
				t.Errorf("%s %s: %d calls", how, c.name, n)
			}
			if note := r.Trace.Policies[0].Detail; c.name != "" && !strings.Contains(note, c.name) {
				t.Errorf("%s: the trace says %q", c.name, note)
			}
			if strings.Contains(r.Reply.Detail, "said by") {
				t.Errorf("%s: callers are told %q", c.name, r.Reply.Detail)
			}
		}
	}
}

func TestThrottled(t *testing.T) {
	t.Parallel()
	s := refuses(t, 429, "TooManyRequestsException", "Retry-After", "7")
	r := policytest.Serve(t, s.chain(t, `,"retries":3,"timeout":"2s"`, "/"), policytest.Step{Want: policytest.Want{Rejected: true, Code: contract.CodeUpstreamBusy, Retry: 7 * time.Second}})
	if n := s.calls.Load(); n != 1 { // seven seconds are more than there are
		t.Errorf("%d calls, told to wait %s", n, r.Reply.Retry)
	}
	n := 0
	s = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if n++; n <= 2 {
			w.Header().Set("X-Amzn-ErrorType", "TooManyRequestsException")
			w.WriteHeader(429)
			return
		}
		_, _ = io.WriteString(w, `{"statusCode":200,"body":"at last"}`)
	})
	body := "at last"
	policytest.Serve(t, s.chain(t, `,"retries":2`, "/"), policytest.Step{Want: policytest.Want{Answered: true, Body: &body}})
	if got := s.calls.Load(); got != 3 {
		t.Errorf("%d calls", got)
	}
}

// TestNeverTwice: a function that may have run is not invoked again.
func TestNeverTwice(t *testing.T) {
	t.Parallel()
	codes := map[string]contract.Code{
		"reset": contract.CodeUpstreamReset, "cut": contract.CodeUpstreamReset, "function error": contract.CodeUpstreamProtocol,
	}
	for name, h := range map[string]http.HandlerFunc{
		"reset": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"statusCode`)
		},
		"function error": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			_, _ = io.WriteString(w, `{"errorType":"Panic","errorMessage":"index out of range"}`)
		},
	} {
		s := serve(t, h)
		r := policytest.Serve(t, s.chain(t, `,"retries":5`, "/"), policytest.Step{Want: policytest.Want{Rejected: true, Code: codes[name]}})
		if n := s.calls.Load(); n != 1 {
			t.Errorf("%s: %d calls", name, n)
		}
		if name == "function error" && (!strings.Contains(r.Trace.Policies[0].Detail, "Panic: index out of range") || r.Reply.Detail != "the function failed") {
			t.Errorf("%q, and callers are told %q", r.Trace.Policies[0].Detail, r.Reply.Detail)
		}
	}
}

func TestAway(t *testing.T) {
	t.Parallel()
	s := returns(t, `{"statusCode":200}`)
	dials := 0
	d := s.deps("/")
	d.Dial = func(context.Context, string) (io.ReadWriteCloser, error) {
		dials++
		return nil, &policy.CallError{Code: contract.CodeUpstreamForbiddenAddress, Err: errors.New("127.0.0.1 is a loopback address")}
	}
	p, err := lambda.Descriptor.New([]byte(s.config(`,"retries":2`)), d)
	if err != nil {
		t.Fatal(err)
	}
	r := policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &lambda.Descriptor, From: "route"}}, policytest.Step{Want: policytest.Want{Rejected: true, Code: contract.CodeUpstreamForbiddenAddress}})
	if dials != 3 || strings.Contains(r.Reply.Detail+r.Trace.Policies[0].Detail, "127.0.0.1") {
		t.Errorf("%d dials; %q, %q", dials, r.Reply.Detail, r.Trace.Policies[0].Detail)
	}
	s = serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	policytest.Serve(t, s.chain(t, `,"timeout":"50ms"`, "/"), policytest.Step{Want: policytest.Want{Rejected: true, Code: contract.CodeUpstreamTimeout}})
}

func TestSizes(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 64<<10)
		for range 200 { // 12.5 MiB
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	policytest.Serve(t, s.chain(t, "", "/"), policytest.Step{Want: policytest.Want{Rejected: true, Code: contract.CodeUpstreamProtocol}})
	// 5 MiB are more than 6 MiB in base64.
	s = returns(t, `{"statusCode":200}`)
	policytest.Serve(t, s.chain(t, "", "/"), policytest.Step{
		Request: policytest.Request{Method: "POST", Body: strings.Repeat("\xff", 5<<20)},
		Want:    policytest.Want{Rejected: true, Code: contract.CodeBodyTooLarge},
	})
	if n := s.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestAsync(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) })
	body := ""
	policytest.Serve(t, s.chain(t, `,"invocation":"async","qualifier":"live"`, "/"), policytest.Step{Want: policytest.Want{Answered: true, Status: 202, Body: &body}})
	q := s.last.Load()
	if q.Header.Get("X-Amz-Invocation-Type") != "Event" || q.URL.Query().Get("Qualifier") != "live" || q.URL.Path != "/2015-03-31/functions/orders/invocations" {
		t.Errorf("%s %v", q.URL, q.Header)
	}
	if a := q.Header.Get("Authorization"); !strings.HasPrefix(a, "AWS4-HMAC-SHA256 Credential=secret:id/") || strings.Contains(a, "secret:key") {
		t.Errorf("Authorization is %q", a)
	}
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &lambda.Descriptor) }

// FuzzResponse: whatever a function returns, callers get an answer.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{`{"statusCode":200,"headers":{"a":"b"},"body":"x"}`, `{"cookies":["a"],"statusCode":204,"isBase64Encoded":true}`, `[]`} {
		f.Add(s)
	}
	var output string
	s := serve(f, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, output) })
	chains := [][]policy.Step{s.chain(f, "", "/"), s.chain(f, version1, "/")}
	f.Fuzz(func(t *testing.T, in string) {
		output = in
		for _, c := range chains {
			r := policytest.Serve(t, c, policytest.Step{})
			if !r.Rejected && (r.Status < 200 || r.Status > 599) || r.Rejected && r.Reply.Code != contract.CodeUpstreamProtocol {
				t.Errorf("%d %v", r.Status, r.Reply.Code)
			}
		}
	})
}

// BenchmarkInvoke is an invocation and its answer over loopback.
func BenchmarkInvoke(b *testing.B) {
	s := returns(b, `{"statusCode":200,"headers":{"content-type":"application/json"},"body":"{}"}`)
	c := s.chain(b, "", "/")
	b.ReportAllocs()
	for b.Loop() {
		policytest.Serve(b, c, policytest.Step{Want: policytest.Want{Answered: true, Status: 200}})
	}
}
