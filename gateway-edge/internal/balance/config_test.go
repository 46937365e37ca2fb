package balance

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	u := compile(t, r, doc("", 1))
	if u.Protocol != "http1" || u.Check != nil || u.Timeouts != (Timeouts{time.Second, 30 * time.Second, time.Minute, time.Minute}) {
		t.Errorf("%+v", u)
	}
	if u.Retry != (Retry{Attempts: 1, OnReset: true, Backoff: defaultBackoff, MaxBackoff: defaultMaxBackoff, budget: 20}) {
		t.Errorf("%+v", u.Retry)
	}
	d := doc("", 1)
	d.Health = &contract.HealthCheck{Type: "http"}
	d.Retries = &contract.Retries{Attempts: 3, BudgetPercent: 50, On: []string{"timeout", "502", "503", "504"}}
	d.Timeouts = &contract.Timeouts{Connect: contract.Duration(time.Minute)}
	u = compile(t, r, d)
	if u.Check.Kind != CheckHTTP || u.Check.Path != "/" || u.Check.Interval != 2*time.Second || u.Check.Timeout != time.Second {
		t.Errorf("%+v", u.Check)
	}
	if u.Retry != (Retry{Attempts: 3, OnTimeout: true, On502: true, On503: true, On504: true, Backoff: defaultBackoff, MaxBackoff: defaultMaxBackoff, budget: 50}) || u.Timeouts.Connect != time.Minute {
		t.Errorf("%+v", u.Retry)
	}
	for status, want := range map[int]bool{200: false, 500: false, 502: true, 503: true, 504: true} {
		if u.Retry.On(status) != want {
			t.Errorf("retry on %d is not %v", status, want)
		}
	}
	for status, want := range map[int]bool{199: false, 200: true, 399: true, 400: false} {
		if u.Check.Good(status) != want {
			t.Errorf("status %d is not %v", status, want)
		}
	}
	u.Check.Statuses = []int{418}
	if u.Check.Good(200) || !u.Check.Good(418) {
		t.Error("statuses that were given are not the ones that count")
	}
}

// box is a Backend that notes its end.
type box struct {
	spec   Spec
	closed int
}

func (b *box) Close() { b.closed++ }

// TestBackends: opened with everything that makes two of them different, closed
// when no version in force has them.
func TestBackends(t *testing.T) {
	t.Parallel()
	var opened []*box
	clock := func() int64 { return 1 }
	r, err := New(Config{Guard: &match.Guard{AllowPrivate: true}, Now: clock, Wall: clock, Open: func(s Spec) (Backend, error) {
		i := slices.IndexFunc(opened, func(b *box) bool { return b.spec.URL.String() == s.URL.String() && b.spec.TLS == s.TLS })
		if i < 0 {
			i = len(opened)
			opened = append(opened, &box{spec: s})
		}
		return opened[i], nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	d := doc("", 1, 1)
	d.Keepalive = &contract.Keepalive{MaxIdle: 7, IdleTimeout: contract.Duration(time.Second)}
	d.TLS = &contract.UpstreamTLS{SkipVerify: true}
	compile(t, r, d)
	if s := opened[0].spec; s.Organization != 1 || s.Upstream != 1 || s.MaxIdle != 7 || s.IdleTimeout != time.Second || !s.TLS.SkipVerify || s.Protocol != "http1" || s.Connect != time.Second {
		t.Errorf("%+v", s)
	}
	d = doc("", 1)
	d.TLS = &contract.UpstreamTLS{SkipVerify: true}
	compile(t, r, d)
	if opened[0].closed != 0 || opened[1].closed != 1 {
		t.Errorf("closed %d and %d times", opened[0].closed, opened[1].closed)
	}
	r.Apply("gw", nil)
	if opened[0].closed != 1 {
		t.Error("the gateway is gone, its connections are not")
	}
}

func TestWhy(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	u := compile(t, r, doc("", 1, 1))
	if s := u.Why(u.Targets()[0]); s != "round_robin: one of 2 usable targets of 2; weight 1, 0 in flight" {
		t.Error(s)
	}
	d := doc("", 1, 1)
	d.Health = &contract.HealthCheck{Type: "tcp"}
	u = compile(t, r, d)
	for _, target := range u.Targets() {
		target.Checked(true, "")
		target.Checked(false, "x")
		target.Checked(false, "x")
	}
	if s := u.Why(u.Targets()[0]); !strings.Contains(s, "all 2 targets are down, all are tried") {
		t.Error(s)
	}
}
