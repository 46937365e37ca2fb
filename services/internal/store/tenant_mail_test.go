package store_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/plan"
	"github.com/tollgate/tollgate/services/tenant"
)

// flaky is a mail server that is down until told otherwise.
type flaky struct {
	up   atomic.Bool
	sent []tenant.Mail
}

func (f *flaky) Send(_ context.Context, m tenant.Mail) error {
	if !f.up.Load() {
		return errors.New("connection refused")
	}
	f.sent = append(f.sent, m)
	return nil
}

// TestMailWaitsForItsServer signs up while the mail server is down: nothing
// fails, nothing is readable in the database, and the mail leaves later.
func TestMailWaitsForItsServer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		plans, err := plan.New("")
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		s, err := tenant.New(tenant.Config{
			Store: store.Tenants{DB: db}, Plans: plans, Clock: func() time.Time { return now }, Root: storetest.Root(t),
			PublicURL: "https://portal.test", VerifyMail: true, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		server := &flaky{}
		if _, err := s.Signup(t.Context(), tenant.SignupInput{Email: "ada@example.com", Password: "correct horse", Organization: "Ada"}); err != nil {
			t.Fatal(err)
		}
		if n := storetest.Count(t, db, "mails", "CAST(sealed AS text) LIKE ?", "%verify?token%"); n != 0 {
			t.Error("a waiting mail can be read in the database")
		}
		for range 3 {
			if err := s.SendMail(t.Context(), server); err != nil {
				t.Fatal(err)
			}
			now = now.Add(10 * time.Minute)
		}
		if n := storetest.Count(t, db, "mails", "attempts = ?", 3); n != 1 {
			t.Errorf("%d mails were tried three times, want 1", n)
		}
		server.up.Store(true)
		now = now.Add(10 * time.Minute)
		if err := s.SendMail(t.Context(), server); err != nil {
			t.Fatal(err)
		}
		if len(server.sent) != 1 || !strings.Contains(server.sent[0].Text, "https://portal.test/verify?token=") {
			t.Errorf("sent %+v", server.sent)
		}
		if n := storetest.Count(t, db, "mails", "1 = ?", 1); n != 0 {
			t.Errorf("%d mails are left", n)
		}
	})
}
