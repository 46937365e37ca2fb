package policytest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// check compares what came of a step with what was wanted.
func check(t testing.TB, i int, st *Step, r *Result) {
	t.Helper()
	w := &st.Want
	if w.Forwarded && !r.Forwarded {
		t.Fatalf("step %d: not sent on, but answered %d %s (%s)", i, r.Status, r.Reply.Code, r.Reply.Detail)
	}
	if (w.Rejected || w.Answered) && r.Forwarded {
		t.Fatalf("step %d: it was sent on", i)
	}
	if w.Rejected && (!r.Rejected || r.Reply.Code != w.Code) {
		t.Fatalf("step %d: answered %d %s, want rejection %s", i, r.Status, r.Reply.Code, w.Code)
	}
	if w.Accepted != (r.Accepted != nil) {
		t.Fatalf("step %d: the WebSocket is accepted: %v (%s %s)", i, r.Accepted != nil, r.Reply.Code, r.Reply.Detail)
	}
	if w.Answered && r.Rejected {
		t.Fatalf("step %d: rejected with %s (%s), want an answer", i, r.Reply.Code, r.Reply.Detail)
	}
	if w.Status != 0 && r.Status != w.Status {
		t.Errorf("step %d: status %d, want %d", i, r.Status, w.Status)
	}
	if w.Retry != 0 && r.Reply.Retry != w.Retry {
		t.Errorf("step %d: retry after %v, want %v", i, r.Reply.Retry, w.Retry)
	}
	fields(t, i, "request", w.Sent, r.Sent.Header)
	fields(t, i, "response", w.Header, r.Header)
	text(t, i, "path", w.Path, r.Sent.Path)
	text(t, i, "query", w.Query, r.Sent.Query)
	text(t, i, "body", w.Body, r.Body)
	if w.Consumer != nil {
		got := ""
		if r.Principal != nil {
			got = r.Principal.ConsumerName
		}
		text(t, i, "consumer", w.Consumer, got)
	}
}

func fields(t testing.TB, i int, what string, want map[string]string, got Fields) {
	t.Helper()
	for name, v := range want {
		g, ok := got.Get(name)
		if v == "" && ok {
			t.Errorf("step %d: the %s carries %s: %q", i, what, name, g)
		} else if v != "" && g != v {
			t.Errorf("step %d: the %s's %s is %q, want %q", i, what, name, g, v)
		}
	}
}

func text(t testing.TB, i int, what string, want *string, got string) {
	t.Helper()
	if want != nil && *want != got {
		t.Errorf("step %d: %s is %q, want %q", i, what, got, *want)
	}
}

// agree compares two drivers' results.
func agree(t testing.TB, a, b []*Result) {
	t.Helper()
	for i := range a {
		x, y := *a[i], *b[i]
		if x.Forwarded != y.Forwarded || x.Rejected != y.Rejected || x.Status != y.Status || x.Body != y.Body ||
			x.Reply.Code != y.Reply.Code || x.Reply.Detail != y.Reply.Detail ||
			!reflect.DeepEqual(x.Sent, y.Sent) || !reflect.DeepEqual(x.Header, y.Header) || !reflect.DeepEqual(x.Trailer, y.Trailer) {
			t.Errorf("step %d: driver %s: %+v\ndriver %s: %+v", i, x.Driver, x, y.Driver, y)
		}
	}
}

func refused(t *testing.T, d *policy.Descriptor, c *Case) {
	t.Helper()
	deps := NewDeps()
	if c.Deps != nil {
		deps = c.Deps(t)
	}
	_, err := d.New(config(c), deps)
	if err == nil {
		t.Fatalf("the configuration %s is accepted", config(c))
	}
	if !strings.Contains(err.Error(), c.Error) {
		t.Fatalf("error %q does not say %q", err, c.Error)
	}
}
