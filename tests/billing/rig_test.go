package billing_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/portal/portal"
	"github.com/tollgate/tollgate/services/app"
	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/contract/settings"
	"github.com/tollgate/tollgate/services/tenant"
	"github.com/tollgate/tollgate/tests/harness"
	"github.com/tollgate/tollgate/tests/stripefake"
)

// born is when every rig's clock begins: a Tuesday noon, far from any boundary.
var born = time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)

const webhookSecret = "whsec_of_the_tests_0123456789"

// plans has few requests in each plan, so that overage is cheap to make: a request
// beyond pro's hundred is half a cent, one beyond scale's thousand a quarter.
const plans = `{"default": "free", "unverified_requests_per_day": 100, "dunning": {"grace": "168h", "suspend_after": "336h"}, "plans": [
 {"name": "free", "num": 1, "title": "Free", "included_requests": 50, "gateways": 3, "consumers": 100, "keys": 100, "max_body_bytes": 1048576, "log_retention": "24h", "currency": "usd", "price_cents": 0},
 {"name": "pro", "num": 2, "title": "Pro", "included_requests": 100, "gateways": 9, "consumers": 100, "keys": 100, "max_body_bytes": 1048576, "log_retention": "24h", "currency": "usd", "price_cents": 4900, "overage": {"requests": 100, "price_cents": 50}},
 {"name": "scale", "num": 3, "title": "Scale", "included_requests": 1000, "gateways": 9, "consumers": 100, "keys": 100, "max_body_bytes": 1048576, "log_retention": "24h", "currency": "usd", "price_cents": 49900, "overage": {"requests": 100, "price_cents": 25}}]}`

// servers are PostgreSQL, with a migrated database to copy, and Redis, for all rigs.
var servers struct {
	dir      string
	postgres *harness.Postgres
	redis    *harness.Redis
	once     sync.Once
	err      error
	made     int
}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		child(role)
		return
	}
	code := m.Run()
	if servers.postgres != nil {
		servers.postgres.Kill()
	}
	if servers.redis != nil {
		servers.redis.Kill()
	}
	os.RemoveAll(servers.dir)
	os.Exit(code)
}

func startServers(ctx context.Context) (err error) {
	s := &servers
	if s.dir, err = harness.TempDir(); err != nil {
		return err
	}
	for _, sub := range []string{"pg", "redis"} {
		if err := os.Mkdir(filepath.Join(s.dir, sub), 0o755); err != nil {
			return err
		}
	}
	if s.postgres, err = harness.StartPostgres(ctx, filepath.Join(s.dir, "pg")); err != nil {
		return err
	}
	if s.redis, err = harness.StartRedis(ctx, filepath.Join(s.dir, "redis")); err != nil {
		return err
	}
	if _, err := s.postgres.SQL(ctx, "CREATE DATABASE template"); err != nil {
		return err
	}
	m, err := migrations.Open(ctx, s.postgres.URL("template"))
	if err != nil {
		return err
	}
	defer m.Close()
	_, err = m.Up(ctx)
	return err
}

// rig is a control plane with a portal in this process, and its Stripe. The clock of
// all of it is the fake's; nothing happens by itself but what the portal does.
type rig struct {
	*stripefake.Fake
	t    *testing.T
	app  *app.App
	url  string // of the portal
	db   *sql.DB
	dsn  string
	env  []string // of the control plane
	logs *logbook
	// counters is how many usage counters were made.
	counters int
	began    time.Time
	frozen   atomic.Int64 // how far the clock is ahead of the fake's; 0: by what has passed
}

// clock is the control plane's. The fake's stands still between its steps; this one
// does not, until it is frozen.
func (r *rig) clock() time.Time {
	if ahead := r.frozen.Load(); ahead != 0 {
		return r.Now().Add(time.Duration(ahead))
	}
	return r.Now().Add(time.Since(r.began))
}

func (r *rig) freeze() { r.frozen.Store(int64(time.Since(r.began))) }

// long skips what is for `make billing` only.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("TOLLGATE_LONG") == "" {
		t.Skip("long: `make billing` runs it")
	}
}

// logbook keeps what was logged as an error, and shows all of it where asked to.
type logbook struct {
	mu     sync.Mutex
	errors []string
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.Contains(string(b), "level=ERROR") {
		l.errors = append(l.errors, string(b))
	}
	if os.Getenv("TOLLGATE_TEST_LOG") != "" {
		return os.Stderr.Write(b)
	}
	return len(b), nil
}

// has says whether an error was logged that holds a text.
func (l *logbook) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.errors {
		if strings.Contains(e, text) {
			return true
		}
	}
	return false
}

// database makes an empty one with the whole schema.
func database(t *testing.T) string {
	t.Helper()
	servers.once.Do(func() { servers.err = startServers(context.Background()) })
	if servers.err != nil {
		t.Fatal(servers.err)
	}
	servers.made++
	name := fmt.Sprintf("billing%d", servers.made)
	if _, err := servers.postgres.SQL(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template"); err != nil {
		t.Fatal(err)
	}
	return servers.postgres.URL(name)
}

// start makes a rig that ends with the test. More are lines of environment.
func start(t *testing.T, o stripefake.Options, more ...string) *rig {
	t.Helper()
	r := &rig{t: t, dsn: database(t), logs: &logbook{}}
	if o.Start.IsZero() {
		o.Start = born
	}
	r.Fake = stripefake.New(o)
	base, err := r.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	if r.db, err = sql.Open("pgx", r.dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.db.Close() })
	if _, err := servers.redis.Do("FLUSHALL"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "plans.json")
	if err := os.WriteFile(file, []byte(plans), 0o644); err != nil {
		t.Fatal(err)
	}
	root := make([]byte, 32)
	_, _ = rand.Read(root)
	r.env = append([]string{
		"TOLLGATE_DATABASE_URL=" + r.dsn, "TOLLGATE_REDIS_URL=" + servers.redis.URL(), "TOLLGATE_EDGE_DOMAIN=localhost", "TOLLGATE_PUBLIC_URL=http://portal.test",
		"TOLLGATE_PLANS_FILE=" + file, "TOLLGATE_STRIPE_KEY=sk_test_fake", "TOLLGATE_STRIPE_WEBHOOK_SECRET=" + webhookSecret, "TOLLGATE_STRIPE_URL=" + base,
		"TOLLGATE_SECRET_KEY=" + base64.StdEncoding.EncodeToString(root),
	}, more...)
	logger := slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.began = time.Now()
	if r.app, err = control(t.Context(), r.env, logger, r.clock); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.app.Close)
	r.portal(logger)
	r.SetWebhook(r.url+"/v1/stripe/webhook", webhookSecret)
	return r
}

// control makes a control plane of its environment.
func control(ctx context.Context, env []string, logger *slog.Logger, clock func() time.Time) (*app.App, error) {
	values, err := settings.Load(app.Settings, nil, env)
	if err != nil {
		return nil, err
	}
	config, err := app.FromSettings(values, logger)
	if err != nil {
		return nil, err
	}
	config.Clock, config.Stripe.PerSecond, config.HashCost = clock, 100_000, tenant.HashCost{MemoryKiB: 64, Passes: 1}
	return app.New(ctx, config)
}

func portalConfig(logger *slog.Logger) portal.Config {
	return portal.Config{Addr: "127.0.0.1:0", DevMails: true, Drain: 10 * time.Second, EdgePublicURL: &url.URL{Scheme: "http", Host: "localhost:8000"}, Logger: logger}
}

func (r *rig) portal(logger *slog.Logger) {
	r.t.Helper()
	p, err := portal.New(r.app, portalConfig(logger))
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(r.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	r.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			r.t.Errorf("portal: %v", err)
		}
	})
	<-p.Ready()
	r.url = "http://" + p.Addr().String()
}

// org is an organization with its owner's token.
type org struct {
	*harness.API
	r   *rig
	id  string
	num int64
}

// signUp makes an organization.
func (r *rig) signUp(name string) *org {
	r.t.Helper()
	if _, err := r.db.Exec("DELETE FROM throttles"); err != nil {
		r.t.Fatal(err)
	}
	out, err := r.app.Tenants.Signup(r.t.Context(), tenant.SignupInput{Email: name + "@example.com", Password: "correct horse battery " + name, Organization: name})
	if err != nil {
		r.t.Fatal(err)
	}
	o := &org{r: r, id: string(out.Organization.ID), API: &harness.API{T: r.t, URL: r.url, Token: out.Token.Secret, HTTP: &http.Client{Timeout: 30 * time.Second}}}
	if _, err := r.db.Exec("UPDATE tokens SET expires_at = 0"); err != nil { // tests live for months
		r.t.Fatal(err)
	}
	o.num = r.number("SELECT num FROM organizations WHERE id = $1", o.id)
	return o
}

// subscribe takes an organization through Checkout, and fetches what became of it.
func (o *org) subscribe(plan string) *org {
	o.T.Helper()
	if _, err := o.r.Pay(o.checkout(plan), stripefake.CardGood); err != nil {
		o.T.Fatal(err)
	}
	o.r.deliverAll()
	if got := o.plan(); got != plan {
		o.T.Fatalf("after Checkout the plan is %s, want %s", got, plan)
	}
	return o
}

// checkout makes a session and answers its id.
func (o *org) checkout(plan string) string {
	o.T.Helper()
	page := o.Must("POST", "/v1/billing/checkout", harness.Object{"plan": plan})["url"].(string)
	return page[strings.LastIndexByte(page, '/')+1:]
}

func (o *org) subscription() harness.Object {
	o.T.Helper()
	return o.Must("GET", "/v1/subscription", nil)
}

func (o *org) plan() string {
	o.T.Helper()
	return o.subscription()["plan"].(harness.Object)["name"].(string)
}

// patch changes the subscription as the owner.
func (o *org) patch(change harness.Object) (status int, answer harness.Object) {
	o.T.Helper()
	now, err := o.Do("GET", "/v1/subscription", nil)
	if err != nil {
		o.T.Fatal(err)
	}
	r, err := o.Do("PATCH", "/v1/subscription", change, "If-Match", now.Header.Get("ETag"))
	if err != nil {
		o.T.Fatal(err)
	}
	if err := json.Unmarshal(r.Body, &answer); err != nil {
		o.T.Fatalf("%d %s: %v", r.Status, r.Body, err)
	}
	return r.Status, answer
}

// choose is patch that has to succeed.
func (o *org) choose(change harness.Object) harness.Object {
	o.T.Helper()
	status, answer := o.patch(change)
	if status != 200 {
		o.T.Fatalf("PATCH %v: %d %v", change, status, answer)
	}
	return answer
}

// customer is the id at Stripe.
func (o *org) customer() string {
	o.T.Helper()
	var id string
	if err := o.r.db.QueryRow("SELECT customer FROM billing_accounts WHERE organization_id = $1", o.id).Scan(&id); err != nil {
		o.T.Fatal(err)
	}
	return id
}

// serve bills requests in the hour of a time on a plan's number, as an edge's
// counters would say; each call is a counter of its own.
func (o *org) serve(at time.Time, plan, n int) {
	o.T.Helper()
	hour := at.Unix() / 3600
	o.r.counters++
	_, err := o.r.db.Exec(`INSERT INTO usage_counters (source_id, hour, organization, gateway, route, consumer, kid, plan, seq, admitted, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
		VALUES (1, $1, $2, 1, 1, 0, $3, $4, 1, $5, $5, $5, 0, 0, 0, 0, 0, 0)`, hour, o.num, o.r.counters, plan, n)
	if err == nil {
		_, err = o.r.db.Exec("INSERT INTO billing_dirty (organization, hour) VALUES ($1, $2)", o.num, hour)
	}
	if err != nil {
		o.T.Fatal(err)
	}
}

// number is the one number that a query answers.
func (r *rig) number(query string, args ...any) (n int64) {
	r.t.Helper()
	if err := r.db.QueryRow(query, args...).Scan(&n); err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// post sends a body to the webhook, with headers in pairs.
func (r *rig) post(path string, body io.Reader, headers ...string) int {
	r.t.Helper()
	req, err := http.NewRequest("POST", r.url+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// signed posts a body with a good signature of now.
func (r *rig) signed(body string) int {
	r.t.Helper()
	return r.post("/v1/stripe/webhook", strings.NewReader(body), "Stripe-Signature", stripefake.Sign(webhookSecret, []byte(body), r.clock()))
}

// sync fetches every customer that is due.
func (r *rig) sync() {
	r.t.Helper()
	for {
		n, err := r.app.Billing.Sync(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// work does once what the worker does of billing all the time. What fails because
// Stripe does is tried again by the next turn.
func (r *rig) work() {
	r.t.Helper()
	err := r.app.BillingStep(r.t.Context())
	if provider := new(billing.ProviderError); err != nil && !errors.As(err, &provider) {
		r.t.Fatal(err)
	}
}
