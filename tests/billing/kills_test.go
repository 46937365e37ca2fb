package billing_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate/tollgate/portal/portal"
	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// A process that is killed is this test's own binary in another role: the services as
// they are, with a clock that the test sets.
const (
	roleVariable = "TOLLGATE_TEST_ROLE" // "worker": one turn of billing; "portal": until it is killed
	nowVariable  = "TOLLGATE_TEST_NOW"  // what its clock shows, RFC 3339
)

// child is the other process.
func child(role string) {
	ctx := context.Background()
	now, err := time.Parse(time.RFC3339, os.Getenv(nowVariable))
	if err != nil {
		panic(err)
	}
	began := time.Now()
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	a, err := control(ctx, os.Environ(), logger, func() time.Time { return now.Add(time.Since(began)) })
	if err != nil {
		panic(err)
	}
	defer a.Close()
	if role == "worker" {
		if err := a.BillingStep(ctx); err != nil {
			panic(err)
		}
		return
	}
	p, err := portal.New(a, portalConfig(logger))
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Addr())
	if err := p.Run(ctx); err != nil {
		panic(err)
	}
}

// spawn starts the other process; what it prints is read from out.
func (r *rig) spawn(role string) (cmd *exec.Cmd, out io.Reader) {
	r.t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(slices.Clone(r.env), roleVariable+"="+role, nowVariable+"="+r.Now().Format(time.RFC3339))
	cmd.Stderr = r.logs
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { kill(cmd) })
	return cmd, out
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// TestS07 kills the portal when a webhook's transaction is committed and Stripe has
// no answer: the redelivery is answered and changes nothing.
func TestS07(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	r.Drop()
	if _, err := r.Fake.Do("POST", "/v1/subscriptions/"+r.subscriptionOf(o), url.Values{"cancel_at_period_end": {"true"}}); err != nil {
		t.Fatal(err)
	}
	event := r.Pending()[0].ID
	body, err := r.Body(event)
	if err != nil {
		t.Fatal(err)
	}
	cmd, out := r.spawn("portal")
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the portal does not start: %v", err)
	}
	c, err := net.Dial("tcp", strings.TrimSpace(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// Nobody reads what it answers, as it is lost on the way.
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: portal.test\r\nContent-Type: application/json\r\nContent-Length: %d\r\nStripe-Signature: %s\r\n\r\n%s",
		hook, len(body), stripefake.Sign(webhookSecret, body, r.Now()), body)
	err = harness.Until(t.Context(), 20*time.Second, func() error {
		if n := r.number("SELECT count(*) FROM stripe_events WHERE event_id = $1", event); n != 1 {
			return fmt.Errorf("%d events noted", n)
		}
		return nil
	})
	kill(cmd)
	if err != nil {
		t.Fatal(err)
	}
	marks := r.number("SELECT mark FROM billing_syncs WHERE customer = $1", o.customer())
	for range 3 {
		if statuses, err := r.Deliver(t.Context(), event); err != nil || statuses[0]/100 != 2 {
			t.Fatal(statuses, err)
		}
	}
	if n := r.number("SELECT mark FROM billing_syncs WHERE customer = $1", o.customer()); n != marks {
		t.Errorf("a redelivery marked the customer: %d, %d before", n, marks)
	}
	r.sync()
	if o.subscription()["cancel_at_period_end"] != true {
		t.Error("the event had no effect")
	}
}

// TestS08 kills a worker when Stripe has an hour's total and the ledger does not know:
// the same total is sent again, and Stripe counts it once.
func TestS08(t *testing.T) {
	r := start(t, stripefake.Options{})
	o := r.signUp("acme").subscribe("pro")
	o.serve(r.Now(), 2, 120)
	r.later(20 * time.Minute)
	r.Advance(2 * time.Hour)
	r.FailNext(stripefake.Failure{Kind: stripefake.FaultMute, Method: "POST", Path: "/v1/billing/meter_events"})
	cmd, _ := r.spawn("worker")
	err := harness.Until(t.Context(), 30*time.Second, func() error {
		if n := o.total(proUsage); n != 120 {
			return fmt.Errorf("Stripe counts %d", n)
		}
		return nil
	})
	kill(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.number("SELECT COALESCE(SUM(posted), 0) FROM billing_hours WHERE organization = $1", o.num); n != 0 {
		t.Fatalf("the ledger knows of %d", n)
	}
	o.serve(born, 2, 5) // and the hour rises
	r.later(2 * time.Hour)
	if n := o.total(proUsage); n != 125 {
		t.Errorf("Stripe counts %d, want 125", n)
	}
	if n := r.number("SELECT COALESCE(SUM(total - posted), 0) FROM billing_hours WHERE organization = $1", o.num); n != 0 {
		t.Errorf("%d requests are not posted", n)
	}
}
