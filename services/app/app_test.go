package app_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/app"
	"github.com/tollgate/tollgate/services/contract/settings"
	"github.com/tollgate/tollgate/services/contract/testport"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/redistest"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/publish"
	"github.com/tollgate/tollgate/services/tenant"
)

func config(t *testing.T) app.Config {
	t.Helper()
	database := migrationstest.SQLite(t)
	return app.Config{
		DatabaseURL: database, RedisURL: redistest.Start(t).URL, Root: storetest.Root(t), EdgeDomain: storetest.EdgeDomain,
		PublicURL: "http://localhost:8080", AllowPrivate: true, Logger: slog.New(slog.DiscardHandler),
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestWorker signs somebody up, makes a gateway and waits until the worker has
// published it, then drains.
func TestWorker(t *testing.T) {
	t.Parallel()
	a, err := app.New(t.Context(), config(t))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	addr := fmt.Sprintf("127.0.0.1:%d", testport.Free(t))
	w, err := app.NewWorker(a, app.WorkerConfig{Addr: addr, Drain: 10 * time.Second, Built: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-w.Ready():
	case <-time.After(time.Minute):
		t.Fatal("the worker is not ready")
	}
	base := "http://" + addr
	if status, body := get(t, base+"/healthz"); status != http.StatusOK {
		t.Errorf("healthz %d %s", status, body)
	}
	if status, body := get(t, base+"/readyz"); status != http.StatusOK {
		t.Errorf("readyz %d %s", status, body)
	}
	org := signUp(t, a)
	g, err := a.Gateways.Create(t.Context(), org, gateway.Create{Name: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Gateways.PutConfig(t.Context(), org, gateway.PutConfig{Gateway: g.ID, Config: storetest.Config()}); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		l, err := a.Status.Live(t.Context(), org, publish.LiveInput{Gateway: g.ID, Version: 2})
		if err != nil {
			t.Fatal(err)
		}
		if l.Published {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not published: %+v", l)
		}
		time.Sleep(5 * time.Millisecond)
	}
	status, body := get(t, base+"/metrics")
	for _, want := range []string{"tollgate_publisher_leading 1", "tollgate_usage_batches_total 0", "tollgate_usage_bad_batches_total 0"} {
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("metrics %d lack %s", status, want)
		}
	}
	cancel()
	running.Wait()
	if _, err := http.Get(base + "/healthz"); err == nil {
		t.Error("the worker still answers after it ended")
	}
}

func signUp(t *testing.T, a *app.App) core.OrganizationID {
	t.Helper()
	out, err := a.Tenants.Signup(t.Context(), tenant.SignupInput{Email: "ann@example.com", Password: "correct horse battery", Organization: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	return out.Organization.ID
}

func TestNewRefusesAnOldSchema(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.DatabaseURL = "sqlite:" + filepath.Join(t.TempDir(), "empty.db")
	_, err := app.New(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "tollgate migrate up") {
		t.Errorf("got %v", err)
	}
}

func TestFromSettingsNamesEveryMistake(t *testing.T) {
	t.Parallel()
	v, err := settings.Load(app.Settings, []string{"--secret-key", "short", "--allow-private-upstreams=maybe", "--portal-addr", "nowhere"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = app.FromSettings(v, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"TOLLGATE_DATABASE_URL", "TOLLGATE_REDIS_URL", "TOLLGATE_SECRET_KEY", "TOLLGATE_ALLOW_PRIVATE_UPSTREAMS", "TOLLGATE_PORTAL_ADDR"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %s:\n%v", want, err)
		}
	}
}

func TestFromSettings(t *testing.T) {
	t.Parallel()
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))
	v, err := settings.Load(app.Settings, []string{
		"--secret-key", key, "--database-url", "postgres://u:p@10.1.2.3:5432/x", "--redis-url", "redis://[::1]:6379/0", "--portal-addr", ":9090",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := app.FromSettings(v, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if c.PublicURL != "http://localhost:9090" || c.EdgeDomain != "localhost" || c.Root == nil || c.VerifyMail {
		t.Errorf("config %+v", c)
	}
	if len(c.OwnAddrs) != 2 || c.OwnAddrs[0].String() != "10.1.2.3:5432" || c.OwnAddrs[1].String() != "[::1]:6379" {
		t.Errorf("own addresses %v", c.OwnAddrs)
	}
}
