package lambda_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/lambda"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

// tokens is a small STS: it gives credentials that are told apart by a number,
// unless it is told to misbehave.
type tokens struct {
	*httptest.Server
	asked atomic.Int32
	mu    sync.Mutex
	now   time.Time
	form  url.Values
	life  time.Duration
	say   func(w http.ResponseWriter, n int32) bool // true: it answered
}

func newTokens(t *testing.T) *tokens {
	s := &tokens{now: policytest.Noon, life: time.Hour}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := s.asked.Add(1)
		b, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.form, _ = url.ParseQuery(string(b))
		s.form.Set("signed by", r.Header.Get("Authorization"))
		say, ends := s.say, s.now.Add(s.life)
		s.mu.Unlock()
		if say != nil && say(w, n) {
			return
		}
		_, _ = fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
			<AccessKeyId>ROLE%d</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token-%d</SessionToken><Expiration>%s</Expiration>
			</Credentials></AssumeRoleResult></AssumeRoleResponse>`, n, n, ends.UTC().Format(time.RFC3339))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *tokens) wall() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// after moves the time on and has the service say something else, if anything.
func (s *tokens) after(d time.Duration, say func(http.ResponseWriter, int32) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.say = s.now.Add(d), say
}

// rig is a function whose role is taken at the tokens.
type rig struct {
	sts   *tokens
	aws   *service
	chain []policy.Step
	deps  policy.Deps
}

func newRig(t *testing.T, more string) *rig {
	t.Helper()
	r := &rig{sts: newTokens(t), aws: returns(t, `{"statusCode":200,"body":"ok"}`)}
	r.deps = r.aws.deps("/")
	r.deps.Wall = r.sts.wall
	r.deps.Dial = func(ctx context.Context, address string) (io.ReadWriteCloser, error) {
		if address != strings.TrimPrefix(r.aws.URL, "http://") && address != strings.TrimPrefix(r.sts.URL, "http://") {
			return nil, &net.AddrError{Err: "neither of the services", Addr: address}
		}
		var n net.Dialer
		return n.DialContext(ctx, "tcp", address)
	}
	r.chain = r.steps(t, more)
	return r
}

func (r *rig) steps(t *testing.T, more string) []policy.Step {
	t.Helper()
	p, err := lambda.Descriptor.New([]byte(r.aws.config(`,"assume_role":{"role":"arn:aws:iam::123456789012:role/invoke","external_id":"ours","endpoint":"`+r.sts.URL+`"`+more+`}`)), r.deps)
	if err != nil {
		t.Fatal(err)
	}
	return []policy.Step{{Policy: p, Descriptor: &lambda.Descriptor, From: "route"}}
}

// invoked sends a request and returns whose credentials invoked the function.
func (r *rig) invoked(t *testing.T) string {
	t.Helper()
	policytest.Serve(t, r.chain, policytest.Step{Want: policytest.Want{Status: 200}})
	return whose(r.aws)
}

func whose(s *service) string {
	head := s.last.Load().Header
	key, _, _ := strings.Cut(strings.TrimPrefix(head.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="), "/")
	return key + " " + head.Get("X-Amz-Security-Token")
}

// refused sends a request that is answered 503 and returns what the trace says.
func (r *rig) refused(t *testing.T) string {
	t.Helper()
	before := r.aws.calls.Load()
	got := policytest.Serve(t, r.chain, policytest.Step{Want: policytest.Want{Rejected: true, Code: contract.CodeUpstreamUnavailable}})
	if r.aws.calls.Load() != before {
		t.Error("the function was invoked")
	}
	note := got.Trace.Policies[0].Detail
	for _, s := range []string{got.Reply.Detail, note} {
		if strings.Contains(s, "role-secret") || strings.Contains(s, "role-token") {
			t.Errorf("a secret is told: %s", s)
		}
	}
	return note
}

// settled waits until the service was asked so often.
func (r *rig) settled(t *testing.T, n int32) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); r.sts.asked.Load() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("asked %d times, want %d", r.sts.asked.Load(), n)
		}
	}
}

func TestAssumeRole(t *testing.T) {
	t.Parallel()
	r := newRig(t, `,"session_name":"shop","duration":"30m"`)
	for range 3 {
		if who := r.invoked(t); who != "ROLE1 role-token-1" {
			t.Fatalf("invoked by %s", who)
		}
	}
	r.sts.mu.Lock()
	form := r.sts.form
	r.sts.mu.Unlock()
	for name, want := range map[string]string{
		"Action": "AssumeRole", "RoleArn": "arn:aws:iam::123456789012:role/invoke", "ExternalId": "ours", "RoleSessionName": "shop", "DurationSeconds": "1800",
	} {
		if form.Get(name) != want {
			t.Errorf("%s is %q", name, form.Get(name))
		}
	}
	if by := form.Get("signed by"); !strings.Contains(by, "/eu-central-1/sts/aws4_request") {
		t.Errorf("signed %s", by)
	}
	// A new version of the configuration goes on with them; another role has its own.
	if r.chain = r.steps(t, `,"session_name":"shop","duration":"30m"`); r.invoked(t) != "ROLE1 role-token-1" {
		t.Error("a new version asks again")
	}
	if r.chain = r.steps(t, `,"session_name":"other"`); r.invoked(t) != "ROLE2 role-token-2" {
		t.Error("another session has the first one's credentials")
	}
}

// TestRoleIsRenewed: before the credentials end, without anybody waiting; and those
// at hand serve on while the service misbehaves.
func TestRoleIsRenewed(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	r.invoked(t)
	r.sts.after(47*time.Minute, nil)
	if r.invoked(t); r.sts.asked.Load() != 1 {
		t.Fatal("renewed too early")
	}
	held := make(chan struct{})
	r.sts.after(2*time.Minute, func(http.ResponseWriter, int32) bool { <-held; return false })
	for range 3 {
		if who := r.invoked(t); who != "ROLE1 role-token-1" { // while STS does not answer
			t.Fatalf("invoked by %s", who)
		}
	}
	r.settled(t, 2)
	close(held)
	for end := time.Now().Add(5 * time.Second); r.invoked(t) != "ROLE2 role-token-2"; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never renewed")
		}
	}
	broken := func(w http.ResponseWriter, _ int32) bool { w.WriteHeader(500); return true }
	r.sts.after(50*time.Minute, broken)
	if who := r.invoked(t); who != "ROLE2 role-token-2" {
		t.Errorf("invoked by %s", who)
	}
	r.settled(t, 3)
	r.sts.after(11*time.Minute, broken) // now they have ended
	r.refused(t)
	r.sts.after(time.Minute, nil)
	if who := r.invoked(t); !strings.HasPrefix(who, "ROLE") || who == "ROLE2 role-token-2" {
		t.Errorf("after the outage invoked by %s", who)
	}
}

// TestRoleOfABadService: answers that can't be used invoke nothing, and are asked
// for again after a pause only.
func TestRoleOfABadService(t *testing.T) {
	t.Parallel()
	text := func(status int, body string) func(http.ResponseWriter, int32) bool {
		return func(w http.ResponseWriter, _ int32) bool {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return true
		}
	}
	credentials := func(inner string) string {
		return `<AssumeRoleResponse><AssumeRoleResult><Credentials>` + inner + `</Credentials></AssumeRoleResult></AssumeRoleResponse>`
	}
	for name, c := range map[string]struct {
		say  func(http.ResponseWriter, int32) bool
		note string
	}{
		"denied":    {text(403, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized to perform sts:AssumeRole</Message></Error></ErrorResponse>`), "AccessDenied: not authorized"},
		"empty":     {text(200, ""), "no credentials"},
		"no XML":    {text(200, "hello"), ""},
		"no secret": {text(200, credentials(`<AccessKeyId>ROLE</AccessKeyId><SessionToken>role-token</SessionToken><Expiration>2026-11-22T13:00:00Z</Expiration>`)), "no credentials"},
		"no end":    {text(200, credentials(`<AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>`)), "no credentials"},
		"past":      {text(200, credentials(`<AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken><Expiration>2026-11-22T11:00:00Z</Expiration>`)), "expired already"},
		"no time":   {text(200, credentials(`<AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken><Expiration>soon</Expiration>`)), ""},
		"huge":      {text(200, "<AssumeRoleResponse>"+strings.Repeat("<x>role-secret</x>", 10_000)), ""},
		"elsewhere": {func(w http.ResponseWriter, _ int32) bool {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(302)
			return true
		}, ""},
		"cut": {func(w http.ResponseWriter, _ int32) bool {
			w.Header().Set("Content-Length", "500")
			_, _ = io.WriteString(w, "<AssumeRoleResponse>")
			return true
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "")
			r.sts.after(0, c.say)
			if note := r.refused(t); !strings.Contains(note, "assuming the role arn:aws:iam::123456789012:role/invoke") || !strings.Contains(note, c.note) {
				t.Errorf("the trace says %q", note)
			}
			r.refused(t)
			if n := r.sts.asked.Load(); n != 1 {
				t.Errorf("asked %d times within a second", n)
			}
			r.sts.after(2*time.Second, nil)
			r.invoked(t)
		})
	}
}

// TestRoleOfLongCredentials: a service whose clock is wrong does not make
// credentials live longer than they were asked for.
func TestRoleOfLongCredentials(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	r.sts.life = 1000 * time.Hour
	r.invoked(t)
	r.sts.after(61*time.Minute, nil)
	if who := r.invoked(t); who != "ROLE2 role-token-2" {
		t.Errorf("invoked by %s", who)
	}
}

// TestRoleIsAskedOnce: for many requests at once.
func TestRoleIsAskedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { policytest.Serve(t, r.chain, policytest.Step{Want: policytest.Want{Status: 200}}) })
	}
	all.Wait()
	if n := r.sts.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestExpiredRole: credentials that AWS calls expired are asked for anew.
func TestExpiredRole(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	var expired atomic.Bool
	r.aws = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if expired.Load() {
			w.Header().Set("X-Amzn-ErrorType", "ExpiredTokenException")
			w.WriteHeader(403)
			return
		}
		_, _ = io.WriteString(w, `{"statusCode":200}`)
	})
	r.chain = r.steps(t, "")
	r.invoked(t)
	r.sts.after(time.Minute, nil)
	expired.Store(true)
	policytest.Serve(t, r.chain, policytest.Step{Want: policytest.Want{Rejected: true, Code: contract.CodeUpstreamProtocol}})
	expired.Store(false)
	if who := r.invoked(t); who != "ROLE2 role-token-2" {
		t.Errorf("invoked by %s", who)
	}
}
